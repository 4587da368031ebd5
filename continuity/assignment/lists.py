"""Whose list each patient is on today, where no list says it: told from visits, on request."""

import polars as pl

from continuity.assignment.attribution import attribute
from continuity.assignment.settings import Settings


def with_lists(
    people: pl.LazyFrame, visits: pl.LazyFrame, staff: pl.DataFrame, settings: Settings, counts: dict[str, int]
) -> pl.LazyFrame:
    """Fill a missing `listed_provider_id` by the rule of `Settings.attribute`, and count who has none before and after.

    Only a provider of the patient's unit who can have patients is filled in: nobody is said to leave a list by a guess.
    """
    if "listed_provider_id" not in people.collect_schema():
        people = people.with_columns(listed_provider_id=pl.lit(None, staff["provider_id"].dtype))
    has_none = pl.col("listed_provider_id").is_null()
    counts["n_patients_without_list"] = _count(people, has_none)
    if settings.attribute is None:
        return people
    told = "provider_role" in visits.collect_schema() or "role" in staff.columns
    seen = attribute(
        visits,
        providers=staff.lazy(),
        as_of=settings.as_of,
        lookback=settings.lookback,
        rule=settings.attribute,
        role=settings.role if told else None,
    ).select("patient_id", seen_id="provider_id")
    home = staff.lazy().filter("is_open").select(seen_id="provider_id", seen_unit="unit_id")
    joined = people.join(seen.join(home, on="seen_id"), on="patient_id", how="left")
    at_home = pl.lit(value=True)
    if "unit_id" in people.collect_schema():
        at_home = (pl.col("unit_id") == pl.col("seen_unit")).fill_null(value=True)
    found = pl.coalesce("listed_provider_id", pl.when(at_home).then(pl.col("seen_id")))
    # In memory: the visits are gone through once, and not again in each later pass over the patients.
    filled = joined.with_columns(found.alias("listed_provider_id")).drop("seen_id", "seen_unit")
    people = filled.collect(engine="streaming").lazy()
    counts["n_lists_told_from_visits"] = counts["n_patients_without_list"] - _count(people, has_none)
    return people


def _count(people: pl.LazyFrame, rows: pl.Expr) -> int:
    return int(people.select(rows.sum()).collect(engine="streaming").item())
