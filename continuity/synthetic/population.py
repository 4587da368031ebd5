"""One block of patients: who they are, whom they live with, and whose list they are on."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from continuity.schema import conform
from continuity.synthetic.ages import DISPERSION, MEAN_CHRONIC, MEAN_VISITS, band_of, draw_ages
from continuity.synthetic.arrays import Flags, Floats, Ints, blank_out, dates, draw, number_ids, pick, take
from continuity.synthetic.setting import Setting
from continuity.synthetic.staff import Posts
from continuity.synthetic.world import World

_ADULT: Final = 18
_SHARE_COUPLES: Final = 0.6
_SHARE_HOUSEHOLD_LIST: Final = 0.9  # of the members of a household who are on the household's list
_LONGEST_ENROLMENT, _LONGEST_LISTING = 20 * 365, 5 * 365  # days before the start of the period
_LANGUAGES: Final = ["fi", "sv", "en", "ru", "et"]
_LANGUAGE_WEIGHTS: Final = np.array([[0.90, 0.01, 0.04, 0.03, 0.02], [0.68, 0.24, 0.04, 0.02, 0.02]])
_SEXES: Final = ["female", "male", "unknown"]
_SEX_WEIGHTS: Final = np.array([0.506, 0.493, 0.001])


@dataclass(frozen=True)
class People:
    """The patients of a block: their table, and the numbers from which their visits are drawn.

    Parameters
    ----------
    table : polars.DataFrame
        The canonical table.
    unit : numpy.ndarray
        Unit number.
    doctor, nurse : numpy.ndarray
        The post of the patient's own doctor, and of the nurse paired with it.
    is_steered : numpy.ndarray
        Whether there is a list at all; without one the own posts only name the team.
    rate : numpy.ndarray
        Doctor visits a year that this person makes on average: the mean of the age times the person's frailty.
    enter, leave : numpy.ndarray
        First day, and first day no longer, of the person in the period.
    """

    table: pl.DataFrame
    unit: Ints
    doctor: Ints
    nurse: Ints
    is_steered: Flags
    rate: Floats
    enter: Ints
    leave: Ints


def build_people(world: World, first: int, n: int, seeds: np.random.SeedSequence) -> People:
    """Draw the patients ``first`` to ``first + n - 1``."""
    rng = np.random.default_rng(seeds)
    setting, staff = world.setting, world.staff
    age = draw_ages(rng, n)
    home = _homes(rng, age)
    order = np.argsort(home, kind="stable")
    age, home = age[order], home[order]

    unit = rng.integers(0, setting.n_units, n)[home]
    doctor = _lists(rng, staff.doctors, unit, home)
    band = band_of(age)
    frailty = rng.gamma(DISPERSION[band], 1 / DISPERSION[band])
    enter, leave = _stay(rng, setting, world.calendar.n_days, n)
    is_listed = rng.random(n) >= setting.share_unlisted
    # The frailty that brings visits brings chronic conditions too: that ties the two without touching either mean.
    n_chronic = rng.poisson(MEAN_CHRONIC[band] * frailty)
    table = pl.DataFrame(
        {
            "patient_id": number_ids("P", n, first=first + 1, width=7),
            "birth_year": setting.start.year - age,
            "sex": take(_SEXES, draw(rng, _SEX_WEIGHTS, n)),
            "language": take(_LANGUAGES, pick(_LANGUAGE_WEIGHTS, staff.places.is_bilingual[unit], rng.random(n)[home])),
            "unit_id": take(staff.places.unit_ids, unit),
            "area_code": take(staff.places.area_ids, unit),
            "household_id": take(number_ids("H", n, first=first + 1, width=7), home),
            **_listing(rng, world, age, (doctor, is_listed), (enter, leave)),
            "is_chronic": n_chronic > 0,
            "n_chronic": n_chronic,
            "workload": MEAN_VISITS[band] * setting.activity,
        }
    )
    rate = MEAN_VISITS[band] * setting.activity * frailty
    canonical = conform(table.lazy(), "patients").collect()
    return People(canonical, unit, doctor, staff.paired_nurse[doctor], is_listed, rate, enter, leave)


def _homes(rng: np.random.Generator, age: Ints) -> Ints:
    """Give every person a household number: couples of like age, children with adults of a parent's age."""
    home = np.arange(age.size)
    adults = np.flatnonzero(age >= _ADULT)
    adults = adults[np.argsort(age[adults] + rng.normal(0, 3, adults.size))]
    if adults.size == 0:
        return home
    place = np.arange(adults.size)
    is_couple = (rng.random(adults.size) < _SHARE_COUPLES)[place // 2]
    home[adults] = adults[np.where(is_couple, place - place % 2, place)]
    children = np.flatnonzero(age < _ADULT)
    parent_age = age[children] + rng.uniform(20, 40, children.size)
    parent = np.searchsorted(np.sort(age[adults]), parent_age)
    parent = np.minimum(parent, adults.size - 1) // 4 * 4  # one adult of four has the children, so that siblings happen
    home[children] = home[adults[parent]]
    return np.unique(home, return_inverse=True)[1].astype(np.int64)


def _lists(rng: np.random.Generator, posts: Posts, unit: Ints, home: Ints) -> Ints:
    """Draw the doctor's post whose list each person is on: lists grow with the FTE, households mostly share one."""
    own, shared = rng.random(home.size), rng.random(home.size)[home]
    chance = np.where(rng.random(home.size) < _SHARE_HOUSEHOLD_LIST, shared, own)
    return unit * posts.per_unit + pick(posts.fte.reshape(-1, posts.per_unit), unit, chance)


def _stay(rng: np.random.Generator, setting: Setting, n_days: int, n: int) -> tuple[Ints, Ints]:
    """Draw the first day and the first day no longer; most people are there for the whole period."""
    joins = rng.random(n) < 1 - (1 - setting.share_joining) ** setting.years
    leaves = rng.random(n) < 1 - (1 - setting.share_leaving) ** setting.years
    enter = np.where(joins, rng.integers(1, n_days - 1, n), 0)
    stays = 1 + np.floor(rng.random(n) * (n_days - enter - 1)).astype(np.int64)
    return enter, np.where(leaves, enter + stays, n_days)


def _listing(
    rng: np.random.Generator,
    world: World,
    age: Ints,
    people: tuple[Ints, Flags],
    stay: tuple[Ints, Ints],
) -> dict[str, pl.Series]:
    """Give the columns on the list and on the enrolment, as they stand at the end of the period.

    Who has left is on no list. A list began when the person came to it, or when a successor took it over.
    Age is the age reached in the first year: who was born in that year counts as enrolled from the start.
    """
    (doctor, is_listed), (enter, leave) = people, stay
    start, n_days, staff = world.setting.start, world.calendar.n_days, world.staff
    before = np.minimum(_LONGEST_ENROLMENT, 365 * age)
    enrolled = np.where(enter > 0, enter, -np.floor(rng.random(age.size) * (before + 1)).astype(np.int64))
    came = np.where(enter > 0, enter, np.maximum(enrolled, -rng.integers(0, _LONGEST_LISTING, age.size)))
    holder = staff.doctors.holder(doctor, np.full(age.size, n_days - 1))
    has_list = is_listed & (leave == n_days)
    return {
        "listed_provider_id": blank_out(take(staff.doctors.ids, holder), has_list),
        "listed_from": dates(start, np.maximum(came, staff.active_from["doctor"][holder]), has_list),
        "enrolled_from": dates(start, enrolled),
        "enrolled_to": dates(start, leave, leave < n_days),
    }
