"""The fast path as a lazy frame: nothing is read before the frame is collected."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, islice
from typing import Any, Final, cast

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from continuity.metrics.engine.kernel import loops, measures
from continuity.metrics.engine.kernel.batches import (
    BATCH,
    DTYPES,
    Batch,
    CollisionError,
    Divided,
    batches_of,
    divide,
    joined,
    whole_patients,
)
from continuity.metrics.engine.windows import Window, bounds_of
from continuity.threads import in_turn

_RULES: Final = {
    "drop": measures.DROP,
    "each_distinct": measures.DISTINCT,
    "one_group": measures.GROUP,
    "to_usual": measures.DROP,
}
Bounds = tuple[loops.Ints, loops.Ints]


@dataclass(frozen=True)
class Asked:
    """What is to be counted.

    Parameters
    ----------
    scenarios : sequence of str
        The readings of unknown visits for which equal successive pairs are counted.
    with_listed, with_logs : bool
        Whether visits to the listed provider are counted, and whether n log2 n is summed.
    bounds : two arrays
        Where the windows start and end, in the unit of the visits' times; empty where all visits are in one.
    """

    scenarios: Sequence[str] = ()
    with_listed: bool = False
    with_logs: bool = False
    bounds: Bounds = (np.empty(0, np.int64), np.empty(0, np.int64))

    @property
    def rules(self) -> loops.Ints:
        """The rule of each scenario, as the loops know it."""
        return np.array([_RULES[scenario] for scenario in self.scenarios], np.int64)


@dataclass(frozen=True)
class Measured:
    """What the loops give.

    Parameters
    ----------
    ids : polars.Series
        The patients; of text ids found by division, the row of a visit of each.
    numbers : array
        For each row of `counts` the place of its patient in `ids`.
    counts : polars.DataFrame
        One row per patient and window.
    span : tuple of int, optional
        The first and last time.
    """

    ids: pl.Series
    numbers: Any
    counts: pl.DataFrame
    span: tuple[int, int] | None


class NotTogetherError(Exception):
    """The visits do not come patient by patient."""


def lazily(
    visits: pl.LazyFrame,
    spans: Sequence[Window] | None,
    asked: Asked,
    plain: pl.LazyFrame,
    *,
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
    asked : Asked
        Without bounds: they follow from `spans`.
    plain : polars.LazyFrame
        The same by the plain path: it gives the schema, and serves where this path cannot.
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
            frame, days = statistics(once, replace(asked, bounds=bounds))
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


def statistics(visits: pl.LazyFrame, asked: Asked) -> tuple[pl.DataFrame, list[pl.Expr]]:
    """Count what was seen; the columns are those of `continuity.metrics.engine.statistics.statistics`.

    Besides, give the days that the visits span, as window_start and window_end.

    Raises
    ------
    CollisionError
        Two text ids share a key.
    """
    parts, patients = _measured(visits, asked)
    frame = pl.concat([part.counts for part in parts])
    if asked.bounds[0].size:
        patients = _repeated(patients, parts)
    days = _days([part.span for part in parts if part.span], visits)
    frame = frame.insert_column(0, patients.alias("patient_id"))
    if not asked.bounds[0].size:
        # Here the rows out of order are let go of at once; the streaming engine sorts text in two thirds of the time.
        frame = frame.lazy().sort("patient_id").collect(engine="streaming")
    return frame.with_columns(_filled()) if "to_usual" in asked.scenarios else frame, days


def _measured(visits: pl.LazyFrame, asked: Asked) -> tuple[list[Measured], pl.Series]:
    """Measure visits in the way that their first batch suggests, and give the patients."""
    dtype = visits.collect_schema()["patient_id"]
    batches = batches_of(visits, with_listed=asked.with_listed, with_texts=True)
    first = list(islice(batches, 1))
    if first and _runs(first[0]) is not None:
        found = _as_they_come(chain(first, batches), dtype, asked)
        if found is not None:
            return found
        first, batches = [], batches_of(visits, with_listed=asked.with_listed)
    parts, ids = _divided(chain(first, batches), dtype, asked)
    return parts, _texts(visits, ids.to_numpy()) if dtype == pl.String else ids


def _runs(batch: Batch) -> loops.Ints | None:
    """Give where each patient's visits start, and nothing where a patient has two runs of them.

    Raises
    ------
    CollisionError
        Two patients' text ids share a key.
    """
    starts, agree = loops.runs_of(batch.keys, batch.checks)
    if not agree:
        raise CollisionError
    keys = batch.keys[starts[:-1]]
    return starts if loops.patients_of(keys, batch.checks[:0])[1].size == keys.size else None


def _as_they_come(
    batches: Iterable[Batch], dtype: pl.DataType, asked: Asked
) -> tuple[list[Measured], pl.Series] | None:
    """Measure visits that come patient by patient, and give the patients; give nothing where one comes twice."""

    def measure(batches: list[Batch]) -> Measured:
        batch = joined(batches)
        starts = _runs(batch)
        if starts is None:
            raise NotTogetherError
        ids = _numbers(batch.keys[starts[:-1]], dtype) if batch.texts is None else batch.texts.gather(starts[:-1])
        return _measure(ids, starts, (batch.times, batch.actors, batch.flags), asked)

    try:
        parts = list(in_turn(measure, whole_patients(batches)))
    except NotTogetherError:
        return None
    patients = pl.concat([part.ids for part in parts])
    if patients.is_sorted():
        return parts, patients.set_sorted()
    return (parts, patients) if patients.n_unique() == patients.len() else None


def _divided(batches: Iterable[Batch], dtype: pl.DataType, asked: Asked) -> tuple[list[Measured], pl.Series]:
    """Divide visits by patient, measure each part, and give the patients, of text ids the row of a visit of each."""
    chunks = list(in_turn(divide, batches))
    parts = list(in_turn(lambda part: _measure_part(chunks, part, dtype, asked), range(loops.N_PARTS)))
    return parts, pl.concat([part.ids for part in parts])


def _measure_part(chunks: Sequence[Divided], part: int, dtype: pl.DataType, asked: Asked) -> Measured:
    """Bring one part of all batches together, patient by patient, and measure it.

    Raises
    ------
    CollisionError
        Two patients' text ids share a key.
    """

    def of_part(name: str) -> Any:
        return np.concatenate([np.empty(0, DTYPES[name]), *[chunk.part(name, part) for chunk in chunks]])

    keys = of_part("keys")
    numbers, firsts, agree = loops.patients_of(keys, of_part("checks"))
    if not agree:
        raise CollisionError
    starts, places = loops.by_patient(numbers, firsts.size)
    ids = pl.Series(of_part("rows")[firsts]) if dtype == pl.String else _numbers(keys[firsts], dtype)
    laid = [of_part(name) for name in ("times", "actors", "flags")]
    for n, values in enumerate(laid):
        laid[n] = np.empty_like(values)
        loops.lay_out(values, places, laid[n])
    return _measure(ids, starts, tuple(laid), asked)


def _measure(ids: pl.Series, starts: loops.Ints, visits: tuple[loops.Ints, loops.Codes, Any], asked: Asked) -> Measured:
    times = visits[0]
    span = (int(times.min()), int(times.max())) if times.size else None
    numbers, windows, counts, listed, same, logs = measures.measure(
        starts, *visits, *asked.bounds, asked.rules, asked.with_logs
    )
    named = {"window_id": windows.astype(np.int64)} | dict(zip(measures.MEASURES, counts, strict=True))
    named |= dict(zip(measures.LISTED_MEASURES, listed, strict=True)) if asked.with_listed else {}
    named |= {"n_log2_n_known": logs} if asked.with_logs else {}
    named |= dict(zip((f"same_{scenario}" for scenario in asked.scenarios), same, strict=True))
    return Measured(ids, numbers, pl.DataFrame(named), span)


def _repeated(patients: pl.Series, parts: Sequence[Measured]) -> pl.Series:
    """Give the patient of each row where there are several windows."""
    sizes = [part.ids.len() for part in parts]
    places = [part.numbers + np.int64(base) for part, base in zip(parts, np.cumsum([0, *sizes[:-1]]), strict=True)]
    return patients.gather(np.concatenate(places))


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
    """Look up the text ids of patients, each by the row of one visit, in a second pass over that column."""
    order = np.argsort(rows)
    wanted = rows[order].astype(np.int64)
    found, base, at = [pl.Series([], dtype=pl.String)], 0, 0
    for batch in visits.select("patient_id").collect_batches(chunk_size=BATCH, maintain_order=True):
        until = int(np.searchsorted(wanted, base + batch.height))
        found.append(batch["patient_id"].gather(wanted[at:until] - base))
        base, at = base + batch.height, until
    places = np.empty_like(order)
    places[order] = np.arange(order.size)
    return pl.concat(found, rechunk=True).gather(places)


def _physical(dtype: pl.Datetime, spans: Sequence[Window]) -> Bounds:
    """Give the bounds of windows in the unit of the visits' times."""
    sides = []
    for side in ("start", "end"):
        local = pl.Series([getattr(span, side) for span in spans], dtype=pl.Datetime("us"))
        moments = local.dt.replace_time_zone(dtype.time_zone) if dtype.time_zone else local
        sides.append(moments.cast(dtype).to_physical().to_numpy())
    return sides[0], sides[1]
