"""Faults of records: what was not written, written late, twice, or under somebody else's login."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import polars as pl

from continuity.synthetic.arrays import number_ids
from continuity.synthetic.setting import Dirt
from continuity.synthetic.spots import Planting, Spot, among, append, change, shift
from continuity.synthetic.tables import Synthetic

_NO_ID: Final = pl.lit(None, dtype=pl.String)
_NO_TIME: Final = pl.lit(None, dtype=pl.Datetime("us"))


def blank_patient(tables: Synthetic, spot: Spot) -> Synthetic:
    """Leave one visit in two hundred without a patient."""
    return change(tables, spot.some(tables.visits.height, 0.005), patient_id=_NO_ID)


def blank_time(tables: Synthetic, spot: Spot) -> Synthetic:
    """Leave one visit in two hundred without a time."""
    return change(tables, spot.some(tables.visits.height, 0.005), visit_at=_NO_TIME)


def blank_visit_id(tables: Synthetic, spot: Spot) -> Synthetic:
    """Leave one visit in a hundred without a visit id."""
    return change(tables, spot.some(tables.visits.height, 0.01), visit_id=_NO_ID)


def blank_unit(tables: Synthetic, spot: Spot) -> Synthetic:
    """Leave one visit in five without a unit."""
    return change(tables, spot.some(tables.visits.height, 0.2), unit_id=_NO_ID)


def default_date(tables: Synthetic, spot: Spot) -> Synthetic:
    """Move one visit in two hundred, with its contact and assessment, 225 years back, as default dates do."""
    back = pl.col("visit_at").dt.offset_by("-225y") - pl.col("visit_at")
    return change(tables, spot.some(tables.visits.height, 0.005), **shift(back))


def bad_urgency(tables: Synthetic, spot: Spot) -> Synthetic:
    """Write an urgency outside the list into one visit in a hundred."""
    return change(tables, spot.some(tables.visits.height, 0.01), urgency=pl.lit("kiireellinen"))


def contact_after_visit(tables: Synthetic, spot: Spot) -> Synthetic:
    """Move the contact of one visit in fifty to the day after, and take its assessment away."""
    late = pl.col("visit_at") + pl.duration(days=1)
    return change(tables, spot.some(tables.visits.height, 0.02), contacted_at=late, assessed_at=_NO_TIME)


def assessed_before_contact(tables: Synthetic, spot: Spot) -> Synthetic:
    """Assess one visit in fifty, of those with a contact, the day before the contact."""
    marked = among(tables.visits["contacted_at"].is_not_null(), spot, 0.02)
    return change(tables, marked, assessed_at=pl.col("contacted_at") - pl.duration(days=1))


def recorded_twice(tables: Synthetic, spot: Spot) -> Synthetic:
    """Record one visit in fifty again under another visit id."""
    again = tables.visits.filter(spot.some(tables.visits.height, 0.02))
    return append(tables, again.with_columns(visit_id=number_ids(f"V-TWICE-{spot.block}-", again.height)))


def unit_without_providers(tables: Synthetic, spot: Spot) -> Synthetic:
    """Take the providers from all visits of the first unit."""
    del spot  # nothing is left to chance
    return change(tables, tables.visits["unit_id"] == tables.providers["unit_id"][0], provider_id=_NO_ID)


def roaming_login(tables: Synthetic, spot: Spot) -> Synthetic:
    """Let one doctor's login record a doctor's visit in every unit on one day: the day and login of the most units."""
    doctors = tables.visits.with_row_index("row").filter(provider_role="doctor").drop_nulls("provider_id")
    if spot.block > 0 or doctors.is_empty():
        return tables
    by_day = doctors.with_columns(day=pl.col("visit_at").dt.date())
    days = by_day.group_by("day").agg(n=pl.col("unit_id").n_unique()).sort("n", "day", descending=[True, False])
    that_day = by_day.filter(day=days["day"][0])
    taken = that_day.unique("unit_id", keep="first", maintain_order=True)["row"]
    marked = pl.select(pl.int_range(tables.visits.height, dtype=pl.UInt32).is_in(taken.implode())).to_series()
    return change(tables, marked, provider_id=pl.lit(that_day["provider_id"][0]))


def login_of_two_roles(tables: Synthetic, spot: Spot) -> Synthetic:
    """Let nurses record one visit in five of the first unit's under the login of one doctor of theirs."""
    unit = tables.providers["unit_id"][0]
    permanent = pl.col("active_to").is_null() & (pl.col("active_from") <= spot.setting.start)
    doctors = tables.providers.filter(permanent, unit_id=unit, role="doctor")["provider_id"]
    seen = doctors.filter(doctors.is_in(tables.visits["provider_id"].drop_nulls().implode()))
    of_nurses = (tables.visits["unit_id"] == unit) & (tables.visits["provider_role"] == "nurse")
    if spot.block > 0 or seen.is_empty():
        return tables
    return change(tables, among(of_nurses, spot, 0.2), provider_id=pl.lit(seen[0]))


def closed_month(tables: Synthetic, spot: Spot) -> Synthetic:
    """Lose the visits of every unit in the fifth month of the period."""
    first = pl.lit(spot.setting.start)
    lost = pl.col("visit_at").is_between(first.dt.offset_by("4mo"), first.dt.offset_by("5mo"), closed="left")
    return replace(tables, visits=tables.visits.filter(~lost))


RECORD_KINDS: Final[Mapping[Dirt, Planting]] = {
    "blank_patient": blank_patient,
    "blank_time": blank_time,
    "blank_visit_id": blank_visit_id,
    "blank_unit": blank_unit,
    "default_date": default_date,
    "bad_urgency": bad_urgency,
    "contact_after_visit": contact_after_visit,
    "assessed_before_contact": assessed_before_contact,
    "recorded_twice": recorded_twice,
    "unit_without_providers": unit_without_providers,
    "roaming_login": roaming_login,
    "login_of_two_roles": login_of_two_roles,
    "closed_month": closed_month,
}
