"""`assign`: who should be whose patient, with a proof of how good the answer is."""

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from continuity import display
from continuity.assignment import tell
from continuity.assignment.attribution_visits import Moment
from continuity.assignment.budget import find_budget, within
from continuity.assignment.cases import Case, UnitFrames, build
from continuity.assignment.pairs import nurses
from continuity.assignment.settings import Settings
from continuity.assignment.solve import Solved, solve
from continuity.assignment.tables import Opened, open_tables
from continuity.vocabulary import AssignmentMode, AttributionRule, Infeasible, Role

Report = Callable[[str], None]
_NEEDED: Final = (
    "patient_id",
    "unit_id",
    "household_id",
    "birth_year",
    "sex",
    "language",
    "listed_provider_id",
    "listed_from",
    "is_own_choice",
    "is_household_free",
    "is_chronic",
    "n_chronic",
    "latitude",
    "longitude",
    "workload",
)


@dataclass(frozen=True)
class Plan:
    """A panel plan.

    Parameters
    ----------
    assignments : polars.DataFrame
        One row per patient: patient_id, unit_id, provider_id, previous_provider_id, is_moved, is_new, reason, n_visits,
        n_visits_with_provider, n_visits_with_previous, previous_fill (load over target of the previous list), workload;
        is_chronic and household_id where the patients' table tells them.
    providers : polars.DataFrame
        One row per provider who can have patients: target, band, patients and load before and after, price.
    units : polars.DataFrame
        One row per unit: cost, lower_bound, gap, tolerance used, moves.
    groups : polars.DataFrame
        Patients and moves by age band, sex, language and chronic illness.
    summary : dict
        What summary.json holds.
    """

    assignments: pl.DataFrame
    providers: pl.DataFrame
    units: pl.DataFrame
    groups: pl.DataFrame
    summary: dict[str, Any]

    @property
    def gap(self) -> float | None:
        """(cost - lower bound) / |lower bound|: by how much the plan can be from the best at most."""
        gap: float | None = self.summary["gap"]
        return gap

    def _repr_html_(self) -> str:
        """Show the summary and the units; no patient and no provider."""
        said = ("n_patients", "n_moved", "share_visits_kept", "gap", "worst_outside_band")
        columns = ("unit_id", "n_providers", "n_patients", "n_moved", "tolerance", "gap")
        rows = self.units.filter(pl.col("n_patients") >= display.FEWEST).select(columns).rows()
        return display.panel("Plan", [(name, self.summary[name]) for name in said], columns, rows)


