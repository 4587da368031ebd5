"""Visits in batches, as arrays divided by patient: what the loops work on."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from continuity.metrics.engine.kernel import loops

BATCH = 1_000_000
THREADS = 2  # more gain nothing: reading keeps the other cores busy, and the loops wait for memory
_NONE = np.empty(0, np.uint32)


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
class Divided:
    """One batch laid out part by part; a part holds all visits of its patients.

    Parameters
    ----------
    starts : array of N_PARTS + 1
        Where each part begins in the arrays.
    keys, checks, rows : arrays
        Key of the patient, its check and the number of the row among all (both empty for whole numbers).
    times, actors, flags : arrays
        Time, code of the provider, and flags about the list (empty where not asked for).
    span : tuple of int
        The first and the last time.
    """

    starts: loops.Ints
    keys: loops.Keys
    checks: loops.Codes
    rows: loops.Codes
    times: loops.Ints
    actors: loops.Codes
    flags: Any
    span: tuple[int, int]


def divided(visits: pl.LazyFrame, *, with_listed: bool) -> list[Divided]:
    """Read visits batch by batch and divide each by patient while the next is being read.

    Raises
    ------
    CollisionError
        Two text ids share a key.
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
    book = Codebook()
    batches = selected.collect_batches(chunk_size=BATCH, maintain_order=patients.is_text)
    with ThreadPoolExecutor(THREADS) as pool:
        return list(_in_turn(pool, batches, patients, actors, book))


def _in_turn(
    pool: ThreadPoolExecutor, batches: Iterator[pl.DataFrame], patients: Ids, actors: Ids, book: Codebook
) -> Iterator[Divided]:
    waiting: list[Future[Divided]] = []
    n_rows = 0
    for batch in batches:
        if batch.is_empty():
            continue
        known = batch["known"].to_numpy()
        codes = book.encode(actors.keys(batch), known, actors.checks(batch))
        waiting.append(pool.submit(_divide, batch, codes, patients, n_rows))
        n_rows += batch.height
        if len(waiting) > THREADS:
            yield waiting.pop(0).result()
    yield from (future.result() for future in waiting)


def _divide(batch: pl.DataFrame, codes: loops.Codes, patients: Ids, first_row: int) -> Divided:
    keys, checks = patients.keys(batch), patients.checks(batch)
    starts, places = loops.part_order(keys)
    rows = np.arange(first_row, first_row + keys.size, dtype=np.uint32) if patients.is_text else _NONE
    flags = batch["flags"].to_numpy() if "flags" in batch.columns else np.empty(0, np.uint8)
    times = batch["time"].to_numpy()

    def place(values: Any) -> Any:
        return loops.laid_out(values, places) if values.size else values

    return Divided(
        starts,
        place(keys),
        place(checks),
        place(rows),
        place(times),
        place(codes),
        place(flags),
        (int(times.min()), int(times.max())),
    )
