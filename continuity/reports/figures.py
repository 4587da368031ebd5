"""The figures of the page: a drawing for each role in two widths, and the table with its numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import polars as pl

from continuity.reports.charts import Canvas, axis_top, bars, by_visits, dots, round_up
from continuity.reports.content import ReportContent
from continuity.reports.figure import Figure, make_figure, roles_with_rows, rows_for
from continuity.reports.figures_more import more_figures
from continuity.reports.grids import in_class_order, place
from continuity.reports.rows import (
    OWN_SHARE,
    SUPPRESSED,
    drawn_rows,
    headline_index,
    leading_roles,
    level_of,
    shown_row,
)
from continuity.reports.wording import Words

if TYPE_CHECKING:
    import altair as alt

_MOST_ROWS: Final = 60  # above this a figure is a scroll that nobody reads
_MOST_NAMES: Final = 12
_ESTIMATES: Final = (
    "n_patients",
    "n_visits",
    "n_providers",
    "estimate",
    "interval",
    "bounds",
    "median",
    "share_perfect",
)


def figures_of(content: ReportContent, words: Words) -> tuple[Figure, ...]:
    """Draw every figure that the tables of a report can give.

    Parameters
    ----------
    content : ReportContent
    words : Words

    Returns
    -------
    tuple of Figure
    """
    index, roles = headline_index(content), leading_roles(content)
    found = (
        _places("units", "unit", index, roles, content=content, words=words),
        _places("own", "unit", OWN_SHARE, _roles_with_lists(content, roles), content=content, words=words),
        _distribution(index, roles, content, words),
        _visit_classes(index, roles, content, words),
        _places("teams", "team", index, roles, content=content, words=words),
    )
    return (*(figure for figure in found if figure is not None), *more_figures(content, index, roles, words))


def _places(
    key: str, table_name: str, index: str, roles: Sequence[str], *, content: ReportContent, words: Words
) -> Figure | None:
    table = content.tables.get(table_name)
    roles = roles_with_rows(content, table_name, index, roles)
    if table is None or not roles:
        return None
    rows = rows_for(content, table_name, index, roles)
    names = list(dict.fromkeys(place(row, words) for row in rows.iter_rows(named=True)))
    if len(names) < 2:
        return None  # one place alone is the whole, which stands above
    whole = {role: shown_row(content.tables["whole"], role=role, index=index) for role in roles}
    top = axis_top(table, roles, index)

    def draw(role: str, canvas: Canvas) -> "alt.LayerChart":
        row = whole[role]
        reference = None if row is None else float(row["estimate"])
        return dots(table, role=role, index=index, reference=reference, top=top, canvas=canvas)

    first = "place" if table_name == "team" else "unit_id"
    n_drawn = [drawn_rows(table, role=role, index=index).height for role in roles]
    drawn, note = tuple(role for role, n in zip(roles, n_drawn, strict=True) if n), _hidden_note(rows, words)
    if max(n_drawn) > _MOST_ROWS:
        drawn, note = (), words("figures.too_many")
    return make_figure(key, draw, drawn, rows, (first, *_ESTIMATES), words=words, note=note)


def _hidden_note(rows: pl.DataFrame, words: Words) -> str:
    hidden = rows.filter(undefined_reason=SUPPRESSED)
    names = list(dict.fromkeys(place(row, words) for row in hidden.iter_rows(named=True)))
    listed, more = ", ".join(names[:_MOST_NAMES]), len(names) - _MOST_NAMES
    if more > 0:
        return words("figures.hidden_many", names=listed, more=words.style.count(more))
    return words("figures.hidden", names=listed) if names else ""


def _distribution(index: str, roles: Sequence[str], content: ReportContent, words: Words) -> Figure | None:
    table = content.tables.get("distribution")
    roles = roles_with_rows(content, "distribution", index, roles)
    if table is None or not roles:
        return None
    totals = _patients_behind(content, index, roles)
    per_role = pl.col("role").replace_strict(totals, return_dtype=pl.Int64) if totals else pl.lit(1)
    rows = rows_for(content, "distribution", index, roles)
    rows = in_class_order(rows, "value_class").with_columns(share_of_patients=pl.col("n_patients") / per_role)
    rows = rows.sort("role", maintain_order=True)
    top = round_up(rows["share_of_patients"])

    def draw(role: str, canvas: Canvas) -> "alt.LayerChart":
        return bars(table, role=role, index=index, total=totals.get(role), top=top, canvas=canvas)

    columns = ("value_class", "n_patients", *(["share_of_patients"] if totals else []))
    speaks = totals and level_of(content) == "provider"  # the sentences are about persons
    findings = () if not speaks else tuple(filter(None, (_extremes(rows, role, words) for role in roles)))
    return make_figure("distribution", draw, roles, rows, columns, words=words, findings=findings)


def _patients_behind(content: ReportContent, index: str, roles: Sequence[str]) -> dict[str, int]:
    """Give the patients behind the whole of each role; nothing unless all are known, as bars share one axis."""
    whole = {role: shown_row(content.tables["whole"], role=role, index=index) for role in roles}
    totals = {role: int(row["n_patients"]) for role, row in whole.items() if row is not None}
    return totals if len(totals) == len(roles) else {}


def _extremes(rows: pl.DataFrame, role: str, words: Words) -> str:
    share = dict(rows.filter(role=role).select("value_class", "share_of_patients").iter_rows())
    zero, one = share.get("0"), share.get("1")
    if zero is None or one is None:
        return ""
    values = {"zero": words.style.share(zero), "one": words.style.share(one)}
    return words("figure.distribution.found", role=words(f"role.{role}"), **values)


def _visit_classes(index: str, roles: Sequence[str], content: ReportContent, words: Words) -> Figure | None:
    table = content.tables.get("visit_classes")
    roles = roles_with_rows(content, "visit_classes", index, roles)
    if table is None or not roles:
        return None
    top = axis_top(table, roles, index)

    def draw(role: str, canvas: Canvas) -> "alt.LayerChart":
        row = shown_row(content.tables["whole"], role=role, index=index)
        reference = None if row is None else float(row["estimate"])
        return by_visits(table, role=role, index=index, reference=reference, top=top, canvas=canvas)

    rows = in_class_order(rows_for(content, "visit_classes", index, roles), "n_visits_class")
    rows = rows.sort("role", maintain_order=True)
    return make_figure("visit_classes", draw, roles, rows, ("n_visits_class", *_ESTIMATES), words=words)


def _roles_with_lists(content: ReportContent, roles: Sequence[str]) -> tuple[str, ...]:
    """Leave out a profession that nobody is listed with: its share is 0 by the lists, not by what patients did."""
    whole = {role: shown_row(content.tables["whole"], role=role, index=OWN_SHARE) for role in (*roles, "all")}
    return tuple(role for role, row in whole.items() if row is None or row["estimate"] > 0)
