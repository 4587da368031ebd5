"""`continuity metrics`."""

from pathlib import Path
from typing import Any

import click

from continuity.cli import options, talk
from continuity.vocabulary import OutputFormat, words


@click.command(epilog="Example: continuity metrics visits.parquet --index coc --index secon --output indices.parquet")
@options.visits
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A .parquet or .csv file.")
@options.choosing
@click.option("--format", "layout", type=click.Choice(words(OutputFormat)), default="wide", show_default=True)
@options.reading
@options.ruling
@options.rolling
@options.talking
def command(output: Path, layout: Any, *, quiet: bool, as_json: bool, **given: Any) -> None:
    """Compute continuity indices of every patient.

    One row per patient and window: patient_id, window_start, window_end, n_visits, n_providers, one column per index
    (empty where undefined) and undefined_reason. Every row given counts as a visit unless --same-day says otherwise.
    """
    from continuity.pipeline.metrics import metrics

    every = given["every_index"]
    keys = options.indices_of(given, ("upc", "coc", "secon"), with_lists=True)
    inputs = options.inputs_of(given)
    rules, spans = options.rules_of(given)
    with talk.progress(quiet=quiet) as progress:
        said = metrics(
            inputs, output, keys=keys, every=every, rules=rules, spans=spans, layout=layout, progress=progress
        )
    lines = [
        f"{said['n_visits']:,} visits of {said['n_patients']:,} patients counted; "
        f"{talk.percent(said['unknown_share'])} of visits have no known provider (rule: {rules.unknown_provider}).",
        f"{said['n_below_min_visits']:,} rows have fewer than {rules.min_visits} visits "
        f"({talk.percent(said['share_visits_below_min_visits'])} of visits) and no value.",
        *[f"mean {key}: {'-' if mean is None else f'{mean:.4f}'}" for key, mean in said["mean"].items()],
        *[f"left out {key}: {why}" for key, why in said["left_out"].items()],
        *([f"Note: {rules.note}"] if rules.note else []),
        f"Table: {said['output']}",
    ]
    talk.say(lines, said, quiet=quiet, as_json=as_json)
