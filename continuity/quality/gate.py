"""The gate: plan the expectations of all suites, evaluate each view once, collect the findings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from continuity.errors import InputError, listing
from continuity.quality import validator
from continuity.quality.groups import GROUP_TESTS
from continuity.quality.quiet import quiet
from continuity.quality.results import Finding, Grain, QualityResult, Skipped
from continuity.quality.suites import Expectation, read_suites, refuse_unknown_column
from continuity.quality.verdicts import Outcome
from continuity.quality.views import COUNTED, DERIVED, Tables, grain_of, group_grain, known_columns, missing_for, view
from continuity.schema import TABLES, TableName
from continuity.vocabulary import DEFAULT_TIME_ZONE

_WANTED: Final = {
    "id": "text or whole numbers",
    "datetime": "datetimes",
    "date": "dates",
    "word": "text",
    "integer": "64-bit whole numbers",
    "number": "64-bit floats",
    "boolean": "true or false",
    "texts": "lists of texts",
}
_KEY: Final = "key of {}"  # no column of a table or a suite is named so
_MIN_ROWS_OBSERVED: Final = 5  # an aggregate of fewer rows comes close to a value of somebody


@dataclass(frozen=True)
class _Planned:
    expectation: Expectation
    grain: Grain


def check(
    tables: Mapping[TableName, pl.LazyFrame], *, suites: Path | None = None, today: date | None = None
) -> QualityResult:
    """Check canonical tables against the suites of expectations.

    Parameters
    ----------
    tables : mapping
        Canonical frames by their names: ``visits``, and ``patients`` and ``providers`` where there are any.
    suites : pathlib.Path, optional
        A folder with ``visits.json``, ``patients.json`` and ``providers.json``; by default those of the package.
    today : datetime.date, optional
        The day after which a visit lies in the future; by default today in Finland.

    Returns
    -------
    QualityResult
        Verdicts, counts and shares. An expectation on an absent column or table is listed as skipped.

    Raises
    ------
    InputError
        A suite cannot be used, a required column is missing, or the data cannot be read to the end.

    Notes
    -----
    A suite with expectations of rarer types imports Great Expectations, which takes some seconds on the first call.

    Examples
    --------
    The verdict of the gate on visits alone::

        result = check({"visits": visits})
        result.passed, [finding.key for finding in result.warnings]
    """
    today = _today() if today is None else today
    loaded = read_suites(suites)
    schemas = {name: frame.collect_schema() for name, frame in tables.items()}
    _refuse_incomplete(schemas)
    entries = [expectation for suite in loaded for expectation in suite.expectations]
    plans = [_plan(expectation, schemas) for expectation in entries]
    planned = [plan for plan in plans if isinstance(plan, _Planned)]
    with quiet():
        validator.refuse_malformed(entries)
        findings = _evaluate(tables, planned, today)
    return QualityResult(
        findings=tuple(findings[plan.expectation.key] for plan in planned),
        skipped=tuple(plan for plan in plans if isinstance(plan, Skipped)),
        n_rows={name: _n_rows(tables[name], name, findings.values()) for name in tables},
        suites={f"{suite.table}.json": suite.fingerprint for suite in loaded},
    )


def derive(
    tables: Mapping[TableName, pl.LazyFrame], table: TableName, *, grain: Grain = "row", today: date | None = None
) -> pl.LazyFrame:
    """Give a table with every derived column that the suites may name: what plain Great Expectations has to look at.

    Parameters
    ----------
    tables : mapping
        Canonical frames by their names.
    table : {"visits", "patients", "providers"}
    grain : {"row", "patient_year", "provider_day"}
        What one row shall be; the last two are counts of visits.
    today : datetime.date, optional
        As in `check`.

    Returns
    -------
    polars.LazyFrame
        Columns that need what was not delivered are left out.

    Examples
    --------
    >>> visits = pl.LazyFrame({"patient_id": ["P1"], "provider_id": ["D1"], "visit_at": [datetime(2025, 3, 1)]})
    >>> derive({"visits": visits}, "visits").collect()["visit_year"].to_list()
    [2025]
    """
    schemas = {name: frame.collect_schema() for name, frame in tables.items()}
    columns = [name for name, column in DERIVED[table].items() if column.grain == grain]
    there = [name for name in columns if not missing_for(table, [name], schemas)]
    return view(tables, table, grain, there, _today() if today is None else today)


def _today() -> date:
    return datetime.now(ZoneInfo(DEFAULT_TIME_ZONE)).date()


def _refuse_incomplete(schemas: Mapping[TableName, pl.Schema]) -> None:
    for table, schema in schemas.items():
        missing = [name for name, column in TABLES[table].items() if column.required and name not in schema]
        if missing:
            raise InputError.missing_columns(missing, schema.names(), table)
        for name, column in TABLES[table].items():
            if name in schema and not (column.accepts(schema[name]) or schema[name] == pl.Null):
                raise InputError(
                    f"Column '{name}' of {table} has the type {schema[name]}.",
                    allowed=f"Needed: the canonical type, {_WANTED.get(column.kind, column.kind)}.",
                    next_step="Read the file with continuity.read_visits, or convert the column.",
                )


def _plan(expectation: Expectation, schemas: Mapping[TableName, pl.Schema]) -> _Planned | Skipped:
    """Decide what an expectation is evaluated on, or why it cannot be."""
    columns = () if expectation.is_about_table else expectation.columns
    known = known_columns(expectation.table)
    for column in columns:
        if column not in known:
            refuse_unknown_column(expectation, column, known)
    grain = grain_of(expectation.table, columns)
    if grain is None:
        raise InputError(
            f"{expectation.table}.json: the expectation '{expectation.key}' puts together columns "
            f"that are counted in different units: {listing(columns)}.",
            next_step="Make one expectation for each.",
        )
    missing = missing_for(expectation.table, columns, schemas)
    if missing:
        reason = f"Not delivered: {listing(missing)}."
        return Skipped(expectation.key, expectation.table, reason, missing, expectation.severity, expectation.texts)
    return _Planned(expectation, grain)


def _evaluate(tables: Tables, planned: Sequence[_Planned], today: date) -> dict[str, Finding]:
    findings: dict[str, Finding] = {}
    for table in dict.fromkeys(plan.expectation.table for plan in planned):
        chosen: dict[Grain, list[Expectation]] = {"row": []}
        for plan in planned:
            if plan.expectation.table == table:
                chosen.setdefault(plan.grain, []).append(plan.expectation)
        with _readable(table):
            findings |= _evaluate_table(tables, table, chosen, today)
    return findings


def _evaluate_table(
    tables: Tables, table: TableName, chosen: Mapping[Grain, Sequence[Expectation]], today: date
) -> dict[str, Finding]:
    """Evaluate the expectations on the rows of a table, and those on its sums from the same pass."""
    columns = tables[table].collect_schema().names()
    keys = {_KEY.format(grain): COUNTED[grain].key for grain in chosen if grain in COUNTED}
    wanted = [column for expectation in chosen["row"] for column in expectation.columns]
    frame = view({**tables, table: tables[table].with_columns(**keys)}, table, "row", wanted, today)
    outcomes, lengths = validator.evaluate_and_count(frame, columns, chosen["row"], keys)
    views: dict[Grain, pl.LazyFrame] = {"row": frame}
    for grain in chosen:
        if grain in COUNTED:
            views[grain] = pl.LazyFrame({COUNTED[grain].name: lengths.pop(_KEY.format(grain))})
            outcomes |= validator.evaluate(views[grain], views[grain].collect_schema().names(), chosen[grain])
    return {
        e.key: _finding(e, grain, outcomes[e.key], n_rows)
        for grain, expectations in chosen.items()
        if expectations
        for n_rows in [
            _rows_of_view(views[grain], (outcomes[e.key] for e in expectations if e.type not in GROUP_TESTS))
        ]
        for e in expectations
    }


def _finding(expectation: Expectation, grain: Grain, outcome: Outcome, n_rows: int) -> Finding:
    return Finding(
        key=expectation.key,
        table=expectation.table,
        columns=expectation.columns,
        expectation=expectation.type,
        severity=expectation.severity,
        success=outcome.success,
        n_rows=n_rows if outcome.n_rows is None else outcome.n_rows,
        n_unexpected=outcome.n_unexpected,
        share_unexpected=outcome.share_unexpected,
        observed=outcome.observed if n_rows >= _MIN_ROWS_OBSERVED else None,
        texts=expectation.texts,
        engine=outcome.engine,
        grain=group_grain(expectation.kwargs) if expectation.type in GROUP_TESTS else grain,
        where=outcome.where,
    )


def _rows_of_view(frame: pl.LazyFrame, outcomes: Iterable[Outcome]) -> int:
    """Take the rows from an outcome that counted them all, else count them."""
    counted = [o.n_rows for o in outcomes if o.engine == "polars" and o.n_rows is not None]
    return counted[0] if counted else _count(frame)


def _n_rows(frame: pl.LazyFrame, table: TableName, findings: Iterable[Finding]) -> int:
    counted = [f.n_rows for f in findings if f.table == table and f.grain == "row" and f.engine == "polars"]
    if counted:
        return counted[0]
    with _readable(table):
        return _count(frame)


def _count(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())


@contextmanager
def _readable(table: TableName) -> Iterator[None]:
    """Turn trouble of a lazy source into an error without the trouble's words, which can quote a cell."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"The rows of {table} cannot be read to the end ({type(error).__name__}).",
            allowed="Every row must have the form that the table's columns announce.",
            next_step="Read the source with Polars alone to see the row, where patients' data may be seen.",
        ) from None
