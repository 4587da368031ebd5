"""A panel plan, from files to files: assignments, a summary with the proof, and what a page of it needs."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity import files, reports
from continuity.assignment import plan as planning
from continuity.assignment.scenarios import read_scenarios
from continuity.assignment.settings import Settings
from continuity.assignment.tables import Opened, open_tables
from continuity.errors import InputError
from continuity.pipeline.explain_plan import SCENARIOS, Planned, Shown, compared, explained, page_of
from continuity.pipeline.inputs import Inputs, Progress, quietly, readable, refuse_gaps, versions, watched
from continuity.pipeline.simulate_plan import simulated
from continuity.reports import PLAN_FILES
from continuity.sources import Tables

OUTPUTS: Final = ("assignments.parquet", SCENARIOS, *PLAN_FILES, "summary.json")
_ROWS: Final = 1_000_000
"""Patients in memory before they are written beside the output."""


@watched
def assign(
    inputs: Inputs,
    directory: Path,
    settings: Settings,
    *,
    shown: Shown | None = None,
    progress: Progress = quietly,
) -> dict[str, Any]:
    """Plan panels and write assignments.parquet, plan.html, plan.xlsx, figures and summary.json.

    Returns
    -------
    dict
        What the command line says: summary.json without the rows of providers, units and groups.

    Raises
    ------
    InputError
        The input cannot be read, changed meanwhile, or breaks a rule of the tables.
    InfeasibleError
        A unit cannot be planned as asked. Nothing is written.

    Notes
    -----
    Everything is made beside `directory`'s files and put in their place when all is done.
    """
    shown = shown or Shown()
    inputs.refuse_output(directory / name for name in OUTPUTS)
    changes = None if shown.scenarios is None else read_scenarios(shown.scenarios)
    progress("read")
    tables = inputs.read()
    with readable(tables):
        opened = _opened(tables, inputs, settings)
        with staged(directory) as beside:
            progress("plan")
            made = planned(opened, settings, beside, about(inputs))
            progress("compare")
            summary = made.summary | explained(made, opened, tables, settings, shown)
            if changes is not None:
                progress("scenarios")
                summary["scenarios"] = compared(tables, changes, settings, beside)
            if shown.simulate:
                progress("simulate")
                summary["simulation"] = simulated(made, opened, settings, shown.simulate)
            progress("write")
            summary["n_patients_in_workbook"] = reports.n_in_book(summary)
            reports.write_plan(page_of(made, summary), beside, language=shown.language)
            text = json.dumps(summary, indent=2, ensure_ascii=False, default=str)
            (beside / "summary.json").write_text(text, encoding="utf-8")
            inputs.refuse_changed()
            _put(beside, directory)
    said = {name: value for name, value in summary.items() if name not in ("providers", "units", "groups")}
    outputs = [str(directory / name) for name in OUTPUTS if (directory / name).exists()]
    return said | {"output": str(directory), "page": str(directory / "plan.html"), "files": outputs}


@contextmanager
def staged(directory: Path) -> Iterator[Path]:
    """Give a hidden folder in `directory`, and remove it at the end; where nothing was made, `directory` too."""
    is_new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=directory, prefix="."))
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if is_new and not any(directory.iterdir()):
            directory.rmdir()


def _put(beside: Path, directory: Path) -> None:
    """Put every output in its place, the summary last; a figure of an earlier plan that this one lacks goes."""
    for name in OUTPUTS:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        if (beside / name).exists():
            (beside / name).replace(directory / name)
        else:
            (directory / name).unlink(missing_ok=True)


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


def planned(opened: Opened, settings: Settings, directory: Path, note: dict[str, Any]) -> Planned:
    """Plan unit by unit; patients go to files in `directory` as they come, and become one when all are done."""
    parts = directory / "parts"
    parts.mkdir()
    rest, by_reason = _written(planning.parts_of(opened, settings), parts)
    staff, units, groups = (pl.concat([part[at] for part in rest], how="vertical_relaxed") for at in range(3))
    groups = planning.total_groups(groups)
    summary = planning.summarised(opened, settings, (staff, units, groups), by_reason) | note
    path = files.replace_with(
        directory / "assignments.parquet",
        lambda new: pl.scan_parquet(parts / "*.parquet").sink_parquet(new),
    )
    return Planned(path, staff, units, groups, summary)


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
