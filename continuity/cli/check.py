"""`continuity check`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from continuity.cli import options, talk

if TYPE_CHECKING:  # the help of a command needs no Polars
    from continuity.quality import QualityResult


@click.command(epilog="Example: continuity check visits.csv --patients patients.csv --output quality")
@options.visits
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A folder for quality.html and quality.json.")
@options.previous
@options.language
@options.reading
@options.suites
@options.talking
def command(
    output: Path | None,
    previous: Path | None,
    language: Any,
    suites: Path | None,
    *,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Run the gate, which tells whether a file is fit to be reported on.

    The exit code is 4 when a critical expectation fails.
    """
    from continuity.pipeline.check import check
    from continuity.pipeline.report import critical

    inputs = options.inputs_of(given)
    with talk.progress(quiet=quiet) as progress:
        verdict, said = check(inputs, output, language=language, suites=suites, previous=previous, progress=progress)
    lines = [*_table(verdict, language), *_notes(verdict)]
    lines += [f"Page: {path}" for path in said["files"] if path.endswith(".html")]
    talk.say(lines, said, quiet=quiet, as_json=as_json)
    if not verdict.passed:
        raise critical(verdict, inputs, output / "quality.html" if output else None)


def _table(verdict: "QualityResult", language: Any) -> Iterator[str]:
    """Give one line for each failed expectation, and for each that failed in the earlier check."""
    trends = {} if verdict.comparison is None else {trend.key: trend for trend in verdict.comparison.trends}
    rows: list[tuple[str, ...]] = [
        (
            finding.severity,
            _count(finding.n_unexpected),
            talk.percent(finding.share_unexpected),
            trends[finding.key].state if finding.key in trends else "",
            finding.texts[language]["title"],
        )
        for finding in (*verdict.critical, *verdict.warnings)
    ]
    rows += [
        ("passed" if trend.state == "gone" else "", _count(trend.n_now), talk.percent(trend.share_now), trend.state,
         trend.texts[language]["title"])
        for trend in trends.values() if trend.state in ("gone", "unchecked")
    ]  # fmt: skip
    for severity, n, share, state, title in [("Severity", "Number", "Share", "Trend", "Expectation"), *rows]:
        if rows:
            change = f"{state:<10}" if verdict.comparison is not None else ""
            yield f"{severity:<8}  {n:>10}  {share:>7}  {change}{title}"


def _notes(verdict: "QualityResult") -> Iterator[str]:
    yield (
        f"{len(verdict.findings)} expectations on {verdict.n_rows['visits']:,} visits: {len(verdict.critical)} "
        f"critical and {len(verdict.warnings)} warnings failed, {len(verdict.skipped)} could not be looked at."
    )
    if verdict.comparison is not None and verdict.comparison.rules_changed:
        yield "The expectations were edited since the earlier check: a trend may come from the rules."
    for finding in verdict.fallbacks:
        yield f"Worked out by the slower pandas engine: {finding.key} ({finding.expectation})."


def _count(n: int | None) -> str:
    return "-" if n is None else f"{n:,}"
