"""When things happen: the visit on a slot of the day, and contact and assessment before it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from continuity.synthetic.arrays import Flags, Ints
from continuity.synthetic.calendar import weekday

SLOTS_A_DAY: Final = 288  # five minutes each
_OPENS: Final = 96  # 08:00
_OPEN_SLOTS: Final = 96  # until 16:00
_MEDIAN_WAIT, _WAIT_SPREAD, _LONGEST_WAIT = 7.0, 1.0, 120
_FIVE_MINUTES: Final = np.timedelta64(300_000_000, "us")


@dataclass(frozen=True)
class Moments:
    """Contact, assessment and visit, in that order of time; counted in slots of five minutes from the start.

    Parameters
    ----------
    contacted, assessed, visited : numpy.ndarray
        One value a visit.
    """

    contacted: Ints
    assessed: Ints
    visited: Ints


def draw_slots(rng: np.random.Generator, n: int) -> Ints:
    """Draw slots of the office hours."""
    return rng.integers(_OPENS, _OPENS + _OPEN_SLOTS, n)


def separate(patient: Ints, slot: Ints, n_days: int) -> tuple[Ints, Ints]:
    """Give the order by patient and time, and the slots in that order with no two of a patient at one moment.

    A visit on a taken slot moves to the next free one: the running maximum of (key - rank) does that for all at once.
    """
    span = (n_days + 1) * SLOTS_A_DAY
    key = patient * span + slot
    order = np.argsort(key, kind="stable")
    rank = np.arange(key.size)
    apart = np.maximum.accumulate(key[order] - rank) + rank
    return order, apart % span


def draw_moments(rng: np.random.Generator, visited: Ints, is_acute: Flags, epoch_day: int) -> Moments:
    """Draw contact and assessment: an acute visit has all on one day, a planned one waits about a week.

    The median wait of seven days is near the share of non-urgent visits that waited longer, 38-55 % in 2021-2025
    (THL, Sotkanet indicator 6411); the spread is our own. A day on a weekend moves to the Friday before.
    """
    n = visited.size
    day, slot = visited // SLOTS_A_DAY, visited % SLOTS_A_DAY
    wait = np.minimum(1 + rng.lognormal(np.log(_MEDIAN_WAIT), _WAIT_SPREAD, n).astype(np.int64), _LONGEST_WAIT)
    asked = day - np.where(is_acute, 0, wait)
    asked = asked - np.where(is_acute, 0, np.maximum(0, weekday(asked + epoch_day) - 4))
    # Both happen in office hours of that day, and an acute visit's before the visit.
    latest = np.where(is_acute, slot, _OPENS + _OPEN_SLOTS)
    first, second = np.sort(rng.random((2, n)), axis=0)
    open_slots = latest - _OPENS + 1
    contacted = asked * SLOTS_A_DAY + _OPENS + (first * open_slots).astype(np.int64)
    assessed = asked * SLOTS_A_DAY + _OPENS + (second * open_slots).astype(np.int64)
    return Moments(contacted, assessed, visited)


def moment(start: np.datetime64, slot: Ints) -> pl.Series:
    """Give the datetimes of slots counted from the start."""
    return pl.Series(start.astype("datetime64[us]") + slot * _FIVE_MINUTES)
