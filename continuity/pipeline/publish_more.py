"""The further protected tables of a report: the course over time, areas, access, and means made comparable."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import polars as pl

from continuity.evaluation.access.waiting import waiting_times
from continuity.evaluation.aggregate import OWN_SHARE, Measured, aggregate
from continuity.evaluation.cells import visit_class
from continuity.evaluation.comparison.casemix import adjusted
from continuity.evaluation.comparison.spread import Z_95
from continuity.evaluation.groups import members
from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources, prepared
from continuity.metrics.engine.windows import Window
from continuity.pipeline.measure import roles_of
from continuity.pipeline.trend import trend_table
from continuity.pipeline.unseen import ALL, fails, with_unseen
from continuity.privacy import Limits, ProtectedTable, protect

HEADLINE: Final = "coc"
VISITS: Final = "n_visits_class"
_CELL: Final = ("n_patients", "n_visits", "n_providers", "estimate", "std_error", "ci_low", "ci_high")
_WINDOW: Final = ("window_start", "window_end")
_VISIT: Final = ["patient_id", "local", "actor", "unit_id"]
_LEAST_YEARS: Final = 3
_LEAST_QUARTERS: Final = 4
_SLACK: Final = timedelta(days=7)  # data that start on the first working day of a quarter hold the whole of it


def more_tables(
    sources: Sources,
    measured: Mapping[str, Measured],
    tables: Mapping[str, ProtectedTable],
    *,
    rules: Rules,
    spans: Sequence[Window] | None,
    limits: Limits | None = None,
) -> tuple[dict[str, ProtectedTable], tuple[str, ...]]:
    """Make the tables that the data allow.

    Parameters
    ----------
    sources : Sources
    measured : mapping of str to Measured
        By role.
    tables : mapping of str to ProtectedTable
        What `publish` made: no further table may tell what these hide.
    rules : Rules
    spans : sequence of Window or None
    limits : Limits, optional

    Returns
    -------
    tuple of dict and tuple of str
        ``trend`` where the window holds three whole years or four whole quarters, ``area`` where there are two areas,
        ``access`` where visits have assessed_at, ``adjusted`` where there are units; and the columns adjusted for.
    """
    found: dict[str, ProtectedTable | None] = {"trend": _trend(sources, measured, rules, tables["whole"], limits)}
    units = members(sources, "unit_id") if "unit" in tables else None
    strata: tuple[str, ...] = ()
    if units is not None:
        unit_of = units[0].collect(engine="streaming")
        found["area"] = _area(sources, measured, unit_of, tables["unit"], limits)
        found["access"] = _access(sources, unit_of, rules, spans, limits)
        found["adjusted"], strata = _adjusted(sources, measured, unit_of, tables["unit"], limits)
    return {name: table for name, table in found.items() if table is not None}, strata


def periods(start: datetime, end: datetime) -> tuple[Window, ...]:
    """Give the whole calendar years between two moments, or the quarters where there are fewer than three years.

    Returns
    -------
    tuple of Window
        Nothing where there are fewer than four whole quarters.

    Examples
    --------
    >>> [f"{window.start:%Y-%m}" for window in periods(datetime(2025, 1, 2), datetime(2026, 1, 1))]
    ['2025-01', '2025-04', '2025-07', '2025-10']
    """
    for months, least in ((12, _LEAST_YEARS), (3, _LEAST_QUARTERS)):
        first, edges = datetime(start.year, 1, 1), []
        while first <= end + _SLACK:
            if first + _SLACK >= start:
                edges.append(first)
            month = first.month - 1 + months
            first = datetime(first.year + month // 12, month % 12 + 1, 1)
        if len(edges) > least:
            return tuple(Window(left, right) for left, right in pairwise(edges))
    return ()


def _trend(
    sources: Sources, measured: Mapping[str, Measured], rules: Rules, whole: ProtectedTable, limits: Limits | None
) -> ProtectedTable | None:
    rows = measured["all"].per_patient
    if rows.is_empty() or HEADLINE not in rows.columns:
        return None
    inside = periods(rows["window_start"][0], rows["window_end"][0])
    if not inside:
        return None
    return trend_table(sources, measured, HEADLINE, rules=rules, inside=inside, whole=whole, limits=limits)


def _area(
    sources: Sources,
    measured: Mapping[str, Measured],
    unit_of: pl.DataFrame,
    unit: ProtectedTable,
    limits: Limits | None,
) -> ProtectedTable | None:
    areas = members(sources, "area_code")
    area_of = None if areas is None else areas[0].collect(engine="streaming")
    if area_of is None or area_of["area_code"].drop_nulls().n_unique() < 2:
        return None
    rows = _by_role(measured, ["area_code"], area_of)
    rows = with_unseen(rows, measured, ["area_code"], area_of, limits)
    telling = _telling(measured, unit_of.join(area_of, on="patient_id", how="full", coalesce=True), unit, limits)
    marked = rows.join(telling, on=["role", "index", "area_code"], how="left", nulls_equal=True)
    # A cell without providers is hidden, and it counts with its patients when complements are chosen.
    n_providers = pl.when(pl.col("_tells").fill_null(value=False)).then(0).otherwise(pl.col("n_providers"))
    return protect(
        _slim(marked.with_columns(n_providers=n_providers)),
        name="area",
        keys=("role", "area_code", "index"),
        margins=[["role", "index"], ["area_code", "index"]],
        same_patients=["role", "area_code"],
        within=["area_code"],
        totals=pl.col("role") == "all",
        limits=limits,
    )


def _telling(
    measured: Mapping[str, Measured], both: pl.DataFrame, unit: ProtectedTable, limits: Limits | None
) -> pl.DataFrame:
    """Find the areas that, less their shown units, would tell a hidden unit or something as small."""
    least = limits or Limits()
    hidden = unit.frame.filter(undefined_reason="suppressed").select(unit.keys)
    rows = _by_role(measured, ["unit_id", "area_code"], both).filter(pl.col("n_patients") > 0)
    left_over = rows.join(hidden, on=list(unit.keys), how="semi", nulls_equal=True)
    largest = (pl.col("share_largest_provider").fill_null(1.0) * pl.col("n_visits")).max()
    tells = (
        (pl.len() < 2)
        | (pl.col("n_patients").sum() < least.min_patients)
        | (pl.col("n_visits").sum() < least.min_visits)
        | (pl.col("n_providers").sum() < least.min_providers)
        | (largest > least.max_provider_share * pl.col("n_visits").sum())
    )
    return left_over.group_by("role", "index", "area_code").agg(_tells=tells)


def _access(
    sources: Sources, unit_of: pl.DataFrame, rules: Rules, spans: Sequence[Window] | None, limits: Limits | None
) -> ProtectedTable | None:
    known = sources.visits.collect_schema()
    if "assessed_at" not in known:
        return None
    plain = rules.with_(level="provider", same_day="keep_all", tie_order="expectation", unknown_provider="drop")
    also = [name for name in ("assessed_at", "urgency") if name in known]
    placed: dict[str, pl.LazyFrame] = {}
    for role, rule in roles_of(sources, plain).items():
        visits = prepared(sources, rule, spans, with_columns=also).with_columns(
            visit_at=pl.col("local"), assessed_at=pl.col("assessed_at").dt.replace_time_zone(None)
        )
        placed[role] = visits.join(unit_of.lazy().drop_nulls(), on="patient_id")
    least = (limits or Limits()).min_patients
    cells = pl.concat(_waits(visits, least).with_columns(role=pl.lit(role)) for role, visits in placed.items())
    if not cells["n_visits"].sum():
        return None
    return protect(
        cells.with_columns(_no_visits=(pl.col("role") == ALL) & pl.lit(_tells_unseen(placed, limits or Limits()))),
        name="access",
        keys=("role", "unit_id"),
        margins=[["role"], ["unit_id"]],
        counts=("share_assessed", "share_within_14_days"),
        same_patients=["role", "unit_id"],
        within=["unit_id"],
        totals=pl.col("role") == "all",
        limits=limits,
    )


def _tells_unseen(placed: Mapping[str, pl.LazyFrame], limits: Limits) -> bool:
    """Tell whether the visits of any unit to nobody of a known role, what all less the roles are, are too few."""
    apart = [visits.select(_VISIT) for role, visits in placed.items() if role != ALL]
    if not apart:
        return False
    rest = _waits(placed[ALL].join(pl.concat(apart), on=_VISIT, how="anti", nulls_equal=True), limits.min_patients)
    return rest.filter(pl.col("n_visits") > 0).select(fails(limits).any()).item() or False


def _waits(visits: pl.LazyFrame, least: int) -> pl.DataFrame:
    shown = ("n_patients", "n_visits", "share_assessed", "median_days", "share_within_14_days")
    waits = waiting_times(visits, "unit_id").select("unit_id", *shown).collect(engine="streaming")
    planned = pl.col("urgency").ne_missing("acute") if "urgency" in visits.collect_schema() else pl.lit(value=True)
    counted = visits.filter(planned & pl.col("assessed_at").is_not_null() & pl.col("actor").is_not_null())
    of_actor = counted.group_by("unit_id", "actor").agg(n=pl.len().cast(pl.Int64))
    sizes = of_actor.group_by("unit_id").agg(
        n_providers=pl.len().cast(pl.Int64), share_largest_provider=pl.col("n").max() / pl.col("n").sum()
    )
    known = _median_of_enough(waits, visits.filter(planned), least)
    found: pl.DataFrame = known.join(sizes.collect(engine="streaming"), on="unit_id", how="left")
    return found


def _median_of_enough(waits: pl.DataFrame, planned: pl.LazyFrame, least: int) -> pl.DataFrame:
    """Leave out a median of visits that has fewer than `least` patients on either side: some have many visits."""
    days = (pl.col("visit_at").dt.date() - pl.col("assessed_at").dt.date()).dt.total_days()
    waited = planned.select("unit_id", "patient_id", days=days).filter(pl.col("days") >= 0)
    beside = waited.join(waits.lazy().select("unit_id", "median_days"), on="unit_id")
    side = (pl.col("days") >= pl.col("median_days"), pl.col("days") <= pl.col("median_days"))
    sides = (pl.col("patient_id").filter(which).n_unique() for which in side)
    fewest = beside.group_by("unit_id").agg(_fewest=pl.min_horizontal(*sides))
    found = waits.join(fewest.collect(engine="streaming"), on="unit_id", how="left", maintain_order="left")
    return found.with_columns(median_days=pl.when(pl.col("_fewest") >= least).then("median_days")).drop("_fewest")


def _adjusted(
    sources: Sources,
    measured: Mapping[str, Measured],
    unit_of: pl.DataFrame,
    unit: ProtectedTable,
    limits: Limits | None,
) -> tuple[ProtectedTable | None, tuple[str, ...]]:
    """Put the adjusted means beside those of the table of units, hidden where these are."""
    parts = []
    first = measured["all"].per_patient
    mix, strata = _mix(sources, first)
    for role, found in measured.items():
        rows = found.per_patient.drop_nulls(HEADLINE) if HEADLINE in found.per_patient.columns else first.clear()
        rows = rows.join(unit_of.drop_nulls(), on="patient_id").join(mix, on="patient_id", how="left")
        if rows.is_empty() or rows["unit_id"].n_unique() < 2:
            continue
        fitted = adjusted(rows.with_columns(value=pl.col(HEADLINE), **{VISITS: visit_class()}), "unit_id", strata)
        half = Z_95 * pl.col("adjusted_se")
        ends = {"adjusted_low": pl.col("adjusted") - half, "adjusted_high": pl.col("adjusted") + half}
        parts.append(fitted.with_columns(**ends, role=pl.lit(role), index=pl.lit(HEADLINE)).drop("adjusted_se"))
    if not parts:
        return None, ()
    cells = unit.frame.filter(index=HEADLINE).select(*unit.keys, *_CELL)
    withheld = pl.col("n_visits").is_null() & pl.col("n_patients").is_not_null()  # not small, but not to be told
    cells = cells.with_columns(_no_visits=withheld, n_visits=pl.when(withheld).then("n_patients").otherwise("n_visits"))
    joined = cells.join(pl.concat(parts), on=list(unit.keys), how="left", nulls_equal=True)
    margins = [["role", "index"], ["unit_id", "index"]]
    totals = pl.col("role") == "all"
    return protect(
        joined, name="adjusted", keys=unit.keys, margins=margins, parent=unit, totals=totals, limits=limits
    ), tuple(strata)


def _mix(sources: Sources, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    from continuity.pipeline.summary import groups_of  # it needs the report's own error

    columns = {"age_band": "birth_year", "sex": "sex"}
    known = sources.patients.collect_schema().names() if sources.patients is not None else []
    strata = [name for name, column in columns.items() if column in known]
    return groups_of(sources, strata, rows), [VISITS, *strata]


def _by_role(measured: Mapping[str, Measured], by: Sequence[str], groups: pl.DataFrame) -> pl.DataFrame:
    parts = [aggregate(m, by, groups).with_columns(role=pl.lit(role)) for role, m in measured.items()]
    return pl.concat(parts, how="diagonal_relaxed").filter(pl.col("index").is_in([HEADLINE, OWN_SHARE])).drop(_WINDOW)


def _slim(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep what the figures show; further counts would need complements of their own."""
    named = [name for name in ("role", "area_code", "index") if name in rows.columns]
    also = [name for name in ("_no_visits",) if name in rows.columns]
    return rows.select(*named, *_CELL, "share_largest_provider", *also)
