"""A Polars execution engine for Great Expectations: all metrics of a view in one streaming query.

Importing this module imports Great Expectations (seconds): the gate does so when it runs, nothing else does.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from continuity.quality.conditions import AGGREGATES, MAPS, aggregate, counts
from continuity.quality.groups import GROUP_TESTS, METRIC_PREFIX, GroupCounts, GroupTest
from continuity.quality.quiet import quiet

with quiet():
    from great_expectations.execution_engine import PandasExecutionEngine

Metric = Any  # great_expectations' MetricConfiguration, which its installed package does not type for us

_COUNTS: Final = {".unexpected_count": "unexpected", ".filtered_row_count": "kept"}
_ROW_COUNT: Final = "table.row_count"


# mypy is told to skip great_expectations (reading its 2,000 modules takes a minute), so its classes are Any here.
class PolarsExecutionEngine(PandasExecutionEngine):  # type: ignore[misc]
    """Evaluates the metrics of Great Expectations on a lazy frame.

    Parameters
    ----------
    frame : polars.LazyFrame
        The view that the expectations look at.
    columns : sequence of str, optional
        What counts as the columns of the table; by default those of the frame.

    Notes
    -----
    Great Expectations resolves metrics in rounds, each made of those whose dependencies are known. Whatever needs no
    data is answered at once. The number of rows is needed by nearly all others as a dependency and looked at only in
    the end, so it is answered by a stand-in first and for good with the one query that all counts share. That
    `*.unexpected_values` is always empty keeps cell values out of every result.
    """

    def __init__(self, frame: pl.LazyFrame, columns: Sequence[str] | None = None) -> None:
        super().__init__()
        self._frame = frame
        self._schema = frame.collect_schema()
        self._columns = [name for name in self._schema if columns is None or name in columns]
        self._pending: dict[Any, pl.Expr] = {}

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[Metric],
        metrics: dict[Any, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        """Resolve one round of metrics.

        Parameters
        ----------
        metrics_to_resolve : iterable of MetricConfiguration
            The metrics whose dependencies are known.
        metrics : dict, optional
            The values known so far, by the metrics' ids.
        runtime_configuration : dict, optional
            Handed on to metrics that are computed from other metrics only.

        Returns
        -------
        dict
            Values by the metrics' ids; a metric that can wait for others is left for the next round.
        """
        waiting = list(metrics_to_resolve)
        free = {metric.id: value for metric in waiting for value in self._without_data(metric)}
        if free:
            return free
        queries = {metric.id: expr for metric in waiting if (expr := self._query(metric)) is not None}
        groups = {metric.id: metric for metric in waiting if metric.metric_name.startswith(METRIC_PREFIX)}
        if queries or groups or not waiting:
            return self._collect(queries, groups)
        return dict(super().resolve_metrics(waiting, metrics, runtime_configuration))

    def _without_data(self, metric: Metric) -> list[Any]:
        """Answer a metric from the schema: a list of one value, or an empty one when data are needed."""
        name: str = metric.metric_name
        if name == "table.columns":
            return [self._columns]
        if name == "table.column_types":
            return [[{"name": column, "type": str(self._schema[column])} for column in self._columns]]
        if name == _ROW_COUNT:
            self._pending[metric.id] = pl.len()
            return [0]
        return [[]] if name.endswith((".condition", ".map", ".unexpected_values")) else []

    def _query(self, metric: Metric) -> pl.Expr | None:
        name: str = metric.metric_name
        if name in AGGREGATES:
            return aggregate(name, metric.metric_domain_kwargs["column"], self._schema)
        for ending, part in _COUNTS.items():
            rows = MAPS.get(name.removesuffix(ending)) if name.endswith(ending) else None
            if rows is not None:
                found = counts(rows(_arguments(metric), self._schema))
                return found.unexpected if part == "unexpected" else found.kept
        return None

    def _collect(self, queries: Mapping[Any, pl.Expr], groups: Mapping[Any, Metric]) -> dict[Any, Any]:
        """Answer all counts with one query, and all groups with one each, in one pass over the frame."""
        queries = {**queries, **self._pending}
        self._pending = {}
        tests = {key: _group_test(metric) for key, metric in groups.items()}
        numbered = [expr.alias(str(number)) for number, expr in enumerate(queries.values())]
        frames = [self._frame.select(numbered)] if numbered else []
        frames += [test.reduce(self._frame, _arguments(groups[key])) for key, test in tests.items()]
        collected = pl.collect_all(frames, engine="streaming") if frames else []
        values = collected.pop(0).row(0) if numbered else ()
        # An aggregate of nothing is NaN in pandas; Great Expectations then finds that it lies in no interval.
        found = {key: float("nan") if value is None else value for key, value in zip(queries, values, strict=True)}
        return found | self._judged(tests, groups, collected)

    @staticmethod
    def _judged(
        tests: Mapping[Any, GroupTest], groups: Mapping[Any, Metric], collected: Sequence[pl.DataFrame]
    ) -> dict[Any, GroupCounts]:
        found = zip(tests.items(), collected, strict=True)
        return {key: test.judge(counts, _arguments(groups[key])) for (key, test), counts in found}


def _group_test(metric: Metric) -> GroupTest:
    return GROUP_TESTS[metric.metric_name.removeprefix(METRIC_PREFIX)]


def _arguments(metric: Metric) -> dict[str, Any]:
    # The arguments of the test itself sit with the condition that the count depends on.
    condition = metric.metric_dependencies.get("unexpected_condition", metric)
    return {**condition.metric_domain_kwargs, **condition.metric_value_kwargs}
