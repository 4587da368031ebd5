"""The visits that a network is made of: the same sources, rules and windows as those of the indices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import polars as pl

from continuity import edge
from continuity.errors import UsageError
from continuity.metrics.engine import prepare
from continuity.metrics.engine import windows as w
from continuity.metrics.engine.rules import Rules
from continuity.schema import conform

STAFF: Final[Mapping[str, str]] = {"role": "provider_role", "team_id": "team_id", "unit_id": "unit_id"}
_NOT_HERE: Final = ("min_visits", "unknown_provider", "tie_order")


@dataclass(frozen=True)
class Given:
    """What a function of this package was given, in canonical form.

    Parameters
    ----------
    sources : Sources
    rules : Rules
    spans : tuple of Window or None
    restore : callable
        Turns a lazy frame into the kind of frame that the visits came in.
    """

    sources: prepare.Sources
    rules: Rules
    spans: Sequence[w.Window] | None
    restore: Callable[[pl.LazyFrame], Any]

    @classmethod
    def of(cls, visits: Any, window: Any, providers: Any, preset: str | None, rules: Mapping[str, Any]) -> Self:
        """Read the arguments.

        Raises
        ------
        UsageError
            A rule that a network has no use for: every patient counts, and only known providers do.
        """
        for name in _NOT_HERE:
            if name in rules:
                raise UsageError(
                    f"A network has no rule {name!r}.",
                    allowed="Every patient with a visit counts, and visits to unknown providers are left out.",
                )
        lazy, restore = edge.lazily(visits)
        staff = None if providers is None else conform(edge.lazily(providers)[0], "providers", where="providers")
        sources = prepare.Sources(conform(lazy, "visits", where="visits"), providers=staff)
        return cls(sources, Rules.of(preset, **rules), w.windows(window), restore)

    def visits(self) -> pl.LazyFrame:
        """Give the visits that count, one row per visit and window, as `prepared` does."""
        return prepare.prepared(self.sources, self.rules, self.spans)

    def staff(self) -> pl.LazyFrame:
        """Give what is known of the providers: provider_id and, where known, role, team_id, unit_id.

        The table of providers comes first; what it does not have is taken from the visits, for providers whose
        visits all say the same.
        """
        known = self.sources.providers
        listed = [] if known is None else [name for name in STAFF if name in known.collect_schema()]
        names = self.sources.visits.collect_schema()
        seen = {name: pl.col(said) for name, said in STAFF.items() if name not in listed and said in names}
        providers = self.sources.visits.filter(pl.col("provider_id").is_not_null()).group_by("provider_id")
        found = providers.agg(_the_only_one(said).alias(name) for name, said in seen.items())
        if known is None or not listed:
            return found
        return found.join(prepare.one_per(known.select("provider_id", *listed), "provider_id"), "provider_id", "left")


def _the_only_one(said: pl.Expr) -> pl.Expr:
    values = said.drop_nulls().unique()
    return pl.when(values.len() == 1).then(values.first())
