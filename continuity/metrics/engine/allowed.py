"""Which indices the data and the rules allow, found from the columns alone, before any work is done."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from continuity.errors import ContinuityError, InputError, UsageError, listing
from continuity.metrics.engine.durations import TWO_YEARS
from continuity.metrics.engine.prepare import Sources, base, households
from continuity.metrics.engine.reach import Reach
from continuity.metrics.engine.registry import Index
from continuity.metrics.engine.rules import Rules
from continuity.metrics.engine.statistics import LISTED
from continuity.metrics.engine.windows import Window
from continuity.vocabulary import ContactMode, words

Spans = Sequence[Window] | None


def refusal(entry: Index, reach: Reach) -> ContinuityError | None:
    """Give the error that computing an index would end with, or None where nothing stands against it.

    Parameters
    ----------
    entry : Index
    reach : Reach
        The tables, rules and windows. An index with a look-back is refused when no window has the data before it; the
        day of the first visit, and of the last where there are no windows, is read for that.
    """
    sources, rules = reach.sources, reach.rules
    if rules.unknown_provider == "bounds" and not entry.bounded:
        return UsageError(
            f"{entry.key} cannot be bounded: it does not follow the concentration of the visits.",
            allowed="Allowed for unknown_provider: drop, each_distinct, one_group.",
        )
    if entry.needs & LISTED and not _has(sources, "patients", "listed_provider_id"):
        return InputError(
            f"No table of patients says with whom a patient is listed, and {entry.key} needs it.",
            allowed="Needed: patients with the column listed_provider_id.",
            next_step="Give --patients FILE (in Python: patients=frame).",
        )
    return _of_the_rules(entry, sources, rules) or _of_the_tables(entry, sources) or _of_the_lookback(entry, reach)


def _of_the_rules(entry: Index, sources: Sources, rules: Rules) -> UsageError | InputError | None:
    if rules.person == "household" and entry.needs & _OF_ONE_PATIENT:
        return UsageError(f"{entry.key} is about one patient, not a household.", allowed="Allowed: person patient.")
    if "covered_time" in entry.needs and rules.cover_days is None:
        return UsageError(
            f"{entry.key} has no number of days that a visit covers.",
            next_step="Give --cover-days N (in Python: cover_days=N).",
        )
    if "weight" not in entry.needs:
        return None
    if rules.visit_weights is None:
        return UsageError(
            f"{entry.key} has no weights of the visits.",
            allowed=f"Contact modes: {listing(words(ContactMode))}.",
            next_step="Give --visit-weights in_person=1,phone=0.5 (in Python: visit_weights={'phone': 0.5}).",
        )
    names = sources.visits.collect_schema().names()
    if "contact_mode" in names:
        return None
    return InputError.missing_columns(["contact_mode"], names, f"the visits ({entry.key} needs it)")


def _of_the_tables(entry: Index, sources: Sources) -> InputError | None:
    if "months_listed" in entry.needs and not _has(sources, "patients", "listed_provider_id", "listed_from"):
        return InputError(
            f"No table of patients says with whom, and since when, a patient is listed, and {entry.key} needs it.",
            allowed="Needed: patients with the columns listed_provider_id and listed_from.",
            next_step="Give --patients FILE (in Python: patients=frame).",
        )
    return None


_OF_ONE_PATIENT: Final = frozenset({"months_listed", "supply_visits"})
_BACK: Final[Mapping[str, Callable[[Rules], str]]] = {
    "n_met_before": lambda rules: rules.lookback,
    "covered_time": lambda rules: f"{rules.cover_days}d",
    "longest_gap": lambda _: f"{TWO_YEARS}d",
}
"""How far the data must reach back, by statistic: from the start of a window; `longest_gap`, from its end."""


def _of_the_lookback(entry: Index, reach: Reach) -> UsageError | None:
    for statistic, back_of in _BACK.items():
        if statistic in entry.needs:
            wanted = reach.wanted(back_of(reach.rules), from_end=statistic == "longest_gap")
            if wanted is not None:
                return UsageError(
                    f"{entry.key} looks back {back_of(reach.rules)}, and the data do not hold that time before any "
                    "window.",
                    allowed=f"Needed: {wanted}.",
                    next_step="Name a later --window or a shorter look-back, or say with --data-from DATE since when "
                    "the data hold all visits.",
                )
    return None


_RULES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "n_met_before": ("lookback", "data_from"),
    "covered_time": ("cover_days", "data_from"),
    "longest_gap": ("data_from",),
    "weight": ("visit_weights",),
}


def rules_of(entries: Sequence[Index]) -> frozenset[str]:
    """Give the rules that only these indices look at, and that their outputs must state."""
    needs = frozenset().union(*(entry.needs for entry in entries))
    return frozenset(rule for statistic, rules in _RULES_OF.items() if statistic in needs for rule in rules)


def allowed(
    entries: Sequence[Index], sources: Sources, rules: Rules, spans: Spans
) -> tuple[tuple[Index, ...], Mapping[str, str]]:
    """Divide indices into those that can be computed, and those that cannot, by key with the reason.

    Raises
    ------
    InputError
        The tables lack what a rule needs, so that no index can be computed.
    """
    _refuse_rules(sources, rules)
    reach = Reach(sources, rules, spans)
    why = {entry.key: refusal(entry, reach) for entry in entries}
    return (
        tuple(entry for entry in entries if why[entry.key] is None),
        {key: error.what for key, error in why.items() if error is not None},
    )


def refuse(entries: Sequence[Index], sources: Sources, rules: Rules, spans: Spans) -> None:
    """Raise the error of the first index that cannot be computed.

    Raises
    ------
    UsageError, InputError
    """
    _refuse_rules(sources, rules)
    reach = Reach(sources, rules, spans)
    for entry in entries:
        error = refusal(entry, reach)
        if error is not None:
            raise error


def _refuse_rules(sources: Sources, rules: Rules) -> None:
    """Refuse a level, a filter or a household that no table knows: the plan of the visits is made, nothing is read."""
    base(sources, rules)
    if rules.person == "household":
        households(sources)


def _has(sources: Sources, table: str, *columns: str) -> bool:
    frame = getattr(sources, table)
    return frame is not None and set(columns) <= set(frame.collect_schema().names())