def assign(
    patients: Any,
    providers: Any,
    visits: Any,
    tolerance: float = 0.05,
    move_cost: float = 1.0,
    *,
    households: bool = False,
    max_moves: int | None = None,
    lookback: str = "24mo",
    as_of: Moment | None = None,
    seed: int = 1,
    role: Role = "doctor",
    chronic_priority: bool = False,
    languages: bool = True,
    locked: bool = True,
    mode: AssignmentMode = "best",
    infeasible: Infeasible = "refuse",
    chronic_tolerance: float | None = None,
    team_tolerance: float | None = None,
    distance_cost: float = 0.0,
    pair: bool = False,
    attribute: AttributionRule | None = None,
) -> Plan:
    """Give every patient one provider of their unit, at the least cost within the bands of work.

    Parameters
    ----------
    patients, providers, visits : frame
        Canonical tables. Patients who are not enrolled on the day of the plan are left out and counted.
    tolerance : float
        Each provider's workload lies within (1 +- tolerance) x fte / sum(fte) x the unit's workload.
    move_cost : float
        What a change from the listed provider costs, in visits.
    households : bool
        Keep each household (household_id, within a unit) together; members with is_household_free are free.
    max_moves : int, optional
        No more patients than this change their provider.
    lookback : str
        Visits in this time before `as_of` count, as a Polars duration.
    as_of : date, optional
        The day of the plan; by default just after the latest visit.
    seed : int
        Breaks ties, and draws in the mode ``random``.
    role : {"doctor", "nurse", "other"}
        Whose panels.
    chronic_priority : bool
        A change of a chronically ill patient costs twice.
    languages : bool
        Who speaks a language that a provider of the unit speaks goes to a speaker, or stays.
    locked : bool
        Who chose the listed provider (is_own_choice) within a year (listed_from) stays.
    mode : {"best", "random"}
        ``random`` keeps all in place but those whom the lot takes from lists above their band.
    infeasible : {"refuse", "nearest", "penalty"}
        Of a unit that cannot meet its band: ``nearest`` widens it to the least that can be met; ``penalty`` lets single
        providers out of it, at a price that rises with the distance (see `summary`: penalty).
    chronic_tolerance, team_tolerance : float, optional
        Bands for each provider's share of the chronically ill, and for each team's work.
    distance_cost : float
        What a kilometre to the provider costs, in visits, where both have latitude and longitude.
    pair : bool
        Name a nurse too (``nurse_id``): of the provider's team, the one seen most, else the one with least work.
    attribute : {"longest_span", "four_cut", "majority", "most_recent"}, optional
        Who has no listed provider is taken to be on the list that `continuity.attribute` gives by this rule, when it is
        of the patient's unit. None: they have no list, so a first one costs nothing but the visits not kept.

    Returns
    -------
    Plan
        Its ``assignments`` have one row per patient; its ``summary`` has cost, lower_bound, gap and the rest.

    Raises
    ------
    InputError
        A table lacks a column or breaks a rule: an id twice, a negative fte or workload, a patient without a unit.
    InfeasibleError
        A unit cannot be planned as asked; the message says what is lacking and the nearest tolerance.

    Notes
    -----
    The cost is the sum over patients of move_cost x priority x [changes, having a listed provider] less the visits with
    the assigned provider in the look-back. The lower bound is a Lagrangian dual with a price for each provider's work.

    References
    ----------
    Shmoys and Tardos (1993), doi:10.1007/BF01585178, on rounding to whole items.

    Examples
    --------
    >>> from datetime import datetime
    >>> patients = pl.DataFrame({"patient_id": [1, 2], "listed_provider_id": ["A", "A"], "workload": [2.0, 2.0]})
    >>> providers = pl.DataFrame({"provider_id": ["A", "B"], "fte": [1.0, 1.0]})
    >>> visits = pl.DataFrame({"patient_id": [1, 2], "provider_id": ["A", "B"], "visit_at": [datetime(2025, 1, 1)] * 2})
    >>> plan = assign(patients, providers, visits)
    >>> plan.assignments["provider_id"].to_list(), plan.summary["cost"]
    (['A', 'B'], -1.0)
    """
    given = dict(locals())
    frames = {name: given.pop(name) for name in ("patients", "providers", "visits")}
    settings = Settings(**given)
    return plan_of(open_tables(**frames, settings=settings), settings)


def plan_of(opened: Opened, settings: Settings) -> Plan:
    """Plan tables that have been opened."""
    parts = list(parts_of(opened, settings))
    patients, staff, units, groups = (
        pl.concat([part[at] for part in parts], how="vertical_relaxed") for at in range(4)
    )
    groups = total_groups(groups)
    summary = summarised(opened, settings, (staff, units, groups), _by_reason(patients))
    return Plan(patients, staff, units, groups, summary)


def parts_of(opened: Opened, settings: Settings) -> Iterator[tuple[pl.DataFrame, ...]]:
    """Plan unit by unit: give patients, providers, units and groups of some units at a time, in the order of units.

    What is in memory is a batch of units, whatever the number of units.
    """
    settings = settings.with_(as_of=opened.as_of)

    def over(work: Callable[[Case], Any]) -> Iterator[Any]:
        return over_cases(opened, settings, work)

    cap = settings.max_moves
    budget = None if cap is None else find_budget(over, settings, cap)
    caps = {} if budget is None else dict(zip(opened.units["unit_id"], budget.caps, strict=True))

    def one(case: Case) -> tuple[pl.DataFrame, ...]:
        solved = solve(case, settings) if budget is None else within(case, settings, budget, caps[case.unit])
        return tables_of(case, solved, settings, opened)

    yield from over(one)


def tables_of(case: Case, solved: Solved, settings: Settings, opened: Opened) -> tuple[pl.DataFrame, ...]:
    """Give the four tables of one unit."""
    patients = tell.of_patients(case, solved, settings, opened.providers)
    if settings.pair:
        nurse = pl.DataFrame({"patient_id": case.people["patient_id"]}).with_columns(
            nurse_id=nurses(case, solved, opened.providers, settings.seed)
        )
        patients = patients.join(nurse, on="patient_id", how="left", maintain_order="left")
    staff = tell.of_providers(case, solved)
    unit = pl.DataFrame([tell.of_unit(case, solved, patients, staff)])
    return patients, staff, unit, tell.of_groups(case, patients, opened.as_of.year)


