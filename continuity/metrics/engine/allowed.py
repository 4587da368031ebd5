"""Which indices the data and the rules allow, found from the columns alone, before any work is done."""

from collections.abc import Mapping, Sequence

from continuity.errors import ContinuityError, InputError, UsageError
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.registry import Index
from continuity.metrics.engine.rules import Rules
from continuity.metrics.engine.statistics import LISTED


def refusal(entry: Index, sources: Sources, rules: Rules) -> ContinuityError | None:
    """Give the error that computing an index would end with, or None where nothing stands against it.

    Parameters
    ----------
    entry : Index
    sources : Sources
    rules : Rules
    """
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
    return None


def allowed(entries: Sequence[Index], sources: Sources, rules: Rules) -> tuple[tuple[Index, ...], Mapping[str, str]]:
    """Divide indices into those that can be computed, and those that cannot, by key with the reason."""
    why = {entry.key: refusal(entry, sources, rules) for entry in entries}
    return (
        tuple(entry for entry in entries if why[entry.key] is None),
        {key: error.what for key, error in why.items() if error is not None},
    )


def refuse(entries: Sequence[Index], sources: Sources, rules: Rules) -> None:
    """Raise the error of the first index that cannot be computed.

    Raises
    ------
    UsageError, InputError
    """
    for entry in entries:
        error = refusal(entry, sources, rules)
        if error is not None:
            raise error


def _has(sources: Sources, table: str, *columns: str) -> bool:
    frame = getattr(sources, table)
    return frame is not None and set(columns) <= set(frame.collect_schema().names())
