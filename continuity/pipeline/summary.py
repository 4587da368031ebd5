"""Protected aggregates of indices by group, as one table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity import files, quality, reports
from continuity.errors import InputError, UsageError
from continuity.evaluation.aggregate import aggregate
from continuity.evaluation.estimators import refuse
from continuity.evaluation.groups import members
from continuity.metrics import Rules, index
from continuity.metrics.engine.allowed import allowed, rules_of
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.windows import Window
from continuity.pipeline.inputs import (
    Inputs,
    Progress,
    as_sources,
    at_known_level,
    quietly,
    refuse_nothing,
    versions,
    watched,
)
from continuity.pipeline.measure import measure, roles_of
from continuity.pipeline.metrics import refuse_other_than_tables, write_table
from continuity.pipeline.previous import read_earlier, run_beside
from continuity.pipeline.report import critical
from continuity.pipeline.unseen import with_unseen
from continuity.privacy import Limits, ProtectedTable, protect
from continuity.reports import Run, windows_of
from continuity.schema import TABLES, age_band

_NO_GROUPS: Final = frozenset(
    {"patient_id", "visit_id", "provider_id", "listed_provider_id", "household_id"}
    | {
        n
        for columns in TABLES.values()
        for n, c in columns.items()
        if c.kind in ("datetime", "date", "texts", "number")
    }
)
"""Columns whose values belong to one person, visit or moment: the names of their cells alone would tell on somebody."""


@watched
def summary(
    inputs: Inputs,
    output: Path,
    *,
    keys: Sequence[str],
    every: bool = False,
    by: Sequence[str],
    rules: Rules,
    spans: Sequence[Window] | None,
    limits: Limits,
    how: Mapping[str, Any] | None = None,
    earlier: Sequence[str | Path] = (),
    progress: Progress = quietly,
) -> dict[str, Any]:
    """Aggregate indices by columns, protect the cells and write them.

    `by` may name columns of patients or visits, ``role`` (doctors and nurses apart) and ``age_band`` (age in the year
    in which the window starts). With `every`, the indices that the data and the rules do not allow are left out, each
    with the reason. `how` holds estimator, interval, replicates and seed of `continuity.summarise`. The manifest lies
    beside the table, under its whole name, because one folder may hold many tables.

    Raises
    ------
    UsageError
        A column of `by` has a value for each person, visit or moment.
    InputError
        The input cannot be read or changed meanwhile, or no table has a column of `by`.
    QualityError
        A critical expectation failed.
    ProtectionError
        Together with an earlier run, the numbers would tell about a few patients or visits.
    """
    refuse_other_than_tables(output)
    earlier_runs = read_earlier(earlier)
    if not by:
        raise UsageError("--by names no column.", allowed="Such as unit_id, team_id, area_code, role, sex or age_band.")
    refuse_single(by)
    how = dict(how or {})
    refuse(how.get("estimator", "patient_mean"), how.get("interval", "analytic"), how.get("replicates", 1000), keys)
    inputs.refuse_output([output])
    progress("read")
    tables = inputs.read()
    rules = at_known_level(rules, tables)
    progress("check")
    verdict = quality.check(tables.present())
    if not verdict.passed:
        raise critical(verdict, inputs, None)
    sources = as_sources(tables)
    left_out: Mapping[str, str] = {}
    if every:
        entries, left_out = allowed([index(key) for key in keys], sources, rules, spans)
        keys = [entry.key for entry in entries]
    parameters = rules.as_parameters(rules_of([index(key) for key in keys]))
    progress("compute")
    rows = _rows(sources, keys, by, rules, spans, limits=limits, how=how)
    if rows.is_empty():
        refuse_nothing(sources, rules, spans, inputs.name)
    progress("protect")
    table = _protected(rows, list(dict.fromkeys(by)), limits)
    asked = {"windows": windows_of(table.frame), "indices": keys, "choices": {"by": list(by), **how}, "limits": limits}
    run = run_beside(
        inputs, earlier_runs, [table], reports.words_of("en"), command="summary", parameters=parameters, **asked
    )
    progress("write")
    note = {"parameters": parameters, "note": rules.note, "by": list(by), **how, "versions": versions()}
    inputs.refuse_changed()
    files.replace_with(output, lambda path: write_table(table.frame, path, note))
    return {
        "output": str(output),
        "manifest": str(_with_manifest(output, table, run)),
        "earlier_runs": list(run.earlier),
        "left_out": left_out,
        "n_cells": table.frame.height,
        "n_suppressed": table.n_suppressed,
        "smallest_cell": table.smallest_cell,
        "parameters": parameters | how,
        "note": rules.note,
    }


def _with_manifest(output: Path, table: ProtectedTable, run: Run) -> Path:
    listed = reports.table_manifest(run, output.name, output.read_bytes(), table, language="en")
    beside = output.with_name(f"{output.name}.manifest.json")
    return files.replace_with(beside, lambda path: path.write_bytes(listed))


def _rows(
    sources: Sources,
    keys: Sequence[str],
    by: Sequence[str],
    rules: Rules,
    spans: Sequence[Window] | None,
    *,
    limits: Limits,
    how: Mapping[str, Any],
) -> pl.DataFrame:
    """Aggregate by the columns; by ``role`` too where it is one of them."""
    groups = [name for name in dict.fromkeys(by) if name != "role"]
    roles = roles_of(sources, rules) if "role" in by else {"all": rules}
    if "role" in by and len(roles) == 1:
        raise InputError.missing_columns(["provider_role"], sources.visits.collect_schema().names(), "the visits")
    parts, measured = [], {}
    placed: pl.DataFrame | None = None
    for role, rule in roles.items():
        found = measured[role] = measure(sources, keys, rule, spans)
        own = groups_of(sources, groups, found.per_patient) if groups else None
        placed = own if placed is None else placed  # all of them come first
        parts.append(aggregate(found, groups, own, **how).with_columns(role=pl.lit(role)))
    rows = pl.concat(parts, how="diagonal_relaxed")
    return with_unseen(rows, measured, groups, placed, limits) if "role" in by else rows.drop("role")


def _protected(rows: pl.DataFrame, by: Sequence[str], limits: Limits) -> ProtectedTable:
    cell = (*by, "window_start", "window_end", "index")
    return protect(
        rows,
        name="summary",
        keys=cell,
        margins=[[other for other in cell if other != name] for name in by],
        counts=("n_undefined", "share_perfect"),
        same_patients=cell[:-1],
        within=[name for name in by if name != "role"],
        totals=pl.col("role") == "all" if "role" in by else None,
        limits=limits,
    )


def refuse_single(by: Sequence[str], option: str = "--by") -> None:
    """Refuse columns that have a value for each person, visit or moment.

    Raises
    ------
    UsageError
    """
    for name in by:
        if name in _NO_GROUPS:
            raise UsageError(
                f"{option} cannot be {name!r}: its values are of one person, visit or moment.",
                allowed="Such as unit_id, team_id, area_code, role, sex, language or age_band.",
            )


def groups_of(sources: Sources, groups: Sequence[str], per_patient: pl.DataFrame) -> pl.DataFrame:
    """Give the group of each patient in every column of `groups`: patient_id and these columns.

    Raises
    ------
    InputError
        No table has such a column.
    """
    table = per_patient.select("patient_id").unique().lazy()
    for name in groups:
        found = members(sources, "birth_year" if name == "age_band" else name)
        if found is None:
            there = {
                n for frame in (sources.visits, sources.patients) if frame is not None for n in frame.collect_schema()
            }
            raise InputError.missing_columns([name], sorted(there), "the visits and the patients")
        table = table.join(found[0], on="patient_id", how="left")
    frame = table.collect(engine="streaming")
    if "age_band" in groups:
        year = pl.lit(per_patient["window_start"].min()).dt.year()
        frame = frame.with_columns(age_band=age_band(year - pl.col("birth_year"))).drop("birth_year")
    return frame
