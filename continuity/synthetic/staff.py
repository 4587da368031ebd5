"""Units, teams, and the posts of doctors and nurses with those who hold them one after another."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from continuity.schema import conform
from continuity.synthetic.arrays import Floats, Ints, dates, number_ids, take
from continuity.synthetic.setting import Setting
from continuity.vocabulary import Role

_NEVER: Final = 2**40  # a day past every period
_LONGEST_SERVICE: Final = 15 * 365  # days a holder may have worked before the period starts
_FTE: Final[dict[Role, tuple[float, ...]]] = {"doctor": (0.4, 0.6, 0.8, 1.0, 1.0, 1.0), "nurse": (0.6, 0.8, 1.0, 1.0)}
_LANGUAGES: Final = [["fi"], ["fi", "sv"], ["fi", "en"], ["fi", "sv", "en"]]
_SHARE_ENGLISH, _SHARE_OPEN = 0.8, 0.7
_SHARE_SWEDISH: Final = np.array([0.25, 0.7])  # of the staff of a Finnish-speaking and of a bilingual area


@dataclass(frozen=True)
class Posts:
    """The posts of one role: every unit has as many, in the order of unit and team.

    Parameters
    ----------
    per_unit : int
        Posts of a unit.
    unit, team : numpy.ndarray
        Unit and team number of each post; teams are numbered through all units.
    team_start, team_size : numpy.ndarray
        For each post, the first post of its team and how many posts the team has.
    fte : numpy.ndarray
        Full-time equivalent of each post.
    changes : numpy.ndarray
        Posts x years, increasing: the days on which a successor takes over; far in the future where nobody does.
    first_holder : numpy.ndarray
        Number of the provider who holds each post at the start; successors follow.
    ids : polars.Series
        Ids of the providers, by number.
    """

    per_unit: int
    unit: Ints
    team: Ints
    team_start: Ints
    team_size: Ints
    fte: Floats
    changes: Ints
    first_holder: Ints
    ids: pl.Series

    def holder(self, post: Ints, day: Ints) -> Ints:
        """Give the number of the provider who holds each post on each day."""
        n_changes: Ints = (self.changes[post] <= day[:, None]).sum(axis=1, dtype=np.int64)
        return self.first_holder[post] + n_changes


@dataclass(frozen=True)
class Places:
    """Units, their teams and their areas.

    Parameters
    ----------
    unit_ids, team_ids : polars.Series
        Ids by number; teams are numbered through all units.
    area_ids : polars.Series
        For each unit, the id of its area.
    is_bilingual : numpy.ndarray
        For each unit, 1 when its area is bilingual, otherwise 0.
    """

    unit_ids: pl.Series
    team_ids: pl.Series
    area_ids: pl.Series
    is_bilingual: Ints


@dataclass(frozen=True)
class Staff:
    """All who work, and where.

    Parameters
    ----------
    doctors, nurses : Posts
        The posts of each role.
    paired_nurse : numpy.ndarray
        For each doctor's post the nurse's post that works with it.
    places : Places
        Where they work.
    active_from : dict of str to numpy.ndarray
        Role to the day, counted from the start of the period, on which each provider began.
    providers : polars.DataFrame
        The canonical table.
    """

    doctors: Posts
    nurses: Posts
    paired_nurse: Ints
    places: Places
    active_from: dict[Role, Ints]
    providers: pl.DataFrame


def build_staff(setting: Setting, seeds: np.random.SeedSequence) -> Staff:
    """Draw the staff of all units; small, so it is built whole before any block of patients."""
    rng = np.random.default_rng(seeds)
    places = _places(setting)
    doctors = _posts(rng, setting, "doctor", setting.doctors_per_unit)
    nurses = _posts(rng, setting, "nurse", setting.nurses_per_unit)
    doctor_table, doctors_from = _table(rng, setting, doctors, "doctor", places)
    nurse_table, nurses_from = _table(rng, setting, nurses, "nurse", places)
    active_from: dict[Role, Ints] = {"doctor": doctors_from, "nurse": nurses_from}
    providers = conform(pl.concat([doctor_table, nurse_table]).lazy(), "providers").collect()
    return Staff(doctors, nurses, _pair(doctors, nurses), places, active_from, providers)


def _places(setting: Setting) -> Places:
    unit_ids = number_ids("U", setting.n_units, first=1, width=2)
    area = np.arange(setting.n_units) // setting.units_per_area
    return Places(
        unit_ids,
        pl.Series([f"{unit}-T{team + 1}" for unit in unit_ids for team in range(setting.teams_per_unit)]),
        take(number_ids("A", int(area[-1]) + 1, first=1, width=2), area),
        area % 2,
    )


def _posts(rng: np.random.Generator, setting: Setting, role: Role, per_unit: int) -> Posts:
    n_units, n_teams = setting.n_units, setting.teams_per_unit
    sizes = np.array([len(part) for part in np.array_split(np.arange(per_unit), n_teams)])
    team = np.repeat(np.arange(n_units * n_teams), np.tile(sizes, n_units))
    size = np.tile(sizes, n_units)
    changes = _changes(rng, setting, n_units * per_unit)
    holders = 1 + (changes < _NEVER).sum(axis=1)
    return Posts(
        per_unit,
        np.repeat(np.arange(n_units), per_unit),
        team,
        (np.cumsum(size) - size)[team],
        size[team],
        rng.choice(_FTE[role], n_units * per_unit),
        changes,
        np.cumsum(holders) - holders,
        number_ids(role[0].upper(), int(holders.sum()), first=1, width=3),
    )


def _changes(rng: np.random.Generator, setting: Setting, n_posts: int) -> Ints:
    """Draw at most one change a post and year, so that no two fall on one day."""
    day = (np.arange(setting.years) + rng.random((n_posts, setting.years))) * 365
    happens = rng.random(day.shape) < setting.turnover
    changes = np.where(happens, day.astype(np.int64), _NEVER)
    return np.sort(changes, axis=1)


def _pair(doctors: Posts, nurses: Posts) -> Ints:
    """Pair each doctor's post with a nurse's post of the same team, in turn."""
    first_of_team = np.searchsorted(nurses.team, np.arange(doctors.team[-1] + 1))
    size_of_team = nurses.team_size[first_of_team]
    place = np.arange(doctors.team.size) - doctors.team_start
    return (first_of_team[doctors.team] + place % size_of_team[doctors.team]).astype(np.int64)


def _table(
    rng: np.random.Generator, setting: Setting, posts: Posts, role: Role, places: Places
) -> tuple[pl.DataFrame, Ints]:
    """Give the canonical rows of a role, and the day on which each provider began."""
    n_posts = posts.unit.size
    began = -1 - rng.integers(0, _LONGEST_SERVICE, (n_posts, 1))
    starts, ends = np.hstack([began, posts.changes]), np.hstack([posts.changes, np.full((n_posts, 1), _NEVER)])
    real = starts < _NEVER
    post, start, end = np.nonzero(real)[0], starts[real], ends[real]
    speaks_swedish = rng.random(post.size) < _SHARE_SWEDISH[places.is_bilingual[posts.unit[post]]]
    speaks_english = rng.random(post.size) < _SHARE_ENGLISH
    # The first post of a unit always takes new patients, so that everyone can be placed somewhere.
    is_open = (rng.random(post.size) < _SHARE_OPEN) | (post % posts.per_unit == 0)
    table = pl.DataFrame(
        {
            "provider_id": posts.ids,
            "role": pl.repeat(role, post.size, eager=True),
            "team_id": take(places.team_ids, posts.team[post]),
            "unit_id": take(places.unit_ids, posts.unit[post]),
            "fte": posts.fte[post],
            "languages": take(_LANGUAGES, speaks_swedish + 2 * speaks_english),
            "active_from": dates(setting.start, start),
            "active_to": dates(setting.start, end, end < _NEVER),
            "accepts_new": is_open & (end == _NEVER),
        }
    )
    return table, start
