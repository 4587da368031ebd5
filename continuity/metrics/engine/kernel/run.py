"""The fast path as a lazy frame: nothing is read before the frame is collected."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from continuity.metrics.engine.kernel import loops
from continuity.metrics.engine.kernel.batches import (
    BATCH,
    Batch,
    CollisionError,
    Divided,
    batches_of,
    divide,
    in_turn,
)
from continuity.metrics.engine.windows import Window, bounds_of

_RULES: Final = {"drop": loops.DROP, "each_distinct": loops.DISTINCT, "one_group": loops.GROUP, "to_usual": loops.DROP}
_DTYPES: Final = {
    "keys": np.uint64,
    "checks": np.uint32,
    "rows": np.uint32,
    "times": np.int64,
    "actors": np.uint32,
    "flags": np.uint8,
}

_ARRAYS: Final = ("keys", "rows", "windows", "counts", "listed", "same")
Bounds = tuple[loops.Ints, loops.Ints]


@dataclass(frozen=True)
class Measured:
    """What the loops give, one row per patient and window."""

    keys: loops.Keys
    rows: loops.Codes
    windows: Any
    counts: loops.Ints
    listed: loops.Ints
    same: Any
    span: tuple[int, int] | None


class OutOfOrderError(Exception):
    """The visits do not come in the order of their patients."""


def lazily(
    visits: pl.LazyFrame,
    spans: Sequence[Window] | None,
    scenarios: Sequence[str],
    plain: pl.LazyFrame,
    *,
    with_listed: bool,
    in_order: bool,
    now: bool = False,
) -> pl.LazyFrame:
    """Give the statistics as a lazy frame.

    Parameters
    ----------
    visits : polars.LazyFrame
        patient_id, actor (null: unknown), visit_at and, for lists, while_listed and to_listed.
    spans : sequence of Window or None
        The windows; visits are divided by them where there are several.
    scenarios : sequence of str
        The readings of unknown visits for which equal successive pairs are counted.
    plain : polars.LazyFrame
        The same by the plain path: it gives the schema, and serves where this path cannot.
    with_listed : bool
    in_order : bool
        Whether the visits come in the same order each time. Text ids are looked up by row in a second pass, so visits
        that do not are kept in memory.
    now : bool
        Whether to count at once. Inside the collection of a lazy frame Polars has fewer threads left for reading.
    """
    is_text = visits.collect_schema()["patient_id"] == pl.String
    try:
        divided_by = spans if spans is not None and len(spans) > 1 else ()
        bounds = _physical(cast("pl.Datetime", visits.collect_schema()["visit_at"]), divided_by)
    except pl.exceptions.ComputeError:  # a bound that the clock change of the zone skips or repeats
        return plain

    def count() -> pl.DataFrame:
        once = visits if in_order or not is_text else visits.collect(engine="streaming").lazy()
        try:
            frame, days = statistics(once, bounds, scenarios, with_listed=with_listed)
        except CollisionError:
            return plain.collect(engine="streaming")
        return frame.with_columns(days if spans is None else bounds_of(spans))

    def produce(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        frame = count()
        frame = frame.filter(predicate) if predicate is not None else frame
        frame = frame.select(with_columns) if with_columns is not None else frame
        yield frame.head(n_rows) if n_rows is not None else frame

    if now:
        return count().lazy()
    return register_io_source(produce, schema=plain.collect_schema())


def statistics(
    visits: pl.LazyFrame, bounds: Bounds, scenarios: Sequence[str], *, with_listed: bool
) -> tuple[pl.DataFrame, list[pl.Expr]]:
    """Count what was seen; the columns are those of `continuity.metrics.engine.statistics.statistics`.

    Besides, give the days that the visits span, as window_start and window_end.

    Raises
    ------
    CollisionError
        Two text ids share a key.
    """
    rules = np.array([_RULES[scenario] for scenario in scenarios], np.int64)
    parts = _measured(visits, bounds, rules, with_listed=with_listed)
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
    days = _days([part.span for part in parts if part.span], visits)
    del parts
    dtype = visits.collect_schema()["patient_id"]
    patients = _texts(visits, columns["rows"]) if dtype == pl.String else _numbers(columns["keys"], dtype)
    named = {"window_id": columns["windows"].astype(np.int64)}
    named |= dict(zip(loops.MEASURES, columns["counts"].T, strict=True))
    named |= dict(zip(loops.LISTED_MEASURES, columns["listed"].T, strict=True)) if with_listed else {}
    named |= dict(zip((f"same_{scenario}" for scenario in scenarios), columns["same"].T, strict=True))
    frame = pl.DataFrame(named).insert_column(0, patients.alias("patient_id"))
    return frame.with_columns(_filled()) if "to_usual" in scenarios else frame, days


def _measured(visits: pl.LazyFrame, bounds: Bounds, rules: loops.Ints, *, with_listed: bool) -> list[Measured]:
    """Measure visits that come patient by patient as they are; divide others first."""

    def measure(batch: Batch) -> Measured:
        return _measure(batch, loops.runs_of(batch.keys), bounds, rules)

    if visits.collect_schema()["patient_id"] != pl.String:
        try:
            in_order = list(in_turn(measure, _whole_patients(batches_of(visits, with_listed=with_listed))))
        except OutOfOrderError:  # nearly always at the first batch: then one million rows are read again
            in_order = []
        if in_order:
            return in_order
    chunks = list(in_turn(divide, batches_of(visits, with_listed=with_listed)))
    return list(in_turn(lambda part: _measure_part(chunks, part, bounds, rules), range(loops.N_PARTS)))


def _whole_patients(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Keep the last patient of each batch back for the next, so that each batch holds whole patients.

    Raises
    ------
    OutOfOrderError
        The visits do not come in the order of their patients.
    """
    kept: Batch | None = None
    for batch in batches:
        joined = batch if kept is None else _joined([kept, batch])
        keys = joined.keys.view(np.int64)
        if np.any(keys[1:] < keys[:-1]):
            raise OutOfOrderError
        cut = int(np.searchsorted(keys, keys[-1]))
        yield _sliced(joined, slice(0, cut))
        kept = _sliced(joined, slice(cut, None))
    if kept is not None:
        yield kept


