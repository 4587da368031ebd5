"""Visits in batches, as arrays divided by patient: what the loops work on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from mmap import mmap
from typing import Any, Final

import numpy as np
import polars as pl

from continuity.metrics.engine.kernel import loops

BATCH = 1_000_000
ARRAYS: Final = ("keys", "checks", "times", "actors", "flags")
DTYPES: Final = {
    "keys": np.uint64,
    "checks": np.uint32,
    "rows": np.uint32,
    "times": np.int64,
    "actors": np.uint32,
    "flags": np.uint8,
}
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

    n_used: int = 0
    book: tuple[loops.Keys, loops.Codes, loops.Codes] = field(default_factory=lambda: _empty_book(1 << 16))

    def encode(self, keys: loops.Keys, known: Any, checks: loops.Codes) -> loops.Codes:
        """Give the codes of a batch.

        Raises
        ------
        CollisionError
            Two providers share a key.
        """
        out, done = np.empty(keys.size, np.uint32), 0
        while done < keys.size:
            self.n_used, n, agree = loops.encode(
                keys[done:], checks[done:], known[done:], self.book, self.n_used, out[done:]
            )
            if not agree:
                raise CollisionError
            done += n
            if done < keys.size:
                self._grow()
        return out

    def _grow(self) -> None:
        keys, codes, checks = self.book
        order = np.argsort(codes)[codes.size - self.n_used :]
        self.book = _empty_book(2 * codes.size)
        everyone = np.ones(order.size, np.bool_)
        loops.encode(keys[order], checks[order], everyone, self.book, 0, np.empty(order.size, np.uint32))


def _empty_book(size: int) -> tuple[loops.Keys, loops.Codes, loops.Codes]:
    return np.zeros(size, np.uint64), np.zeros(size, np.uint32), np.zeros(size, np.uint32)


@dataclass(frozen=True)
class Batch:
    """One batch of visits, ids as keys and codes.

    Parameters
    ----------
    keys, checks : arrays
        Key of the patient and its check (empty for whole numbers).
    times, actors, flags : arrays
        Time, code of the provider, and flags about the list (empty where not asked for).
    first_row : int
        The number of the first row among all.
    texts : polars.Series, optional
        The text ids of the patients, where asked for.
    """

    keys: loops.Keys
    checks: loops.Codes
    times: loops.Ints
    actors: loops.Codes
    flags: Any
    first_row: int
    texts: pl.Series | None

    def sliced(self, rows: slice) -> "Batch":
        """Give some of the rows, without a copy."""
        arrays = {name: getattr(self, name)[rows] for name in ARRAYS}
        texts = None if self.texts is None else self.texts[rows]
        return Batch(**arrays, first_row=self.first_row + (rows.start or 0), texts=texts)


def joined(batches: Sequence[Batch]) -> Batch:
    """Put batches together, always in new arrays: the loops sort in place."""
    arrays = {name: np.concatenate([getattr(batch, name) for batch in batches]) for name in ARRAYS}
    texts = [batch.texts for batch in batches if batch.texts is not None]
    return Batch(**arrays, first_row=batches[0].first_row, texts=pl.concat(texts) if texts else None)


@dataclass(frozen=True)
class Divided:
    """One batch laid out part by part; a part holds all visits of its patients.

    Parameters
    ----------
    starts : array of N_PARTS + 1
        Where each part begins in the arrays.
    keys, checks, rows, times, actors, flags : arrays
        As in `Batch`; `rows` are the numbers of the rows among all (empty for whole numbers).
    """

    starts: loops.Ints
    keys: loops.Keys
    checks: loops.Codes
    rows: loops.Codes
    times: loops.Ints
    actors: loops.Codes
    flags: Any

    def part(self, name: str, number: int) -> Any:
        """Give one array of one part."""
        array = getattr(self, name)
        return array[self.starts[number] : self.starts[number + 1]] if array.size else array


def batches_of(visits: pl.LazyFrame, *, with_listed: bool, with_texts: bool = False) -> Iterator[Batch]:
    """Read visits batch by batch, in their order.

    Raises
    ------
    CollisionError
        Two providers' text ids share a key.
    """
    schema = visits.collect_schema()
    patients, actors = Ids("patient_id", schema["patient_id"]), Ids("actor", schema["actor"])
    flags = pl.col("while_listed").cast(pl.UInt8) + 2 * pl.col("to_listed").cast(pl.UInt8)
    with_texts &= patients.is_text
    selected = visits.select(
        *patients.expressions(),
        *actors.expressions(),
        pl.col("actor").is_not_null().alias("known"),
        pl.col("visit_at").to_physical().alias("time"),
        *([flags.alias("flags")] if with_listed else []),
        *(["patient_id"] if with_texts else []),
    )
    book, n_rows = Codebook(), 0
    for batch in selected.collect_batches(chunk_size=BATCH, maintain_order=True):
        if batch.is_empty():
            continue
        yield Batch(
            keys=patients.keys(batch),
            checks=patients.checks(batch),
            times=batch["time"].to_numpy(),
            actors=book.encode(actors.keys(batch), batch["known"].to_numpy(), actors.checks(batch)),
            flags=batch["flags"].to_numpy() if with_listed else np.empty(0, np.uint8),
            first_row=n_rows,
            texts=batch["patient_id"] if with_texts else None,
        )
        n_rows += batch.height


def divide(batch: Batch) -> Divided:
    """Lay a batch out part by part."""
    starts, places = loops.part_order(batch.keys)
    rows = np.arange(batch.first_row, batch.first_row + places.size, dtype=np.uint32) if batch.checks.size else _NONE
    arrays = {name: getattr(batch, name) for name in ARRAYS} | {"rows": rows, "keys": _narrow(batch.keys)}
    return Divided(starts=starts, **{name: _laid_out(array, places) for name, array in arrays.items()})


def _laid_out(values: Any, places: Any) -> Any:
    """Lay values out in memory that goes back to the system at once when it is freed, as that of malloc may not."""
    if not values.size:
        return values
    out = np.frombuffer(mmap(-1, values.nbytes), values.dtype)
    loops.lay_out(values, places, out)
    return out


def _narrow(keys: loops.Keys) -> Any:
    """Keep small whole numbers in half the memory until their part is measured."""
    return keys.astype(np.uint32) if keys.size and keys.max() < 1 << 32 else keys


def whole_patients(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Keep the last patient of each batch back for the next; each list, joined, holds whole patients."""
    kept: list[Batch] = []
    for batch in batches:
        cut = loops.last_run(batch.keys)
        if cut > 0 or (kept and kept[-1].keys[-1] != batch.keys[0]):
            yield [*kept, batch.sliced(slice(0, cut))]
            kept = []
        kept.append(batch.sliced(slice(cut, None)))
    if kept:
        yield kept
