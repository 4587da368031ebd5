"""The loops of the fast path, compiled by numba: divide visits by patient, order them, measure each patient.

Arrays in, arrays out. Ids are 64-bit keys, providers 32-bit codes (0: unknown), times 64-bit integers of any unit.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

N_PARTS = 256
_SHIFT = np.uint64(56)  # the top 8 bits of a mixed key name its part
_SMALL = 48  # up to this length insertion sort beats anything else
MEASURES = ("n_known", "n_unknown", "k_known", "m_known", "sum_squares_known")
LISTED_MEASURES = ("n_known_to_listed", "n_known_while_listed", "n_unknown_while_listed")
DROP, DISTINCT, GROUP = 0, 1, 2

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]
Codes = NDArray[np.uint32]

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a loop at its first call; keep the machine code for the next run where a folder can be written."""
    try:
        fast = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can hold a cache
        fast = njit(nogil=True)(function)
    return cast("Function", fast)


@compiled
def mixed(key: Any) -> Any:
    """Spread a key over all 64 bits (the finaliser of MurmurHash3), so that its top bits name a part evenly."""
    key = (key ^ (key >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    key = (key ^ (key >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return key ^ (key >> np.uint64(33))


@compiled
def part_order(keys: Keys) -> tuple[Ints, NDArray[np.int32]]:
    """Give where each part starts, and for each row its place when the rows are laid out part by part."""
    starts = np.zeros(N_PARTS + 1, np.int64)
    places = np.empty(keys.size, np.int32)
    for i in range(keys.size):
        places[i] = mixed(keys[i]) >> _SHIFT
        starts[places[i] + 1] += 1
    for part in range(N_PARTS):
        starts[part + 1] += starts[part]
    following = starts[:-1].copy()
    for i in range(keys.size):
        part = places[i]
        places[i] = following[part]
        following[part] += 1
    return starts, places


@compiled
def laid_out(values: NDArray[Any], places: NDArray[np.int32]) -> NDArray[Any]:
    """Lay values out by their places."""
    out = np.empty_like(values)
    for i in range(values.size):
        out[places[i]] = values[i]
    return out


@compiled
def encode(keys: Keys, known: NDArray[np.bool_], table: Keys, codes: Codes, n_used: int) -> tuple[Codes, int, int]:
    """Give each key a code from 1 on, 0 where it is not known; the table is open addressing, 0 in `codes` is free.

    Stops when the table is half full; gives the codes, the number used, and how many rows are done.
    """
    out = np.zeros(keys.size, np.uint32)
    mask = np.uint64(table.size - 1)
    for i in range(keys.size):
        if not known[i]:
            continue
        slot = mixed(keys[i]) & mask
        while codes[slot] != 0 and table[slot] != keys[i]:
            slot = (slot + np.uint64(1)) & mask
        if codes[slot] == 0:
            if 2 * n_used >= table.size:
                return out, n_used, i
            n_used += 1
            table[slot], codes[slot] = keys[i], n_used
        out[i] = codes[slot]
    return out, n_used, keys.size


@compiled
def slot_of(key: Any, table: Keys, slots: NDArray[np.int32]) -> Any:
    """Give the slot of a key in an open table: its own, or the free one (-1 in `slots`) where it belongs."""
    mask = np.uint64(table.size - 1)
    slot = mixed(key) & mask
    while slots[slot] >= 0 and table[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@compiled
def patients_of(keys: Keys, checks: Codes) -> tuple[NDArray[np.int32], Ints, bool]:
    """Give the number of each row's patient, the first row of each patient, and whether all checks agree."""
    table, slots = np.empty(4096, np.uint64), np.full(4096, -1, np.int32)
    numbers, firsts = np.empty(keys.size, np.int32), np.empty(keys.size, np.int64)
    n, agree = 0, True
    for i in range(keys.size):
        slot = slot_of(keys[i], table, slots)
        if slots[slot] < 0:
            if 2 * n >= table.size:  # small while it can be: a small table stays near the processor
                table, slots = np.empty(4 * table.size, np.uint64), np.full(4 * table.size, -1, np.int32)
                for number in range(n):
                    moved = slot_of(keys[firsts[number]], table, slots)
                    table[moved], slots[moved] = keys[firsts[number]], number
                slot = slot_of(keys[i], table, slots)
            table[slot], slots[slot], firsts[n] = keys[i], n, i
            n += 1
        elif checks.size:
            agree &= checks[firsts[slots[slot]]] == checks[i]
        numbers[i] = slots[slot]
    return numbers, firsts[:n].copy(), agree


@compiled
def runs_of(keys: Keys) -> Ints:
    """Give where each run of equal keys starts, and the end."""
    starts = np.empty(keys.size + 1, np.int64)
    n = 0
    for i in range(keys.size):
        if i == 0 or keys[i] != keys[i - 1]:
            starts[n] = i
            n += 1
    starts[n] = keys.size
    return starts[: n + 1].copy()


@compiled
def by_patient(numbers: NDArray[np.int32], n_patients: int) -> tuple[Ints, NDArray[np.int32]]:
    """Give where each patient starts, and for each row its place when the rows are laid out patient by patient."""
    starts = np.zeros(n_patients + 1, np.int64)
    places = np.empty(numbers.size, np.int32)
    for number in numbers:
        starts[number + 1] += 1
    for number in range(n_patients):
        starts[number + 1] += starts[number]
    following = starts[:-1].copy()
    for i in range(numbers.size):
        places[i] = following[numbers[i]]
        following[numbers[i]] += 1
    return starts, places


@compiled
def sort_by_time(times: Ints, actors: Codes, flags: NDArray[np.uint8]) -> None:
    """Put the visits of one patient in order of time, in place."""
    n = times.size
    if n > _SMALL:
        order = np.argsort(times, kind="mergesort")
        times[:], actors[:] = times[order], actors[order]
        if flags.size:
            flags[:] = flags[order]
        return
    for i in range(1, n):
        time, actor, j = times[i], actors[i], i - 1
        flag = flags[i] if flags.size else np.uint8(0)
        while j >= 0 and times[j] > time:
            times[j + 1], actors[j + 1] = times[j], actors[j]
            if flags.size:
                flags[j + 1] = flags[j]
            j -= 1
        times[j + 1], actors[j + 1] = time, actor
        if flags.size:
            flags[j + 1] = flag


@compiled
def sort_codes(codes: Codes) -> None:
    """Sort codes in place."""
    if codes.size > _SMALL:
        codes.sort()
        return
    for i in range(1, codes.size):
        code, j = codes[i], i - 1
        while j >= 0 and codes[j] > code:
            codes[j + 1] = codes[j]
            j -= 1
        codes[j + 1] = code


@compiled
def count(actors: Codes, seen: Ints, out: Ints) -> None:
    """Fill `out` with the `MEASURES` of one patient's visits; `seen` holds a 0 for every code, before and after."""
    n_known, k, m, squares = 0, 0, 0, 0
    for actor in actors:
        if actor != 0:
            before = seen[actor]
            seen[actor] = before + 1
            n_known += 1
            k += before == 0
            m = max(m, before + 1)
            squares += 2 * before + 1
    for actor in actors:
        seen[actor] = 0
    out[0], out[1], out[2], out[3], out[4] = n_known, actors.size - n_known, k, m, squares


@compiled
def count_listed(actors: Codes, flags: NDArray[np.uint8], out: Ints) -> None:
    """Fill `out` with the `LISTED_MEASURES`; bit 0 of a flag: made while listed, bit 1: to the listed provider."""
    for i in range(actors.size):
        while_listed, known = flags[i] & 1, actors[i] != 0
        out[0] += (flags[i] >> 1) & 1
        out[1] += while_listed if known else 0
        out[2] += 0 if known else while_listed


@compiled
def equal_pairs_inside(actors: Codes, rule: int) -> int:
    """Give the sum over providers of n (n - 1) among visits at one moment; `actors` must be sorted."""
    total, run = 0, 0
    for i in range(actors.size):
        run += 1
        if i + 1 < actors.size and actors[i + 1] == actors[i]:
            continue
        if actors[i] != 0 or rule == GROUP:
            total += run * (run - 1)
        run = 0
    return total


@compiled
def equal_pairs_between(before: Codes, after: Codes, rule: int) -> int:
    """Give the sum over providers of the product of their visits at two moments; both must be sorted."""
    total, i, j = 0, 0, 0
    while i < before.size and j < after.size:
        if before[i] < after[j]:
            i += 1
        elif after[j] < before[i]:
            j += 1
        else:
            code, n, m = before[i], 0, 0
            while i < before.size and before[i] == code:
                n, i = n + 1, i + 1
            while j < after.size and after[j] == code:
                m, j = m + 1, j + 1
            if code != 0 or rule == GROUP:
                total += n * m
    return total


@compiled
def same_pairs(times: Ints, actors: Codes, rule: int) -> float:
    """Give the expected number of equal successive pairs, over all orders of visits at the same moment.

    The fractions are added in the order of time, so that neither the order of rows nor the codes decide a digit.
    """
    if rule == DROP and not np.all(actors):
        times, actors = times[actors != 0], actors[actors != 0]
    whole, fractions = 0, 0.0
    start, before = 0, actors[:0]
    while start < times.size:
        end = start + 1
        while end < times.size and times[end] == times[start]:
            end += 1
        now = actors[start:end]
        if now.size > 1:
            sort_codes(now)
            fractions += equal_pairs_inside(now, rule) / now.size
        if now.size == 1 and before.size == 1:
            whole += now[0] == before[0] and (now[0] != 0 or rule == GROUP)
        elif before.size:
            fractions += equal_pairs_between(before, now, rule) / (before.size * now.size)
        start, before = end, now
    return whole + fractions


@compiled
def spans_of(times: Ints, window_starts: Ints, window_ends: Ints, window: int) -> tuple[int, int]:
    """Give the rows of one patient, in order of time, that lie in a window; without windows, all of them."""
    if window_starts.size == 0:
        return 0, times.size
    return np.searchsorted(times, window_starts[window]), np.searchsorted(times, window_ends[window])


@compiled
def measure(  # noqa: PLR0917 # compiled functions take no keywords
    starts: Ints,
    times: Ints,
    actors: Codes,
    flags: NDArray[np.uint8],
    window_starts: Ints,
    window_ends: Ints,
    rules: NDArray[np.int64],
) -> tuple[NDArray[np.int32], NDArray[np.int32], Ints, Ints, NDArray[np.float64]]:
    """Measure every patient in every window that holds a visit of theirs.

    Gives the patient's number, the window, the `MEASURES`, the `LISTED_MEASURES` and the equal successive pairs
    under each of `rules`, one row per patient and window.
    """
    n_windows = max(1, window_starts.size)
    n_rows = 0
    for patient in range(starts.size - 1):
        low, high = starts[patient], starts[patient + 1]
        sort_by_time(times[low:high], actors[low:high], flags[low:high] if flags.size else flags)
        for window in range(n_windows):
            a, b = spans_of(times[low:high], window_starts, window_ends, window)
            n_rows += b > a
    patients, windows = np.empty(n_rows, np.int32), np.empty(n_rows, np.int32)
    counts, listed = np.zeros((n_rows, 5), np.int64), np.zeros((n_rows if flags.size else 0, 3), np.int64)
    same = np.zeros((n_rows, rules.size), np.float64)
    seen = np.zeros(actors.max() + 1 if actors.size else 1, np.int64)
    row = 0
    for patient in range(starts.size - 1):
        low, high = starts[patient], starts[patient + 1]
        for window in range(n_windows):
            a, b = spans_of(times[low:high], window_starts, window_ends, window)
            if b == a:
                continue
            patients[row], windows[row] = patient, window
            count(actors[low + a : low + b], seen, counts[row])
            if flags.size:
                count_listed(actors[low + a : low + b], flags[low + a : low + b], listed[row])
            for r in range(rules.size):
                same[row, r] = same_pairs(times[low + a : low + b], actors[low + a : low + b], rules[r])
            row += 1
    return patients, windows, counts, listed, same
