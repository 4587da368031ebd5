"""What a forecast of workload is made from: who people are, how long they were enrolled, and their past visits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Final

import polars as pl

from continuity.assignment.attribution_visits import Moment, Wanted, parsed, roles, with_role
from continuity.errors import UsageError
from continuity.vocabulary import ContactMode, Role, words

Minutes = Mapping[str | tuple[str, str], float]

_ROLES: Final = words(Role)
_SEEN_AT_LEAST: Final = 0.25  # of a year: below three months a past rate says too little to be used
_PARTS: Final = 1000  # minutes are summed as whole thousandths, so that no order of rows shows in a sum


def years_before(moment: datetime, n: int) -> datetime:
    """Give the same day `n` years earlier; 29 February becomes 28 February."""
    found = pl.select(pl.lit(moment).dt.offset_by(f"-{n}y")).item()
    assert isinstance(found, datetime)  # noqa: S101 # the type of a cell is not known to the checker
    return found


@dataclass(frozen=True)
class History:
    """Patients, and visits that each carry their work, both in memory.

    Parameters
    ----------
    people : polars.DataFrame
        One row per patient, sorted by patient_id: patient_id, birth_year, sex, is_chronic, n_chronic, enrolled_from,
        enrolled_to; null where the patients do not say it.
    visits : polars.DataFrame
        patient_id, local, provider_role, work (Int64, thousandths of a visit or of a minute).
    role : list of str or None
        Whose work is forecast; None: everyone's.
    """

    people: pl.DataFrame
    visits: pl.DataFrame
    role: list[str] | None

    @classmethod
    def of(
        cls,
        patients: pl.LazyFrame,
        visits: pl.LazyFrame,
        providers: pl.LazyFrame | None,
        role: Wanted,
        minutes: Minutes | None,
    ) -> "History":
        """Read canonical tables; visits of nobody or at no time are left out."""
        chosen = roles(role)
        said = (
            visits
            if chosen is None and "provider_role" not in visits.collect_schema()
            else with_role(visits, providers)
        )
        said = said.drop_nulls(["patient_id", "visit_at"]).with_columns(_work(said, minutes))
        kind = visits.collect_schema()["patient_id"]
        known = patients.collect_schema()
        people = patients.select(
            pl.col("patient_id").cast(kind, strict=False),
            *[_column(name, dtype, known) for name, dtype in _PEOPLE.items()],
        )
        people = people.drop_nulls("patient_id").sort(pl.all()).unique("patient_id", keep="first")
        role_said = pl.col("provider_role") if "provider_role" in said.collect_schema() else pl.lit("doctor")
        local = pl.col("visit_at").dt.replace_time_zone(None).cast(pl.Datetime("us"))
        rows = said.select("patient_id", "work", local=local, provider_role=role_said)
        return cls(people.sort("patient_id").collect(), rows.collect(), chosen)

    def years(self, end: datetime) -> float:
        """Give the years from the first visit to `end`; 0 without visits before it."""
        first = self.visits.filter(pl.col("local") < end)["local"].min()
        return (end - first).days / 365.25 if isinstance(first, datetime) else 0.0

    def end(self, as_of: Moment | None) -> datetime:
        """Give the moment `as_of`, or else the end of the day of the latest visit.

        Raises
        ------
        UsageError
            Neither is there.
        """
        if as_of is not None:
            return parsed(as_of)
        latest = self.visits.select(pl.col("local").max().dt.truncate("1d").dt.offset_by("1d")).item()
        if not isinstance(latest, datetime):
            raise UsageError("Without visits nothing says when the forecast begins.", next_step="Give as_of.")
        return latest

    def exposure(self, start: datetime, end: datetime) -> pl.Series:
        """Give for each patient the share of [start, end) in which they were enrolled."""
        came = pl.max_horizontal(pl.col("enrolled_from").cast(pl.Datetime("us")), pl.lit(start))
        left = pl.min_horizontal(pl.col("enrolled_to").cast(pl.Datetime("us")), pl.lit(end))
        whole = (end - start).total_seconds()
        share = ((left - came).dt.total_seconds() / whole).clip(0.0, 1.0)
        return self.people.select(exposure=share)["exposure"]

    def inside(self, start: datetime, end: datetime, role: list[str] | None) -> pl.DataFrame:
        """Give the visits of [start, end) to these roles."""
        of_role = pl.lit(value=True) if role is None else pl.col("provider_role").is_in(role)
        return self.visits.filter(pl.col("local").is_between(start, end, closed="left") & of_role)

    def work(self, start: datetime, end: datetime, role: list[str] | None) -> pl.Series:
        """Give for each patient the work of [start, end) by these roles."""
        sums = self.inside(start, end, role).group_by("patient_id").agg(pl.col("work").sum())
        joined = self.people.select("patient_id").join(sums, on="patient_id", how="left", maintain_order="left")
        return (joined["work"].fill_null(0) / _PARTS).rename("work")

    def features(self, end: datetime, n_years: int) -> pl.DataFrame:
        """Give the features of each patient as known at `end`: numbers, null where not known.

        age, is_female, is_chronic, n_chronic; for each year back work_<role>_<year> a year enrolled (null below three
        months) and years_enrolled_<year>.
        """
        table = self.people.select(
            age=(pl.lit(end.year) - pl.col("birth_year")).clip(0).cast(pl.Float64),
            is_female=pl.when(pl.col("sex").is_in(["female", "male"])).then(
                (pl.col("sex") == "female").cast(pl.Float64)
            ),
            is_chronic=pl.col("is_chronic").cast(pl.Float64),
            n_chronic=pl.col("n_chronic").cast(pl.Float64),
        )
        for year in range(1, n_years + 1):
            start, stop = years_before(end, year), years_before(end, year - 1)
            enrolled = self.exposure(start, stop)
            past = [self.work(start, stop, [role]).alias(f"work_{role}_{year}") for role in _ROLES]
            rates = pl.DataFrame(past).with_columns(enrolled.alias(f"years_enrolled_{year}"))
            share = pl.col(f"years_enrolled_{year}")
            seen = [
                pl.when(share >= _SEEN_AT_LEAST).then(pl.col(series.name) / share).alias(series.name) for series in past
            ]
            table = table.hstack(rates.with_columns(seen).get_columns())
        return table


_PEOPLE: Final[Mapping[str, pl.DataType]] = {
    "birth_year": pl.Int64(),
    "sex": pl.String(),
    "is_chronic": pl.Boolean(),
    "n_chronic": pl.Int64(),
    "enrolled_from": pl.Date(),
    "enrolled_to": pl.Date(),
}


def _column(name: str, dtype: pl.DataType, known: pl.Schema) -> pl.Expr:
    return pl.col(name) if name in known else pl.lit(None, dtype=dtype).alias(name)


def _work(visits: pl.LazyFrame, minutes: Minutes | None) -> pl.Expr:
    """Give the work of a visit in thousandths: one visit, or its minutes by mode and role.

    Raises
    ------
    UsageError
        Minutes of an unknown mode or role, negative minutes, or no minutes for a mode that may occur.
    """
    if minutes is None:
        return pl.lit(_PARTS, dtype=pl.Int64).alias("work")
    by_pair = {key: value for key, value in minutes.items() if isinstance(key, tuple)}
    by_mode = {key: value for key, value in minutes.items() if isinstance(key, str)}
    for who, _ in by_pair:
        if who not in _ROLES:
            raise UsageError.unknown_choice("A role of minutes", who, _ROLES)
    for name in [*by_mode, *(name for _, name in by_pair)]:
        if name not in words(ContactMode):
            raise UsageError.unknown_choice("A mode of minutes", name, words(ContactMode))
    if "other" not in by_mode or any(not isfinite(value) or value < 0 for value in minutes.values()):
        raise UsageError(
            "The minutes do not say how long every visit takes.",
            allowed="Allowed: numbers from 0 by mode, or by (role, mode); 'other' must be there, for modes not named.",
            next_step='Such as minutes={"in_person": 20, "phone": 10, ("nurse", "phone"): 8, "other": 15}.',
        )
    schema = visits.collect_schema()
    mode = pl.col("contact_mode") if "contact_mode" in schema else pl.lit("other")
    role = pl.col("provider_role") if "provider_role" in schema else pl.lit(None, dtype=pl.String)
    found = pl.lit(round(by_mode["other"] * _PARTS), dtype=pl.Int64)
    for name, value in by_mode.items():
        found = pl.when(mode == name).then(pl.lit(round(value * _PARTS), dtype=pl.Int64)).otherwise(found)
    for (who, name), value in by_pair.items():
        of_pair = (role == who) & (mode == name)
        found = pl.when(of_pair).then(pl.lit(round(value * _PARTS), dtype=pl.Int64)).otherwise(found)
    return found.alias("work")
