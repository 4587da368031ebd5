"""How good the forecast of workload is: out of time, against the age-sex table and against last year's visits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from continuity import edge
from continuity.assignment.attribution_visits import Moment, Wanted, canonical
from continuity.assignment.workload import NEARLY, Method, forecast, from_table
from continuity.assignment.workload_features import History, Minutes, years_before
from continuity.assignment.workload_table import band_label, band_of
from continuity.errors import InputError
from continuity.schema import conform

Floats = npt.NDArray[np.float64]
_LEAST: Final = 0.05  # visits a year: a forecast of 0 that meets a visit would be infinitely wrong


@dataclass(frozen=True)
class WorkloadValidation:
    """What a forecast made a year ago said, beside what came.

    Parameters
    ----------
    scores : polars.DataFrame
        One row per forecast (``model``, ``age_sex_table``, ``last_year``): mean_poisson_deviance, mean_absolute_error,
        ratio (observed over forecast), n_patients, person_years.
    deciles : polars.DataFrame
        One row per forecast and tenth of the patients by that forecast, lowest first: n_patients, person_years,
        predicted and observed (a year), ratio.
    bands : polars.DataFrame
        One row per age band, of the model: n_patients, person_years, predicted, observed, ratio.
    start, end : datetime.datetime
        The year that was forecast.
    """

    scores: pl.DataFrame
    deciles: pl.DataFrame
    bands: pl.DataFrame
    start: datetime
    end: datetime

    def __str__(self) -> str:
        deciles = self.deciles.filter(pl.col("forecast") == "model")
        parts = [
            f"Forecast of {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}, made from the years before",
            *_lines(self.scores),
        ]
        parts += ["", "Calibration of the model by decile", *_lines(deciles.drop("forecast"))]
        return "\n".join([*parts, "", "Calibration of the model by age", *_lines(self.bands)])


def validate_workload(
    patients: Any,
    visits: Any,
    *,
    providers: Any = None,
    as_of: Moment | None = None,
    role: Wanted = "doctor",
    minutes: Minutes | None = None,
    method: Method = "boosting",
    seed: int = 0,
) -> WorkloadValidation:
    """Forecast the last year from the years before it, and compare with what came.

    Parameters
    ----------
    patients, visits, providers, as_of, role, minutes, method, seed
        As in `expected_workload`; the year that ends at `as_of` is forecast.

    Returns
    -------
    WorkloadValidation
        ``str()`` of it is a readable table.

    Raises
    ------
    InputError
        The visits reach back less than three years: one to learn from, one to learn, one to be forecast.

    Notes
    -----
    The mean Poisson deviance is ``2 sum(y log(y / m) - (y - m)) / sum(e)`` with the count y, the exposure e in years
    and m = e times the forecast. Last year's visits stand for a forecast as they are, but not below 0.05 a year; who
    was not observed then gets the mean. In minutes the deviance serves to compare forecasts only.

    References
    ----------
    McCullagh & Nelder 1989, Generalized Linear Models, section 2.3 (deviance).

    Examples
    --------
    >>> from continuity.synthetic import Setting, generate
    >>> tables = generate(Setting(n_patients=2000, years=3))
    >>> found = validate_workload(tables.patients, tables.visits, as_of="2028-01-01", method="poisson")
    >>> found.scores["forecast"].to_list()
    ['model', 'age_sex_table', 'last_year']
    """
    table = conform(edge.lazily(patients)[0], "patients", where="patients")
    staff = None if providers is None else canonical(providers, "providers")
    history = History.of(table, canonical(visits, "visits"), staff, role, minutes)
    end = history.end(as_of)
    start = years_before(end, 1)
    if history.years(end) < 3 - NEARLY:
        raise InputError(
            "The visits reach back less than three years.",
            allowed="Needed: a year of features, a year to learn, and a year to forecast.",
            next_step="Give more years, or use the age-sex table.",
        )
    y, years = history.work(start, end, history.role).to_numpy(), history.exposure(start, end).to_numpy()
    forecasts = {
        "model": forecast(history, start, method=method, seed=seed, minutes=minutes)[0].to_numpy(),
        "age_sex_table": from_table(history, start, minutes).to_numpy(),
        "last_year": _last_year(history, start),
    }
    seen = years > 0
    cases = {name: _Case(y[seen], years[seen], rate[seen]) for name, rate in forecasts.items()}
    age = history.people.select(band=band_of(pl.lit(start.year) - pl.col("birth_year")).fill_null(-1))[
        "band"
    ].to_numpy()
    bands = _grouped(cases["model"], age[seen], "age_band")
    label = pl.col("age_band").replace_strict({-1: "unknown", **{k: band_label(k) for k in range(9)}})
    scores = pl.DataFrame([{"forecast": name, **case.scores()} for name, case in cases.items()])
    deciles = pl.concat(
        [_grouped(c, c.tenth(), "decile").select(pl.lit(n).alias("forecast"), pl.all()) for n, c in cases.items()]
    )
    return WorkloadValidation(scores, deciles, bands.with_columns(label), start, end)


@dataclass(frozen=True)
class _Case:
    """Counts, exposures and a forecast, one value a patient."""

    y: Floats
    years: Floats
    rate: Floats

    def scores(self) -> dict[str, float | int]:
        m, person_years = self.years * self.rate, float(self.years.sum())
        log = np.log(np.divide(self.y, m, out=np.ones_like(m), where=self.y > 0))
        return {
            "mean_poisson_deviance": float(2 * (self.y * log - (self.y - m)).sum() / person_years),
            "mean_absolute_error": float(np.abs(self.y - m).sum() / person_years),
            "ratio": float(self.y.sum() / m.sum()),
            "n_patients": len(m),
            "person_years": person_years,
        }

    def tenth(self) -> npt.NDArray[np.int64]:
        """Give 1 to 10 by the forecast; patients with one forecast may fall on two sides of an edge."""
        place = np.empty(len(self.rate), dtype=np.int64)
        place[np.argsort(self.rate, kind="stable")] = np.arange(len(self.rate))
        return 1 + place * 10 // len(self.rate)


def _grouped(case: _Case, group: npt.NDArray[np.int64], name: str) -> pl.DataFrame:
    table = pl.DataFrame({name: group, "y": case.y, "years": case.years, "m": case.years * case.rate})
    sums = table.group_by(name).agg(pl.len().cast(pl.Int64).alias("n_patients"), pl.col("years", "m", "y").sum())
    return sums.sort(name).select(
        name,
        "n_patients",
        person_years="years",
        predicted=pl.col("m") / pl.col("years"),
        observed=pl.col("y") / pl.col("years"),
        ratio=pl.col("y") / pl.col("m"),
    )


def _last_year(history: History, start: datetime) -> Floats:
    before = years_before(start, 1)
    work, years = history.work(before, start, history.role), history.exposure(before, start)
    mean = float(work.sum()) / float(years.sum())
    rate = pl.select(pl.when(years > 0).then(work / years).otherwise(mean)).to_series()
    found: Floats = np.maximum(rate.to_numpy(), _LEAST)
    return found


def _lines(table: pl.DataFrame) -> list[str]:
    """Give the rows of a table as aligned text."""
    shown = [[f"{x:.3f}" if isinstance(x, float) else str(x) for x in row] for row in table.rows()]
    rows = [table.columns, *shown]
    width = [max(len(row[k]) for row in rows) for k in range(table.width)]
    return ["  ".join(cell.rjust(n) for cell, n in zip(row, width, strict=True)) for row in rows]
