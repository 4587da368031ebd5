"""What the gate found: verdicts, counts, shares and names of places. No value or id of a person has a place here."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from continuity import display
from continuity.schema import TableName
from continuity.vocabulary import Language, Severity

Engine = Literal["polars", "pandas"]
Grain = Literal["row", "patient_year", "provider_day", "provider", "unit", "unit_month", "group"]
TrendState = Literal["new", "worse", "unchecked", "same", "better", "gone"]
TREND_STATES: Final[tuple[TrendState, ...]] = get_args(TrendState)
"""In the order in which they ask for action."""
Texts = Mapping[Language, Mapping[str, str]]


@dataclass(frozen=True)
class Finding:
    """One evaluated expectation.

    Parameters
    ----------
    key : str
        Stable name of the expectation, from the suite.
    table : {"visits", "patients", "providers"}
    columns : tuple of str
        The canonical or derived columns it looks at; empty when it looks at the table as a whole.
    expectation : str
        Type of the expectation in Great Expectations.
    severity : {"critical", "warning"}
        A failed critical finding stops the report.
    success : bool
    n_rows : int
        Rows looked at, counted in `grain`.
    n_unexpected : int or None
        Rows that break the expectation; None where it is about an aggregate.
    share_unexpected : float or None
        `n_unexpected` of the rows that are not left out as missing; None where there are no such rows.
    observed : float or None
        The aggregate, such as a mean or a share; None where it would be a value of a cell or rests on few rows.
    texts : mapping
        Per language: ``title``, ``cause`` and ``action``, in plain words for the owner of the data.
    engine : {"polars", "pandas"}
        What computed it. ``pandas`` says that Great Expectations' own engine had to step in.
    grain : {"row", "patient_year", "provider_day", "provider", "unit", "unit_month", "group"}
        What is counted: rows of the table, patients in calendar years, providers on days, units in months, ...
    where : tuple of str
        The units, teams or areas that break an expectation on groups, and their periods; never people.
    """

    key: str
    table: TableName
    columns: tuple[str, ...]
    expectation: str
    severity: Severity
    success: bool
    n_rows: int
    n_unexpected: int | None
    share_unexpected: float | None
    observed: float | None
    texts: Texts
    engine: Engine
    grain: Grain = "row"
    where: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Give the finding as JSON-ready values.

        Returns
        -------
        dict
            All fields by their names.
        """
        return {
            "key": self.key,
            "table": self.table,
            "columns": list(self.columns),
            "expectation": self.expectation,
            "severity": self.severity,
            "success": self.success,
            "n_rows": self.n_rows,
            "n_unexpected": self.n_unexpected,
            "share_unexpected": self.share_unexpected,
            "observed": self.observed,
            "engine": self.engine,
            "grain": self.grain,
            "where": list(self.where),
            "texts": {language: dict(parts) for language, parts in self.texts.items()},
        }


@dataclass(frozen=True)
class Skipped:
    """An expectation that could not be evaluated because what it needs was not delivered.

    Parameters
    ----------
    key : str
    table : {"visits", "patients", "providers"}
    reason : str
        One English sentence that names the absent columns or tables.
    missing : tuple of str
        The absent tables (``patients``) and columns (``visits.visit_id``).
    severity : {"critical", "warning"}
    texts : mapping
        As in `Finding`.
    """

    key: str
    table: TableName
    reason: str
    missing: tuple[str, ...]
    severity: Severity
    texts: Texts

    def to_dict(self) -> dict[str, object]:
        """Give the skipped expectation as JSON-ready values.

        Returns
        -------
        dict
            All fields by their names.
        """
        return {
            "key": self.key,
            "table": self.table,
            "reason": self.reason,
            "missing": list(self.missing),
            "severity": self.severity,
            "texts": {language: dict(parts) for language, parts in self.texts.items()},
        }


