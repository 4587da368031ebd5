"""`continuity demo`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from continuity.cli import options, talk


@click.command(epilog="Example: continuity demo --output demo --language fi")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="A folder."
)
@options.language
@click.option(
    "--patients", "n_patients", type=click.IntRange(min=100), default=20_000, show_default=True, help="How many."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same data.")
@options.pdf
@options.talking
def command(output: Path, language: Any, n_patients: int, seed: int, *, pdf: bool, quiet: bool, as_json: bool) -> None:
    """Run the whole job on synthetic patients: no real person is in it."""
    from continuity.metrics import Rules
    from continuity.metrics.engine.windows import windows
    from continuity.pipeline import Inputs
    from continuity.pipeline.report import ReportJob, report
    from continuity.privacy import Limits
    from continuity.synthetic import Setting, write

    setting = Setting(n_patients=n_patients, seed=seed)
    job = ReportJob(
        Rules.of(same_day="patient_provider_day"), windows((setting.start, setting.end)), language, Limits(), pdf=pdf
    )
    with talk.progress(quiet=quiet) as progress, TemporaryDirectory() as folder:
        progress("generate")
        paths = write(setting, Path(folder))
        said = report(Inputs(paths["visits"], paths["patients"], paths["providers"]), output, job, progress)
    lines = [f"{said['n_visits']:,} synthetic visits of {said['n_patients']:,} patients.", f"Report: {said['report']}"]
    talk.say(lines, said, quiet=quiet, as_json=as_json)
