"""What a plan will do: simulated years of requests, absences, bookings and waits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from continuity.assignment import simulation_measures as measures
from continuity.assignment import simulation_year as years
from continuity.assignment.simulation_settings import SimulationSettings
from continuity.assignment.simulation_world import World
from continuity.errors import UsageError
from continuity.vocabulary import Role


@dataclass(frozen=True)
class Simulation:
    """What came of the simulated years.

    Parameters
    ----------
    units : polars.DataFrame
        One row per unit and measure: unit_id, measure, estimate (the mean of the years), ci_low, ci_high (95 % of the
        years lie between them), without_epidemic (the mean of the same years without the wave). Null where a measure
        had nothing to be measured on.
    providers : polars.DataFrame
        One row per provider, means of the years: provider_id, unit_id, n_patients, fte, n_requests (of the own list),
        n_slots, overflow, share_own_doctor, third_next_days. Personal data of employees.
    settings : SimulationSettings
    replicates, seed : int
    """

    units: pl.DataFrame
    providers: pl.DataFrame
    settings: SimulationSettings
    replicates: int
    seed: int

    def value(self, measure: str, unit_id: Any = None) -> float | None:
        """Give the estimate of a measure, of the only unit or of the one named."""
        rows = self.units.filter(pl.col("measure") == measure)
        rows = rows if unit_id is None else rows.filter(pl.col("unit_id") == unit_id)
        if rows.height != 1:
            raise UsageError("No single row has this measure and unit.", next_step="See the frame `units`.")
        found: float | None = rows["estimate"].item()
        return found


def simulate(
    assignments: Any,
    providers: Any,
    *,
    replicates: int = 50,
    seed: int = 1,
    as_of: date | None = None,
    role: Role | None = "doctor",
    **settings: Any,
) -> Simulation:
    """Simulate years under a plan: continuity, overflow and waits, each with an interval.

    Parameters
    ----------
    assignments : Plan or frame
        One row per patient: patient_id, provider_id (null: nobody's), workload (requests a year); unit_id where
        patients without a provider need one; birth_year, from which the spread of demand follows.
    providers : frame
        Canonical providers: provider_id, and where known role, fte (1 where not), team_id, unit_id, active_from,
        active_to.
    replicates : int
        Simulated years.
    seed : int
        The same seed gives the same numbers, and the same requests under every plan: plans are compared fairly.
    as_of : datetime.date, optional
        Ages are taken in its year; needed where there is a birth_year, unless `dispersion` is given. Providers who
        are not active on that day have no slots.
    role : {"doctor", "nurse", "other"} or None
        Whose panels these are: providers of other roles are left out, where the roles are known. None keeps all.
    **settings
        The fields of `SimulationSettings`, such as ``first_choice="team"``.

    Returns
    -------
    Simulation
        Measures by unit: coc, upc (means of patients with enough visits), share_own_doctor, share_own_team (of the
        visits of who has an own doctor), overflow_of_doctors (share of a doctor's weeks of presence with more new
        requests of the list than slots), overflow_of_unit (the same of the unit's weeks), share_overtime (seen beyond
        the slots), wait_days (of planned requests, in whole weeks), share_within_14_days, third_next_days,
        share_no_show, share_waiting_at_end, utilisation (slots used), n_requests.

    Raises
    ------
    InputError
        A column is missing, a patient stands twice, a workload is null or negative, an assigned provider is not among
        the providers, or a patient has neither provider nor unit.
    UsageError
        A setting outside its range, or birth years without `as_of`.

    Notes
    -----
    A person's requests are Poisson around a Gamma rate, hence negative binomial, spread over weeks by the season. Each
    week gives its slots to the acute first, then to who waited longest, at the own doctor, then in the team, then with
    anyone of the unit. Who finds the own doctor full and could wait, waits with a chance. What must be met and finds
    no slot is overtime. Weeks are the grain: days of the week are not simulated.

    A wave of acute requests strikes all patients alike, so no plan can remove it: each year is run with and without.

    When visits of one patient are independent, ``E[COC] = sum p_j^2`` over doctors j: 1/n for a pool of n equal
    doctors, s^2 + (1 - s)^2 / k for a share s to the own doctor. That is the check on the whole.

    References
    ----------
    Balasubramanian et al. 2010 (PMC2955464) for panels by simulation; Green, Savin & Murray 2007 for overflow.

    Examples
    --------
    >>> import polars as pl
    >>> plan = pl.DataFrame({"patient_id": range(2000), "provider_id": ["A", "B"] * 1000, "workload": [2.0] * 2000})
    >>> team = pl.DataFrame({"provider_id": ["A", "B"], "fte": [1.0, 1.0]})
    >>> own, pool = simulate(plan, team, replicates=5), simulate(plan, team, replicates=5, first_choice="unit")
    >>> round(own.value("coc"), 1), round(pool.value("coc"), 1)
    (0.9, 0.5)
    """
    asked = _settings(settings)
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 1:
        raise UsageError(f"replicates cannot be {replicates!r}.", allowed="Allowed: a whole number from 1.")
    world = World.of(getattr(assignments, "assignments", assignments), providers, asked, as_of, role)
    with_wave, without, staff = [], [], []
    for number in range(replicates):
        wave, calm = _replicate(world.unit, asked, seed, number)
        with_wave.append(measures.of_units(world.unit, asked, wave))
        without.append(measures.of_units(world.unit, asked, calm))
        staff.append(measures.of_doctors(world.unit, wave))
    return Simulation(world.of_units(with_wave, without), world.of_providers(staff), asked, replicates, seed)


def _settings(given: Mapping[str, Any]) -> SimulationSettings:
    known = list(SimulationSettings.__dataclass_fields__)
    for name in given:
        if name not in known:
            raise UsageError.unknown_choice("A setting of the simulation", name, known)
    return SimulationSettings(**given)


def _replicate(unit: years.Unit, settings: SimulationSettings, seed: int, number: int) -> tuple[years.Year, years.Year]:
    """Run one year with the epidemic and without; all else is the same, and neither is the other's past."""
    demand, wave, staff, booking = np.random.SeedSequence(seed, spawn_key=(number,)).spawn(4)
    usual = years.draw_requests(unit, settings, np.random.default_rng(demand))
    more = years.draw_epidemic(unit, settings, np.random.default_rng(wave))
    slots = years.draw_slots(unit, settings, np.random.default_rng(staff))
    found = [
        years.run(unit, settings, asked, slots, np.random.default_rng(booking))
        for asked in (usual.with_more(more), usual)
    ]
    return found[0], found[1]
