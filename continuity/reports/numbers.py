"""Numbers and dates as each language writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from continuity.vocabulary import Language

_NO_BREAK: Final = "\u00a0"
_MINUS: Final = "\u2212"


@dataclass(frozen=True)
class NumberStyle:
    """The signs that one language puts into numbers.

    Parameters
    ----------
    decimal, thousands, percent : str
        Decimal sign, sign between thousands, and what follows a percentage.
    """

    decimal: str
    thousands: str
    percent: str

    def count(self, value: float) -> str:
        """Write a whole number.

        Examples
        --------
        >>> NUMBER_STYLES["en"].count(12345)
        '12,345'
        """
        return self._signed(f"{value:,.0f}")

    def decimals(self, value: float, places: int = 2) -> str:
        """Write a number with a fixed number of decimals.

        Examples
        --------
        >>> NUMBER_STYLES["fi"].decimals(-0.305)
        '−0,30'
        """
        return self._signed(f"{value:,.{places}f}")

    def share(self, value: float, places: int = 0) -> str:
        """Write a share (0-1) as a percentage; a small share never looks like none.

        Examples
        --------
        >>> NUMBER_STYLES["en"].share(0.444)
        '44%'
        >>> NUMBER_STYLES["en"].share(0.0001, 1)
        '<0.1%'
        """
        least = 10.0 ** -(places + 2)
        if 0 < value < least / 2:
            return "<" + self.share(least, places)
        return self._signed(f"{100 * value:,.{places}f}") + self.percent

    def day(self, value: date) -> str:
        """Write a date: d.m.yyyy, or the ISO form in English, which every reader takes the same way."""
        return f"{value.day}.{value.month}.{value.year}" if self.decimal == "," else value.isoformat()

    def period(self, start: date, end: date) -> str:
        """Write a half-open window with its last day, as people say it.

        Examples
        --------
        >>> NUMBER_STYLES["sv"].period(date(2025, 1, 1), date(2026, 1, 1))
        '1.1.2025–31.12.2025'
        """
        dash = "–" if self.decimal == "," else " – "
        return f"{self.day(start)}{dash}{self.day(end - timedelta(days=1))}"

    def vega_locale(self) -> dict[str, object]:
        """Give the same signs in the form that Vega's axes take."""
        return {
            "decimal": self.decimal,
            "thousands": self.thousands,
            "grouping": [3],
            "currency": ["", ""],
            "percent": self.percent,
            "minus": _MINUS,
        }

    def _signed(self, text: str) -> str:
        signs = {",": self.thousands, ".": self.decimal, "-": _MINUS}
        return "".join(signs.get(sign, sign) for sign in text)


_NORDIC: Final = NumberStyle(decimal=",", thousands=_NO_BREAK, percent=f"{_NO_BREAK}%")
NUMBER_STYLES: Final[Mapping[Language, NumberStyle]] = {
    "fi": _NORDIC,
    "sv": _NORDIC,
    "en": NumberStyle(decimal=".", thousands=",", percent="%"),
}
