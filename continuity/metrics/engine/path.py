"""Which way the statistics take: the fast one where it serves, else the plain one that it is tested against."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import time
from importlib.util import find_spec
from typing import Final

import polars as pl

from continuity.metrics.engine.further import FURTHER, PARAMETERS, Job, joined
from continuity.metrics.engine.incidence import shared_pairs
from continuity.metrics.engine.prepare import KEYS, Sources, prepared
from continuity.metrics.engine.rules import Rules
from continuity.metrics.engine.statistics import LISTED, NETWORK, SCENARIOS, statistics
from continuity.metrics.engine.windows import Window, with_windows

_KNOWN_TO_THE_KERNEL: Final = frozenset(
    {"n_visits", "n_providers", "n_usual", "sum_squares", "sum_n_log2_n", "same_pairs", *LISTED}
)


def statistics_of(
    sources: Sources,
    rules: Rules,
    spans: Sequence[Window] | None,
    needs: AbstractSet[str],
    *,
    fast: bool = True,
    now: bool = False,
) -> pl.LazyFrame:
    """Give the sufficient statistics, one row per patient and window, with window_start and window_end.

    Parameters
    ----------
    sources : Sources
    rules : Rules
    spans : sequence of Window or None
    needs : set of str
        Statistics that the chosen indices use.
    fast : bool
        Whether the fast path may be taken.
    now : bool
        Whether the fast path may count at once, which is quicker, because the caller is about to collect.
    """
    counted = _counted(sources, rules, spans, needs - NETWORK - FURTHER - PARAMETERS, fast=fast, now=now)
    if needs & (FURTHER | PARAMETERS):
        counted = joined(counted, Job(sources, rules, spans), needs)
    if not needs & NETWORK:
        return counted
    shared = shared_pairs(prepared(sources, rules, spans))
    return counted.join(shared, on=KEYS, how="left").with_columns(pl.col("shared_pairs").fill_null(0))


def _counted(
    sources: Sources, rules: Rules, spans: Sequence[Window] | None, needs: AbstractSet[str], *, fast: bool, now: bool
) -> pl.LazyFrame:
    with_listed = bool(needs & LISTED)
    visits = prepared(sources, rules, spans, with_listed=with_listed)
    plain = with_windows(statistics(visits, needs, rules), visits, spans)
    if not (fast and find_spec("numba") and rules.tie_order == "expectation" and needs <= _KNOWN_TO_THE_KERNEL):
        return plain
    # One window is a filter, which the reader of a file can use; several are told apart in the loops.
    divides = spans is not None and len(spans) > 1
    if divides and not _splits_no_visit(spans or (), rules):
        return plain
    visits = prepared(sources, rules, None if divides else spans, with_listed=with_listed)
    if not _has_plain_ids(visits):
        return plain
    from continuity.metrics.engine.kernel import run  # numba takes a moment to load

    scenarios = SCENARIOS[rules.unknown_provider] if "same_pairs" in needs else ()
    in_order = rules.same_day == "keep_all" and not with_listed and not _joins(sources, rules)
    asked = run.Asked(scenarios, with_listed=with_listed, with_logs="sum_n_log2_n" in needs)
    return run.lazily(visits, spans, asked, plain, in_order=in_order, now=now)


def _splits_no_visit(spans: Sequence[Window], rules: Rules) -> bool:
    """Tell whether visits may be merged before they are put into windows: no window begins or ends within a day."""
    bounds = [moment for span in spans for moment in (span.start, span.end)]
    return rules.same_day == "keep_all" or all(moment.time() == time() for moment in bounds)


def _joins(sources: Sources, rules: Rules) -> bool:
    """Tell whether a role, team, unit or household comes from another table: a join may change the order of rows."""
    names = sources.visits.collect_schema().names()
    level = rules.level != "provider" and f"{rules.level}_id" not in names
    return level or rules.person != "patient" or (rules.role is not None and "provider_role" not in names)


def _has_plain_ids(visits: pl.LazyFrame) -> bool:
    schema = visits.collect_schema()
    dtypes = [schema[name] for name in ("patient_id", "actor")]
    return all(dtype == pl.String or (dtype.is_integer() and dtype not in (pl.Int128, pl.UInt128)) for dtype in dtypes)
