"""`continuity metrics`."""

from pathlib import Path
from typing import Any

import click

from continuity.cli import options, talk
from continuity.errors import UsageError
from continuity.vocabulary import Grain, OutputFormat, words


@click.command(epilog="Example: continuity metrics visits.parquet --index coc --index secon --output indices.parquet")
@options.visits
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A .parquet or .csv file.")
@options.choosing
@click.option(
    "--grain", type=click.Choice(words(Grain)), default="patient", show_default=True, help="Whom a row is about."
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="From which COC on coc_at_least counts. [default: 0.7]")
@click.option("--format", "layout", type=click.Choice(words(OutputFormat)), default="wide", show_default=True)
@options.reading
@options.ruling
@options.looking
@options.person
@options.rolling
@options.talking
def command(
    output: Path, layout: Any, grain: Any, threshold: float | None, *, quiet: bool, as_json: bool, **given: Any
) -> None:
    """Compute continuity indices of every patient, or of lists, providers, units or periods.

    One row per patient and window: patient_id, window_start, window_end, n_visits, n_providers, one column per index
    (empty where undefined) and undefined_reason. Every row given counts as a visit unless --same-day says otherwise.
    With --person household, one row per household, and household_id for patient_id.

    With another --grain, one row per group and window, with n_patients, n_undefined and n_visits; any index of
    patients is there as mean_KEY and visit_weighted_KEY. Rows about lists and providers are personal data of
    employees, not for publication; none of these rows is protected: for publication use 'continuity summary'.
    """
    if grain != "patient":
        _groups(output, layout, grain, threshold, quiet=quiet, as_json=as_json, **given)
        return
    if threshold is not None:
        raise UsageError("--threshold is for groups.", next_step="Name a --grain: list, provider, unit or period.")
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
        *[f"mean {key}: {'-' if mean is None else f'{mean:z.4f}'}" for key, mean in said["mean"].items()],
        *[f"left out {key}: {why}" for key, why in said["left_out"].items()],
        *([f"Note: {rules.note}"] if rules.note else []),
        f"Table: {said['output']}",
    ]
    talk.say(lines, said, quiet=quiet, as_json=as_json)


def _groups(
    output: Path, layout: Any, grain: Any, threshold: float | None, *, quiet: bool, as_json: bool, **given: Any
) -> None:
    from continuity.metrics.engine.groups import THRESHOLD
    from continuity.pipeline.groups import group_metrics

    every, lists = given["every_index"], given["patients"] is not None
    keys = options.group_indices_of(given, grain, with_lists=lists)
    inputs = options.inputs_of(given)
    rules, spans = options.rules_of(given)
    with talk.progress(quiet=quiet) as progress:
        said = group_metrics(
            inputs,
            output,
            grain=grain,
            keys=keys,
            every=every,
            threshold=THRESHOLD if threshold is None else threshold,
            rules=rules,
            spans=spans,
            layout=layout,
            progress=progress,
        )
    lines = [
        f"{said['n_rows']:,} rows by {grain}.",
        *([said["about_persons"]] if said["about_persons"] else []),
        *[f"left out {key}: {why}" for key, why in said["left_out"].items()],
        *([f"Note: {rules.note}"] if rules.note else []),
        f"Table: {said['output']}",
    ]
    talk.say(lines, said, quiet=quiet, as_json=as_json)
