"""From tables to the arrays of the simulation, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from continuity import edge
from continuity.assignment import simulation_year as years
from continuity.assignment.attribution_visits import canonical
from continuity.assignment.simulation_settings import SimulationSettings
from continuity.assignment.workload_table import DISPERSION_ALL, DISPERSION_BY_BAND, by_band
from continuity.errors import InputError, UsageError, counted
from continuity.vocabulary import Role

_QUANTILES: Final = (0.025, 0.975)


@dataclass(frozen=True)
class World:
    """The tables and the arrays made from them."""

    unit: years.Unit
    providers: pl.DataFrame
    unit_ids: pl.Series

    @classmethod
    def of(
        cls,
        assignments: Any,
        providers: Any,
        settings: SimulationSettings,
        as_of: date | None,
        role: Role | None = None,
    ) -> "World":
        """Read and check the tables, number everyone by id, and size the slots."""
        staff, plan = _staff(canonical(providers, "providers"), role, as_of), edge.lazily(assignments)[0]
        if as_of is None and settings.dispersion is None and "birth_year" in plan.collect_schema():
            raise UsageError(
                "The assignments have birth years, and nothing says in which year ages are taken.",
                next_step="Give as_of, or a dispersion for everyone.",
            )
        people = _people(plan, staff, as_of)
        ids = pl.concat([staff["unit_id"], people["unit_id"]]).unique().sort()
        staff, people = _numbered(staff, ids), _numbered(people, ids)
        home, place = people["unit"].to_numpy(), staff["unit"].to_numpy()
        fte, rate = staff["fte"].to_numpy(), people["workload"].to_numpy()
        presence = np.bincount(place, fte, len(ids)) * 52 * settings.presence
        demand = np.bincount(home, rate, len(ids))
        slots = np.divide(demand / settings.utilisation, presence, out=np.zeros(len(ids)), where=presence > 0)
        k = people["dispersion"].to_numpy() if settings.dispersion is None else np.full(len(rate), settings.dispersion)
        slots = slots if settings.slots is None else np.full(len(ids), float(settings.slots))
        unit = years.Unit(rate, k, people["own"].to_numpy(), home, fte, staff["team"].to_numpy(), place, slots)
        n_patients = people.group_by("provider_id").agg(n_patients=pl.len().cast(pl.Int64))
        staff = staff.join(n_patients, on="provider_id", how="left", maintain_order="left")
        return cls(unit, staff.with_columns(pl.col("n_patients").fill_null(0)), ids)

    def of_units(self, wave: list[Mapping[str, Any]], calm: list[Mapping[str, Any]]) -> pl.DataFrame:
        """Give the measures of all years, summarised by unit."""
        ids = self.unit_ids
        parts = [_summarised(name, ids, _stacked(wave, name), _stacked(calm, name)) for name in wave[0]]
        place = pl.col("measure").replace_strict(list(wave[0]), list(range(len(parts))))
        return pl.concat(parts).sort(pl.col("unit_id"), place)

    def of_providers(self, staff: list[Mapping[str, Any]]) -> pl.DataFrame:
        """Give the means of all years by provider."""
        means = {name: _mean(_stacked(staff, name)) for name in staff[0]}
        known = self.providers.select("provider_id", "unit_id", "n_patients", "fte")
        return known.hstack(pl.DataFrame(means).fill_nan(None).get_columns())


def _stacked(parts: list[Mapping[str, Any]], name: str) -> years.Floats:
    found: years.Floats = np.stack([part[name] for part in parts])
    return found


def _mean(values: years.Floats) -> years.Floats:
    """Give the mean over years in which there was something to measure; NaN where there never was."""
    known = ~np.isnan(values)
    n = known.sum(axis=0)
    found: years.Floats = np.divide(
        np.where(known, values, 0.0).sum(axis=0), n, out=np.full(n.shape, np.nan), where=n > 0
    )
    return found


def _summarised(name: str, unit_ids: pl.Series, wave: years.Floats, calm: years.Floats) -> pl.DataFrame:
    table = pl.DataFrame(wave, schema=[str(number) for number in range(len(unit_ids))], orient="row").fill_nan(None)
    low, high = (table.select(pl.all().quantile(q, "linear")).transpose().to_series() for q in _QUANTILES)
    return pl.DataFrame(
        {
            "unit_id": unit_ids,
            "measure": pl.repeat(name, len(unit_ids), eager=True),
            "estimate": _mean(wave),
            "ci_low": low,
            "ci_high": high,
            "without_epidemic": _mean(calm),
        }
    ).with_columns(pl.col("estimate", "without_epidemic").fill_nan(None))


def _numbered(table: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
    """Add the number of each row's unit; those without a unit are a unit too."""
    numbers = pl.DataFrame({"unit_id": ids, "unit": np.arange(len(ids))})
    return table.join(numbers, on="unit_id", how="left", nulls_equal=True, maintain_order="left")


