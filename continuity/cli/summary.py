"""`continuity summary`."""

from pathlib import Path
from typing import Any

import click

from continuity.cli import options, talk
from continuity.errors import UsageError
from continuity.vocabulary import Estimator, Interval, words


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
@click.option(
    "--estimator",
    type=click.Choice(words(Estimator)),
    default="patient_mean",
    show_default=True,
    help="Each patient once, weighted by visits, or pooled pairs of visits (coc and secon only).",
)
@click.option(
    "--interval",
    type=click.Choice(words(Interval)),
    default="analytic",
    show_default=True,
    help="Student's t, or a bootstrap of patients.",
)
@click.option("--replicates", type=int, default=1000, show_default=True, help="Of the bootstrap.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap.")
@options.reading
@options.ruling
@options.looking
@options.rolling
@options.protecting
@options.earlier_runs
@options.talking
def command(output: Path, by: tuple[str, ...], *, quiet: bool, as_json: bool, **given: Any) -> None:
    """Aggregate indices by group: mean, interval, quantiles; small cells are suppressed.

    Writes the table and, beside it, FILE.manifest.json: what was read, asked and held to which limits.
    """
    from continuity.pipeline.summary import summary

    every = given["every_index"]
    keys = options.indices_of(given, ("upc", "coc", "secon"), with_lists=False)
    if set(keys) == {"upc_assigned"}:
        raise UsageError("upc_assigned comes by itself, as own_visit_share.", next_step="Name another index besides.")
    how = {name: given.pop(name) for name in ("estimator", "interval", "replicates", "seed")}
    inputs = options.inputs_of(given)
    rules, spans = options.rules_of(given, same_day="patient_provider_day")
    limits, earlier = options.limits_of(given), given.pop("earlier")
    columns = [name for part in by for name in options.split(part) or ()]
    with talk.progress(quiet=quiet) as progress:
        said = summary(
            inputs,
            output,
            keys=keys,
            every=every,
            by=columns,
            rules=rules,
            spans=spans,
            limits=limits,
            how=how,
            earlier=earlier,
            progress=progress,
        )
    lines = [f"{said['n_cells']:,} cells, {said['n_suppressed']:,} of them suppressed."]
    lines += [f"left out {key}: {why}" for key, why in said["left_out"].items()]
    lines += talk.beside_earlier(said["earlier_runs"])
    lines += [*([f"Note: {rules.note}"] if rules.note else []), f"Table: {said['output']}"]
    talk.say(lines, said, quiet=quiet, as_json=as_json)
