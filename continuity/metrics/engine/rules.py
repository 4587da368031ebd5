"""The rules of the engine: every choice that changes a number, with its default and its allowed values."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Self, TypedDict, get_args

from continuity.errors import UsageError, did_you_mean
from continuity.metrics.engine.presets import preset as find_preset
from continuity.vocabulary import ContactMode, Level, Role, SameDay, TieOrder, UnknownProvider, Urgency


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


_CHOICES: Final[Mapping[str, object]] = {
    "level": Level,
    "unknown_provider": UnknownProvider,
    "same_day": SameDay,
    "tie_order": TieOrder,
}
_FILTERS: Final[Mapping[str, object]] = {
    "role": Role,
    "contact_mode": ContactMode,
    "urgency": Urgency,
    "care_type": None,
}
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
    preset: str | None = None

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in get_args(choices):
                raise UsageError.unknown_choice(name, getattr(self, name), get_args(choices))
        for name, words in _FILTERS.items():
            for word in getattr(self, name) or () if words else ():
                if word not in get_args(words):
                    raise UsageError.unknown_choice(name, word, get_args(words))
        if isinstance(self.min_visits, bool) or not isinstance(self.min_visits, int) or self.min_visits < 1:
            raise UsageError(f"min_visits cannot be {self.min_visits!r}.", allowed="Allowed: a whole number from 1.")

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
        return cls(**values)

    def with_(self, **changes: Any) -> Self:
        """Give the same rules with some changed."""
        return replace(self, **changes)

    def as_parameters(self) -> dict[str, str]:
        """Give every rule as text, for manifests and reports; the preset only where one was asked for."""
        values = {name: _text(value) for name, value in asdict(self).items() if name != "preset"}
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


def _text(value: object) -> str:
    if value is None:
        return "all"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
