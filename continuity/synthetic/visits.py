"""The visits of one block of patients: how many, when, with whom, and why."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from continuity.schema import conform
from continuity.synthetic.arrays import Flags, Floats, Ints, blank_out, draw, number_ids, pick, take
from continuity.synthetic.moments import SLOTS_A_DAY, draw_moments, draw_slots, moment, separate
from continuity.synthetic.population import People
from continuity.synthetic.setting import Setting
from continuity.synthetic.staff import Posts, Staff
from continuity.synthetic.world import World

_ROLES: Final = ["doctor", "nurse"]
_MODES: Final = ["in_person", "phone", "video", "message", "home", "other"]
_MODE_WEIGHTS: Final = np.array([[0.60, 0.27, 0.03, 0.07, 0.02, 0.01], [0.55, 0.28, 0.01, 0.10, 0.05, 0.01]])
_URGENCIES: Final = ["planned", "acute"]
# ICPC-2: hypertension, diabetes, low back, airway infection, anxiety, eczema, belly, knee, fatigue, check-up
_REASONS: Final = ["K86", "T90", "L03", "R74", "P01", "S87", "D01", "L15", "A04", "A30"]
_REASON_WEIGHTS: Final = np.array([18.0, 12, 11, 14, 9, 7, 9, 8, 6, 6])
_SHARE_SECOND_REASON: Final = 0.15
_SERVICE_TYPE: Final = "T11"  # outpatient medical care of public primary care, in Finland's care register


@dataclass(frozen=True)
class _Way:
    """How the visits to one role go: whose posts, and for each patient the own post and the pull towards it."""

    role: int
    posts: Posts
    first_provider: int
    own: Ints
    has_own: Flags
    share: Floats
    share_acute: Floats
    visits_a_year: Floats
    within_team: bool


@dataclass(frozen=True)
class _Encounters:
    """Visits before they become rows: one value a visit."""

    patient: Ints
    slot: Ints
    is_acute: Flags
    role: Ints
    provider: Ints
    team: Ints


def build_visits(world: World, people: People, block: int, seeds: np.random.SeedSequence) -> pl.DataFrame:
    """Draw the visits of a block, in the order of patient and time."""
    rng = np.random.default_rng(seeds)
    parts = [_encounters(rng, world, people, way) for way in _ways(world.setting, world.staff, people)]
    return _rows(rng, world, people, _merge(parts, world.calendar.n_days), f"V{block:03d}-")


def _merge(parts: list[_Encounters], n_days: int) -> _Encounters:
    """Put the visits of all roles in the order of patient and time, no two of a patient at one moment."""
    patient = np.concatenate([part.patient for part in parts])
    order, slot = separate(patient, np.concatenate([part.slot for part in parts]), n_days)
    return _Encounters(
        patient[order],
        slot,
        np.concatenate([part.is_acute for part in parts])[order],
        np.concatenate([part.role for part in parts])[order],
        np.concatenate([part.provider for part in parts])[order],
        np.concatenate([part.team for part in parts])[order],
    )


def _ways(setting: Setting, staff: Staff, people: People) -> tuple[_Way, _Way]:
    share = np.resize(np.array(setting.shares, dtype=np.float64), setting.n_units)[people.unit] * people.is_steered
    doctors = _Way(
        0,
        staff.doctors,
        0,
        people.doctor,
        people.is_steered,
        share,
        share * setting.acute_steering,
        people.rate,
        setting.pool == "team",
    )
    constant = np.full(people.unit.size, setting.nurse_steering)
    everyone = np.ones(people.unit.size, dtype=np.bool_)
    nurses = _Way(
        1,
        staff.nurses,
        staff.doctors.ids.len(),
        people.nurse,
        everyone,
        constant,
        constant,
        people.rate * setting.nurse_ratio,
        within_team=False,
    )
    return doctors, nurses


def _encounters(rng: np.random.Generator, world: World, people: People, way: _Way) -> _Encounters:
    """Draw the visits to one role.

    A Poisson number around a gamma frailty is negative binomial, with the mean and the dispersion of the age.
    """
    n_visits = rng.poisson(way.visits_a_year * world.calendar.exposure(people.enter, people.leave))
    patient = np.repeat(np.arange(n_visits.size), n_visits)
    day = world.calendar.draw_days(rng, people.enter[patient], people.leave[patient])
    is_acute = rng.random(patient.size) < world.setting.share_acute
    post = _choose(rng, way, patient, is_acute)
    slot = day * SLOTS_A_DAY + draw_slots(rng, patient.size)
    provider = way.first_provider + way.posts.holder(post, day)
    return _Encounters(patient, slot, is_acute, np.full(patient.size, way.role), provider, way.posts.team[post])


def _choose(rng: np.random.Generator, way: _Way, patient: Ints, is_acute: Flags) -> Ints:
    """Give the post of each visit: the own post with its share, otherwise every other post of the pool alike."""
    posts, own = way.posts, way.own[patient]
    start = posts.team_start[own] if way.within_team else posts.unit[own] * posts.per_unit
    size = posts.team_size[own] if way.within_team else np.full(own.size, posts.per_unit)
    share = np.where(is_acute, way.share_acute[patient], way.share[patient])
    stays = rng.random(own.size) < share
    # Steps 1 .. size - 1 around the pool lead to the others; without an own post, steps 0 .. size - 1 lead to all.
    skip = way.has_own[patient].astype(np.int64)
    steps = skip + np.floor(rng.random(own.size) * (size - skip)).astype(np.int64)
    return start + (own - start + np.where(stays, 0, steps)) % size


def _rows(rng: np.random.Generator, world: World, people: People, visits: _Encounters, prefix: str) -> pl.DataFrame:
    setting, staff, start = world.setting, world.staff, world.calendar.start
    n = visits.patient.size
    patient, role = visits.patient, visits.role
    moments = draw_moments(rng, visits.slot, visits.is_acute, int(start.astype(np.int64)))
    is_known, is_assessed = rng.random(n) >= setting.unknown_provider, rng.random(n) < setting.share_assessed
    table = pl.DataFrame(
        {
            "patient_id": take(people.table["patient_id"], patient),
            "visit_at": moment(start, moments.visited),
            "provider_id": blank_out(take(staff.providers["provider_id"], visits.provider), is_known),
            "visit_id": number_ids(prefix, n, width=7),
            "provider_role": take(_ROLES, role),
            "team_id": take(staff.places.team_ids, visits.team),
            "unit_id": take(staff.places.unit_ids, people.unit[patient]),
            "area_code": take(staff.places.area_ids, people.unit[patient]),
            "contact_mode": take(_MODES, pick(_MODE_WEIGHTS, role, rng.random(n))),
            "urgency": take(_URGENCIES, visits.is_acute),
            "care_type": pl.repeat(_SERVICE_TYPE, n, eager=True),
            "reason_codes": _reasons(rng, n),
            "contacted_at": moment(start, moments.contacted),
            "assessed_at": blank_out(moment(start, moments.assessed), is_assessed),
        }
    )
    return conform(table.lazy(), "visits").collect()


def _reasons(rng: np.random.Generator, n: int) -> pl.Series:
    """Draw one or two codes a visit from a table of all such lists."""
    first, second = draw(rng, _REASON_WEIGHTS, n), draw(rng, _REASON_WEIGHTS, n)
    lists = [[code] for code in _REASONS] + [[one, two] for one in _REASONS for two in _REASONS]
    has_second = (rng.random(n) < _SHARE_SECOND_REASON) & (first != second)
    return take(lists, np.where(has_second, len(_REASONS) * (1 + first) + second, first))
