"""What a manager asks of a plan beyond the plan: other tolerances, other workloads, other futures; and its page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity.assignment.explain import measures, stability
from continuity.assignment.plan import plan_of
from continuity.assignment.scenarios import Change, compare
from continuity.assignment.settings import Settings
from continuity.assignment.tables import Opened
from continuity.errors import InfeasibleError
from continuity.privacy import ProtectedTable, protect
from continuity.reports import PanelPlan, shown_providers
from continuity.sources import Tables
from continuity.vocabulary import Language

SCENARIOS: Final = "scenarios.parquet"
MOST_PATIENTS: Final = 100_000
"""Above this a plan takes so long that others beside it are made only when asked for."""
TOLERANCES: Final = (0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3)
_SPREAD: Final = 0.3
_REPETITIONS: Final = 3


@dataclass(frozen=True)
class Shown:
    """How a plan is shown.

    Parameters
    ----------
    language : {"fi", "sv", "en"}
    curve : bool, optional
        Whether plans at other tolerances and with other workloads are made; by default up to `MOST_PATIENTS` patients.
    scenarios : path, optional
        A scenario file: see `continuity.assignment.scenarios.read_scenarios`.
    simulate : int, optional
        Years to be simulated under today's lists and under the plan; 0: none.
    """

    language: Language = "en"
    curve: bool | None = None
    scenarios: Path | None = None
    simulate: int = 0


@dataclass(frozen=True)
class Planned:
    """A plan whose patients are in a file.

    Parameters
    ----------
    assignments : pathlib.Path
        assignments.parquet, with the columns of `continuity.Plan.assignments`.
    providers, units, groups : polars.DataFrame
        As in `continuity.Plan`.
    summary : dict
        What summary.json holds.
    """

    assignments: Path
    providers: pl.DataFrame
    units: pl.DataFrame
    groups: pl.DataFrame
    summary: dict[str, Any]


def explained(made: Planned, opened: Opened, tables: Tables, settings: Settings, shown: Shown) -> dict[str, Any]:
    """Give what stands in the summary beside the plan, where it is wanted: ``curve`` and ``stability``."""
    found: dict[str, Any] = {}
    wanted = made.summary["n_patients"] <= MOST_PATIENTS if shown.curve is None else shown.curve
    if wanted:
        found["curve"] = curve(made, opened, settings)
        found |= _stability(tables, settings)
    return found


def curve(made: Planned, opened: Opened, settings: Settings) -> list[dict[str, Any]]:
    """Plan at other tolerances, with no cap on moves; where one cannot be met, its numbers are null."""
    kept = replace(
        opened,
        patients=opened.patients.collect(engine="streaming").lazy(),
        visits=opened.visits.collect(engine="streaming").lazy(),
    )
    own = measures(made.providers, made.summary)
    rows = []
    for tolerance in sorted({*TOLERANCES, settings.tolerance}):
        row = own
        if tolerance != settings.tolerance:
            changed = settings.with_(tolerance=tolerance, max_moves=None, infeasible="refuse")
            try:
                plan = plan_of(kept, changed)
                row = measures(plan.providers, plan.summary)
            except InfeasibleError:
                row = dict.fromkeys(own)
        rows.append({"tolerance": tolerance, **row})
    return rows


def _stability(tables: Tables, settings: Settings) -> dict[str, Any]:
    """Try the plan with other workloads; nothing where such a plan cannot be made."""
    choices = {name: value for name, value in vars(settings).items() if name != "seed"}
    try:
        tried = stability(
            tables.patients,
            tables.providers,
            tables.visits,
            spread=_SPREAD,
            n=_REPETITIONS,
            seed=settings.seed,
            **choices,
        )
    except InfeasibleError:
        return {}
    least, worst = tried["share_same"].min(), tried["worst_outside_band"].max()
    said = {"n": _REPETITIONS, "spread": _SPREAD, "share_same_least": least, "worst_outside_band": worst}
    return {"stability": said}


def compared(
    tables: Tables, changes: Mapping[str, Change], settings: Settings, directory: Path
) -> list[dict[str, Any]]:
    """Plan each scenario with as few moves as can be, and write them side by side."""
    choices = {name: value for name, value in vars(settings).items() if name not in ("move_cost", "max_moves")}
    table, _ = compare(tables.patients, tables.providers, tables.visits, changes, **choices)
    table.write_parquet(directory / SCENARIOS)
    return table.to_dicts()


def page_of(made: Planned, summary: dict[str, Any]) -> PanelPlan:
    """Give what the page of a plan is made of, patients' groups protected."""
    today = datetime.now(tz=UTC).date()
    return PanelPlan(summary, made.assignments, fairness(made.groups), chronic(made.providers), today)


def fairness(groups: pl.DataFrame) -> ProtectedTable:
    """Protect the moves by group; what is known of nobody (every patient in one nameless group) is left out."""
    known = groups.filter(pl.col("group").is_not_null().any().over("by"))
    ill = known.filter(pl.col("by") != "is_chronic")
    if known.filter(by="is_chronic", group="true").height:
        ill = known
    return protect(
        ill.select("by", "group", "n_patients", "n_moved"),
        name="fairness",
        keys=["by", "group"],
        margins=[["by"]],
        counts=["n_moved"],
    )


def chronic(providers: pl.DataFrame) -> ProtectedTable | None:
    """Protect the chronically ill on each list that the page shows; None where nobody is known to be ill."""
    counts = ["n_chronic_before", "n_chronic_after"]
    if not providers.select(pl.sum_horizontal(pl.col(counts).sum())).item():
        return None
    rows = shown_providers(providers.sort("unit_id", "provider_id"))
    largest = pl.max_horizontal("n_patients_before", "n_patients_after")
    table = rows.select("provider_id", *counts, n_patients=largest.cast(pl.Int64))
    return protect(table, name="chronic", keys=["provider_id"], margins=[[]], counts=counts)