def _joined(batches: Sequence[Batch]) -> Batch:
    return Batch(**{name: np.concatenate([getattr(batch, name) for batch in batches]) for name in _DTYPES})


def _sliced(batch: Batch, rows: slice) -> Batch:
    return Batch(**batch.columns(lambda values: values[rows].copy()))  # a copy: the loops sort in place


def _measure_part(chunks: Sequence[Divided], part: int, bounds: Bounds, rules: loops.Ints) -> Measured:
    """Bring one part of all batches together, patient by patient, and measure it.

    Raises
    ------
    CollisionError
        Two patients' text ids share a key.
    """
    spans = [(chunk.starts[part], chunk.starts[part + 1]) for chunk in chunks]

    def of_part(name: str) -> Any:
        arrays = [getattr(chunk, name)[a:b] for chunk, (a, b) in zip(chunks, spans, strict=True)]
        return np.concatenate(arrays) if arrays else np.empty(0, _DTYPES[name])

    rows = Batch(**{name: of_part(name) for name in _DTYPES})
    numbers, firsts, agree = loops.patients_of(rows.keys, rows.checks)
    if not agree:
        raise CollisionError
    starts, places = loops.by_patient(numbers, firsts.size)
    return _measure(Batch(**rows.columns(lambda values: loops.laid_out(values, places))), starts, bounds, rules)


def _measure(batch: Batch, starts: loops.Ints, bounds: Bounds, rules: loops.Ints) -> Measured:
    span = (int(batch.times.min()), int(batch.times.max())) if batch.times.size else None
    patients, windows, counts, listed, same = loops.measure(
        starts, batch.times, batch.actors, batch.flags, *bounds, rules
    )
    who = starts[patients]
    return Measured(
        batch.keys[who], batch.rows[who] if batch.rows.size else batch.rows, windows, counts, listed, same, span
    )


def _days(spans: Sequence[tuple[int, int]], visits: pl.LazyFrame) -> list[pl.Expr]:
    """Give the window of all visits: from the first day to the one after the last, as constant columns."""
    ends = [min(low for low, _ in spans), max(high for _, high in spans)] if spans else [None, None]
    moments = pl.Series(ends, dtype=pl.Int64).cast(visits.collect_schema()["visit_at"]).dt.replace_time_zone(None)
    first, last = moments.dt.truncate("1d").cast(pl.Datetime("us"))
    after = None if last is None else last + timedelta(days=1)
    kind = pl.Datetime("us")
    return [pl.lit(first, kind).alias("window_start"), pl.lit(after, kind).alias("window_end")]


def _filled() -> pl.Expr:
    """Give the pairs of the upper extreme from those of the known visits, see docs/decisions/0008."""
    n, u, same = pl.col("n_known"), pl.col("n_unknown"), pl.col("same_to_usual")
    return pl.when(n > 0).then(u + same).otherwise(u - 1.0).alias("same_to_usual")


def _numbers(keys: loops.Keys, dtype: pl.DataType) -> pl.Series:
    return pl.Series(keys) if dtype == pl.UInt64 else pl.Series(keys.view(np.int64)).cast(dtype)


def _texts(visits: pl.LazyFrame, rows: loops.Codes) -> pl.Series:
    """Look up the text ids of patients by the rows where they were first met, in a second pass over that column."""
    wanted, inverse = np.unique(rows, return_inverse=True)
    found, base, at = [pl.Series([], dtype=pl.String)], 0, 0
    for batch in visits.select("patient_id").collect_batches(chunk_size=BATCH, maintain_order=True):
        until = int(np.searchsorted(wanted, base + batch.height))
        found.append(batch["patient_id"].gather(wanted[at:until].astype(np.int64) - base))
        base, at = base + batch.height, until
    return pl.concat(found).gather(inverse)


def _physical(dtype: pl.Datetime, spans: Sequence[Window]) -> Bounds:
    """Give the bounds of windows in the unit of the visits' times."""
    sides = []
    for side in ("start", "end"):
        local = pl.Series([getattr(span, side) for span in spans], dtype=pl.Datetime("us"))
        moments = local.dt.replace_time_zone(dtype.time_zone) if dtype.time_zone else local
        sides.append(moments.cast(dtype).to_physical().to_numpy())
    return sides[0], sides[1]
