"""What a simulated year comes to, for each unit and each doctor."""

from collections.abc import Mapping

import numpy as np

from continuity.assignment.simulation_settings import SimulationSettings
from continuity.assignment.simulation_year import NOBODY, Flags, Floats, Ints, Unit, Year


def of_units(unit: Unit, settings: SimulationSettings, year: Year) -> Mapping[str, Floats]:
    """Give each measure of `simulate` by unit; NaN where nothing happened that it could be measured on."""
    n, home = len(unit.slots), unit.home[year.patient]
    own, happened = unit.own[year.patient], ~year.is_no_show
    listed = happened & (own != NOBODY)
    in_team = listed & (unit.team[year.doctor] == unit.team[own])
    planned = ~year.is_acute
    asked = np.bincount(unit.home[year.requests.patient], minlength=n)
    offered = np.bincount(unit.unit, year.slots.sum(axis=1), n)
    within = planned & (year.waited <= 1)
    coc, upc = _continuity(unit, settings, year)
    return {
        "coc": coc,
        "upc": upc,
        "share_own_doctor": _share(home, listed & (year.doctor == own), listed, n),
        "share_own_team": _share(home, in_team, listed, n),
        "overflow_of_doctors": _overflow_of_doctors(unit, year),
        "overflow_of_unit": _overflow_of_units(unit, settings, year),
        "share_overtime": _share(home, year.is_overtime, np.ones_like(planned), n),
        "wait_days": _ratio(np.bincount(home, 7.0 * year.waited * planned, n), np.bincount(home, planned, n)),
        "share_within_14_days": _share(home, within, planned, n),
        "third_next_days": _third_next(unit, year),
        "share_no_show": _share(home, year.is_no_show, np.ones_like(planned), n),
        "share_waiting_at_end": _ratio(year.n_waiting.astype(float), asked.astype(float)),
        "utilisation": _ratio(np.bincount(home, ~year.is_overtime, n), offered),
        "n_requests": asked.astype(float),
    }


def of_doctors(unit: Unit, year: Year) -> Mapping[str, Floats]:
    """Give by doctor: requests of the own list, slots, overflow, and the share of the list's visits with the doctor."""
    n, own = len(unit.fte), unit.own[year.patient]
    listed = ~year.is_no_show & (own != NOBODY)
    demand = _demand(unit, year)
    return {
        "n_requests": demand.sum(axis=1).astype(float),
        "n_slots": year.slots.sum(axis=1).astype(float),
        "overflow": _ratio(((demand > year.slots) & (year.slots > 0)).sum(axis=1), (year.slots > 0).sum(axis=1)),
        "share_own_doctor": _share(np.where(listed, own, 0), listed & (year.doctor == own), listed, n),
        "third_next_days": year.third_next.mean(axis=1),
    }


def _continuity(unit: Unit, settings: SimulationSettings, year: Year) -> tuple[Floats, Floats]:
    """Give the plain means of patients of COC and UPC, over who has enough visits that happened.

    COC = sum n_i (n_i - 1) / (N (N - 1)), Bice & Boxerman 1977; UPC = max n_i / N, Breslau & Reeb 1975.
    """
    happened, n = ~year.is_no_show, len(unit.fte)
    code, count = np.unique(year.patient[happened] * n + year.doctor[happened], return_counts=True)
    patient = code // n
    total = np.bincount(patient, count, len(unit.rate))
    pairs = np.bincount(patient, count * (count - 1), len(unit.rate))
    most = np.zeros(len(unit.rate))
    np.maximum.at(most, patient, count)
    enough = total >= settings.min_visits
    home = unit.home[enough]
    n_units, size = len(unit.slots), total[enough]
    people = np.bincount(home, minlength=n_units)
    coc = np.bincount(home, pairs[enough] / (size * (size - 1)), n_units)
    return _ratio(coc, people), _ratio(np.bincount(home, most[enough] / size, n_units), people)


def _demand(unit: Unit, year: Year) -> Ints:
    """Give the new requests of each doctor's list by week."""
    own, n_weeks = unit.own[year.requests.patient], year.slots.shape[1]
    listed = own != NOBODY
    code = own[listed] * n_weeks + year.requests.week[listed]
    found: Ints = np.bincount(code, minlength=len(unit.fte) * n_weeks).reshape(-1, n_weeks)
    return found


def _overflow_of_doctors(unit: Unit, year: Year) -> Floats:
    """Give the share of the doctors' weeks of presence with more new requests of the list than slots."""
    present = year.slots > 0
    over = ((_demand(unit, year) > year.slots) & present).sum(axis=1)
    n = len(unit.slots)
    return _ratio(np.bincount(unit.unit, over, n), np.bincount(unit.unit, present.sum(axis=1), n))


def _overflow_of_units(unit: Unit, settings: SimulationSettings, year: Year) -> Floats:
    """Give the share of weeks with more new requests in the unit than slots."""
    n, weeks = len(unit.slots), settings.weeks
    code = unit.home[year.requests.patient] * weeks + year.requests.week
    demand = np.bincount(code, minlength=n * weeks).reshape(n, weeks)
    slots = np.zeros((n, weeks))
    np.add.at(slots, unit.unit, year.slots)
    found: Floats = (demand > slots).mean(axis=1)
    return found


def _third_next(unit: Unit, year: Year) -> Floats:
    """Give the mean over weeks of the median over doctors with an FTE, as Finland's T3 is a median of professionals."""
    found = np.full(len(unit.slots), np.nan)
    for number in range(len(unit.slots)):
        here = (unit.unit == number) & (unit.fte > 0)
        if here.any():
            found[number] = np.median(year.third_next[here], axis=0).mean()
    return found


def _share(group: Ints, part: Flags, whole: Flags, n: int) -> Floats:
    """Give by group the share of the whole that is in the part."""
    return _ratio(np.bincount(group, part & whole, n), np.bincount(group, whole, n))


def _ratio(above: Floats | Ints, below: Floats | Ints) -> Floats:
    found: Floats = np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0, dtype=np.float64)
    return found
