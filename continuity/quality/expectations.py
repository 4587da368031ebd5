"""Expectations of our own as classes of Great Expectations: importing this module makes their types known to it.

    import continuity.quality.expectations  # then load the suites with plain Great Expectations

They work on its pandas engine as they do in the gate. Importing takes seconds: it imports Great Expectations.
"""

from typing import Any, ClassVar

import polars as pl

from continuity.quality.groups import GROUP_TESTS, METRIC_PREFIX, MIN_ELAPSED, PERIOD, GroupCounts, count_groups
from continuity.quality.quiet import quiet

with quiet():
    from great_expectations.compatibility import pydantic
    from great_expectations.core.metric_domain_types import MetricDomainTypes
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.expectation import BatchExpectation
    from great_expectations.expectations.metrics.metric_provider import metric_value
    from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

__all__ = ["ExpectFewDistinctPerGroup", "ExpectFewMissingPerGroup", "ExpectSteadyVolumePerGroup"]


class _GroupExpectation(BatchExpectation):  # type: ignore[misc]  # Great Expectations is Any to mypy
    """What the expectations on groups share: the verdict follows from the counts of groups."""

    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        del runtime_configuration, execution_engine  # the verdict needs neither
        counts: GroupCounts = metrics[self.metric_dependencies[0]]
        n, off = counts.n_groups, counts.n_unexpected
        percent = 100 * off / n if n else None
        return {
            "success": off == 0,
            "result": {
                "observed_value": off,
                "element_count": n,
                "unexpected_count": off,
                "unexpected_percent": percent,
                "details": {"where": list(counts.where)},
            },
        }


class ExpectFewMissingPerGroup(_GroupExpectation):
    """Expect no group of rows to lack a column's value in more than a share of its rows.

    Parameters
    ----------
    column : str
        The column that should be filled.
    by : str
        The column that makes the groups; rows where it is missing are left out.
    max_share : float
        0-1; a group above it is unexpected.
    min_rows : int, default 1
        Smaller groups are not looked at.

    Notes
    -----
    The result counts groups: ``element_count`` those looked at, ``unexpected_count`` those above the share.
    """

    column: str
    by: str
    max_share: float = pydantic.Field(ge=0, le=1)
    min_rows: int = pydantic.Field(default=1, ge=1)

    metric_dependencies: ClassVar[tuple[str, ...]] = (f"{METRIC_PREFIX}expect_few_missing_per_group",)
    success_keys: ClassVar[tuple[str, ...]] = ("column", "by", "max_share", "min_rows")


class ExpectSteadyVolumePerGroup(_GroupExpectation):
    """Expect the number of rows of each group to keep to that of its previous period.

    Parameters
    ----------
    by : str
        The column that makes the groups; rows where it is missing are left out.
    at : str
        The column of days or moments.
    every : str
        Length of a period: ``1mo``, ``1w``, ``1q`` ...; calendar periods.
    min_ratio : float
        Rows of a period divided by rows of the period before: less is unexpected.
    max_ratio : float, optional
        More is unexpected.
    min_rows : int, default 1
        A period is looked at when the period before has at least so many rows.
    min_elapsed : float, default 0.9
        The table's last period is looked at when the latest row lies at least this far into it (0-1).

    Notes
    -----
    The result counts pairs of group and period. Periods run from the first to the last that has at least ``min_ratio``
    of the busiest period's rows in the whole table; a period without any row in between is looked at as well. The
    period after an empty one is not: it has nothing to be compared with.
    """

    by: str
    at: str
    every: str = pydantic.Field(regex=PERIOD)
    min_ratio: float = pydantic.Field(ge=0)
    max_ratio: float | None = pydantic.Field(default=None, gt=0)
    min_rows: int = pydantic.Field(default=1, ge=1)
    min_elapsed: float = pydantic.Field(default=MIN_ELAPSED, ge=0, le=1)

    metric_dependencies: ClassVar[tuple[str, ...]] = (f"{METRIC_PREFIX}expect_steady_volume_per_group",)
    success_keys: ClassVar[tuple[str, ...]] = (
        "by", "at", "every", "min_ratio", "max_ratio", "min_rows", "min_elapsed",
    )  # fmt: skip


class ExpectFewDistinctPerGroup(_GroupExpectation):
    """Expect no group of rows to hold more than so many different values of a column.

    Parameters
    ----------
    column : str
        The column whose different values are counted; missing values are not.
    by : str
        The column that makes the groups; rows where it is missing are left out.
    at : str, optional
        A column of days or moments: a group is then one value of ``by`` in one period.
    every : str, optional
        Length of a period, needed with ``at``: ``1d``, ``1mo`` ...; calendar periods.
    max_distinct : int
        A group with more is unexpected.

    Notes
    -----
    The result counts groups. Different values are told apart by 64-bit hashes.
    """

    column: str
    by: str
    at: str | None = None
    every: str | None = pydantic.Field(default=None, regex=PERIOD)
    max_distinct: int = pydantic.Field(ge=1)

    metric_dependencies: ClassVar[tuple[str, ...]] = (f"{METRIC_PREFIX}expect_few_distinct_per_group",)
    success_keys: ClassVar[tuple[str, ...]] = ("column", "by", "at", "every", "max_distinct")

    @pydantic.validator("every", always=True)  # type: ignore[untyped-decorator]
    def _period_with_moment(cls, every: str | None, values: dict[str, Any]) -> str | None:  # noqa: N805
        if (values.get("at") is None) != (every is None):
            raise ValueError("at and every go together")
        return every


class _GroupMetric(TableMetricProvider):  # type: ignore[misc]
    """Computes the counts of groups from a pandas frame, with the queries that the gate runs on Polars."""

    @metric_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls,  # noqa: N805  # Great Expectations calls it with the class
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> GroupCounts:
        del metrics, runtime_configuration  # everything is computed from the rows
        rows, _, _ = execution_engine.get_compute_domain(
            domain_kwargs=metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )
        kind = cls.metric_name.removeprefix(METRIC_PREFIX)
        frame = pl.from_pandas(rows[GROUP_TESTS[kind].columns(metric_value_kwargs)])
        return count_groups(kind, frame.lazy(), metric_value_kwargs)


class _FewMissing(_GroupMetric):
    metric_name = ExpectFewMissingPerGroup.metric_dependencies[0]
    value_keys = ExpectFewMissingPerGroup.success_keys


class _SteadyVolume(_GroupMetric):
    metric_name = ExpectSteadyVolumePerGroup.metric_dependencies[0]
    value_keys = ExpectSteadyVolumePerGroup.success_keys


class _FewDistinct(_GroupMetric):
    metric_name = ExpectFewDistinctPerGroup.metric_dependencies[0]
    value_keys = ExpectFewDistinctPerGroup.success_keys
