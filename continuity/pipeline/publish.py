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
from continuity.privacy import Limits, ProtectedTable, protect

DISTRIBUTED: Final = ("coc", "upc")
_COUNTS: Final = ("n_undefined",)
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
    is_sum = pl.col("role") == "all"
    whole = protect(
        _by_role(measured, []),
        name="whole",
        keys=("role", "index"),
        margins=[["index"]],
        counts=_COUNTS,
        totals=is_sum,
        limits=limits,
    )
    tables = {
        "whole": whole,
        "distribution": _distribution(measured, limits),
        "visit_classes": _visit_classes(measured, limits),
        "flow": protect(
            attrition_of(sources, rules, spans).collect(engine="streaming"),
            name="flow",
            keys=("step_order", "step"),
            limits=limits,
        ),
    }
    units, teams = members(sources, "unit_id"), members(sources, "team_id")
    if units is not None:
        unit_of = units[0].collect(engine="streaming")
        tables["unit"] = protect(
            _by_role(measured, ["unit_id"], unit_of),
            name="unit",
            keys=("role", "unit_id", "index"),
            margins=[["role", "index"], ["unit_id", "index"]],
            counts=_COUNTS,
            totals=is_sum,
            limits=limits,
        )
        if teams is not None:
            both = unit_of.join(teams[0].collect(engine="streaming"), on="patient_id", how="full", coalesce=True)
            tables["team"] = protect(
                _by_role(measured, ["unit_id", "team_id"], both).filter(pl.col("team_id").is_not_null()),
                name="team",
                keys=("role", "unit_id", "team_id", "index"),
                margins=[["role", "unit_id", "index"], ["unit_id", "team_id", "index"]],
                parent=tables["unit"],
                counts=_COUNTS,
                totals=is_sum,
                limits=limits,
            )
    return Published(tables, units and units[1], teams and teams[1])


def _by_role(measured: Mapping[str, Measured], by: Sequence[str], groups: pl.DataFrame | None = None) -> pl.DataFrame:
    parts = [aggregate(m, by, groups).with_columns(role=pl.lit(role)) for role, m in measured.items()]
    return pl.concat(parts, how="diagonal_relaxed").drop(_WINDOW)


def _distribution(measured: Mapping[str, Measured], limits: Limits | None) -> ProtectedTable:
    parts = [
        distribution(m.per_patient, key).with_columns(role=pl.lit(role), index=pl.lit(key))
        for role, m in measured.items()
        for key in DISTRIBUTED
        if key in m.per_patient.columns
    ]
    return protect(
        pl.concat(parts),
        name="distribution",
        keys=("role", "index", "value_class"),
        margins=[["role", "index"]],
        limits=limits,
    )


def _visit_classes(measured: Mapping[str, Measured], limits: Limits | None) -> ProtectedTable:
    classed = {
        role: Measured(
            m.per_patient.filter(pl.col("n_visits") >= m.min_visits).with_columns(n_visits_class=visit_class()),
            m.pairs,
            m.min_visits,
        )
        for role, m in measured.items()
    }
    rows = _by_role(classed, ["n_visits_class"]).with_columns(
        visits_from=pl.col("n_visits_class").str.extract(r"(\d+)").cast(pl.Int64)
    )
    return protect(
        rows,
        name="visit_classes",
        keys=("role", "index", "n_visits_class"),
        margins=[["role", "index"], ["n_visits_class", "index"]],
        counts=_COUNTS,
        totals=pl.col("role") == "all",
        limits=limits,
    )
