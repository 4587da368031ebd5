"""What a plan says: of each patient, each provider, each unit and each group of patients."""

from typing import Any, Final

import numpy as np
import polars as pl

from continuity.assignment.cases import Case, chronic
from continuity.assignment.reasons import loads_before, reasons
from continuity.assignment.settings import Settings
from continuity.assignment.solve import Solved
from continuity.schema import age_band

_GROUPS: Final = ("age_band", "sex", "language", "is_chronic")


def of_patients(case: Case, solved: Solved, settings: Settings, providers: pl.DataFrame) -> pl.DataFrame:
    """Give one row per patient, sorted by patient_id."""
    here, people = np.arange(case.people.height), case.people
    own, fill = case.listed, loads_before(case) / case.target
    listed = (
        people["listed_provider_id"]
        if "listed_provider_id" in people.columns
        else pl.repeat(None, people.height, dtype=case.staff["provider_id"].dtype, eager=True)
    )
    seen = case.visits[np.maximum(own, 0), here]
    table = pl.DataFrame(
        {
            "patient_id": people["patient_id"],
            "unit_id": people["unit_id"],
            "provider_id": case.staff["provider_id"].gather(solved.choice),
            "previous_provider_id": listed,
            "is_moved": (own != -1) & (solved.choice != own),
            "is_new": own == -1,
            "reason": reasons(case, solved, settings, providers),
            "n_visits": people["n_visits"],
            "n_visits_with_provider": case.visits[solved.choice, here].astype(np.int64),
            "n_visits_with_previous": pl.Series(seen.astype(np.int64)).set(pl.Series(own < 0), None),
            "previous_fill": pl.Series(fill[np.maximum(own, 0)]).set(pl.Series(own < 0), None),
            "workload": people["workload"],
        }
    )
    if {"is_chronic", "n_chronic"} & set(people.columns):
        table = table.with_columns(is_chronic=pl.Series(chronic(people)))
    if "household_id" in people.columns:
        table = table.with_columns(household_id=people["household_id"])
    return table.sort("patient_id")


def of_providers(case: Case, solved: Solved) -> pl.DataFrame:
    """Give one row per provider of the unit who can have patients, sorted by provider_id."""
    m, a, own = case.target.size, solved.choice, case.listed
    on = np.flatnonzero(own >= 0)
    after = np.bincount(a, case.workload, m)
    ill = chronic(case.people).astype(float)
    keeps = ["provider_id", "unit_id", *[c for c in ("team_id", "fte") if c in case.staff.columns]]
    stays = on[own[on] == a[on]]
    n_before, n_after, n_kept = (np.bincount(x, minlength=m) for x in (own[on], a, a[stays]))
    low, high = (1 - solved.tolerance) * case.target, (1 + solved.tolerance) * case.target
    return (
        case.staff.select(keeps)
        .with_columns(
            target=pl.Series(case.target),
            low=pl.Series(low),
            high=pl.Series(high),
            n_patients_before=pl.Series(n_before),
            n_patients_after=pl.Series(n_after),
            load_before=pl.Series(loads_before(case)),
            load_after=pl.Series(after),
            n_kept=pl.Series(n_kept),
            n_left=pl.Series(n_before - n_kept),
            n_joined=pl.Series(n_after - n_kept),
            n_chronic_before=pl.Series(np.bincount(own[on], ill[on], m).astype(np.int64)),
            n_chronic_after=pl.Series(np.bincount(a, ill, m).astype(np.int64)),
            outside_band=pl.Series(np.maximum(np.maximum(after / case.target - 1, 1 - after / case.target), 0)),
            price=pl.Series(solved.price),
        )
        .with_columns(outside_band=_outside(pl.col("outside_band"), solved.tolerance))
        .sort("provider_id")
    )


def _outside(away: pl.Expr, tolerance: float) -> pl.Expr:
    # A load at the edge of its band is inside: sums of decimal workloads carry rounding errors.
    return pl.when(away - tolerance > 1e-12).then(away - tolerance).otherwise(0.0)


def of_unit(case: Case, solved: Solved, patients: pl.DataFrame, providers: pl.DataFrame) -> dict[str, Any]:
    """Give what a plan says of a unit."""
    return {
        "unit_id": case.unit,
        "n_patients": case.people.height,
        "n_items": int(case.item.max()) + 1,
        "n_providers": case.staff.height,
        "n_moved": int(patients["is_moved"].sum()),
        "cost": solved.cost,
        "penalty": solved.penalty,
        "lower_bound": solved.bound_floored,
        "tightest_bound": solved.bound,
        "gap": gap(solved.cost + solved.penalty, solved.bound_floored),
        "tolerance": solved.tolerance,
        "worst_outside_band": float(providers["outside_band"].max()),  # type: ignore[arg-type] # never empty
        "n_visits": int(patients["n_visits"].sum()),
        "n_visits_kept": int(patients["n_visits_with_provider"].sum()),
        "n_visits_with_previous": int(patients["n_visits_with_previous"].sum()),
        "n_locked": int(case.locked.sum()),
        **case.counts,
    }


def gap(cost: float, bound: float) -> float | None:
    """Give (cost - bound) / |bound|; null where the bound is 0 and the cost is not."""
    if cost == bound:
        return 0.0
    return (cost - bound) / abs(bound) if bound else None


def of_groups(case: Case, patients: pl.DataFrame, year: int) -> pl.DataFrame:
    """Count patients and moves by age band, sex, language and chronic illness; null is a group of its own."""
    people = case.people.select(
        "patient_id",
        age_band=age_band(year - pl.col("birth_year")) if "birth_year" in case.people.columns else pl.lit(None),
        is_chronic=pl.Series(chronic(case.people).astype(str)).str.to_lowercase(),
        **{name: pl.col(name) if name in case.people.columns else pl.lit(None) for name in ("sex", "language")},
    )
    rows = people.join(patients.select("patient_id", "is_moved", "reason"), on="patient_id")
    return pl.concat(
        rows.group_by(group=pl.col(name).cast(pl.String))
        .agg(
            n_patients=pl.len().cast(pl.Int64),
            n_moved=pl.col("is_moved").sum().cast(pl.Int64),
            n_moved_for_balance=(pl.col("is_moved") & pl.col("reason").is_in(["list_full", "balance", "drawn"]))
            .sum()
            .cast(pl.Int64),
        )
        .select(pl.lit(name).alias("by"), "group", "n_patients", "n_moved", "n_moved_for_balance")
        for name in _GROUPS
    )
