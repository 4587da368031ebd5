"""The loops of the fast path that divide visits by patient, compiled by numba.

Arrays in, arrays out. Ids are 64-bit keys, providers 32-bit codes (0: unknown), times 64-bit integers of any unit.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

N_PARTS = 256
_SHIFT = np.uint64(56)  # the top 8 bits of a mixed key name its part

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
def lay_out(values: NDArray[Any], places: NDArray[np.int32], out: NDArray[Any]) -> None:
    """Lay values out by their places."""
    for i in range(values.size):
        out[places[i]] = values[i]


@compiled
def encode(  # noqa: PLR0917 # compiled functions take no keywords
    keys: Keys, checks: Codes, known: NDArray[np.bool_], book: tuple[Keys, Codes, Codes], n_used: int, out: Codes
) -> tuple[int, int, bool]:
    """Fill `out` with a code from 1 on for each key, 0 where it is not known.

    The book is an open table of keys, codes (0: free) and checks. Stops when it is half full; gives the number of
    codes used, how many rows are done, and whether all checks agree.
    """
    table, codes, own = book
    mask, agree = np.uint64(table.size - 1), True
    for i in range(keys.size):
        if not known[i]:
            out[i] = 0
            continue
        slot = mixed(keys[i]) & mask
        while codes[slot] != 0 and table[slot] != keys[i]:
            slot = (slot + np.uint64(1)) & mask
        if codes[slot] == 0:
            if 2 * n_used >= table.size:
                return n_used, i, agree
            n_used += 1
            table[slot], codes[slot] = keys[i], n_used
            if checks.size:
                own[slot] = checks[i]
        elif checks.size:
            agree &= own[slot] == checks[i]
        out[i] = codes[slot]
    return n_used, keys.size, agree


@compiled
def numbered(keys: Keys, checks: Codes, table: NDArray[np.int32]) -> tuple[NDArray[np.int32], Ints, bool]:
    """Give the number of each row's patient, the first row of each patient, and whether all checks agree.

    The table is open addressing, all 0 at first. Where it becomes half full, no first rows are given.
    """
    mask = np.uint64(table.size - 1)
    numbers, firsts = np.empty(keys.size, np.int32), np.empty(table.size // 2, np.int64)
    met = np.empty(table.size // 2 + 1, np.uint64)  # the keys by number, together and so near the processor
    n, agree = 0, True
    for i in range(keys.size):
        slot = mixed(keys[i]) & mask
        number = table[slot]
        while number != 0 and met[number] != keys[i]:
            slot = (slot + np.uint64(1)) & mask
            number = table[slot]
        if number == 0:
            if n == firsts.size:
                return numbers, firsts[:0].copy(), agree
            firsts[n] = i
            n += 1
            table[slot], met[n], number = n, keys[i], n
        elif checks.size:
            agree &= checks[firsts[number - 1]] == checks[i]
        numbers[i] = number - 1
    return numbers, firsts[:n].copy(), agree


def patients_of(keys: Keys, checks: Codes) -> tuple[NDArray[np.int32], Ints, bool]:
    """Give the number of each row's patient, the first row of each patient, and whether all checks agree."""
    size = 1 << max(8, (keys.size // 4).bit_length())  # small while it can be: it stays near the processor
    while True:
        numbers, firsts, agree = numbered(keys, checks, np.zeros(size, np.int32))
        if firsts.size or not keys.size:
            return numbers, firsts, agree
        size *= 4


@compiled
def runs_of(keys: Keys, checks: Codes) -> tuple[Ints, bool]:
    """Give where each run of equal keys starts, and the end; and whether all checks agree."""
    starts = np.empty(keys.size + 1, np.int64)
    n, agree = 0, True
    for i in range(keys.size):
        if i == 0 or keys[i] != keys[i - 1]:
            starts[n] = i
            n += 1
        elif checks.size:
            agree &= checks[i] == checks[i - 1]
    starts[n] = keys.size
    return starts[: n + 1].copy(), agree


@compiled
def last_run(keys: Keys) -> int:
    """Give where the last run of equal keys starts."""
    start = keys.size - 1
    while start > 0 and keys[start - 1] == keys[-1]:
        start -= 1
    return start


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