@dataclass(frozen=True)
class Trend:
    """How one expectation fares beside an earlier check.

    Parameters
    ----------
    key : str
    state : {"new", "worse", "same", "better", "gone", "unchecked"}
        ``unchecked``: it failed then and was not looked at now.
    n_before, n_now : int or None
        Rows (or groups) that break the expectation; None where there is no such number.
    share_before, share_now : float or None
    texts : mapping
        As in `Finding`; at least the titles.
    """

    key: str
    state: TrendState
    n_before: int | None
    share_before: float | None
    n_now: int | None
    share_now: float | None
    texts: Texts

    def to_dict(self) -> dict[str, object]:
        """Give the trend as JSON-ready values.

        Returns
        -------
        dict
            All fields but the texts, which stand in the findings.
        """
        names = ("key", "state", "n_before", "share_before", "n_now", "share_now")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Comparison:
    """What has changed since an earlier check.

    Parameters
    ----------
    trends : tuple of Trend
    n_rows_before : mapping
        Rows of each table then.
    rules_changed : bool
        Whether a suite was edited in between, so that a trend may come from the rules and not from the data.
    """

    trends: tuple[Trend, ...]
    n_rows_before: Mapping[str, int]
    rules_changed: bool

    def by_state(self) -> dict[TrendState, int]:
        """Give the number of expectations in each state, what asks for action first; states without one are left out.

        Returns
        -------
        dict
        """
        counted = Counter(trend.state for trend in self.trends)
        return {state: counted[state] for state in TREND_STATES if counted[state]}

    def to_dict(self) -> dict[str, object]:
        """Give the comparison as JSON-ready values.

        Returns
        -------
        dict
            All fields by their names.
        """
        return {
            "trends": [trend.to_dict() for trend in self.trends],
            "n_rows_before": dict(self.n_rows_before),
            "rules_changed": self.rules_changed,
        }


@dataclass(frozen=True)
class QualityResult:
    """The verdict of the gate.

    Parameters
    ----------
    findings : tuple of Finding
        In the order of the suites.
    skipped : tuple of Skipped
        Shown, so that an absent column never looks like a passed check.
    n_rows : mapping
        Rows of each table that was checked.
    suites : mapping
        Per suite file the first 16 hexadecimal digits of its SHA-256: which wording of the rules was used.
    comparison : Comparison or None
        What has changed since an earlier check, where one was given.

    Examples
    --------
    >>> QualityResult(findings=(), skipped=(), n_rows={"visits": 0}, suites={}).passed
    True
    """

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    n_rows: Mapping[str, int]
    suites: Mapping[str, str]
    comparison: Comparison | None = None

    @property
    def critical(self) -> tuple[Finding, ...]:
        """The failed critical findings."""
        return self._failed("critical")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The failed findings that warn."""
        return self._failed("warning")

    @property
    def passed(self) -> bool:
        """Whether no critical expectation failed."""
        return not self.critical

    @property
    def fallbacks(self) -> tuple[Finding, ...]:
        """The findings that Great Expectations' own pandas engine had to work out."""
        return tuple(finding for finding in self.findings if finding.engine == "pandas")

    def _repr_html_(self) -> str:
        """Show the verdict and what failed; never a value of the data."""
        failed = (*self.critical, *self.warnings)
        said = [("verdict", "passed" if self.passed else "a critical expectation failed"), *self.n_rows.items()]
        said += [("expectations", len(self.findings)), ("failed", len(failed)), ("not looked at", len(self.skipped))]
        rows = [
            (
                f.severity,
                f.texts.get("en", {}).get("title", f.key),
                f.table,
                f.n_unexpected,
                f.texts.get("en", {}).get("action"),
            )
            for f in failed
        ]
        return display.panel("Quality", said, ("severity", "expects", "table", "rows against", "what to do"), rows)

    def _failed(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if not f.success and f.severity == severity)

    def to_dict(self) -> dict[str, object]:
        """Give the result as JSON-ready values: verdicts, counts, shares and the suites' own words.

        Returns
        -------
        dict
            The content of ``quality.json``; it holds no value and no id of the data.
        """
        return {
            "passed": self.passed,
            "n_critical": len(self.critical),
            "n_warnings": len(self.warnings),
            "n_rows": dict(self.n_rows),
            "suites": dict(self.suites),
            "findings": [finding.to_dict() for finding in self.findings],
            "skipped": [skip.to_dict() for skip in self.skipped],
            "fallbacks": [finding.key for finding in self.fallbacks],
            "comparison": None if self.comparison is None else self.comparison.to_dict(),
        }
