"""Expectations evaluated on a view: the plain ones by `verdicts`, all others by Great Expectations.

Great Expectations is asked for counts alone, and imported where it is asked: it takes seconds and 260 MB. Call these
functions inside `quiet`.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from numbers import Real
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from continuity.errors import InputError, did_you_mean
from continuity.quality import verdicts
from continuity.quality.coverage import covers
from continuity.quality.forms import is_plain
from continuity.quality.groups import GROUP_TESTS
from continuity.quality.results import Engine
from continuity.quality.suites import Expectation
from continuity.quality.verdicts import Outcome

# BASIC has counts; without this exclusion it would have cell values too, which the pandas engine would fill in.
_RESULT_FORMAT: Final = {"result_format": "BASIC", "exclude_unexpected_values": True, "partial_unexpected_count": 0}
_SHOWN_AGGREGATES: Final = ("mean", "stdev", "sum", "proportion", "count")  # a least or most common value is a cell


def refuse_malformed(expectations: Iterable[Expectation]) -> None:
    """Check that Great Expectations knows each type and takes its arguments; it is asked where they are not plain.

    Parameters
    ----------
    expectations : iterable of Expectation

    Raises
    ------
    InputError
        Names the suite, the expectation and the arguments that do not fit.
    """
    doubtful = [e for e in expectations if not is_plain(e.type, e.kwargs)]
    if not doubtful:
        return
    known = _registered()
    for expectation in doubtful:
        where = f"{expectation.table}.json: the expectation '{expectation.key}'"
        if expectation.type not in known:
            raise InputError(
                f"{where} has the type '{expectation.type}', which Great Expectations does not know.",
                allowed="Its gallery of expectations lists the types.",
                next_step=did_you_mean(expectation.type, known) or "Correct the file and run again.",
            )
        fields = _misfits(expectation)
        if fields:
            raise InputError(
                f"{where} has kwargs that do not fit: {', '.join(fields)}.",
                allowed=f"See the arguments of {expectation.type} in Great Expectations.",
                next_step="Correct the file and run again.",
            )


def _registered() -> Sequence[str]:
    """Make our own types known to Great Expectations, and name all that it knows."""
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    import continuity.quality.expectations  # noqa: F401  # its classes register themselves

    known: list[str] = list_registered_expectation_implementations()
    return known


def _misfits(expectation: Expectation) -> list[str]:
    """Name the arguments that Great Expectations refuses."""
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.exceptions import GreatExpectationsError

    try:
        _configuration(expectation).to_domain_obj()
    except ValidationError as error:
        return sorted({str(part) for detail in error.errors() for part in detail["loc"]})
    except GreatExpectationsError:  # what it raises for a row condition that it cannot parse
        return ["row_condition"]
    return []


def evaluate(frame: pl.LazyFrame, columns: Sequence[str], expectations: Sequence[Expectation]) -> dict[str, Outcome]:
    """Evaluate expectations on one view.

    Parameters
    ----------
    frame : polars.LazyFrame
        The view.
    columns : sequence of str
        What counts as the columns of the table when an expectation asks for them.
    expectations : sequence of Expectation
        All their columns are in `frame`.

    Returns
    -------
    dict
        One `Outcome` for each key.

    Raises
    ------
    InputError
        An expectation cannot be evaluated on this column, by either engine.
    """
    return evaluate_and_count(frame, columns, expectations, ())[0]


def evaluate_and_count(
    frame: pl.LazyFrame, columns: Sequence[str], expectations: Sequence[Expectation], counted: Iterable[str]
) -> tuple[dict[str, Outcome], dict[str, NDArray[np.int64]]]:
    """Evaluate expectations on one view, and count its keys in the same pass.

    Parameters
    ----------
    frame, columns, expectations
        As in `evaluate`.
    counted : iterable of str
        Columns of keys, as in `verdicts.evaluate`.

    Returns
    -------
    tuple of (dict, dict)
        As in `verdicts.evaluate`.
    """
    schema = frame.collect_schema()
    covered = [e for e in expectations if covers(e.type, e.kwargs, schema)]
    plain = [e for e in covered if is_plain(e.type, e.kwargs)]
    outcomes, lengths = verdicts.evaluate(frame, plain, counted)
    others = [e for e in covered if e.key not in outcomes]
    if others:
        outcomes |= _run(_polars_engine(frame, columns), others, "polars")
    for expectation in expectations:
        if expectation.key not in outcomes:
            outcomes |= _run(_pandas_engine(frame, columns, expectation), [expectation], "pandas")
    return outcomes, lengths


def _polars_engine(frame: pl.LazyFrame, columns: Sequence[str]) -> Any:
    from continuity.quality.polars_engine import PolarsExecutionEngine

    return PolarsExecutionEngine(frame, columns)


def _pandas_engine(frame: pl.LazyFrame, columns: Sequence[str], expectation: Expectation) -> Any:
    from great_expectations.execution_engine import PandasExecutionEngine

    names = frame.collect_schema().names()
    # A row condition is free text: whatever it mentions may be needed.
    condition = str(expectation.kwargs.get("row_condition") or "")
    needed = [name for name in names if name in expectation.columns or name in condition]
    selected = frame.select(needed or list(columns)).collect(engine="streaming")
    return PandasExecutionEngine(batch_data_dict={"view": selected.to_pandas()})


def _run(engine: Any, expectations: Sequence[Expectation], name: Engine) -> dict[str, Outcome]:
    from great_expectations.validator.validator import Validator

    _registered()

    validator = Validator(execution_engine=engine)
    validator.metrics_calculator.show_progress_bars = False
    results = validator.graph_validate(
        configurations=[_configuration(expectation) for expectation in expectations],
        # All that the Polars engine is given it can do: there an exception is trouble with the data's source.
        runtime_configuration={"catch_exceptions": name == "pandas", "result_format": _RESULT_FORMAT},
    )
    by_key = {result.expectation_config.meta["key"]: result for result in results}
    return {e.key: _outcome(e, by_key[e.key], name) for e in expectations}


def _configuration(expectation: Expectation) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    return ExpectationConfiguration(
        type=expectation.type,
        kwargs=dict(expectation.kwargs),
        meta={"key": expectation.key},
        severity=expectation.severity,
    )


def _outcome(expectation: Expectation, result: Any, engine: Engine) -> Outcome:
    if _raised(result.exception_info or {}):
        # The exception's own words can quote a cell: they are left out on purpose.
        raise InputError(
            f"{expectation.table}.json: the expectation '{expectation.key}' ({expectation.type}) "
            f"cannot be evaluated on {', '.join(expectation.columns) or 'the table'}.",
            allowed="The arguments must fit the type of the column, for example numbers for a column of numbers.",
            next_step="Correct the kwargs, or take the expectation out of the suite.",
        )
    found: Mapping[str, Any] = result.result
    percent = found.get("unexpected_percent")
    return Outcome(
        success=bool(result.success),
        n_rows=found.get("element_count"),
        n_unexpected=found.get("unexpected_count"),
        share_unexpected=None if percent is None else percent / 100,
        observed=_observed(expectation.type, found),
        engine=engine,
        where=tuple(found.get("details", {}).get("where", ())) if expectation.type in GROUP_TESTS else (),
    )


def _raised(info: Mapping[str, Any]) -> bool:
    # Either the flags of one exception or one such mapping for each failed metric.
    return bool(info.get("raised_exception", info))


def _observed(expectation_type: str, found: Mapping[str, Any]) -> float | None:
    value = found.get("observed_value")
    is_aggregate = any(word in expectation_type.split("_") for word in _SHOWN_AGGREGATES)
    if not is_aggregate or not isinstance(value, Real) or isnan(value):
        return None
    return float(value)
