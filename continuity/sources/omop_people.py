"""The patients and providers of OMOP, with enrolment from observation periods and deaths."""

from typing import Final

import polars as pl

from continuity.errors import InputError, listing
from continuity.schema import conform
from continuity.sources import account, omop_codes
from continuity.sources.base import Count, ReadOptions
from continuity.sources.omop_columns import Frames, agreed, known, whole
from continuity.sources.text import typed

Account = tuple[Count, ...]
_PERSON: Final = {
    "patient_id": "person_id",
    "sex": "gender_concept_id",
    "birth_year": "year_of_birth",
    "listed_provider_id": "provider_id",
    "unit_id": "care_site_id",
    "location_id": "location_id",
}


def patients(raw: Frames, options: ReadOptions) -> tuple[pl.LazyFrame, Account]:
    """Give the canonical patients; the listed provider is ``person.provider_id``, which OMOP does not date.

    Raises
    ------
    InputError
        A table lacks a column, or holds an id or a date that cannot be read.
    """
    rows = _picked(raw["person"], "person", _PERSON)
    no_id = pl.when(pl.col("patient_id").is_null()).then(pl.lit("no person_id"))
    rows, counts = account.keep(rows, "patients", [no_id])
    once = rows.unique()
    n_twice = _height(rows) - _height(once)
    counts += account.some("patients", "the same row again", n_twice, "filter")
    other_sex = pl.when(~pl.col("sex").is_in(list(omop_codes.SEXES))).then(pl.col("sex"))
    counts += account.unmapped(once, "patients", "gender concept without a sex", other_sex)
    once = once.with_columns(
        sex=pl.col("sex").replace_strict(omop_codes.SEXES, default="unknown", return_dtype=pl.String),
        listed_provider_id=known("listed_provider_id"),
        unit_id=known("unit_id"),
    )
    once = _with_area(once, raw)
    once, of_enrolment = _with_enrolment(once, raw, options)
    found = raw["person"].collect_schema()
    absent = [ours for ours, theirs in _PERSON.items() if theirs not in found and ours != "location_id"]
    table = typed(once.drop(absent), "patients", where="person", time_zone=options.time_zone)
    return conform(table, "patients", where="person").sort("patient_id"), counts + of_enrolment


def providers(raw: Frames) -> tuple[pl.LazyFrame, Account]:
    """Give the canonical providers.

    The first and last visit are not taken for the time in which a provider is active: whoever has not been visited
    lately could then have no patient assigned.

    Raises
    ------
    InputError
        The table lacks a column, or holds an id that is no whole number.
    """
    rows = _picked(raw["provider"], "provider", _PROVIDER)
    no_id = pl.when(pl.col("provider_id").is_null()).then(pl.lit("no provider_id"))
    kept, counts = account.keep(rows, "providers", [no_id])
    other = pl.when(~pl.col("specialty").is_in(list(omop_codes.ROLES))).then(pl.col("specialty"))
    counts += account.unmapped(kept, "providers", "specialty concept without a role", other)
    once = provider_rows(raw["provider"])
    counts += account.some("providers", "further rows about the same provider", _height(kept) - _height(once), "filter")
    return conform(once, "providers", where="provider"), counts


_PROVIDER: Final = {"provider_id": "provider_id", "specialty": "specialty_concept_id", "unit_id": "care_site_id"}


def provider_rows(provider: pl.LazyFrame) -> pl.LazyFrame:
    """Give one row per provider: provider_id, role, unit_id; null where rows about one provider differ."""
    rows = _picked(provider, "provider", _PROVIDER).drop_nulls("provider_id")
    role = pl.col("specialty").replace_strict(omop_codes.ROLES, default=None, return_dtype=pl.String)
    return agreed(rows.select("provider_id", role=role, unit_id=known("unit_id")), "provider_id")


def _picked(frame: pl.LazyFrame, table: str, columns: dict[str, str]) -> pl.LazyFrame:
    """Give columns as whole numbers under our names; the first must be there, an absent one is null."""
    found = frame.collect_schema().names()
    key, *_ = columns.values()
    if key not in found:
        raise InputError(
            f"{table} lacks {key}.", allowed=f"Found: {listing(found)}.", next_step="Export the whole table."
        )
    present = [name for name in columns.values() if name in found]
    frame = whole(frame.select(present), present, table)
    return frame.select(
        (pl.col(theirs) if theirs in found else pl.lit(None, pl.Int64())).alias(ours)
        for ours, theirs in columns.items()
    )


def _height(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())


def _with_area(people: pl.LazyFrame, raw: Frames) -> pl.LazyFrame:
    """Add the county of the person's location, or its postal code where no county is given."""
    location = raw.get("location")
    names = location.collect_schema().names() if location is not None else []
    have = [name for name in ("county", "zip") if name in names]
    if location is None or "location_id" not in names or not have:
        return people.drop("location_id")
    places = whole(location.select("location_id", *have), ["location_id"], "location").drop_nulls("location_id")
    area = pl.coalesce(pl.col(name).cast(pl.String) for name in have)
    areas = agreed(places.select("location_id", area_code=area), "location_id")
    return people.join(areas, on="location_id", how="left").drop("location_id")


def _with_enrolment(people: pl.LazyFrame, raw: Frames, options: ReadOptions) -> tuple[pl.LazyFrame, Account]:
    """Add the time from the start of the first observation period to the end of the last, or to death.

    One span per patient is all that the canonical table can hold; patients with several periods are counted.
    """
    counts: Account = ()
    start, end = "enrolled_from", "enrolled_to"
    periods = {start: "observation_period_start_date", end: "observation_period_end_date"}
    spans = _dated(raw, "observation_period", periods, options)
    deaths = _dated(raw, "death", {end: "death_date"}, options)
    if spans is not None:
        spans = spans.group_by("patient_id").agg(pl.col(start).min(), pl.col(end).max(), n=pl.len())
        n = _height(spans.filter(pl.col("n") > 1))
        counts += account.some("patients", "several observation periods, taken as one from first to last", n)
        people = people.join(spans.drop("n"), on="patient_id", how="left")
    if deaths is not None:
        deaths = deaths.group_by("patient_id").agg(died=pl.col(end).min())
        people = people.join(deaths, on="patient_id", how="left")
        people = people.with_columns(pl.lit(None, pl.Date()).alias(end)) if spans is None else people
        n = _height(people.filter(pl.col("died") < pl.col(end)))
        counts += account.some("patients", "observation period that ends after death, cut at death", n)
        people = people.with_columns(pl.min_horizontal(end, "died").alias(end)).drop("died")
    return people, counts


def _dated(raw: Frames, table: str, dates: dict[str, str], options: ReadOptions) -> pl.LazyFrame | None:
    """Give a table's patients and dates; None where the table or a column is not there."""
    if table not in raw or not {"person_id", *dates.values()} <= set(raw[table].collect_schema()):
        return None
    rows = whole(raw[table].select("person_id", *dates.values()), ["person_id"], table).select(
        patient_id="person_id", **{o: pl.col(t) for o, t in dates.items()}
    )
    rows = typed(rows, "patients", where=table, time_zone=options.time_zone, date_format=options.date_format)
    return conform(rows.drop_nulls("patient_id"), "patients", where=table)