def _staff(providers: pl.LazyFrame, role: Role | None, as_of: date | None) -> pl.DataFrame:
    """Give the providers by id with the numbers of their teams; who has no team is one alone; away means no FTE."""
    known = providers.collect_schema()
    if role is not None and "role" in known:
        providers = providers.filter(pl.col("role") == role)
    kind = known["provider_id"]
    columns = {
        "fte": pl.Float64(),
        "team_id": known.get("team_id", kind),
        "unit_id": known.get("unit_id", pl.String()),
    }
    table = providers.select(
        "provider_id",
        *[pl.col(n) if n in known else pl.lit(None, dtype=t).alias(n) for n, t in columns.items()],
        is_away=_away(known, as_of),
    )
    table = table.drop_nulls("provider_id").sort(pl.all()).unique("provider_id", keep="first").sort("provider_id")
    fte = pl.when("is_away").then(0.0).otherwise(pl.col("fte").fill_null(1.0))
    staff = table.with_columns(fte=fte).drop("is_away").collect()
    if (staff["fte"] < 0).any() or not staff["fte"].is_finite().all():
        raise InputError("Column 'fte' of the providers holds negative numbers.", allowed="Allowed: numbers from 0.")
    alone = pl.when(pl.col("team_id").is_null()).then(pl.col("provider_id"))
    return staff.with_columns(team=pl.struct("unit_id", "team_id", alone=alone).rank("dense").cast(pl.Int64) - 1)


def _away(known: pl.Schema, as_of: date | None) -> pl.Expr:
    """Tell who has not begun yet, or has stopped, on the day; nobody where no day or no dates are given."""
    away = pl.lit(value=False)
    if as_of is not None and "active_from" in known:
        away |= (pl.col("active_from") > as_of).fill_null(value=False)
    if as_of is not None and "active_to" in known:
        away |= (pl.col("active_to") <= as_of).fill_null(value=False)
    return away


def _people(assignments: pl.LazyFrame, staff: pl.DataFrame, as_of: date | None) -> pl.DataFrame:
    """Give the patients by id with the number of their provider and their unit."""
    known = assignments.collect_schema()
    missing = [name for name in ("patient_id", "provider_id", "workload") if name not in known]
    if missing:
        raise InputError.missing_columns(missing, known.names(), "the assignments")
    age = pl.lit(None, dtype=pl.Int64)
    if "birth_year" in known and as_of is not None:
        age = pl.lit(as_of.year) - pl.col("birth_year")
    unit = pl.col("unit_id") if "unit_id" in known else pl.lit(None, dtype=staff.schema["unit_id"])
    people = assignments.select(
        "patient_id",
        pl.col("provider_id").cast(staff.schema["provider_id"], strict=False),
        pl.col("workload").cast(pl.Float64),
        home=unit.cast(staff.schema["unit_id"], strict=False),
        dispersion=by_band(DISPERSION_BY_BAND, age, DISPERSION_ALL),
    )
    numbers = staff.select("provider_id", own_unit="unit_id", own=pl.int_range(pl.len(), dtype=pl.Int64))
    joined = people.sort("patient_id").collect().join(numbers, on="provider_id", how="left", maintain_order="left")
    _refuse_bad(joined)
    is_own = pl.col("own").is_not_null()
    units = staff["unit_id"].unique()
    only = pl.lit(units[0] if len(units) == 1 else None, dtype=units.dtype)
    home = pl.when(is_own).then("own_unit").otherwise(pl.coalesce("home", only))
    found = joined.with_columns(unit_id=home, own=pl.col("own").fill_null(years.NOBODY))
    known_units = set(units)
    lost = found.filter(pl.Series([unit not in known_units for unit in found["unit_id"]])).height
    if lost:
        raise InputError(
            f"{counted(lost, 'patient')} without a provider, and without a unit where someone works.",
            allowed="Needed: unit_id in the assignments for patients without a provider.",
        )
    return found


def _refuse_bad(people: pl.DataFrame) -> None:
    work = pl.col("workload")
    bad = {
        "in several rows": people.height - people["patient_id"].n_unique(),
        "without a workload, or with a negative one": people.filter(
            work.is_null() | ~work.is_finite() | (work < 0)
        ).height,
        "with a provider who is not in the table of providers": people.filter(
            pl.col("provider_id").is_not_null() & pl.col("own").is_null()
        ).height,
    }
    for what, n in bad.items():
        if n:
            raise InputError(
                f"{counted(n, 'patient')} of the assignments {what}.",
                allowed="Needed: one row per patient, a workload from 0, providers of the table.",
                next_step="Mend or leave out these rows.",
            )
