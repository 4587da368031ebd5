"""The Finnish care guarantee as a dated table of rules, never as a constant."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl


@dataclass(frozen=True)
class Guarantee:
    """How soon non-urgent primary care must be given, counted from the assessment of need.

    Parameters
    ----------
    first, last : date or None
        Days of assessment for which the rule holds, half-open; None is open.
    age_from, age_to : int or None
        Age on the day of assessment in whole years, half-open.
    days, months : int
        The limit: days, or calendar months clamped to the end of the month.
    """

    first: date | None
    last: date | None
    age_from: int | None
    age_to: int | None
    days: int = 0
    months: int = 0

    def holds(self, assessed_on: pl.Expr, age: pl.Expr) -> pl.Expr:
        """Tell whether the rule applies; an unknown age never meets a rule about age."""
        tests = [assessed_on.is_not_null()]
        tests += [] if self.first is None else [assessed_on >= self.first]
        tests += [] if self.last is None else [assessed_on < self.last]
        tests += [] if self.age_from is None else [age >= self.age_from]
        tests += [] if self.age_to is None else [age < self.age_to]
        return pl.all_horizontal(tests)

    @property
    def offset(self) -> str:
        """The limit as a duration of Polars."""
        return f"{self.days}d" if self.days else f"{self.months}mo"


RULES: Final = (
    Guarantee(None, date(2023, 9, 1), None, None, months=3),
    Guarantee(date(2023, 9, 1), date(2025, 1, 1), None, None, days=14),
    Guarantee(date(2025, 1, 1), None, None, 23, days=14),
    Guarantee(date(2025, 1, 1), None, 23, None, months=3),
)
"""HE 74/2022 and HE 134/2024 (Health Care Act 1326/2010); check the wording in force before a decision rests on it."""


def care_guarantee(assessed_on: pl.Expr, birth_date: pl.Expr) -> pl.Expr:
    """Give the last day on which the guarantee is kept.

    Parameters
    ----------
    assessed_on, birth_date : polars.Expr
        Dates. Where the birth date is unknown and the rule depends on age, the result is null.

    Returns
    -------
    polars.Expr
        Date; null where no rule applies.

    References
    ----------
    https://finlex.fi/fi/hallituksen-esitykset/2023/55; HE 134/2024. Months are calendar months clamped to the end of
    the month, and age is taken on the day of assessment: both our own choice.

    Examples
    --------
    >>> days = pl.DataFrame({"assessed": [date(2023, 8, 31), date(2023, 9, 1), date(2025, 1, 1)],
    ...                      "born": [date(1980, 1, 1)] * 3})
    >>> days.select(care_guarantee(pl.col("assessed"), pl.col("born"))).to_series().to_list()
    [datetime.date(2023, 11, 30), datetime.date(2023, 9, 15), datetime.date(2025, 4, 1)]
    """
    age = age_on(assessed_on, birth_date)
    until = pl.lit(None, pl.Date)
    for rule in reversed(RULES):
        until = pl.when(rule.holds(assessed_on, age)).then(assessed_on.dt.offset_by(rule.offset)).otherwise(until)
    return until


def age_on(day: pl.Expr, birth_date: pl.Expr) -> pl.Expr:
    """Give the age in whole years on a day; who was born on 29 February has the birthday on 1 March of other years.

    Examples
    --------
    >>> frame = pl.DataFrame({"day": [date(2025, 2, 28), date(2025, 3, 1)], "born": [date(2002, 3, 1)] * 2})
    >>> frame.select(age_on(pl.col("day"), pl.col("born"))).to_series().to_list()
    [22, 23]
    """
    return day.dt.year() - birth_date.dt.year() - 1 + (_in_year(day) >= _in_year(birth_date)).cast(pl.Int32)


def _in_year(day: pl.Expr) -> pl.Expr:
    """Give month and day as one number; Polars gives months as Int8, whose hundredfold would wrap round."""
    return day.dt.month().cast(pl.Int32) * 100 + day.dt.day()
