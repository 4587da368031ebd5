"""Work in threads, for what lets go of the interpreter: NumPy, compiled loops, digests."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

THREADS: Final = 2  # more gain nothing: reading keeps the other cores busy, and the work waits for memory
Given = TypeVar("Given")
Done = TypeVar("Done")


def in_turn(work: Callable[[Given], Done], items: Iterable[Given]) -> Iterator[Done]:
    """Do some work on each item, in threads, while the next is being read; give the results in order.

    Examples
    --------
    >>> list(in_turn(len, ["a", "bcd"]))
    [1, 3]
    """
    waiting: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)
