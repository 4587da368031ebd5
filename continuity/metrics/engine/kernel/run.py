"""The fast path as a lazy frame: nothing is read before the frame is collected."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from continuity.metrics.engine.kernel import loops
from continuity.metrics.engine.kernel.batches import BATCH, THREADS, CollisionError, Divided, divided
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


def lazily(
    visits: pl.LazyFrame,
    spans: Sequence[Window] | None,
    scenarios: Sequence[str],
    plain: pl.LazyFrame,
    *,
    with_listed: bool,
    in_order: bool,
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
    """
    is_text = visits.collect_schema()["patient_id"] == pl.String
    try:
        divided_by = spans if spans is not None and len(spans) > 1 else ()
        bounds = _physical(cast("pl.Datetime", visits.collect_schema()["visit_at"]), divided_by)
    except pl.exceptions.ComputeError:  # a bound that the clock change of the zone skips or repeats
        return plain

    def produce(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        once = visits if in_order or not is_text else visits.collect(engine="streaming").lazy()
        try:
            frame, days = statistics(once, bounds, scenarios, with_listed=with_listed)
            frame = frame.with_columns(days if spans is None else bounds_of(spans))
        except CollisionError:
            frame = plain.collect(engine="streaming")
        frame = frame.filter(predicate) if predicate is not None else frame
        frame = frame.select(with_columns) if with_columns is not None else frame
        yield frame.head(n_rows) if n_rows is not None else frame

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
    parts, span = _measured(divided(visits, with_listed=with_listed), bounds, rules)
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Measured.__annotations__}
    del parts
    schema = visits.collect_schema()
    dtype = schema["patient_id"]
    patients = _texts(visits, columns["rows"]) if dtype == pl.String else _numbers(columns["keys"], dtype)
    named = {"window_id": columns["windows"].astype(np.int64)}
    named |= dict(zip(loops.MEASURES, columns["counts"].T, strict=True))
    named |= dict(zip(loops.LISTED_MEASURES, columns["listed"].T, strict=True)) if with_listed else {}
    named |= dict(zip((f"same_{scenario}" for scenario in scenarios), columns["same"].T, strict=True))
    frame = pl.DataFrame(named).insert_column(0, patients.alias("patient_id"))
    frame = frame.with_columns(_filled()) if "to_usual" in scenarios else frame
    return frame, _days(span, schema["visit_at"])


def _measured(
    chunks: Sequence[Divided], bounds: Bounds, rules: loops.Ints
) -> tuple[list[Measured], tuple[int, int] | None]:
    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(lambda part: _measure_part(chunks, part, bounds, rules), range(loops.N_PARTS)))
    spans = [chunk.span for chunk in chunks]
    return parts, (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None


def _days(span: tuple[int, int] | None, dtype: pl.DataType) -> list[pl.Expr]:
    """Give the window of all visits: from the first day to the one after the last, as constant columns."""
    moments = pl.Series(span or [None, None], dtype=pl.Int64).cast(dtype).dt.replace_time_zone(None)
    first, last = moments.dt.truncate("1d").cast(pl.Datetime("us"))
    after = None if last is None else last + timedelta(days=1)
    kind = pl.Datetime("us")
    return [pl.lit(first, kind).alias("window_start"), pl.lit(after, kind).alias("window_end")]


def _measure_part(chunks: Sequence[Divided], part: int, bounds: Bounds, rules: loops.Ints) -> Measured:
    def of_part(name: str) -> Any:
        arrays = ((getattr(chunk, name), chunk.starts[part], chunk.starts[part + 1]) for chunk in chunks)
        slices = [array[a:b] for array, a, b in arrays if array.size]
        return np.concatenate(slices) if slices else np.empty(0, _DTYPES[name])

    keys, rows, flags = of_part("keys"), of_part("rows"), of_part("flags")
    numbers, firsts, agree = loops.patients_of(keys, of_part("checks"))
    if not agree:
        raise CollisionError
    starts, places = loops.by_patient(numbers, firsts.size)
    times, actors = (loops.laid_out(of_part(name), places) for name in ("times", "actors"))
    flags = loops.laid_out(flags, places) if flags.size else flags
    patients, windows, counts, listed, same = loops.measure(starts, times, actors, flags, *bounds, rules)
    who = firsts[patients]
    return Measured(keys[who], rows[who] if rows.size else rows, windows, counts, listed, same)


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
