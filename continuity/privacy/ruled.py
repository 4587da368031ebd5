"""The rules of disclosure control by name: which of them a table was held to, and the number each of them asks for."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from continuity.privacy.limits import Limits

SIZES: Final[Mapping[str, str]] = {
    "n_patients": "min_patients",
    "n_visits": "min_visits",
    "n_providers": "min_providers",
    "share_largest_provider": "max_provider_share",
}
"""The rules on the size of a cell, by the column that they judge."""
PERCENTILES: Final = frozenset({"p10", "p25", "median", "p75", "p90", "median_days", "p90_days"})
_ASKS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("percentiles", "small_counts", "complements"), "min_patients"),
    "rounding": "round_to",
}
RULES: Final = (*SIZES.values(), "percentiles", "small_counts", "complements", "hidden_parts", "rounding")


def rules_of(
    columns: Collection[str], counts: Sequence[str], limits: Limits, *, has_sums: bool, has_parent: bool
) -> tuple[str, ...]:
    """Name the rules that a table of these columns is held to.

    Parameters
    ----------
    columns : collection of str
    counts : sequence of str
        Columns whose small counts are hidden alone.
    limits : Limits
    has_sums : bool
        Whether sums of its cells are known.
    has_parent : bool
        Whether its cells are parts of those of another table.

    Returns
    -------
    tuple of str
        Words of `RULES`, in that order.

    Examples
    --------
    >>> rules_of(["n_patients", "p90"], [], Limits(round_to=5), has_sums=True, has_parent=False)
    ('min_patients', 'percentiles', 'complements', 'rounding')
    """
    held = {
        **{rule: column in columns for column, rule in SIZES.items()},
        "percentiles": not PERCENTILES.isdisjoint(columns),
        "small_counts": bool(counts),
        "complements": has_sums,
        "hidden_parts": has_parent,
        "rounding": limits.round_to > 1,
    }
    return tuple(rule for rule in RULES if held[rule])


def limit_of(rule: str, limits: Limits) -> float | None:
    """Give the number that a rule asks for.

    Returns
    -------
    int, float or None
        None for `hidden_parts`, which asks for none. For `percentiles` and `small_counts` it is the least number of
        patients; for `complements` the least width of what an attacker can narrow a hidden cell down to.

    Examples
    --------
    >>> limit_of("max_provider_share", Limits()), limit_of("complements", Limits()), limit_of("rounding", Limits())
    (0.75, 5, 1)
    """
    found: float | None = None if rule == "hidden_parts" else getattr(limits, _ASKS.get(rule, rule))
    return found
