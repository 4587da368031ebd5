"""`continuity convert`."""

from pathlib import Path
from typing import Any

import click

from continuity.cli import options, talk


@click.command(epilog="Example: continuity convert encounters.csv --source synthea --output canonical")
@options.visits
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A folder.")
@options.reading
@options.talking
def command(output: Path, *, quiet: bool, as_json: bool, **given: Any) -> None:
    """Write any source as canonical Parquet, with conversion.json to say what happened to the rows."""
    from continuity.pipeline.convert import convert

    with talk.progress(quiet=quiet) as progress:
        said = convert(options.inputs_of(given), output, progress)
    lines = [f"{name}: {n:,} rows" for name, n in said["rows_written"].items()]
    talk.say([*lines, f"Account: {output / 'conversion.json'}"], said, quiet=quiet, as_json=as_json)
