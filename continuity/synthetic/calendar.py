"""The working calendar: winter is busy, July is quiet, and nobody works on a weekend or on a fixed holiday."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from continuity.synthetic.arrays import Floats, Ints

# Our own shape of a Finnish year; only the total of a period matters for the number of visits.
_MONTH: Final = np.array([1.12, 1.10, 1.10, 1.03, 1.00, 0.88, 0.62, 0.95, 1.05, 1.07, 1.10, 0.98])
_WEEKDAY: Final = np.array([1.15, 1.05, 1.00, 0.95, 0.85, 0.0, 0.0])  # from Monday
_HOLIDAYS: Final = (101, 106, 501, 1206, 1224, 1225, 1226)  # month and day; movable feasts are left out
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True)
class Calendar:
    """How the visits of a period fall on its days.

    Parameters
    ----------
    start : numpy.datetime64
        The first day.
    years_until : numpy.ndarray
        For each day, and for the day after the last, the share of the visits that lie before it, in years: 0 first,
        the number of years last.
    """

    start: np.datetime64
    years_until: Floats

    @classmethod
    def of(cls, start: date, end: date, years: int) -> "Calendar":
        """Weigh the days of the period [start, end) and scale them to its number of years."""
        days = np.arange(np.datetime64(start, "D"), np.datetime64(end, "D"))
        month = days.astype("datetime64[M]").astype(np.int64) % 12
        day = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
        weight = _MONTH[month] * _WEEKDAY[weekday(days.astype(np.int64))]
        weight[np.isin(100 * (month + 1) + day, _HOLIDAYS)] = 0.0
        until = np.concatenate([[0.0], np.cumsum(weight)])
        return cls(days[0], until * years / until[-1])

    @property
    def n_days(self) -> int:
        """Days of the period."""
        return len(self.years_until) - 1

    def exposure(self, enter: Ints, leave: Ints) -> Floats:
        """Give the years of visits between day `enter` and day `leave`."""
        exposed: Floats = self.years_until[leave] - self.years_until[enter]
        return exposed

    def draw_days(self, rng: np.random.Generator, enter: Ints, leave: Ints) -> Ints:
        """Draw one working day in each [enter, leave), by inverting the cumulated weights."""
        target = self.years_until[enter] + rng.random(enter.size) * self.exposure(enter, leave)
        found = np.searchsorted(self.years_until, target, side="right") - 1
        return np.minimum(found, leave - 1).astype(np.int64)


def weekday(epoch_day: Ints) -> Ints:
    """Give the day of the week, Monday 0, of days counted from 1970-01-01."""
    return (epoch_day + _EPOCH_WEEKDAY) % 7


def add_years(start: date, years: int) -> date:
    """Give the same day some years later; 29 February becomes 1 March."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return date(start.year + years, 3, 1)
