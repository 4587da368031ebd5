"""One simulated year: who asks when, who is there, and who sees whom. Arrays in, arrays out."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from continuity.assignment.simulation_settings import SimulationSettings

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NOBODY: Final = -1
AHEAD: Final = 26  # weeks of the calendar that are drawn past the end: half a year, the longest wait that is told
_SUMMER: Final = (22, 35)  # weeks 23 to 35: June to August
_PLANNED: Final = 10_000.0  # more than any number of weeks waited: who is acute comes first


@dataclass(frozen=True)
class Unit:
    """Patients and doctors by number, of one unit or of several at once.

    Parameters
    ----------
    rate : array of shape (n_patients,)
        Expected requests a year.
    dispersion : array of shape (n_patients,)
        k of the Gamma around the rate.
    own : array of shape (n_patients,)
        Number of the own doctor, or -1.
    home : array of shape (n_patients,)
        Number of the patient's unit.
    fte, team, unit : array of shape (n_doctors,)
        Of each doctor; teams are numbered through all units.
    slots : array of shape (n_units,)
        Slots of a full-time doctor in a week of presence.
    """

    rate: Floats
    dispersion: Floats
    own: Ints
    home: Ints
    fte: Floats
    team: Ints
    unit: Ints
    slots: Floats


@dataclass(frozen=True)
class Requests:
    """Requests of a year, one value each.

    Parameters
    ----------
    patient, week : array of shape (n,)
    is_acute : array of shape (n,)
        Whether they must be met in that week.
    is_steered : array of shape (n,)
        Whether they are booked with the own doctor, where there is one and it comes first.
    """

    patient: Ints
    week: Ints
    is_acute: Flags
    is_steered: Flags

    @classmethod
    def drawn(cls, n: Ints, weights: Floats, settings: SimulationSettings, rng: np.random.Generator) -> "Requests":
        """Spread the requests of each patient over the weeks, and draw what kind they are."""
        patient = np.repeat(np.arange(len(n)), n)
        edges = np.cumsum(weights)
        week = np.searchsorted(edges, rng.random(len(patient)) * edges[-1], side="right")
        week = np.minimum(week, len(weights) - 1).astype(np.int64)
        kind = rng.random((2, len(patient))) < np.array([[settings.share_acute], [settings.steering]])
        return cls(patient, week, kind[0], kind[1])

    def with_more(self, more: "Requests") -> "Requests":
        """Put the requests of two causes together."""
        names = self.__dataclass_fields__
        return Requests(**{name: np.concatenate([getattr(self, name), getattr(more, name)]) for name in names})


@dataclass(frozen=True)
class Year:
    """What came of the requests.

    Parameters
    ----------
    requests : Requests
        All of the year.
    patient, doctor, week, waited : array of shape (n_seen,)
        Those seen, and the weeks they waited.
    is_acute, is_overtime, is_no_show : array of shape (n_seen,)
        Overtime: nobody had a slot, and it had to be that week. A no-show used its slot.
    slots : array of shape (n_doctors, weeks)
        Offered.
    third_next : array of shape (n_doctors, weeks)
        Days to the third slot after those who wait for the doctor.
    n_waiting : array of shape (n_units,)
        Requests still waiting at the end.
    """

    requests: Requests
    patient: Ints
    doctor: Ints
    week: Ints
    waited: Ints
    is_acute: Flags
    is_overtime: Flags
    is_no_show: Flags
    slots: Ints
    third_next: Floats
    n_waiting: Ints


def seasonal(settings: SimulationSettings) -> Floats:
    """Give the weight of each week, 1 on average over a year."""
    month = (np.arange(52) + 0.5) * 12 / 52
    year = np.asarray(settings.season)[month.astype(np.int64)]
    weights: Floats = (year / year.mean())[np.arange(settings.weeks) % 52]
    return weights


def draw_requests(unit: Unit, settings: SimulationSettings, rng: np.random.Generator) -> Requests:
    """Draw the requests of the weeks without an epidemic: Poisson around a Gamma rate."""
    weights, k = seasonal(settings), unit.dispersion
    spread = np.where(np.isinf(k), 1.0, rng.gamma(np.where(np.isinf(k), 1.0, k)) / np.where(np.isinf(k), 1.0, k))
    n = rng.poisson(unit.rate * spread * weights.sum() / 52)
    return Requests.drawn(n, weights, settings, rng)


def draw_epidemic(unit: Unit, settings: SimulationSettings, rng: np.random.Generator) -> Requests:
    """Draw the further acute requests of a wave that strikes everyone in the same weeks of each winter."""
    weights = np.zeros(settings.weeks)
    for year in range(-1, settings.weeks // 52 + 1):
        peak = 52 * year + rng.uniform(48, 62)  # December to the beginning of March
        height = settings.epidemic * rng.exponential()
        weights += height * np.exp(-0.5 * ((np.arange(settings.weeks) - peak) / settings.epidemic_weeks) ** 2)
    weights *= seasonal(settings)
    n = rng.poisson(unit.rate * settings.share_acute * weights.sum() / 52)
    drawn = Requests.drawn(n, weights, settings, rng) if n.any() else Requests.drawn(n, np.ones(1), settings, rng)
    return replace(drawn, is_acute=np.ones_like(drawn.is_acute))


def draw_slots(unit: Unit, settings: SimulationSettings, rng: np.random.Generator) -> Ints:
    """Draw the slots of each doctor and week, for the weeks of the simulation and half a year more."""
    n, n_weeks = len(unit.fte), settings.weeks + AHEAD
    years = -(-n_weeks // 52)
    away = np.hstack([_leave(n, settings, rng) for _ in range(years)])[:, :n_weeks]
    away |= rng.random((n, n_weeks)) < settings.sick_share
    offered = np.where(away, 0.0, (unit.fte * unit.slots[unit.unit])[:, None])
    # A part of a slot is a whole slot in that share of the weeks.
    slots: Ints = np.floor(offered + rng.random((n, n_weeks)) * (offered > 0)).astype(np.int64)
    return slots


def _leave(n: int, settings: SimulationSettings, rng: np.random.Generator) -> Flags:
    """Draw the weeks of leave of one year: a stretch of the summer, and single weeks of the rest."""
    away = np.zeros((n, 52), dtype=np.bool_)
    start = rng.integers(_SUMMER[0], _SUMMER[1] - settings.summer_weeks + 1, n)
    for week in range(settings.summer_weeks):
        away[np.arange(n), start + week] = True
    order = np.argsort(rng.random((n, 52)) + away, axis=1)  # weeks already taken come last
    single = order[:, : settings.leave_weeks - settings.summer_weeks]
    np.put_along_axis(away, single, np.ones(single.shape, dtype=np.bool_), axis=1)
    return away


def run(unit: Unit, settings: SimulationSettings, requests: Requests, slots: Ints, rng: np.random.Generator) -> Year:
    """Let the weeks pass: each gives its slots to those who wait and to those who ask."""
    order = np.argsort(requests.week, kind="stable")
    first = np.searchsorted(requests.week[order], np.arange(settings.weeks + 1))
    queue = _Asking.none()
    seen: list[tuple[npt.NDArray[np.generic], ...]] = []
    third = np.empty((len(unit.fte), settings.weeks))
    ahead = np.concatenate([np.zeros((len(unit.fte), 1), np.int64), np.cumsum(slots, axis=1)], axis=1)
    for week in range(settings.weeks):
        asking = queue.joined(requests, order[first[week] : first[week + 1]])
        doctor, is_overtime, waits = _week(unit, settings, asking, slots[:, week].copy(), rng)
        served = doctor != NOBODY
        seen.append((*(x[served] for x in (asking.patient, doctor, asking.waited, asking.is_acute, is_overtime)),))
        seen[-1] += (np.full(int(served.sum()), week),)
        queue = asking.a_week_later(waits)
        third[:, week] = _third_next(unit, queue, ahead, week)
    patient, doctor, waited, is_acute, is_overtime, weeks = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    chance = np.minimum(settings.no_show + settings.no_show_a_week * waited, 0.9)
    no_show = rng.random(len(patient)) < np.where(is_overtime, 0.0, chance)
    n_waiting = np.bincount(unit.home[queue.patient], minlength=len(unit.slots))
    offered = slots[:, : settings.weeks]
    return Year(requests, patient, doctor, weeks, waited, is_acute, is_overtime, no_show, offered, third, n_waiting)


@dataclass(frozen=True)
class _Asking:
    """Who asks in a week, those who waited first."""

    patient: Ints
    is_acute: Flags
    is_steered: Flags
    waited: Ints

    @classmethod
    def none(cls) -> "_Asking":
        number, flag = np.empty(0, np.int64), np.empty(0, np.bool_)
        return cls(number, flag, flag, number)

    def joined(self, requests: Requests, new: Ints) -> "_Asking":
        come = _Asking(
            requests.patient[new], requests.is_acute[new], requests.is_steered[new], np.zeros(len(new), np.int64)
        )
        names = self.__dataclass_fields__
        return _Asking(**{name: np.concatenate([getattr(self, name), getattr(come, name)]) for name in names})

    def a_week_later(self, kept: Flags) -> "_Asking":
        return _Asking(self.patient[kept], self.is_acute[kept], self.is_steered[kept], self.waited[kept] + 1)


def _week(
    unit: Unit, settings: SimulationSettings, asking: _Asking, slots: Ints, rng: np.random.Generator
) -> tuple[Ints, Flags, Flags]:
    """Give for each who asks the doctor (or -1), whether it was overtime, and whether they wait."""
    own = unit.own[asking.patient]
    has_own = own != NOBODY
    priority = np.where(asking.is_acute, 0.0, _PLANNED - asking.waited) + rng.random(len(own))
    doctor = np.full(len(own), NOBODY, np.int64)
    waits = np.zeros(len(own), np.bool_)
    if settings.first_choice == "own":
        steered = has_own & asking.is_steered
        fill(doctor, np.where(steered, own, NOBODY), np.arange(len(slots)), priority=priority, slots=slots, rng=rng)
        may_wait = (doctor == NOBODY) & steered & ~asking.is_acute & (asking.waited < settings.most_weeks)
        waits = may_wait & (rng.random(len(own)) < settings.willingness)
    if settings.first_choice != "unit":
        team = np.where(has_own & ~waits, unit.team[own], NOBODY)
        fill(doctor, team, unit.team, priority=priority, slots=slots, rng=rng)
    home = unit.home[asking.patient]
    fill(doctor, np.where(waits, NOBODY, home), unit.unit, priority=priority, slots=slots, rng=rng)
    left = (doctor == NOBODY) & ~waits
    is_overtime = left & asking.is_acute & (np.bincount(unit.unit, unit.fte, len(unit.slots)) > 0)[home]
    _squeeze_in(unit, doctor, is_overtime, home, rng)
    return doctor, is_overtime, waits | (left & ~is_overtime)


def fill(
    doctor: Ints, group: Ints, group_of_doctor: Ints, *, priority: Floats, slots: Ints, rng: np.random.Generator
) -> None:
    """Give the free slots of each group to those of it who have none, by priority; changes `doctor` and `slots`.

    Parameters
    ----------
    doctor : array of shape (n,)
        -1 for those without.
    group : array of shape (n,)
        The group whose doctors are asked, or -1 for none.
    group_of_doctor : array of shape (n_doctors,)
    priority : array of shape (n,)
        The least comes first.
    slots : array of shape (n_doctors,)
    """
    asks = np.flatnonzero((doctor == NOBODY) & (group != NOBODY))
    free = np.repeat(np.arange(len(slots)), slots)
    if not len(asks) or not len(free):
        return
    asks = asks[np.lexsort((priority[asks], group[asks]))]
    free = free[np.lexsort((rng.random(len(free)), group_of_doctor[free]))]
    wanted, offered = group[asks], group_of_doctor[free]
    place = np.arange(len(asks)) - np.searchsorted(wanted, wanted)
    start, stop = np.searchsorted(offered, wanted), np.searchsorted(offered, wanted, side="right")
    fits = start + place < stop
    given = free[(start + place)[fits]]
    doctor[asks[fits]] = given
    slots -= np.bincount(given, minlength=len(slots))


def _squeeze_in(unit: Unit, doctor: Ints, who: Flags, home: Ints, rng: np.random.Generator) -> None:
    """Give those who cannot wait any doctor of the unit, by FTE, past the slots."""
    for number in np.unique(home[who]):
        here = who & (home == number)
        share = np.where(unit.unit == number, unit.fte, 0.0)
        doctor[here] = rng.choice(len(share), int(here.sum()), p=share / share.sum())


def _third_next(unit: Unit, queue: _Asking, ahead: Ints, week: int) -> Floats:
    """Give the days to each doctor's third slot after the queue; half a year where there is none by then."""
    own = unit.own[queue.patient]
    wanted = np.bincount(own[own != NOBODY], minlength=len(unit.fte)) + 3
    coming = ahead[:, week + 1 : week + 1 + AHEAD + 1] - ahead[:, [week + 1]]
    place = (coming < wanted[:, None]).sum(axis=1)  # the first place by which there are enough
    enough = place < coming.shape[1]
    at = np.minimum(place, coming.shape[1] - 1)
    rows = np.arange(len(wanted))
    before, after = coming[rows, np.maximum(at - 1, 0)], coming[rows, at]
    part = (wanted - before) / np.maximum(after - before, 1)
    return np.where(enough, 7.0 * (at - 1 + part), 7.0 * AHEAD)
