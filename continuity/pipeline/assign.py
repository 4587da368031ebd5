"""A panel plan, from files to files: assignments, a summary with the proof, and what a page of it needs."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity import files
from continuity.assignment import plan as planning
from continuity.assignment.scenarios import Change, compare, read_scenarios
from continuity.assignment.settings import Settings
from continuity.assignment.tables import Opened, open_tables
from continuity.errors import InputError
from continuity.pipeline.inputs import Inputs, Progress, quietly, readable, refuse_gaps, versions
from continuity.sources import Tables

OUTPUTS: Final = ("assignments.parquet", "summary.json")
SCENARIOS: Final = "scenarios.parquet"
_ROWS: Final = 1_000_000
"""Patients in memory before they are written beside the output."""


@dataclass(frozen=True)
class Planned:
    """A plan whose patients are in a file.

    Parameters
    ----------
    assignments : pathlib.Path
        assignments.parquet, with the columns of `continuity.Plan.assignments`.
    providers, units, groups : polars.DataFrame
        As in `continuity.Plan`.
    summary : dict
        What summary.json holds.
    """

    assignments: Path
    providers: pl.DataFrame
    units: pl.DataFrame
    groups: pl.DataFrame
    summary: dict[str, Any]


def assign(
    inputs: Inputs,
    directory: Path,
    settings: Settings,
    *,
    scenarios: Path | None = None,
    progress: Progress = quietly,
) -> dict[str, Any]:
    """Plan panels and write assignments.parquet and summary.json; with a file of scenarios, scenarios.parquet too.

    Returns
    -------
    dict
        What the command line says: summary.json without the rows of providers, units and groups.

    Raises
    ------
    InputError
        The input cannot be read or breaks a rule of the tables.
    InfeasibleError
        A unit cannot be planned as asked. Nothing is written.
    """
    outputs = OUTPUTS if scenarios is None else (*OUTPUTS, SCENARIOS)
    inputs.refuse_output(directory / name for name in outputs)
    changes = None if scenarios is None else read_scenarios(scenarios)
    progress("read")
    tables = inputs.read()
    with readable(tables):
        opened = _opened(tables, inputs, settings)
        progress("plan")
        with planned(opened, settings, directory, about(inputs)) as made:
            if changes is not None:
                progress("scenarios")
                made.summary["scenarios"] = _compared(tables, changes, settings, directory)
            progress("write")
            text = json.dumps(made.summary, indent=2, ensure_ascii=False, default=str)
            files.replace_with(directory / "summary.json", lambda path: path.write_text(text, encoding="utf-8"))
    said = {name: value for name, value in made.summary.items() if name not in ("providers", "units", "groups")}
    return said | {"output": str(directory), "files": [str(directory / name) for name in outputs]}


def _compared(
    tables: Tables, changes: Mapping[str, Change], settings: Settings, directory: Path
) -> list[dict[str, Any]]:
    """Plan each scenario with as few moves as can be, and write them side by side."""
    choices = {name: value for name, value in vars(settings).items() if name not in ("move_cost", "max_moves")}
    table, _ = compare(tables.patients, tables.providers, tables.visits, changes, **choices)
    files.replace_with(directory / SCENARIOS, table.write_parquet)
    return table.to_dicts()


def about(inputs: Inputs) -> dict[str, Any]:
    """Give what the summary says of the input and of what made it."""
    return {"input": inputs.name, "input_fingerprint": inputs.fingerprint(), "versions": versions()}


def _opened(tables: Tables, inputs: Inputs, settings: Settings) -> Opened:
    if tables.patients is None or tables.providers is None:
        missing = "patients" if tables.patients is None else "providers"
        raise InputError(
            f"There is no table of {missing}.",
            allowed="A plan needs visits, patients and providers.",
            next_step=f"Give it with --{missing} FILE.",
        )
    refuse_gaps(tables.visits, inputs.name)
    return open_tables(tables.patients, tables.providers, tables.visits, settings)


@contextmanager
def planned(opened: Opened, settings: Settings, directory: Path, note: dict[str, Any]) -> Iterator[Planned]:
    """Plan unit by unit; patients go to a file as they come, and take their place in `directory` when all are done."""
    directory.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=directory, prefix="."))
    try:
        rest, by_reason = _written(planning.parts_of(opened, settings), beside)
        staff, units, groups = (pl.concat([part[at] for part in rest], how="vertical_relaxed") for at in range(3))
        groups = planning.total_groups(groups)
        summary = planning.summarised(opened, settings, (staff, units, groups), by_reason) | note
        path = files.replace_with(
            directory / "assignments.parquet",
            lambda new: pl.scan_parquet(beside / "*.parquet").sink_parquet(new),
        )
        yield Planned(path, staff, units, groups, summary)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _written(
    parts: Iterator[tuple[pl.DataFrame, ...]], folder: Path
) -> tuple[list[tuple[pl.DataFrame, ...]], dict[str, int]]:
    """Write the patients as they come; give the other tables, and the patients by reason."""
    rest: list[tuple[pl.DataFrame, ...]] = []
    held: list[pl.DataFrame] = []
    reasons: list[pl.DataFrame] = []
    n = n_files = 0

    def write() -> None:
        nonlocal n, n_files
        pl.concat(held, how="vertical_relaxed").write_parquet(folder / f"{n_files:06d}.parquet")
        held.clear()
        n, n_files = 0, n_files + 1

    for patients, *others in parts:
        held.append(patients)
        rest.append(tuple(others))
        reasons.append(patients["reason"].value_counts())
        n += patients.height
        if n >= _ROWS:
            write()
    if held:
        write()
    total = pl.concat(reasons).group_by("reason").agg(pl.col("count").cast(pl.Int64).sum()).sort("reason")
    return rest, {str(reason): int(count) for reason, count in total.iter_rows()}
