"""`continuity evaluate`."""

from pathlib import Path
from typing import Any

import click

from continuity.cli import options, talk
from continuity.vocabulary import Design, words


@click.command(
    epilog="Example: continuity evaluate visits.csv --design event-study --index coc --rollout starts.csv "
    "--window 2023-01-01:2026-01-01 --every 3mo --period 3mo --output out"
)
@options.visits
@click.option("--design", type=click.Choice(words(Design)), required=True, help="Which question is asked.")
@click.option("--index", "key", metavar="KEY", required=True, help="The index to compare: see 'continuity indices'.")
@click.option("--by", multiple=True, metavar="COLUMN", help="Groups with effects of their own: sex, age_band, ...")
@click.option(
    "--rollout", metavar="FILE", help="When the roll-out reached each unit: unit_id, starts_at (empty: never)."
)
@click.option(
    "--adjust",
    metavar="COLUMN,...",
    default="n_visits_class",
    show_default=True,
    help="Mix of patients that a comparison makes alike: n_visits_class, age_band, sex, is_chronic, ...",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A folder.")
@options.breaks
@options.language
@options.reading
@options.ruling
@options.rolling
@options.protecting
@options.earlier_runs
@options.talking
def command(output: Path, *, quiet: bool, as_json: bool, **given: Any) -> None:
    """Ask whether named doctors and teams made a difference: where, for whom, and how surely.

    Writes effects.parquet, summary.json, evaluation.html, manifest.json and manifest.csv. An event study compares
    units that a roll-out reached with units that it had not reached; its (interrupted time series) compares each unit
    with its own course before.
    """
    from continuity.pipeline.evaluate import evaluate
    from continuity.pipeline.evaluate_job import EvaluateJob

    inputs = options.inputs_of(given)
    rules, spans = options.rules_of(given, same_day="patient_provider_day")
    columns = [name for part in given.pop("by") for name in options.split(part) or ()]
    adjust = options.split(given.pop("adjust")) or ()
    limits = options.limits_of(given)
    given["breaks"] = options.breaks_of(given)
    job = EvaluateJob(by=columns, adjust=adjust, rules=rules, spans=spans, limits=limits, **given)
    with talk.progress(quiet=quiet) as progress:
        said = evaluate(inputs, output, job, progress)
    lines = [
        *(_effect(said) if "att" in said else _differences(said)),
        *talk.beside_earlier(said["earlier_runs"]),
        f"Page: {said['page']}",
    ]
    talk.say(lines, said, quiet=quiet, as_json=as_json)


def _effect(said: dict[str, Any]) -> list[str]:
    p = said["pretrend_p"]
    return [
        f"Effect on {said['index']}: {_number(said['att'])} (95 % interval {_number(said['ci_low'])} to "
        f"{_number(said['ci_high'])}), {said['n_clusters']} units.",
        f"Before the start: {'nothing to test with' if p is None else f'p = {p:.3f}'}.",
        *[f"left out {group}: {why}" for group, why in said["groups_left_out"].items()],
    ]


def _differences(said: dict[str, Any]) -> list[str]:
    return [
        f"{by}: {found['n_groups']:,} groups; standard deviation between their true means "
        f"{'-' if (sd := found['between_sd']) is None else f'{sd:.4f}'}."
        for by, found in said["comparisons"].items()
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"
