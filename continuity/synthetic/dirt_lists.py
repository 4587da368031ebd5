"""Faults of lists: patients and providers who are not there, there twice, or whose dates and numbers cannot be."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final

import polars as pl

from continuity.synthetic.calendar import add_years
from continuity.synthetic.setting import Dirt
from continuity.synthetic.spots import Planting, Spot, among, change_patients, change_provider
from continuity.synthetic.tables import Synthetic

_NO_ID: Final = pl.lit(None, dtype=pl.String)
_NO_DAY: Final = pl.lit(None, dtype=pl.Date)


def visit_before_enrolment(tables: Synthetic, spot: Spot) -> Synthetic:
    """Record one visited patient in a hundred as having come the day after the first visit."""
    first = tables.visits.group_by("patient_id").agg(first=pl.col("visit_at").min().dt.date())
    joined = tables.patients.join(first, on="patient_id", how="left", maintain_order="left")
    after = pl.col("first") + pl.duration(days=1)
    stays = pl.col("enrolled_to").is_null() | (pl.col("enrolled_to") > after)
    marked = among(joined.select(stays & pl.col("first").is_not_null()).to_series(), spot, 0.01)
    came = pl.when(marked).then(after).otherwise("enrolled_from").alias("enrolled_from")
    return replace(tables, patients=joined.with_columns(came).drop("first"))


def unlisted_provider(tables: Synthetic, spot: Spot) -> Synthetic:
    """Put one listed patient in a hundred on the list of a provider who is not in the table of providers."""
    listed = among(tables.patients["listed_provider_id"].is_not_null(), spot, 0.01)
    return change_patients(tables, listed, listed_provider_id=pl.lit("X999"))


def departed_provider(tables: Synthetic, spot: Spot) -> Synthetic:
    """Let the first doctor who has a list leave in the middle of the first year; the list and the visits stay."""
    listed = tables.patients["listed_provider_id"].drop_nulls()
    permanent = tables.providers["active_to"].is_null() & (tables.providers["active_from"] <= spot.setting.start)
    rows = (permanent & tables.providers["provider_id"].is_in(listed.implode())).arg_true()
    if spot.block > 0 or rows.is_empty():
        return tables
    middle = date(spot.setting.start.year, 7, 1)
    return change_provider(tables, int(rows[0]), active_to=pl.lit(max(middle, spot.setting.start)))


def unit_without_list(tables: Synthetic, spot: Spot) -> Synthetic:
    """Take the lists of the first unit away."""
    del spot  # nothing is left to chance
    there = tables.patients["unit_id"] == tables.providers["unit_id"][0]
    return change_patients(tables, there, listed_provider_id=_NO_ID, listed_from=_NO_DAY)


def duplicate_patients(tables: Synthetic, spot: Spot) -> Synthetic:
    """Write one patient in a hundred twice."""
    again = tables.patients.filter(spot.some(tables.patients.height, 0.01))
    return replace(tables, patients=pl.concat([tables.patients, again]))


def duplicate_provider(tables: Synthetic, spot: Spot) -> Synthetic:
    """Write the first provider twice."""
    del spot
    return replace(tables, providers=pl.concat([tables.providers, tables.providers.head(1)]))


def nameless_patients(tables: Synthetic, spot: Spot) -> Synthetic:
    """Take the id of one patient in two hundred out of the table of patients."""
    return change_patients(tables, spot.some(tables.patients.height, 0.005), patient_id=_NO_ID)


def nameless_provider(tables: Synthetic, spot: Spot) -> Synthetic:
    """Take the id of the first provider out of the table of providers."""
    del spot
    return change_provider(tables, 0, provider_id=_NO_ID)


def bad_sex(tables: Synthetic, spot: Spot) -> Synthetic:
    """Write a sex outside the list for one patient in a hundred."""
    return change_patients(tables, spot.some(tables.patients.height, 0.01), sex=pl.lit("N"))


def ancient_patients(tables: Synthetic, spot: Spot) -> Synthetic:
    """Write the birth year of one patient in a hundred with a century too few."""
    ancient = pl.lit(1850, dtype=pl.Int64)
    return change_patients(tables, spot.some(tables.patients.height, 0.01), birth_year=ancient)


def unborn_patients(tables: Synthetic, spot: Spot) -> Synthetic:
    """Write a birth year 150 years ahead for one patient in five hundred."""
    ahead = pl.lit(spot.setting.start.year + 150, dtype=pl.Int64)
    return change_patients(tables, spot.some(tables.patients.height, 0.002), birth_year=ahead)


def reversed_enrolment(tables: Synthetic, spot: Spot) -> Synthetic:
    """End the enrolment of one patient in a hundred, of those without visits, the day before it began."""
    visited = tables.patients["patient_id"].is_in(tables.visits["patient_id"].drop_nulls().implode())
    before = pl.col("enrolled_from") - pl.duration(days=1)
    return change_patients(tables, among(~visited, spot, 0.01), enrolled_to=before)


def enrolled_before_birth(tables: Synthetic, spot: Spot) -> Synthetic:
    """Let the enrolment of one patient in a hundred begin two years before the birth year."""
    early = pl.date(pl.col("birth_year") - 2, 1, 1)
    return change_patients(tables, spot.some(tables.patients.height, 0.01), enrolled_from=early)


def negative_numbers(tables: Synthetic, spot: Spot) -> Synthetic:
    """Mark unknown chronic conditions of one patient in a hundred by -1, and likewise unknown workloads."""
    n = tables.patients.height
    tables = change_patients(tables, spot.some(n, 0.01), n_chronic=pl.lit(-1, dtype=pl.Int64))
    return change_patients(tables, spot.some(n, 0.01), workload=pl.lit(-1.0))


def bad_provider_role(tables: Synthetic, spot: Spot) -> Synthetic:
    """Write a role outside the list for the first provider."""
    del spot
    return change_provider(tables, 0, role=pl.lit("lääkäri"))


def hours_for_fte(tables: Synthetic, spot: Spot) -> Synthetic:
    """Write the first provider's hours a week in the place of the full-time equivalent."""
    del spot
    return change_provider(tables, 0, fte=pl.lit(38.25))


def reversed_activity(tables: Synthetic, spot: Spot) -> Synthetic:
    """Let the first provider begin a year after the end of work, both before the period."""
    end = add_years(spot.setting.start, -2)
    return change_provider(tables, 0, active_from=pl.lit(add_years(end, 1)), active_to=pl.lit(end))


LIST_KINDS: Final[Mapping[Dirt, Planting]] = {
    "visit_before_enrolment": visit_before_enrolment,
    "unlisted_provider": unlisted_provider,
    "departed_provider": departed_provider,
    "unit_without_list": unit_without_list,
    "duplicate_patients": duplicate_patients,
    "duplicate_provider": duplicate_provider,
    "nameless_patients": nameless_patients,
    "nameless_provider": nameless_provider,
    "bad_sex": bad_sex,
    "ancient_patients": ancient_patients,
    "unborn_patients": unborn_patients,
    "reversed_enrolment": reversed_enrolment,
    "enrolled_before_birth": enrolled_before_birth,
    "negative_numbers": negative_numbers,
    "bad_provider_role": bad_provider_role,
    "hours_for_fte": hours_for_fte,
    "reversed_activity": reversed_activity,
}
