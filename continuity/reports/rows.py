"""Reach into protected tables: the rows of a role and an index, and the one row of a cell."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl

from continuity.privacy import ProtectedTable
from continuity.reports.content import ReportContent
from continuity.reports.protected import refuse_unprotected

OWN_SHARE: Final = "own_visit_share"
SUPPRESSED: Final = "suppressed"
_PROFESSIONS: Final = ("doctor", "nurse")

Row = Mapping[str, Any]


def ends(values: pl.Series, otherwise: float = 0.0) -> tuple[float, float]:
    """Give the least and the greatest of numbers; twice the last argument where there are none.

    Examples
    --------
    >>> ends(pl.Series([0.4, None, 0.2])), ends(pl.Series([], dtype=pl.Float64))
    ((0.2, 0.4), (0.0, 0.0))
    """
    known = values.drop_nulls().to_list()
    return float(min(known, default=otherwise)), float(max(known, default=otherwise))


def rows_of(table: ProtectedTable | None, **cell: str) -> pl.DataFrame:
    """Give the rows of a table whose keys have these values; none where the table is absent.

    Parameters
    ----------
    table : ProtectedTable or None
    **cell : str
        Values of key columns.

    Returns
    -------
    polars.DataFrame
        Suppressed rows are among them.
    """
    if table is None:
        return pl.DataFrame()
    refuse_unprotected({"rows": table})
    return table.frame.filter(**cell) if cell else table.frame


def periods_of(content: ReportContent) -> list[tuple[datetime, datetime]]:
    """Give the periods of the course over time, in order; none where the report has no course."""
    rows = rows_of(content.tables.get("trend"))
    return [] if rows.is_empty() else rows.select("period_start", "period_end").unique().sort("period_start").rows()


def drawn_rows(table: ProtectedTable | None, **cell: str) -> pl.DataFrame:
    """Give the rows that a figure of places draws: those with an estimate, of a known unit and team.

    The others stand in the table beside the figure, and a note names those that are suppressed.
    """
    rows = rows_of(table, **cell)
    known = [pl.col(name).is_not_null() for name in ("unit_id", "team_id", "estimate") if name in rows.columns]
    return rows.filter(*known)


def shown_row(table: ProtectedTable | None, **cell: str) -> Row | None:
    """Give the one row of a cell, or None where it is absent, suppressed or without an estimate."""
    rows = rows_of(table, **cell)
    if rows.height != 1 or rows["estimate"].item() is None:
        return None
    return rows.row(0, named=True)


def headline_index(content: ReportContent) -> str:
    """Give the index that leads the report: the Bice-Boxerman index where it was computed."""
    return "coc" if "coc" in content.method.indices else content.method.indices[0]


def level_of(content: ReportContent) -> str:
    """Tell with whom continuity was measured: ``"provider"``, ``"team"`` or ``"unit"``."""
    return content.method.parameters.get("level", "provider")


def leading_roles(content: ReportContent) -> tuple[str, ...]:
    """Give the roles that are shown apart: doctors and nurses, or all visits where roles are unknown."""
    known = set(content.tables["whole"].frame["role"])
    return tuple(role for role in _PROFESSIONS if role in known) or ("all",)


def all_roles(content: ReportContent) -> tuple[str, ...]:
    """Give every role of the report, professions first."""
    leading = leading_roles(content)
    others = content.tables["whole"].frame["role"].unique().sort()
    return (*leading, *(role for role in others if role not in leading))
