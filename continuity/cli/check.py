"""`continuity check`."""

from pathlib import Path
from typing import Any

import click

from continuity.cli import options, talk


@click.command(epilog="Example: continuity check visits.csv --patients patients.csv --output quality")
@options.visits
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A folder for quality.html and quality.json.")
@options.language
@options.reading
@options.suites
@options.talking
def command(
    output: Path | None, language: Any, suites: Path | None, *, quiet: bool, as_json: bool, **given: Any
) -> None:
    """Run the gate, which tells whether a file is fit to be reported on.

    The exit code is 4 when a critical expectation fails.
    """
    from continuity.pipeline.check import check
    from continuity.pipeline.report import critical

    inputs = options.inputs_of(given)
    with talk.progress(quiet=quiet) as progress:
        verdict, said = check(inputs, output, language=language, suites=suites, progress=progress)
    failed = [finding for finding in verdict.findings if not finding.success]
    lines = [
        f"{finding.severity:8}  {_count(finding)}  {finding.texts[language]['title']}"
        for finding in sorted(failed, key=lambda finding: finding.severity)
    ]
    lines.append(
        f"{len(verdict.findings)} expectations on {verdict.n_rows['visits']:,} visits: {len(verdict.critical)} "
        f"critical and {len(verdict.warnings)} warnings failed, {len(verdict.skipped)} could not be looked at."
    )
    lines += [f"Page: {path}" for path in said["files"] if path.endswith(".html")]
    talk.say(lines, said, quiet=quiet, as_json=as_json)
    if not verdict.passed:
        raise critical(verdict, inputs, output / "quality.html" if output else None)


def _count(finding: Any) -> str:
    n = f"{finding.n_unexpected:>10,}" if finding.n_unexpected is not None else " " * 10
    return f"{n}  {talk.percent(finding.share_unexpected):>7}"
