"""How many visits and patients remain after each rule: the flow that a report and a paper must show."""

from collections.abc import Sequence
from typing import Any, Unpack

import polars as pl

from continuity import edge
from continuity.metrics.engine import prepare
from continuity.metrics.engine import windows as w
from continuity.metrics.engine.rules import FILTER_COLUMNS, RuleOptions, Rules
from continuity.schema import conform


def attrition(
    visits: Any,
    *,
    window: w.WindowLike | None = None,
    patients: Any = None,
    providers: Any = None,
    preset: str | None = None,
    **rules: Unpack[RuleOptions],
) -> Any:
    """Count the visits and patients that remain after each rule.

    Parameters
    ----------
    visits, window, patients, providers, preset, **rules
        As in `continuity.compute`.

    Returns
    -------
    frame of the kind of `visits`
        One row per step, in order: step_order, step (``read``, ``identified``: with a patient and a time, the filters
        and rules that were in use, ``household``: of a patient with one, ``used``, ``patients_below_min_visits``),
        n_visits and n_patients left (Int64; from ``household`` on n_patients counts households), share_of_visits (of
        those read; null when none was). The last step counts the patients of ``used`` with too few visits, and their
        visits.

    Raises
    ------
    UsageError, InputError
        As `continuity.compute`.

    Examples
    --------
    >>> import polars as pl
    >>> import continuity as ct
    >>> visits = pl.DataFrame({"patient_id": [1, 1, 2], "provider_id": ["A", None, "B"],
    ...                        "visit_at": ["2025-01-05", "2025-02-05", "2025-03-05"]})
    >>> flow = ct.attrition(visits.with_columns(pl.col("visit_at").str.to_datetime()), min_visits=1)
    >>> flow.select("step", "n_visits").rows()
    [('read', 3), ('identified', 3), ('unknown_provider', 2), ('used', 2), ('patients_below_min_visits', 0)]
    """
    lazy, restore = edge.lazily(visits)
    tables = prepare.Sources(
        conform(lazy, "visits", where="visits"),
        patients=None if patients is None else conform(edge.lazily(patients)[0], "patients", where="patients"),
        providers=None if providers is None else conform(edge.lazily(providers)[0], "providers", where="providers"),
    )
    return restore(attrition_of(tables, Rules.of(preset, **rules), w.windows(window)))


def attrition_of(sources: prepare.Sources, rules: Rules, spans: Sequence[w.Window] | None) -> pl.LazyFrame:
    """Give the table of `attrition` from canonical lazy frames and parsed choices."""
    visits = prepare.base(sources, rules)
    steps = {"read": sources.visits, "identified": visits}
    for rule in FILTER_COLUMNS:
        if getattr(rules, rule):
            visits = steps[rule] = prepare.filtered(visits, rule, rules)
    visits = prepare.windowed(visits, spans)
    if spans is not None:
        steps["window"] = visits
    if rules.unknown_provider == "drop":
        visits = steps["unknown_provider"] = visits.filter(pl.col("actor").is_not_null())
    if rules.same_day != "keep_all":
        visits = steps["same_day"] = prepare.merged_days(visits, rules)
    if rules.person == "household":
        visits = steps["household"] = prepare.of_persons(visits, sources, rules)
    steps["used"] = visits
    few = visits.group_by(*prepare.KEYS).len().filter(pl.col("len") < rules.min_visits)
    steps["patients_below_min_visits"] = visits.join(few, on=prepare.KEYS, how="semi")
    counted = pl.concat(
        frame.select(
            step_order=pl.lit(number, pl.Int64),
            step=pl.lit(step),
            n_visits=pl.len().cast(pl.Int64),
            n_patients=pl.col("patient_id").drop_nulls().n_unique().cast(pl.Int64),
        )
        for number, (step, frame) in enumerate(steps.items())
    )
    read = pl.col("n_visits").first()
    return counted.sort("step_order").with_columns(share_of_visits=pl.when(read > 0).then(pl.col("n_visits") / read))
