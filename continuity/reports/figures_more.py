"""The figures for evaluators, and access beside continuity."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from continuity.reports import breaks
from continuity.reports.charts import Canvas, axis_top
from continuity.reports.charts_more import beside, over_time, period_name, tiles_of
from continuity.reports.comparison_chart import funnel
from continuity.reports.content import ReportContent
from continuity.reports.counties import county_code
from continuity.reports.figure import Figure, make_figure, roles_with_rows, rows_for
from continuity.reports.grids import place
from continuity.reports.rows import periods_of, rows_of
from continuity.reports.standing import standing
from continuity.reports.wording import Words

if TYPE_CHECKING:
    import altair as alt

_SIZES: Final = ("n_patients", "n_visits", "n_providers", "estimate", "interval")
_FEWEST_POINTS: Final = 3
_FEWEST_IN_FUNNEL: Final = 6  # the spread of a handful of units is itself a guess, and so would be the limits


def more_figures(content: ReportContent, index: str, roles: Sequence[str], words: Words) -> tuple[Figure, ...]:
    """Draw access beside continuity, the course over time, the funnel of units and the map, where the data allow."""
    found = (
        _access(content, index, roles, words),
        _trend(content, index, roles, words),
        _map(content, index, roles, words),
        _funnel(content, index, roles, words),
    )
    return tuple(figure for figure in found if figure is not None)


def _access(content: ReportContent, index: str, roles: Sequence[str], words: Words) -> Figure | None:
    waits = rows_of(content.tables.get("access"))
    units = rows_of(content.tables.get("unit"), index=index)
    if waits.is_empty() or units.is_empty():
        return None
    means = units.select("role", "unit_id", "estimate")
    rows = waits.join(means, on=["role", "unit_id"], how="left").with_columns(index=pl.lit(index))
    drawn = rows.drop_nulls(["estimate", "share_within_14_days"])
    shown = [role for role in roles if drawn.filter(role=role).height >= _FEWEST_POINTS]
    if not shown:
        return None
    rows = pl.concat(rows.filter(role=role) for role in shown)
    named = rows.with_columns(name=pl.Series([place(row, words) for row in rows.iter_rows(named=True)]))

    def draw(role: str, canvas: Canvas) -> "alt.LayerChart":
        return beside(named.filter(role=role), canvas=canvas)

    columns = ("unit_id", "n_patients", "n_visits", "share_assessed", "median_days", "share_within_14_days", "estimate")
    return make_figure("access", draw, shown, rows, columns, words=words)


def _trend(content: ReportContent, index: str, roles: Sequence[str], words: Words) -> Figure | None:
    table = content.tables.get("trend")
    roles = roles_with_rows(content, "trend", index, roles)
    if table is None or not roles:
        return None
    rows = rows_for(content, "trend", index, roles)
    names = [period_name(*row) for row in rows.select("period_start", "period_end").rows()]
    rows = rows.with_columns(period=pl.Series(names))
    top = axis_top(table, roles, index)
    days = (breaks.REFORM_DAY, *(one.day for one in content.method.breaks))

    def draw(role: str, canvas: Canvas) -> "alt.LayerChart":
        return over_time(rows.filter(role=role).sort("period_start"), top=top, canvas=canvas, days=days)

    periods = periods_of(content)
    notes = [words("figures.reform")] if breaks.place(breaks.REFORM_DAY, periods) is not None else []
    note = " ".join([*notes, *breaks.note(breaks.inside(content.method.breaks, periods), words)])
    return make_figure("trend", draw, roles, rows, ("period", *_SIZES), words=words, note=note)


def _funnel(content: ReportContent, index: str, roles: Sequence[str], words: Words) -> Figure | None:
    by_role = {
        role: standing(rows_of(content.tables.get("unit"), role=role, index=index))
        for role in roles
        if rows_of(content.tables.get("unit"), role=role, index=index).height
    }
    judged = {role: rows for role, rows in by_role.items() if rows["funnel_low"].count() >= _FEWEST_IN_FUNNEL}
    if not judged:
        return None

    def draw(role: str, canvas: Canvas) -> "alt.LayerChart":
        return funnel(_as_terms(judged[role], words), canvas)

    kept = ("role", "unit_id", "index", *_SIZES[:-1], "ci_low", "ci_high", "undefined_reason")
    limits = ("mean_of_all", "funnel_95_low", "funnel_95_high", "funnel_low", "funnel_high")
    rows = pl.concat(rows.select(*kept, *limits) for rows in judged.values())
    columns = ("unit_id", "n_patients", "estimate", "interval", "funnel_low", "funnel_high")
    findings = tuple(_outside(role, rows, words) for role, rows in judged.items())
    return make_figure("funnel", draw, tuple(judged), rows, columns, words=words, findings=findings)


def _as_terms(rows: pl.DataFrame, words: Words) -> pl.DataFrame:
    """Write the rows in the form of a comparison: one row per term and group."""
    known = rows.filter(pl.col("funnel_low").is_not_null())
    group = pl.Series("group", [place({"unit_id": row["unit_id"]}, words) for row in known.iter_rows(named=True)])
    take = partial(known.with_columns(group).select, "group", "n_patients")
    ends = {"mean": ("estimate", "ci_low", "ci_high")}
    ends |= {"funnel_95": ("mean_of_all", "funnel_95_low", "funnel_95_high")}
    ends |= {"funnel_998": ("mean_of_all", "funnel_low", "funnel_high")}
    return pl.concat(
        take(term=pl.lit(term), estimate=middle, ci_low=low, ci_high=high) for term, (middle, low, high) in ends.items()
    )


def _outside(role: str, rows: pl.DataFrame, words: Words) -> str:
    known = rows.filter(pl.col("funnel_low").is_not_null())
    out = (pl.col("estimate") < pl.col("funnel_low")) | (pl.col("estimate") > pl.col("funnel_high"))
    n_out, n = words.style.count(known.filter(out).height), words.style.count(known.height)
    return words("figure.funnel.found", role=words(f"role.{role}"), n=n, outside=n_out)


def _map(content: ReportContent, index: str, roles: Sequence[str], words: Words) -> Figure | None:
    roles = roles_with_rows(content, "area", index, roles)
    if not roles:
        return None
    rows = rows_for(content, "area", index, roles).with_columns(code=county_code())
    known = rows.drop_nulls("code")
    if known["code"].n_unique() < 2 or known.select("role", "code").is_duplicated().any():
        return None

    def draw(role: str, canvas: Canvas) -> "alt.LayerChart":
        return tiles_of(known.filter(role=role), canvas=canvas)

    return make_figure("map", draw, roles, rows.drop("code"), ("area_code", *_SIZES), words=words)
