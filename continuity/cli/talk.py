"""What a command says while it works and when it is done: progress on a terminal, a summary, or JSON."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:  # the help of a command needs no Polars
    from continuity.pipeline import Progress

_STEPS: Final = {
    "read": "Reading",
    "check": "Checking the data",
    "compute": "Computing indices",
    "plan": "Planning panels",
    "compare": "Planning with other tolerances and workloads",
    "scenarios": "Planning scenarios",
    "simulate": "Simulating years",
    "protect": "Protecting small cells",
    "write": "Writing",
    "generate": "Making synthetic data",
}


@contextmanager
def progress(*, quiet: bool) -> "Iterator[Progress]":
    """Show the step that is going on, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda _step: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("Starting ...") as status:
        yield lambda step: status.update(f"{_STEPS.get(step, step)} ...")


def say(lines: list[str], summary: dict[str, Any], *, quiet: bool, as_json: bool) -> None:
    """Print the summary as JSON, or the lines for a person."""
    if as_json:
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False, sort_keys=True, default=str))
    elif not quiet:
        for line in lines:
            click.echo(line)


def beside_earlier(runs: list[dict[str, Any]]) -> list[str]:
    """Say how the run compares with each earlier one; the texts are those of the manifest."""
    differs = [", ".join(one["name"] for one in run["differs"]) or "nothing" for run in runs]
    return [f"Beside {run['file']}: differs in {how}. {run['text']}" for run, how in zip(runs, differs, strict=True)]


def percent(share: float | None) -> str:
    """Write a share for a person."""
    return "-" if share is None else f"{100 * share:.1f} %"
