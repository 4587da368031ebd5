"""Visits in batches, as arrays divided by patient: what the loops work on."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import polars as pl

from continuity.metrics.engine.kernel import loops

BATCH = 1_000_000
THREADS = 2  # more gain nothing: reading keeps the other cores busy, and the loops wait for memory
_NONE = np.empty(0, np.uint32)
Given = TypeVar("Given")
Done = TypeVar("Done")


@dataclass(frozen=True)
class Ids:
    """How an id column becomes 64-bit keys: whole numbers as they are, text by a hash, with a second hash as check."""

    name: str
    dtype: pl.DataType

    @property
    def is_text(self) -> bool:
        """Whether the ids are text."""
        return self.dtype == pl.String

    def expressions(self) -> list[pl.Expr]:
        """Give the key column and, for text, the check column."""
        column = pl.col(self.name)
        if self.is_text:
            return [column.hash(1).alias(f"{self.name}_key"), column.hash(2).alias(f"{self.name}_check")]
        signed = column.reinterpret(signed=True) if self.dtype == pl.UInt64 else column.cast(pl.Int64)
        return [signed.alias(f"{self.name}_key")]

    def keys(self, batch: pl.DataFrame) -> loops.Keys:
        """Give the keys of a batch; null ids get any key."""
        return batch[f"{self.name}_key"].fill_null(0).to_numpy().view(np.uint64)

    def checks(self, batch: pl.DataFrame) -> loops.Codes:
        """Give the checks of a batch; none for whole numbers, which need none."""
        return batch[f"{self.name}_check"].fill_null(0).to_numpy().astype(np.uint32) if self.is_text else _NONE


class CollisionError(Exception):
    """Two texts share a key, which hashing leaves possible and the check finds; the plain path then serves."""


@dataclass
class Codebook:
    """Dense codes for the providers, from 1 on in the order in which they are met; 0 is the unknown provider."""

    table: loops.Keys = field(default_factory=lambda: np.zeros(1 << 16, np.uint64))
    codes: loops.Codes = field(default_factory=lambda: np.zeros(1 << 16, np.uint32))
    checks: loops.Codes = field(default_factory=lambda: np.zeros(1 << 16, np.uint32))
    n_used: int = 0

    def encode(self, keys: loops.Keys, known: Any, checks: loops.Codes) -> loops.Codes:
        """Give the codes of a batch.

        Raises
        ------
        CollisionError
            Two providers share a key.
        """
        parts: list[loops.Codes] = []
        done = 0
        while done < keys.size or not parts:
            part, self.n_used, n = loops.encode(keys[done:], known[done:], self.table, self.codes, self.n_used)
            parts.append(part[:n])
            done += n
            if done < keys.size:
                self._grow()
        out = np.concatenate(parts)
        if checks.size:
            self._compare(out[known], checks[known])
        return out

    def _grow(self) -> None:
        used = self.codes > 0
        keys, codes = self.table[used], self.codes[used]
        order = np.argsort(codes)
        self.table, self.codes = np.zeros(2 * used.size, np.uint64), np.zeros(2 * used.size, np.uint32)
        loops.encode(keys[order], np.ones(keys.size, np.bool_), self.table, self.codes, 0)

    def _compare(self, codes: loops.Codes, checks: loops.Codes) -> None:
        if self.checks.size <= self.n_used:
            self.checks = np.concatenate([self.checks, np.zeros(self.n_used + 1, np.uint32)])
        met = self.checks[codes]
        new = met == 0
        self.checks[codes[new]] = checks[new]
        if np.any(self.checks[codes] != checks):
            raise CollisionError


@dataclass(frozen=True)
class Batch:
    """One batch of visits, ids as keys and codes.

    Parameters
    ----------
    keys, checks, rows : arrays
        Key of the patient, its check and the number of the row among all (both empty for whole numbers).
    times, actors, flags : arrays
        Time, code of the provider, and flags about the list (empty where not asked for).
    """

    keys: loops.Keys
    checks: loops.Codes
    rows: loops.Codes
    times: loops.Ints
    actors: loops.Codes
    flags: Any

    def columns(self, change: Callable[[Any], Any]) -> dict[str, Any]:
        """Give every array that is there, changed; the absent ones stay empty."""
        return {name: change(array) if array.size else array for name, array in vars(self).items() if name != "starts"}


@dataclass(frozen=True)
class Divided(Batch):
    """One batch laid out part by part; a part holds all visits of its patients.

    Parameters
    ----------
    starts : array of N_PARTS + 1
        Where each part begins in the arrays.
    """

    starts: loops.Ints


def batches_of(visits: pl.LazyFrame, *, with_listed: bool) -> Iterator[Batch]:
    """Read visits batch by batch, in their order.

    Raises
    ------
    CollisionError
        Two providers' text ids share a key.
    """
    schema = visits.collect_schema()
    patients, actors = Ids("patient_id", schema["patient_id"]), Ids("actor", schema["actor"])
    flags = pl.col("while_listed").cast(pl.UInt8) + 2 * pl.col("to_listed").cast(pl.UInt8)
    selected = visits.select(
        *patients.expressions(),
        *actors.expressions(),
        pl.col("actor").is_not_null().alias("known"),
        pl.col("visit_at").to_physical().alias("time"),
        *([flags.alias("flags")] if with_listed else []),
    )
    book, n_rows = Codebook(), 0
    for batch in selected.collect_batches(chunk_size=BATCH, maintain_order=True):
        if batch.is_empty():
            continue
        until = n_rows + batch.height
        yield Batch(
            keys=patients.keys(batch),
            checks=patients.checks(batch),
            rows=np.arange(n_rows, until, dtype=np.uint32) if patients.is_text else _NONE,
            times=batch["time"].to_numpy(),
            actors=book.encode(actors.keys(batch), batch["known"].to_numpy(), actors.checks(batch)),
            flags=batch["flags"].to_numpy() if with_listed else np.empty(0, np.uint8),
        )
        n_rows = until


def divide(batch: Batch) -> Divided:
    """Lay a batch out part by part."""
    starts, places = loops.part_order(batch.keys)
    return Divided(**batch.columns(lambda values: loops.laid_out(values, places)), starts=starts)


def in_turn(work: Callable[[Given], Done], batches: Iterable[Given]) -> Iterator[Done]:
    """Do some work on each batch, in threads, while the next is being read; give the results in order."""
    waiting: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)
