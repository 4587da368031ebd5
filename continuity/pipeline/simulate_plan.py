"""What a plan will do beside what today's lists would: the simulation of both, on the same requests."""

from typing import Any, Final

import polars as pl

from continuity.assignment.settings import Settings
from continuity.assignment.simulation import simulate
from continuity.assignment.tables import Opened
from continuity.errors import UsageError
from continuity.pipeline.explain_plan import Planned

MEASURES: Final = (
    "coc",
    "upc",
    "share_own_doctor",
    "overflow_of_doctors",
    "share_overtime",
    "wait_days",
    "share_within_14_days",
    "third_next_days",
)
_LISTS: Final = {"today": "previous_provider_id", "plan": "provider_id"}


def simulated(made: Planned, opened: Opened, settings: Settings, years: int) -> dict[str, Any]:
    """Simulate years under today's lists and under the plan.

    Parameters
    ----------
    made : Planned
    opened : Opened
    settings : Settings
    years : int
        Of each; above 0.

    Returns
    -------
    dict
        years, seed, and rows: measure, and for ``today`` and ``plan`` the estimate, low and high. With several units
        each is the mean of the units by their patients: the interval is that of a usual unit. Null where nothing
        happened that the measure is of.

    Raises
    ------
    UsageError
        Fewer than one year.

    Notes
    -----
    Today's lists are those that can go on: who is listed with somebody that can have no patients any more has none.
    """
    if years < 1:
        raise UsageError("A simulation needs at least one year.", next_step="Give --simulate 20, say.")
    staff = opened.providers.filter("is_open")
    names = opened.patients.collect_schema().names()
    born = [name for name in ("birth_year",) if name in names]
    people = opened.patients.select("patient_id", *born).collect(engine="streaming")
    plan = pl.read_parquet(made.assignments).join(people, on="patient_id", how="left")
    found = {}
    for name, column in _LISTS.items():
        can_stay = pl.col(column).is_in(staff["provider_id"].implode())
        lists = plan.select("patient_id", "unit_id", "workload", *born, provider_id=pl.when(can_stay).then(column))
        done = simulate(lists, staff, replicates=years, seed=settings.seed, as_of=opened.as_of.date(), role=None)
        found[name] = _of_all(done.units, opened.units)
    rows = [
        {"measure": measure, **{f"{name}_{part}": found[name][measure][part] for name in _LISTS for part in _PARTS}}
        for measure in MEASURES
    ]
    return {"years": years, "seed": settings.seed, "rows": rows}


_PARTS: Final = ("estimate", "ci_low", "ci_high")


def _of_all(units: pl.DataFrame, sizes: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """Give the mean over units by their patients; a unit without a number has no part in it."""
    weighted = units.join(sizes.select("unit_id", "n_patients"), on="unit_id").drop_nulls(_PARTS)
    means = weighted.group_by("measure").agg(
        ((pl.col(part) * pl.col("n_patients")).sum() / pl.col("n_patients").sum()).alias(part) for part in _PARTS
    )
    known = {row["measure"]: row for row in means.iter_rows(named=True)}
    nothing: dict[str, float | None] = dict.fromkeys(_PARTS)
    return {measure: {part: known.get(measure, nothing)[part] for part in _PARTS} for measure in MEASURES}
