"""The tables of a plan, checked before any work: who is to be placed, who can take them, which visits count."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from continuity.assignment.attribution_visits import canonical, parsed
from continuity.assignment.lists import with_lists
from continuity.assignment.settings import Settings
from continuity.errors import InfeasibleError, InputError, counted

ONE_UNIT: Final = "all"
_BATCH: Final = 1_200_000
"""Patients whose frames are in memory at a time."""


@dataclass(frozen=True)
class Opened:
    """Tables that have passed the checks.

    Parameters
    ----------
    patients : polars.LazyFrame
        One row per patient to be placed; unit_id and workload never null.
    providers : polars.DataFrame
        Every provider; `is_active` on the day of the plan, `is_open` where it can have patients too.
    visits : polars.LazyFrame
        patient_id, provider_id of the visits in the look-back that have a known provider.
    units : polars.DataFrame
        unit_id, n_patients, workload (its sum), in order.
    as_of, start : datetime
        The look-back is [start, as_of).
    counts : dict
        What was left out or treated, by name.
    """

    patients: pl.LazyFrame
    providers: pl.DataFrame
    visits: pl.LazyFrame
    units: pl.DataFrame
    as_of: datetime
    start: datetime
    counts: dict[str, int] = field(default_factory=dict)

    def batches(self) -> Iterator[list[Any]]:
        """Give the units in batches that fit in memory together."""
        batch: list[Any] = []
        n = 0
        for unit, size in self.units.select("unit_id", "n_patients").iter_rows():
            if batch and n + size > _BATCH:
                yield batch
                batch, n = [], 0
            batch.append(unit)
            n += size
        if batch:
            yield batch


def open_tables(patients: Any, providers: Any, visits: Any, settings: Settings) -> Opened:
    """Check the tables and bring them to one form.

    Raises
    ------
    InputError
        An id that is blank or stands twice; an fte or a workload that is negative; a patient without a unit.
    InfeasibleError
        A unit has patients and no provider who can take them.
    """
    people, staff, every = _ids(
        canonical(patients, "patients"), canonical(providers, "providers"), canonical(visits, "visits")
    )
    local = pl.col("visit_at").dt.replace_time_zone(None).cast(pl.Datetime("us"))
    seen = every.select("patient_id", "provider_id", visit_at=local)
    as_of, start, counts = _window(seen, settings)
    counts |= _repeated(every)
    table = _staff(staff.collect(engine="streaming"), settings, as_of)
    _refuse_bad_ids(people, "patients", "patient_id")
    if "unit_id" not in people.collect_schema() and table["unit_id"].null_count() == table.height:
        table = table.with_columns(unit_id=pl.lit(ONE_UNIT))
    people = with_lists(people, every, table, settings.with_(as_of=as_of), counts)
    people = _enrolled(_with_units(people, table), as_of, counts)
    if "workload" not in people.collect_schema():
        people = _estimated(people, every, table, as_of, settings)
        counts["n_workload_estimated"] = people.select(pl.len()).collect(engine="streaming").item()
    people = _with_workload(people, counts)
    if settings.households and "household_id" in people.collect_schema():
        counts["n_households_across_units"] = _households_across(people)
    units = (
        people.group_by("unit_id")
        .agg(n_patients=pl.len().cast(pl.Int64), workload=pl.col("workload").sum())
        .sort("unit_id")
        .collect(engine="streaming")
    )
    _refuse_units(units, table)
    known = seen.filter(
        (pl.col("visit_at") >= start) & (pl.col("visit_at") < as_of), pl.col("provider_id").is_not_null()
    ).select("patient_id", "provider_id")
    return Opened(people, table, known, units, as_of, start, counts)


def _ids(people: pl.LazyFrame, staff: pl.LazyFrame, seen: pl.LazyFrame) -> tuple[pl.LazyFrame, ...]:
    """Make ids of the same thing alike in type: whole numbers of any width are one type."""
    frames = []
    types: dict[str, dict[str, pl.DataType]] = {"patient": {}, "provider": {}}
    for name, frame in (("patients", people), ("providers", staff), ("visits", seen)):
        schema = frame.collect_schema()
        whole = [c for c, t in schema.items() if c.endswith("_id") and t.is_integer()]
        changed = frame.with_columns(pl.col(whole).cast(pl.Int64)) if whole else frame
        for column in ("patient_id", "provider_id", "listed_provider_id"):
            if column in schema:
                kind = pl.Int64() if column in whole else schema[column]
                types["patient" if column == "patient_id" else "provider"][f"{column} of {name}"] = kind
        frames.append(changed)
    for found in types.values():
        if len(set(found.values())) > 1:
            said = "; ".join(f"{name} is {kind}" for name, kind in found.items())
            raise InputError(
                f"The same ids have several types: {said}.",
                allowed="Ids of one thing are text in every table, or whole numbers in every table.",
                next_step="Convert the column in one of the tables.",
            )
    return tuple(frames)


def _window(seen: pl.LazyFrame, settings: Settings) -> tuple[datetime, datetime, dict[str, int]]:
    """Give the look-back [start, as_of); by default it ends just after the latest visit."""
    latest = seen.select(pl.col("visit_at").max()).collect(engine="streaming").item()
    if settings.as_of is not None:
        as_of = parsed(settings.as_of)
    elif latest is None:
        raise InputError(
            "There are no visits, so nothing says who knows whom.",
            next_step="Give visits, or the date of the plan with --as-of to plan without.",
        )
    else:
        as_of = latest + timedelta(microseconds=1)
    end = as_of if settings.as_of is not None else latest
    start = pl.select(pl.lit(end, pl.Datetime("us")).dt.offset_by(f"-{settings.lookback}")).item()
    counted = seen.select(
        n_visits_outside_lookback=((pl.col("visit_at") < start) | (pl.col("visit_at") >= as_of)).sum(),
        n_visits_unknown_provider=(
            pl.col("provider_id").is_null() & (pl.col("visit_at") >= start) & (pl.col("visit_at") < as_of)
        ).sum(),
    ).collect(engine="streaming")
    return as_of, start, {name: int(n) for name, n in counted.row(0, named=True).items()}


def _repeated(visits: pl.LazyFrame) -> dict[str, int]:
    """Count the visits whose id stands in an earlier row too; each row counts, as in the indices."""
    if "visit_id" not in visits.collect_schema():
        return {}
    number = pl.col("visit_id").drop_nulls()
    n = visits.select(number.len().cast(pl.Int64) - number.n_unique().cast(pl.Int64)).collect(engine="streaming")
    return {"n_visits_repeated_id": int(n.item())}


def _refuse_bad_ids(frame: pl.LazyFrame, table: str, column: str) -> None:
    n, n_blank, n_distinct = (
        frame.select(n=pl.len(), blank=pl.col(column).null_count(), distinct=pl.col(column).drop_nulls().n_unique())
        .collect(engine="streaming")
        .row(0)
    )
    if n == 0:
        raise InputError(f"The {table} have no rows.", next_step="Give a table with at least one row.")
    if n_blank:
        raise InputError(
            f"Column '{column}' of the {table} is blank in {counted(n_blank, 'row')}.", next_step="Correct the export."
        )
    if n_distinct < n:
        raise InputError(
            f"Column '{column}' of the {table} holds {counted(n - n_distinct, 'id')} more than once.",
            allowed="Each stands in one row.",
            next_step="Remove the repeated rows.",
        )


def _staff(staff: pl.DataFrame, settings: Settings, as_of: datetime) -> pl.DataFrame:
    """Say of each provider whether patients can be placed with them."""
    _refuse_bad_ids(staff.lazy(), "providers", "provider_id")
    if "fte" not in staff.columns:
        staff = staff.with_columns(fte=pl.lit(1.0))
    bad = staff.filter(pl.col("fte").is_null() | (pl.col("fte") < 0) | ~pl.col("fte").is_finite()).height
    if bad:
        raise InputError(
            f"Column 'fte' of the providers is negative or blank in {counted(bad, 'row')}.",
            allowed="Allowed: 0 (leaves) or more; 1 is full time.",
            next_step="Correct the column.",
        )
    if "unit_id" not in staff.columns:
        staff = staff.with_columns(unit_id=pl.lit(None, pl.String))
    active = pl.col("fte") > 0
    has_role = "role" in staff.columns and staff["role"].null_count() < staff.height
    today = as_of.date()
    if "active_from" in staff.columns:
        active &= pl.col("active_from").is_null() | (pl.col("active_from") <= today)
    if "active_to" in staff.columns:
        active &= pl.col("active_to").is_null() | (pl.col("active_to") > today)
    of_role = pl.col("role").eq_missing(settings.role) if has_role else pl.lit(value=True)
    staff = staff.with_columns(is_active=active, is_open=active & of_role)
    if not staff["is_open"].any():
        raise InfeasibleError(
            f"No provider can take patients: none is a {settings.role} with fte above 0 who is active on {today}.",
            next_step="Check the columns fte, role, active_from and active_to of the providers.",
        )
    return staff


def _with_units(people: pl.LazyFrame, staff: pl.DataFrame) -> pl.LazyFrame:
    """Give each patient a unit: their own, else that of the listed provider, else the only one there is."""
    names = people.collect_schema().names()
    of_staff = staff["unit_id"].drop_nulls().unique()
    if "unit_id" not in names and of_staff.len() == 1:
        return people.with_columns(unit_id=pl.lit(of_staff.item()))
    if of_staff.len() == 0:
        raise InputError.missing_columns(["unit_id"], staff.columns, "the providers")
    if "unit_id" not in names:
        people = people.with_columns(unit_id=pl.lit(None, of_staff.dtype))
    if people.collect_schema()["unit_id"].is_integer() != of_staff.dtype.is_integer():
        raise InputError(
            "unit_id is text in one of patients and providers, and a whole number in the other.",
            next_step="Convert the column in one of the tables.",
        )
    n = people.select(pl.col("unit_id").null_count()).collect(engine="streaming").item()
    if n and "listed_provider_id" in names:
        theirs = staff.select(listed_provider_id="provider_id", listed_unit="unit_id").lazy()
        people = (
            people.join(theirs, on="listed_provider_id", how="left")
            .with_columns(unit_id=pl.coalesce("unit_id", "listed_unit"))
            .drop("listed_unit")
        )
        n = people.select(pl.col("unit_id").null_count()).collect(engine="streaming").item()
    if n:
        raise InputError(
            f"{counted(n, 'patient')} without a unit, and without a listed provider who has one.",
            allowed="Each patient has a unit_id, or a listed provider whose unit is known.",
            next_step="Fill column unit_id of the patients.",
        )
    return people


def _enrolled(people: pl.LazyFrame, as_of: datetime, counts: dict[str, int]) -> pl.LazyFrame:
    """Leave out who is not enrolled on the day of the plan, and count them."""
    names, today = people.collect_schema().names(), as_of.date()
    away = pl.lit(value=False)
    if "enrolled_from" in names:
        away |= (pl.col("enrolled_from") > today).fill_null(value=False)
    if "enrolled_to" in names:
        away |= (pl.col("enrolled_to") <= today).fill_null(value=False)
    counts["n_patients_not_enrolled"] = int(people.select(away.sum()).collect(engine="streaming").item())
    return people.filter(~away) if counts["n_patients_not_enrolled"] else people


def _with_workload(people: pl.LazyFrame, counts: dict[str, int]) -> pl.LazyFrame:
    """Take the workload as given; one that is missing becomes the mean of the unit's known ones, and is counted."""
    bad, missing, known = (
        people.select(
            bad=(pl.col("workload") < 0).sum() + (~pl.col("workload").is_finite()).sum(),
            missing=pl.col("workload").null_count(),
            known=pl.col("workload").sum(),
        )
        .collect(engine="streaming")
        .row(0)
    )
    if bad:
        raise InputError(
            f"Column 'workload' of the patients is negative or not finite in {counted(bad, 'row')}.",
            allowed="Allowed: expected visits (or minutes) a year, 0 or more.",
            next_step="Correct the column, or leave it out to have it estimated.",
        )
    counts["n_workload_missing"] = int(missing)
    if not known:
        raise InputError(
            "Column 'workload' of the patients is blank or 0 in every row.",
            next_step="Leave it out to have it estimated.",
        )
    if missing:
        mean = pl.col("workload").mean()
        people = people.with_columns(pl.coalesce("workload", mean.over("unit_id"), mean))
    return people


