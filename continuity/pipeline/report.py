"""The main job: read, check, compute, aggregate, protect, report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity import quality, reports
from continuity.errors import QualityError
from continuity.metrics import Rules
from continuity.metrics.engine.windows import Window
from continuity.pipeline.inputs import (
    Inputs,
    Progress,
    as_sources,
    at_known_level,
    quietly,
    refuse_nothing,
    versions,
    watched,
)
from continuity.pipeline.measure import measure_roles, unknown_share
from continuity.pipeline.previous import EarlierRun, compared_with, read_earlier
from continuity.pipeline.publish import Published, publish
from continuity.pipeline.publish_more import more_tables
from continuity.privacy import Limits
from continuity.quality import trends
from continuity.reports.content import Method, ReportContent
from continuity.sources import Tables
from continuity.vocabulary import Language

REPORT_INDICES: Final = ("coc", "upc", "secon", "hhi", "k_index", "mmci", "provider_count")
BOUNDS_ABOVE: Final = 0.01  # share of unknown providers above which both extremes are shown


@dataclass(frozen=True)
class ReportJob:
    """What a report shall hold.

    Parameters
    ----------
    rules : Rules
        The report's own default for the same-day rule is ``patient_provider_day``.
    spans : sequence of Window or None
        At most one window; None is the whole of the data.
    language : {"fi", "sv", "en"}
    limits : Limits
    suites : pathlib.Path or None
        A folder of expectations in the place of our own.
    pdf : bool
        Whether report.pdf is written too.
    breaks : tuple of Break
        Changes at the site that break the course over time; `reports.breaks_of` reads them from texts.
    previous : pathlib.Path or None
        The quality.json of an earlier check, with which this one is compared.
    earlier : sequence of path
        Manifests of earlier runs that this one is compared with.
    """

    rules: Rules
    spans: Sequence[Window] | None
    language: Language
    limits: Limits
    suites: Path | None = None
    pdf: bool = False
    breaks: tuple[reports.Break, ...] = ()
    previous: Path | None = None
    earlier: Sequence[str | Path] = ()


@watched
def report(inputs: Inputs, directory: Path, job: ReportJob, progress: Progress = quietly) -> dict[str, Any]:
    """Make the report of a file of visits.

    Returns
    -------
    dict
        report, files, n_visits, n_patients, n_warnings, unknown_share, earlier_runs, and trends (expectations by what
        became of them since the earlier check, or None): what the command line says.

    Raises
    ------
    InputError
        The input, or the result of the earlier check, cannot be read; or the input changed meanwhile.
    QualityError
        A critical expectation failed; only quality.html was written.
    UsageError
        A PDF is wanted and the extra ``pdf`` is not installed.
    ProtectionError
        Together with an earlier run, the numbers would tell about a few patients or visits.
    """
    runs = read_earlier(job.earlier)
    if job.pdf:
        reports.require_typst()  # before hours of work, not after them
    earlier = None if job.previous is None else trends.read_earlier(job.previous)
    inputs.refuse_output([directory / "report.html", directory / "quality.html"])
    progress("read")
    tables = inputs.read()
    progress("check")
    verdict = gate(tables, inputs, directory, job, earlier)
    sources, rules = as_sources(tables), _rules(job, tables)
    progress("compute")
    unknown = unknown_share(sources, rules, job.spans)
    bounds = unknown > BOUNDS_ABOVE and rules.unknown_provider == "drop"
    measured = measure_roles(sources, REPORT_INDICES, rules, job.spans, bounds=bounds)
    if measured["all"].per_patient.is_empty():
        refuse_nothing(sources, rules, job.spans, inputs.name)
    progress("protect")
    published = publish(sources, measured, rules, job.spans, job.limits)
    further, adjusted_for = more_tables(
        sources, measured, published.tables, rules=rules, spans=job.spans, limits=job.limits
    )
    progress("write")
    window = _span(measured["all"].per_patient, job.spans)
    method = _method(inputs, job, published, parameters=_parameters(rules, adjusted_for, job.breaks), window=window)
    content = beside_earlier(ReportContent({**published.tables, **further}, verdict, method), runs, job.language)
    inputs.refuse_changed()
    written = reports.write_report(content, directory, language=job.language, pdf=job.pdf)
    return {
        "report": str(directory / "report.html"),
        "files": [str(path) for path in written],
        **_counted(measured["all"].per_patient),
        "n_warnings": len(verdict.warnings),
        "unknown_share": unknown,
        "earlier_runs": list(content.method.earlier),
        "trends": None if verdict.comparison is None else verdict.comparison.by_state(),
    }


def _method(
    inputs: Inputs, job: ReportJob, published: Published, *, parameters: dict[str, str], window: tuple[Any, Any]
) -> Method:
    return Method(
        indices=REPORT_INDICES,
        window_start=window[0],
        window_end=window[1],
        parameters=parameters,
        unit_rule=published.unit_rule or "most_visits",
        team_rule=published.team_rule or "most_visits",
        time_zone=inputs.options.time_zone,
        input_name=inputs.name,
        input_fingerprint=inputs.fingerprint(),
        versions=versions(),
        created_on=datetime.now(tz=UTC).date(),
        breaks=job.breaks,
        beside=inputs.beside(),
    )


def _rules(job: ReportJob, tables: Tables) -> Rules:
    rules = at_known_level(job.rules, tables)
    return rules.with_(care_type=tables.care_types) if rules.care_type is None and tables.care_types else rules


def _parameters(rules: Rules, adjusted_for: Sequence[str], breaks: Sequence[reports.Break]) -> dict[str, str]:
    further = {
        "adjusted_for": ", ".join(adjusted_for),
        "breaks": "; ".join(f"{one.day.isoformat()}={one.text}" for one in breaks),
    }
    return rules.as_parameters() | {name: value for name, value in further.items() if value}


def _counted(per_patient: pl.DataFrame) -> dict[str, int]:
    return {
        "n_visits": int(per_patient["n_visits"].sum()),
        "n_patients": per_patient["patient_id"].n_unique(),
    }


def beside_earlier(content: ReportContent, earlier: Sequence[EarlierRun], language: Language) -> ReportContent:
    """Note how the report compares with earlier runs.

    Raises
    ------
    ProtectionError
    """
    found = compared_with(earlier, reports.run_of(content), content.tables.values(), reports.words_of(language))
    return replace(content, method=replace(content.method, earlier=found))


def gate(
    tables: Tables, inputs: Inputs, directory: Path, job: ReportJob, earlier: trends.Earlier | None
) -> quality.QualityResult:
    """Run the gate; where a critical expectation fails, write the quality page and stop.

    Raises
    ------
    QualityError
        Names the failed expectations.
    """
    verdict = quality.check(tables.present(), suites=job.suites)
    if earlier is not None:
        verdict = trends.compared(verdict, earlier)
    if not verdict.passed:
        inputs.refuse_changed()
        reports.write_quality(verdict, directory, language=job.language, input_name=inputs.name, with_json=False)
        raise critical(verdict, inputs, directory / "quality.html", earlier=directory / "report.html")
    return verdict


def critical(
    verdict: quality.QualityResult, inputs: Inputs, page: Path | None, earlier: Path | None = None
) -> QualityError:
    """Give the error that says which critical expectations failed, and that an earlier report was left as it was."""
    failed = "; ".join(finding.texts["en"]["title"] for finding in verdict.critical)
    step = f"What to do stands in {page}." if page else "Run 'continuity check' with --output DIR for what to do."
    if earlier is not None and earlier.exists():
        step += f" {earlier.name} in that folder is of an earlier run."
    n = len(verdict.critical)
    return QualityError(
        f"{inputs.name} fails {n} critical {'expectation' if n == 1 else 'expectations'}: {failed}.", next_step=step
    )


def _span(per_patient: pl.DataFrame, spans: Sequence[Window] | None) -> tuple[Any, Any]:
    if spans:
        return spans[0].start.date(), spans[-1].end.date()
    if per_patient.is_empty():
        today = datetime.now(tz=UTC).date()
        return today, today + timedelta(days=1)
    return per_patient["window_start"][0].date(), per_patient["window_end"][0].date()