def over_cases(opened: Opened, settings: Settings, work: Callable[[Case], Any]) -> Iterator[Any]:
    """Do the work for each unit, several at a time, and give the results in the order of units."""
    from threadpoolctl import threadpool_limits

    workers = max(1, min(os.cpu_count() or 1, 8))
    # One thread a unit: several would add the same numbers in another order and give other last digits.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        for batch in opened.batches():
            frames = list(_frames(opened, batch, settings.role))
            yield from pool.map(lambda f: work(build(f, settings)), frames)  # map is used up at once


def _frames(opened: Opened, units: list[Any], role: Role) -> Iterator[UnitFrames]:
    """Read the patients of some units and count their visits to each provider: one pass over the visits."""
    names = opened.patients.collect_schema().names()
    people = (
        opened.patients.filter(pl.col("unit_id").is_in(units))
        .select(name for name in _NEEDED if name in names)
        .collect(engine="streaming")
        .with_row_index("row")
    )
    place = opened.providers.select("provider_id").with_row_index("place")
    counted = (
        opened.visits.join(people.lazy().select("patient_id", "row"), on="patient_id")
        .join(place.lazy(), on="provider_id", how="left")
        .group_by("row", "place")
        .agg(n=pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )
    # Visits to nurses say nothing of how well doctors are known: shares of visits are of the role that is planned.
    is_other = pl.col("place").is_in(_of_other_roles(opened.providers, role)).fill_null(value=False)
    n = counted.filter(~is_other).group_by("row").agg(n_visits=pl.col("n").sum())
    people = people.join(n, on="row", how="left").with_columns(pl.col("n_visits").fill_null(0))
    pairs = (
        counted.join(place, on="place")
        .drop("place")
        .join(people.select("row", "unit_id"), on="row")
        .partition_by("unit_id", as_dict=True, include_key=False)
    )
    nothing = pl.DataFrame(schema={"row": pl.UInt32, "n": pl.Int64, "provider_id": place["provider_id"].dtype})
    of_unit = people.partition_by("unit_id", as_dict=True)
    for unit in units:
        staff = opened.providers.filter(pl.col("is_open"), pl.col("unit_id") == unit)
        yield UnitFrames(unit, of_unit[(unit,)], staff, pairs.get((unit,), nothing))


def _of_other_roles(staff: pl.DataFrame, role: Role) -> list[int]:
    """Give the places of the providers who are known to have another role."""
    if "role" not in staff.columns:
        return []
    return staff.with_row_index("place").filter(pl.col("role") != role)["place"].to_list()


def _by_reason(patients: pl.DataFrame) -> dict[str, int]:
    return {str(reason): int(n) for reason, n in patients["reason"].value_counts().sort("reason").iter_rows()}


def total_groups(groups: pl.DataFrame) -> pl.DataFrame:
    """Add the groups of all units up, with the share that moved."""
    total = groups.group_by("by", "group").agg(pl.col(pl.Int64).sum()).sort("by", "group", nulls_last=True)
    return total.with_columns(share_moved=pl.col("n_moved") / pl.col("n_patients"))


def summarised(
    opened: Opened, settings: Settings, tables: tuple[pl.DataFrame, ...], by_reason: dict[str, int]
) -> dict[str, Any]:
    """Give what summary.json holds, from the tables of providers, units and groups."""
    staff, units, groups = tables
    total = {
        name: math.fsum(units[name]) if units[name].dtype.is_float() else int(units[name].sum())
        for name in (
            "cost",
            "penalty",
            "lower_bound",
            "tightest_bound",
            "n_patients",
            "n_moved",
            "n_visits",
            "n_visits_kept",
        )
    }
    n_visits, kept = total.pop("n_visits"), total.pop("n_visits_kept")
    with_previous = int(units["n_visits_with_previous"].sum())
    counts = opened.counts | {name: int(units[name].sum()) for name in ("n_locked", "n_households_split")}
    return {
        **total,
        "gap": tell.gap(total["cost"] + total["penalty"], total["lower_bound"]),
        "share_visits_kept": kept / n_visits if n_visits else None,
        "share_visits_with_previous": with_previous / n_visits if n_visits else None,
        "worst_outside_band": units["worst_outside_band"].max(),
        "n_units": units.height,
        "n_units_widened": int((units["tolerance"] > settings.tolerance).sum()),
        "n_units_penalised": int((units["penalty"] > 0).sum()),
        "reasons": by_reason,
        "counts": counts,
        "providers": staff.to_dicts(),
        "units": units.to_dicts(),
        "groups": groups.to_dicts(),
        "parameters": settings.as_parameters() | {"as_of": str(opened.as_of), "lookback_start": str(opened.start)},
    }