def _households_across(people: pl.LazyFrame) -> int:
    """Count the households whose members are in several units: each part stays together in its own."""
    several = pl.col("unit_id").min() != pl.col("unit_id").max()
    homes = people.filter(pl.col("household_id").is_not_null()).group_by("household_id").agg(several=several)
    return int(homes.select(pl.col("several").sum()).collect(engine="streaming").item())


def _estimated(
    people: pl.LazyFrame, visits: pl.LazyFrame, staff: pl.DataFrame, as_of: datetime, settings: Settings
) -> pl.LazyFrame:
    """Forecast the workload of the coming year, as `expected_workload` does; of every role where none is known."""
    from continuity.assignment.workload import expected_workload

    told = "provider_role" in visits.collect_schema() or "role" in staff.columns
    found = expected_workload(
        people, visits, providers=staff, as_of=as_of, role=settings.role if told else None, seed=settings.seed
    )
    return people.join(found.select("patient_id", "workload"), on="patient_id", how="left")


def _refuse_units(units: pl.DataFrame, staff: pl.DataFrame) -> None:
    open_ = staff.filter("is_open")
    without = units.filter(~pl.col("unit_id").is_in(open_["unit_id"].unique().implode()))
    if without.height:
        shown = ", ".join(str(unit) for unit in without["unit_id"].head(5))
        raise InfeasibleError(
            f"No provider can take {counted(int(without['n_patients'].sum()), 'patient')} of "
            f"{counted(without.height, 'unit')}: {shown}.",
            allowed="Each unit with patients has a provider with fte above 0 who is active.",
            next_step="Correct unit_id of the patients, or fte, role and the dates of the providers.",
        )
