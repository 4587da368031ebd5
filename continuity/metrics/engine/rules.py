"""The rules of the engine: every choice that changes a number, with its default and its allowed values."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final, Self, TypedDict, get_args

from continuity.errors import UsageError, did_you_mean
from continuity.metrics.engine.presets import preset as find_preset
from continuity.vocabulary import ContactMode, Level, Person, Role, SameDay, TieOrder, UnknownProvider, Urgency, words


class RuleOptions(TypedDict, total=False):
    """The rules as keyword arguments; see `Rules` for their meaning and defaults."""

    level: Level
    unknown_provider: UnknownProvider
    unknown_codes: Iterable[str | int]
    same_day: SameDay
    tie_order: TieOrder
    min_visits: int
    role: str | Iterable[str] | None
    contact_mode: str | Iterable[str] | None
    urgency: str | Iterable[str] | None
    care_type: str | Iterable[str] | None
    person: Person
    lookback: str
    data_from: str | date | None
    cover_days: int | None
    visit_weights: Mapping[str, float | str | Fraction] | None


_CHOICES: Final[Mapping[str, object]] = {
    "level": Level,
    "unknown_provider": UnknownProvider,
    "same_day": SameDay,
    "tie_order": TieOrder,
    "person": Person,
}
_FILTERS: Final[Mapping[str, object]] = {
    "role": Role,
    "contact_mode": ContactMode,
    "urgency": Urgency,
    "care_type": None,
}
_SPECIAL: Final = frozenset({"person", "lookback", "data_from", "cover_days", "visit_weights"})
_MOST_DAYS: Final = 36_600
_MOST_WEIGHT: Final = 100
FILTER_COLUMNS: Final[Mapping[str, str]] = {
    "role": "provider_role",
    "contact_mode": "contact_mode",
    "urgency": "urgency",
    "care_type": "care_type",
}


@dataclass(frozen=True)
class Rules:
    """Every choice of a computation; each is stated in the outputs.

    Parameters
    ----------
    level : {"provider", "team", "unit"}
        Whose continuity: with a person, a team or a unit.
    unknown_provider : {"drop", "each_distinct", "one_group", "bounds"}
        What a visit without a known provider counts as: nothing, a new provider each time, one provider, or both
        extremes side by side (every index gets a ``_low`` and a ``_high`` column).
    unknown_codes : tuple
        Further provider codes that mean "unknown", such as a shared login.
    same_day : {"keep_all", "patient_provider_day", "patient_day"}
        Which rows are one visit. ``patient_provider_day`` keeps the first of a patient's visits to a provider on a
        day, a known team or unit before an unknown one; ``patient_day`` keeps the first known provider of the day (of
        several at that moment, the smallest id).
    tie_order : {"expectation", "visit_id"}
        How visits of a patient at the same moment are ordered: the exact mean over all orders, or by `visit_id`.
    min_visits : int
        Patients with fewer visits have no index value.
    role, contact_mode, urgency, care_type : tuple of str or None
        Keep visits of these kinds only; None keeps all.
    person : {"patient", "household"}
        Whose visits are taken together: a patient's or, after the same-day rule, those of all patients of a
        household. Visits of patients without a household are then left out.
    lookback : str
        How far back a visit makes a provider known, as a duration in whole days: ``"365d"``, ``"12mo"``.
    data_from : date or None
        From which day on the data hold all visits; None takes the day of the first visit.
    cover_days : int or None
        Days that a visit covers, for ``cover_index``.
    visit_weights : tuple of (str, Fraction) or None
        The weight of a visit by its contact mode, for ``coc_weighted`` and ``upc_weighted``; other visits weigh 1.
    preset : str or None
        The preset that the rules started from; outputs carry its note.

    Examples
    --------
    >>> Rules.of(role="doctor", min_visits=2).role
    ('doctor',)
    >>> Rules.of(level="ward")
    Traceback (most recent call last):
    continuity.errors.UsageError: level cannot be 'ward'. Choices: provider, team, unit.
    """

    level: Level = "provider"
    unknown_provider: UnknownProvider = "drop"
    unknown_codes: tuple[str | int, ...] = ()
    same_day: SameDay = "keep_all"
    tie_order: TieOrder = "expectation"
    min_visits: int = 3
    role: tuple[str, ...] | None = None
    contact_mode: tuple[str, ...] | None = None
    urgency: tuple[str, ...] | None = None
    care_type: tuple[str, ...] | None = None
    person: Person = "patient"
    lookback: str = "365d"
    data_from: date | None = None
    cover_days: int | None = None
    visit_weights: tuple[tuple[str, Fraction], ...] | None = None
    preset: str | None = None

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in get_args(choices):
                raise UsageError.unknown_choice(name, getattr(self, name), get_args(choices))
        for name, kind in _FILTERS.items():
            for word in getattr(self, name) or () if kind else ():
                if word not in words(kind):
                    raise UsageError.unknown_choice(name, word, words(kind))
        if isinstance(self.min_visits, bool) or not isinstance(self.min_visits, int) or self.min_visits < 1:
            raise UsageError(f"min_visits cannot be {self.min_visits!r}.", allowed="Allowed: a whole number from 1.")
        _refuse_durations(self.lookback, self.cover_days)

    @classmethod
    def of(cls, preset: str | None = None, **given: Any) -> Self:
        """Make rules from a preset's values, overridden by those given.

        Parameters
        ----------
        preset : str, optional
            A name of `continuity.metrics.engine.presets.PRESETS`.
        **given
            Any rule by its name; a filter may be one word or several.

        Raises
        ------
        UsageError
            A rule, a value or a preset that does not exist.
        """
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise UsageError(f"There is no rule named {name!r}.", next_step=did_you_mean(name, known))
        values = {**(find_preset(preset).rules if preset else {}), **given, "preset": preset}
        for name in (*_FILTERS, "unknown_codes"):
            if values.get(name) is not None:
                values[name] = _several(values[name])
            if name in _FILTERS and values.get(name) == ():
                raise UsageError(f"{name} names no kind of visit.", next_step="Leave it out to keep all visits.")
        values["data_from"] = _day(values.get("data_from"))
        values["visit_weights"] = _weights(values.get("visit_weights"))
        return cls(**values)

    def with_(self, **changes: Any) -> Self:
        """Give the same rules with some changed."""
        return replace(self, **changes)

    def as_parameters(self, also: Iterable[str] = ()) -> dict[str, str]:
        """Give every rule as text, for manifests and reports.

        The preset, and rules that few indices look at, are there only where they were given; `also` names others of
        them that were in use.
        """
        unused = {f.name for f in fields(self) if f.name in _SPECIAL and getattr(self, f.name) == f.default}
        left_out = {"preset", *unused} - set(also)
        values = {name: _text(value) for name, value in asdict(self).items() if name not in left_out}
        if "data_from" in values and self.data_from is None:
            values["data_from"] = "first visit"
        return values | ({"preset": self.preset} if self.preset else {})

    @property
    def keeps_every_row(self) -> bool:
        """Whether every visit of a patient counts: no filter, no merging of days."""
        return self.same_day == "keep_all" and not any(getattr(self, name) for name in _FILTERS)

    @property
    def note(self) -> str | None:
        """What every output made with the preset must say."""
        return find_preset(self.preset).note if self.preset else None


def _several(value: object) -> tuple[Any, ...]:
    if isinstance(value, str | int):
        return (value,)
    return tuple(value)  # type: ignore[arg-type] # RuleOptions says that it is iterable


def _refuse_durations(lookback: object, cover_days: object) -> None:
    if (
        not isinstance(lookback, str)
        or not re.fullmatch(r"(\d{1,5}(y|q|mo|w|d))+", lookback)
        or not re.search("[1-9]", lookback)
    ):
        raise UsageError(f"lookback cannot be {lookback!r}.", allowed="Allowed: such as 365d, 12mo, 1y.")
    if cover_days is not None and (
        isinstance(cover_days, bool) or not isinstance(cover_days, int) or not 1 <= cover_days <= _MOST_DAYS
    ):
        raise UsageError(f"cover_days cannot be {cover_days!r}.", allowed="Allowed: a whole number of days from 1.")


def _day(value: object) -> date | None:
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    try:
        return (value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())).date()
    except ValueError as error:
        raise UsageError("data_from cannot be read.", allowed="Allowed: a date such as 2025-01-01.") from error


def _weights(value: Any) -> tuple[tuple[str, Fraction], ...] | None:
    """Take weights as exact numbers: 0.1 means a tenth."""
    if value is None:
        return None
    pairs = dict(value)
    for mode in pairs:
        if mode not in words(ContactMode):
            raise UsageError.unknown_choice("visit_weights", mode, words(ContactMode))
    try:
        exact = {mode: Fraction(str(weight)) for mode, weight in sorted(pairs.items())}
    except (ValueError, ZeroDivisionError):
        exact = {}
    if not exact or not all(0 < w <= _MOST_WEIGHT and (100 * w).denominator == 1 for w in exact.values()):
        raise UsageError(
            "visit_weights cannot be read.",
            allowed=f"Allowed: numbers above 0, to {_MOST_WEIGHT}, with two decimals at most, by contact mode.",
        )
    return tuple(exact.items())


def _text(value: object) -> str:
    if value is None:
        return "all"
    if not isinstance(value, tuple):
        return str(value)
    return ", ".join(f"{part[0]}={part[1]}" if isinstance(part, tuple) else str(part) for part in value)
