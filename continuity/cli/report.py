"""`continuity report`."""

from pathlib import Path
from typing import Any

import click

from continuity.cli import options, talk


@click.command(epilog="Example: continuity report visits.csv --patients patients.csv --output out --language fi")
@options.visits
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A folder.")
@options.language
@options.reading
@options.ruling
@options.protecting
@options.breaks
@options.earlier_runs
@options.suites
@options.previous
@options.pdf
@options.talking
def command(
    output: Path,
    language: Any,
    suites: Path | None,
    previous: Path | None,
    earlier: tuple[str, ...],
    *,
    pdf: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Check a file of visits, compute continuity, and write a report to read.

    Writes report.html, report.xlsx, tables/*.parquet, figures/*, quality.html, manifest.json and manifest.csv. When a
    critical expectation on the data fails, only quality.html is written and the exit code is 4.
    """
    from continuity.pipeline.report import ReportJob, report

    inputs = options.inputs_of(given)
    rules, spans = options.rules_of(given, same_day="patient_provider_day")
    limits, breaks = options.limits_of(given), options.breaks_of(given)
    job = ReportJob(rules, spans, language, limits, suites, pdf, breaks=breaks, previous=previous, earlier=earlier)
    with talk.progress(quiet=quiet) as progress:
        said = report(inputs, output, job, progress)
    lines = [
        f"{said['n_visits']:,} visits of {said['n_patients']:,} patients; "
        f"{talk.percent(said['unknown_share'])} of visits have no known provider.",
        f"Warnings about the data: {said['n_warnings']}",
        *([] if said["trends"] is None else [f"Since the earlier check: {_changes(said['trends'])}."]),
        *talk.beside_earlier(said["earlier_runs"]),
        f"Report: {said['report']}",
    ]
    talk.say(lines, said, quiet=quiet, as_json=as_json)


def _changes(trends: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {state}" for state, n in trends.items()) or "nothing failed then or fails now"
