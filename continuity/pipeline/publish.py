"""From patients to the protected tables of a report: the only place where a report's tables are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from continuity.evaluation.aggregate import Measured, aggregate
from continuity.evaluation.cells import distribution, visit_class
from continuity.evaluation.groups import Rule, members
from continuity.metrics import Rules
from continuity.metrics.engine.attrition import attrition_of
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.windows import Window
from continuity.pipeline.unseen import with_unseen
from continuity.privacy import Limits, ProtectedTable, protect

DISTRIBUTED: Final = ("coc", "upc")
_COUNTS: Final = ("n_undefined", "share_perfect")
_WINDOW: Final = ("window_start", "window_end")


@dataclass(frozen=True)
class Published:
    """The protected tables of a report, and how patients came to belong to a unit and a team."""

    tables: Mapping[str, ProtectedTable]
    unit_rule: Rule | None
    team_rule: Rule | None


def publish(
    sources: Sources,
    measured: Mapping[str, Measured],
    rules: Rules,
    spans: Sequence[Window] | None,
    limits: Limits | None = None,
) -> Published:
    """Aggregate and protect.

    Parameters
    ----------
    sources : Sources
    measured : mapping of str to Measured
        By role: ``all`` and, where roles are known, ``doctor`` and ``nurse``.
    rules : Rules
    spans : sequence of Window or None
    limits : Limits, optional

    Returns
    -------
    Published
        ``whole``, ``distribution``, ``visit_classes``, ``flow`` and, where the data know them, ``unit`` and ``team``.
    """
    whole = _protected(_by_role(measured, [], None, limits), "whole", ("role", "index"), limits)
    tables = {
        "whole": whole,
        "distribution": _distribution(measured, whole, limits),
        "visit_classes": _visit_classes(measured, whole, limits),
        "flow": _flow(attrition_of(sources, rules, spans).collect(engine="streaming"), whole, limits),
    }
    units, teams = members(sources, "unit_id"), members(sources, "team_id")
    if units is not None:
        unit_of = units[0].collect(engine="streaming")
        by_unit = _by_role(measured, ["unit_id"], unit_of, limits)
        tables["unit"] = _protected(by_unit, "unit", ("role", "unit_id", "index"), limits, parent=whole)
        if teams is not None:
            both = unit_of.join(teams[0].collect(engine="streaming"), on="patient_id", how="full", coalesce=True)
            # Patients of no team stay a cell: without it, a few of them could be found as what the teams leave over.
            by_team = _by_role(measured, ["unit_id", "team_id"], both, limits)
            tables["team"] = _protected(
                by_team, "team", ("role", "unit_id", "team_id", "index"), limits, parent=tables["unit"]
            )
    return Published(tables, units and units[1], teams and teams[1])


def _protected(
    rows: pl.DataFrame, name: str, keys: Sequence[str], limits: Limits | None, parent: ProtectedTable | None = None
) -> ProtectedTable:
    """Protect cells of role, group and index, which add up to groups without the last column, and over roles."""
    by = [key for key in keys if key not in {"role", "index"}]
    across = [["role", *by[:-1], "index"]] if by else []
    return protect(
        rows,
        name=name,
        keys=keys,
        margins=[*across, [*by, "index"]],
        parent=parent,
        counts=[count for count in _COUNTS if count in rows.columns],
        same_patients=["role", *by],
        within=by,
        totals=pl.col("role") == "all",
        limits=limits,
    )


def _flow(steps: pl.DataFrame, whole: ProtectedTable, limits: Limits | None) -> ProtectedTable:
    """Protect the flow; a step a few patients away from a published number, or another step, would tell that few."""
    least = (limits or Limits()).min_patients
    n, without = pl.col("n_patients"), pl.col("n_undefined").filter(pl.col("role") == "all")
    told_by_whole = (n, n + pl.col("n_undefined"), without)  # with a value, everybody of a role, and without a value
    published = [k for expr in told_by_whole for k in whole.frame.select(expr).to_series().drop_nulls()]
    told = _too_near(dict(steps.select("step", "n_patients").iter_rows()), published, least)
    rows = steps.with_columns(n_patients=pl.when(~pl.col("step").is_in(told)).then("n_patients"))
    return protect(rows, name="flow", keys=("step_order", "step"), limits=limits)


def _too_near(steps: Mapping[str, int], published: Sequence[int], least: int) -> list[str]:
    """Name the steps that differ by 1 to `least` - 1 from a number shown; the patients used are shown before others."""
    shown, told = list(published), []
    others = [name for name in reversed(list(steps)) if name != "used"]
    for step in ("used", *others):
        if any(1 <= abs(steps[step] - n) < least for n in shown):
            told.append(step)
        elif steps[step] >= least:
            shown.append(steps[step])
    return told


def _by_role(
    measured: Mapping[str, Measured], by: Sequence[str], groups: pl.DataFrame | None, limits: Limits | None
) -> pl.DataFrame:
    return with_unseen(_apart(measured, by, groups), measured, by, groups, limits)


def _apart(measured: Mapping[str, Measured], by: Sequence[str], groups: pl.DataFrame | None = None) -> pl.DataFrame:
    parts = [aggregate(m, by, groups).with_columns(role=pl.lit(role)) for role, m in measured.items()]
    return pl.concat(parts, how="diagonal_relaxed").drop(_WINDOW)


def _distribution(measured: Mapping[str, Measured], whole: ProtectedTable, limits: Limits | None) -> ProtectedTable:
    least = (limits or Limits()).min_patients
    parts = [
        distribution(m.per_patient, key).with_columns(role=pl.lit(role), index=pl.lit(key))
        for role, m in measured.items()
        for key in DISTRIBUTED
        if key in m.per_patient.columns
    ]
    # How many have the value 1 can be told from share_perfect, so that class is no complement of another one.
    n, of_all = pl.col("n_patients"), pl.col("n_patients").sum().over("role", "index")
    told_elsewhere = (pl.col("value_class") == "1") & (n >= least) & (of_all - n >= least)
    return protect(
        pl.concat(parts).with_columns(_told_elsewhere=told_elsewhere),
        name="distribution",
        keys=("role", "index", "value_class", "value_from", "value_to"),
        margins=[["role", "index", "_told_elsewhere"]],
        parent=whole,
        limits=limits,
    )


def _visit_classes(measured: Mapping[str, Measured], whole: ProtectedTable, limits: Limits | None) -> ProtectedTable:
    classed = {
        role: Measured(
            m.per_patient.filter(pl.col("n_visits") >= m.min_visits).with_columns(n_visits_class=visit_class()),
            m.pairs,
            m.min_visits,
            m.lists,
        )
        for role, m in measured.items()
    }
    # Nobody with too few visits is in a class, so n_undefined would say only how many have no list, often very few.
    rows = (
        _apart(classed, ["n_visits_class"])
        .drop("n_undefined")
        .with_columns(visits_from=pl.col("n_visits_class").str.extract(r"(\d+)").cast(pl.Int64))
    )
    return _protected(rows, "visit_classes", ("role", "index", "n_visits_class"), limits, parent=whole)
