"""The loops of the fast path that measure patients: visits of one after the other, in order of time, counted once."""

import math

import numpy as np
from numpy.typing import NDArray

from continuity.metrics.engine.kernel.loops import Codes, Ints, compiled

_SMALL = 48  # up to this length insertion sort beats anything else
MEASURES = ("n_known", "n_unknown", "k_known", "m_known", "sum_squares_known")
LISTED_MEASURES = ("n_known_to_listed", "n_known_while_listed", "n_unknown_while_listed")
DROP, DISTINCT, GROUP = 0, 1, 2


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
def count(actors: Codes, seen: Ints, sizes: Ints, out: Ints) -> int:
    """Fill `out` with the `MEASURES` of one patient's visits, and `sizes` with the visits to each known provider.

    `seen` holds a 0 for every code, before and after. Gives the number of providers.
    """
    n_known, k, m, squares = 0, 0, 0, 0
    for actor in actors:
        if actor != 0:
            n_known += 1
            seen[actor] += 1
    for actor in actors:
        n = seen[actor]
        if n > 0:
            sizes[k] = n
            k += 1
            m = max(m, n)
            squares += n * n
            seen[actor] = 0
    out[0], out[1], out[2], out[3], out[4] = n_known, actors.size - n_known, k, m, squares
    return k


@compiled
def sum_n_log2_n(sizes: Ints) -> float:
    """Give the sum of n log2 n, added from the smallest n on, so that the order of providers decides no digit."""
    total = 0.0
    sizes.sort()
    for n in sizes:
        if n > 1:
            total += n * math.log2(n)
    return total


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
def equal_successive(actors: Codes, rule: int) -> int:
    """Give the number of equal successive pairs of visits of which no two are at one moment."""
    total, last = 0, -1
    for i in range(actors.size):
        if actors[i] == 0 and rule == DROP:
            continue
        total += last >= 0 and actors[last] == actors[i] and (actors[i] != 0 or rule == GROUP)
        last = i
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
def put_in_order(starts: Ints, times: Ints, actors: Codes, flags: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Put the visits of each patient in order of time, in place; tell which patients have two at one moment."""
    tied = np.zeros(starts.size - 1, np.bool_)
    for patient in range(starts.size - 1):
        low, high = starts[patient], starts[patient + 1]
        ordered, equal = True, False
        for i in range(low + 1, high):
            ordered &= times[i] >= times[i - 1]
            equal |= times[i] == times[i - 1]
        if not ordered:
            sort_by_time(times[low:high], actors[low:high], flags[low:high] if flags.size else flags)
            for i in range(low + 1, high):
                equal |= times[i] == times[i - 1]
        tied[patient] = equal
    return tied


@compiled
def rows_of(starts: Ints, times: Ints, window_starts: Ints, window_ends: Ints) -> int:
    """Give the number of pairs of a patient and a window that holds a visit of theirs."""
    if window_starts.size == 0:
        return starts.size - 1
    n_rows = 0
    for patient in range(starts.size - 1):
        own = times[starts[patient] : starts[patient + 1]]
        for window in range(window_starts.size):
            a, b = spans_of(own, window_starts, window_ends, window)
            n_rows += b > a
    return n_rows


@compiled
def measure(  # noqa: PLR0917 # compiled functions take no keywords
    starts: Ints,
    times: Ints,
    actors: Codes,
    flags: NDArray[np.uint8],
    window_starts: Ints,
    window_ends: Ints,
    rules: Ints,
    with_logs: bool,
) -> tuple[NDArray[np.int32], NDArray[np.int32], Ints, Ints, NDArray[np.float64], NDArray[np.float64]]:
    """Measure every patient in every window that holds a visit of theirs.

    Gives the patient's number, the window, the `MEASURES`, the `LISTED_MEASURES`, the equal successive pairs under
    each of `rules` and, where asked for, the sum of n log2 n: one column per patient and window.
    """
    tied = put_in_order(starts, times, actors, flags)
    n_rows = rows_of(starts, times, window_starts, window_ends)
    patients, windows = np.empty(n_rows, np.int32), np.empty(n_rows, np.int32)
    counts, listed = np.zeros((5, n_rows), np.int64), np.zeros((3, n_rows if flags.size else 0), np.int64)
    same, logs = np.zeros((rules.size, n_rows), np.float64), np.zeros(n_rows if with_logs else 0, np.float64)
    seen, sizes = np.zeros(actors.max() + 1 if actors.size else 1, np.int64), np.empty(actors.size, np.int64)
    row = 0
    for patient in range(starts.size - 1):
        low, high = starts[patient], starts[patient + 1]
        for window in range(max(1, window_starts.size)):
            a, b = spans_of(times[low:high], window_starts, window_ends, window)
            if b == a:
                continue
            now, own = times[low + a : low + b], actors[low + a : low + b]
            patients[row], windows[row] = patient, window
            k = count(own, seen, sizes, counts[:, row])
            if with_logs:
                logs[row] = sum_n_log2_n(sizes[:k])
            if flags.size:
                count_listed(own, flags[low + a : low + b], listed[:, row])
            for r in range(rules.size):
                same[r, row] = same_pairs(now, own, rules[r]) if tied[patient] else equal_successive(own, rules[r])
            row += 1
    return patients, windows, counts, listed, same, logs
