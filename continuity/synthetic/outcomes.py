"""Patients whose outcomes go with continuity to a known degree, and traps for those who measure both at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

BEGIN: Final = datetime(2022, 1, 1)
LANDMARK: Final = datetime(2024, 1, 1)
UNTIL: Final = datetime(2025, 1, 1)
STEP: Final = 0.5
_YEAR: Final = 365.25
_DOCTORS: Final = 5
_EVENT_RATE: Final = 0.5
_DEATH_RATE: Final = 0.05
_COST: Final = 400.0


@dataclass(frozen=True)
class Drawn:
    """A drawn population.

    Parameters
    ----------
    visits, patients : polars.DataFrame
        Canonical.
    events, deaths : polars.DataFrame
        patient_id, event_at.
    costs : polars.DataFrame
        patient_id, at, amount: one row per event.
    per_patient : polars.DataFrame
        COC and UPC in the two years before each landmark, from `visits`.
    """

    visits: pl.DataFrame
    patients: pl.DataFrame
    events: pl.DataFrame
    deaths: pl.DataFrame
    costs: pl.DataFrame
    per_patient: pl.DataFrame


@dataclass(frozen=True)
class _People:
    unit: npt.NDArray[np.int64]
    chronic: npt.NDArray[np.bool_]
    band: npt.NDArray[np.int64]
    birth_year: npt.NDArray[np.int64]
    unit_effect: Floats


def draw_outcomes(
    n_patients: int = 2000,
    *,
    seed: int,
    log_ratio: float = 0.0,
    shape: Literal["line", "step"] = "step",
    n_units: int = 30,
    unit_sd: float = 0.15,
    frailty: float = 0.0,
    landmarks: Sequence[datetime] = (LANDMARK,),
) -> Drawn:
    """Draw a population whose outcomes after each landmark go with its COC before it.

    Parameters
    ----------
    n_patients : int
    seed : int
    log_ratio : float
        Of the rates of events and of death: between a COC of 0 and of 1 (``line``), or below 0.5 and from 0.5 on
        (``step``).
    shape : {"line", "step"}
    n_units : int
    unit_sd : float
        Spread of the logarithm of the units' rates.
    frailty : float
        Variance of the patients' own factor of the rate of events (gamma, mean 1).
    landmarks : sequence of datetime
        In order; the first is the start of 2024.

    Returns
    -------
    Drawn

    Notes
    -----
    Before the first landmark nothing goes with continuity, but two traps are laid. After every event come two visits to
    other doctors, so events lower continuity. In the two months before a death come three such visits, and who dies
    early has no time for the minimum of visits. Need (chronic illness, age, a unit's own level) raises rates and lowers
    continuity.

    Examples
    --------
    >>> drawn = draw_outcomes(200, seed=1)
    >>> drawn.per_patient.columns[:4]
    ['patient_id', 'window_start', 'window_end', 'n_visits']
    """
    rng = np.random.default_rng(seed)
    people = _draw_people(n_patients, n_units, unit_sd, rng)
    need = np.exp(0.5 * people.chronic + 0.2 * people.band + people.unit_effect)
    early, died = _before(need, rng)
    visits = _visits(people, early, died, rng)
    indices = _indices(visits, landmarks)
    own = rng.gamma(1 / frailty, frailty, n_patients) if frailty else np.ones(n_patients)
    events, died = _after(indices, landmarks, _Rates(log_ratio, shape, need, own), died, rng)
    ends = _moments(died)
    visits = visits.filter(pl.col("visit_at") < ends.gather(visits["patient_id"]))
    happened = pl.concat([early, events])
    happened = happened.filter(pl.col("event_at") <= ends.gather(happened["patient_id"]))
    return Drawn(
        visits=visits,
        patients=_patients(people, rng),
        events=happened,
        deaths=pl.DataFrame({"patient_id": np.flatnonzero(np.isfinite(died))}).with_columns(
            event_at=_moments(died[np.isfinite(died)])
        ),
        costs=happened.select("patient_id", at="event_at", amount=pl.Series(rng.gamma(2, _COST / 2, happened.height))),
        # deaths after the only landmark take no visit before it
        per_patient=indices if len(landmarks) == 1 else _indices(visits, landmarks),
    )


def _draw_people(n: int, n_units: int, unit_sd: float, rng: np.random.Generator) -> _People:
    from continuity.evaluation.outcomes.cohort import AGE_BANDS

    birth_year = rng.integers(1930, 2015, n)
    band = np.searchsorted(AGE_BANDS, LANDMARK.year - birth_year, side="right") - 1
    unit = rng.integers(0, n_units, n)
    chronic = rng.random(n) < 0.1 + 0.12 * band
    return _People(unit, chronic, band, birth_year, rng.normal(0, unit_sd, n_units)[unit])


def _before(need: Floats, rng: np.random.Generator) -> tuple[pl.DataFrame, Floats]:
    """Draw events and deaths of the exposure window, in days since its start; nothing goes with continuity."""
    length = (LANDMARK - BEGIN).days
    died = rng.exponential(_YEAR / (_DEATH_RATE * need))
    died = np.where(died < length, died, np.inf)
    rate = _EVENT_RATE * need * length / _YEAR
    who = np.repeat(np.arange(len(need)), rng.poisson(rate))
    return _events(who, rng.uniform(0, length, len(who))), died


def _visits(people: _People, early: pl.DataFrame, died: Floats, rng: np.random.Generator) -> pl.DataFrame:
    """Draw planned visits, and those that events and the end of life bring."""
    n, length = len(died), (UNTIL - BEGIN).days
    wish = np.where(people.chronic, rng.beta(4.0, 1.5, n), rng.beta(6.0, 1.5, n))
    rate = 2.5 * np.exp(0.4 * people.chronic + rng.normal(0, 0.4, n)) * length / _YEAR
    who = np.repeat(np.arange(n), rng.poisson(rate))
    when = rng.uniform(0, length, len(who))
    stranger = rng.random(len(who)) >= wish[who]
    after = np.repeat(early["patient_id"].to_numpy(), 2)
    moment = np.repeat(((early["event_at"] - BEGIN).dt.total_microseconds() / 86_400_000_000).to_numpy(), 2)
    dying = np.repeat(np.flatnonzero(np.isfinite(died)), 3)
    who = np.concatenate([who, after, dying])
    when = np.concatenate([when, moment + rng.uniform(0, 14, len(after)), died[dying] - rng.uniform(0, 60, len(dying))])
    stranger = np.concatenate([stranger, np.ones(len(after) + len(dying), dtype=bool)])
    doctor = np.where(stranger, 1 + rng.integers(0, _DOCTORS - 1, len(who)), 0)
    doctor = (doctor + who) % _DOCTORS  # the first doctor is everyone's own, and own doctors are spread
    inside = (when >= 0) & (when < np.minimum(died[who], length))
    frame = pl.DataFrame(
        {"patient_id": who, "provider_id": people.unit[who] * _DOCTORS + doctor, "unit_id": people.unit[who]}
    )
    return frame.with_columns(visit_at=(_moments(when))).filter(pl.Series(inside))


def _indices(visits: pl.DataFrame, landmarks: Sequence[datetime]) -> pl.DataFrame:
    from continuity.metrics import compute

    two_years = [(landmark.replace(year=landmark.year - 2), landmark) for landmark in landmarks]
    found: pl.DataFrame = compute(visits, ["coc", "upc"], window=two_years, min_visits=3)
    return found


@dataclass(frozen=True)
class _Rates:
    log_ratio: float
    shape: str
    need: Floats
    own: Floats

    def at(self, indices: pl.DataFrame, landmark: datetime) -> Floats:
        """Give what each patient's rates are multiplied by after a landmark."""
        at = indices.filter(window_end=landmark).drop_nulls("coc")
        coc, n_visits = np.full(len(self.need), 0.5), np.full(len(self.need), 3.0)
        places = at["patient_id"].to_numpy()
        coc[places], n_visits[places] = at["coc"].to_numpy(), at["n_visits"].to_numpy()
        goes = coc if self.shape == "line" else (coc >= STEP).astype(float)
        return np.asarray(self.need * np.exp(self.log_ratio * goes + 0.2 * np.log(n_visits / 3)))


def _after(
    indices: pl.DataFrame, landmarks: Sequence[datetime], rates: _Rates, died: Floats, rng: np.random.Generator
) -> tuple[pl.DataFrame, Floats]:
    """Draw events and deaths from each landmark to the next, at rates that go with COC and visits before it."""
    parts = []
    for landmark, stop in zip(landmarks, [*landmarks[1:], UNTIL], strict=True):
        factor = rates.at(indices, landmark)
        start, length = (landmark - BEGIN).days, (stop - landmark).days
        wait = rng.exponential(_YEAR / (_DEATH_RATE * factor))
        died = np.where(np.isfinite(died) | (wait >= length), died, start + wait)
        who = np.repeat(np.arange(len(died)), rng.poisson(_EVENT_RATE * factor * rates.own * length / _YEAR))
        parts.append(_events(who, start + rng.uniform(0, length, len(who))))
    return pl.concat(parts), died


def _patients(people: _People, rng: np.random.Generator) -> pl.DataFrame:
    n, draw = len(people.unit), rng.random(len(people.unit))
    late = _moments(np.where(draw < 0.05, rng.uniform(0, 900, n), -400.0))
    leaves = _moments(np.where(draw > 0.95, rng.uniform(500, 1200, n), np.inf))
    return pl.DataFrame(
        {
            "patient_id": np.arange(n),
            "unit_id": people.unit,
            "birth_year": people.birth_year,
            "is_chronic": people.chronic,
            "sex": np.where(rng.random(n) < 0.5, "female", "male"),
        }
    ).with_columns(
        enrolled_from=late.dt.date(),
        enrolled_to=pl.when(leaves < datetime(2100, 1, 1)).then(leaves.dt.date()),
    )


def _events(who: npt.NDArray[np.int64], days: Floats) -> pl.DataFrame:
    return pl.DataFrame({"patient_id": who}).with_columns(event_at=(_moments(days)))


def _moments(days: Floats) -> pl.Series:
    """Give days since the start as moments; never is the year 2200."""
    finite = np.where(np.isfinite(days), days, (datetime(2200, 1, 1) - BEGIN).days)
    return pl.Series((finite * 86_400_000_000).astype(np.int64)).cast(pl.Duration("us")) + BEGIN
