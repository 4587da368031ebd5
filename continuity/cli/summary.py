"""`continuity summary`."""

from pathlib import Path
from typing import Any

import click

from continuity.cli import options, talk
from continuity.errors import UsageError


@click.command(epilog="Example: continuity summary visits.csv --by unit_id --by role --index coc --output units.csv")
@options.visits
@click.option(
    "--by",
    multiple=True,
    required=True,
    metavar="COLUMN",
    help="unit_id, team_id, area_code, role, sex, language, age_band, ...; may be repeated or comma-separated.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A .parquet or .csv file.")
@options.choosing
@options.reading
@options.ruling
@options.rolling
@options.protecting
@options.talking
def command(output: Path, by: tuple[str, ...], *, quiet: bool, as_json: bool, **given: Any) -> None:
    """Aggregate indices by group: mean, interval, quantiles; small cells are suppressed."""
    from continuity.pipeline.summary import summary

    bounds = given["unknown_provider"] == "bounds"
    keys = options.indices_of(given, ("upc", "coc", "secon"), with_lists=False, bounds=bounds)
    if set(keys) == {"upc_assigned"}:
        raise UsageError("upc_assigned comes by itself, as own_visit_share.", next_step="Name another index besides.")
    inputs = options.inputs_of(given)
    rules, spans = options.rules_of(given, same_day="patient_provider_day")
    limits = options.limits_of(given)
    columns = [name for part in by for name in options.split(part) or ()]
    with talk.progress(quiet=quiet) as progress:
        said = summary(
            inputs, output, keys=keys, by=columns, rules=rules, spans=spans, limits=limits, progress=progress
        )
    lines = [f"{said['n_cells']:,} cells, {said['n_suppressed']:,} of them suppressed."]
    lines += [*([f"Note: {rules.note}"] if rules.note else []), f"Table: {said['output']}"]
    talk.say(lines, said, quiet=quiet, as_json=as_json)
