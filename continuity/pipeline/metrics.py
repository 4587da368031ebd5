"""Indices per patient, from a file of visits to one table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from continuity import files
from continuity.errors import UsageError
from continuity.metrics import Index, Rules, index
from continuity.metrics.engine.allowed import allowed, refuse, rules_of
from continuity.metrics.engine.compute import indices_of
from continuity.metrics.engine.groups import check_grains
from continuity.metrics.engine.windows import Window
from continuity.pipeline.inputs import (
    Inputs,
    Progress,
    as_sources,
    at_known_level,
    quietly,
    readable,
    refuse_gaps,
    refuse_nothing,
    versions,
    watched,
)
from continuity.vocabulary import OutputFormat

_COUNTED = ("n_known", "n_unknown")


@watched
def metrics(
    inputs: Inputs,
    output: Path,
    *,
    keys: Sequence[str],
    every: bool = False,
    rules: Rules,
    spans: Sequence[Window] | None,
    layout: OutputFormat = "wide",
    progress: Progress = quietly,
) -> dict[str, Any]:
    """Compute indices per patient and window, and write them as Parquet or CSV.

    A Parquet file carries the parameters and versions in its metadata, under the name ``continuity``.

    With `every`, the indices that the data and the rules do not allow are left out, each with the reason.

    Returns
    -------
    dict
        output, left_out (by index: why), unknown_share, n_rows, n_patients, n_visits, n_below_min_visits,
        share_visits_below_min_visits, mean (by index), parameters.

    Raises
    ------
    InputError, UsageError
        As `continuity.compute`; or an output that is neither Parquet nor CSV.
    """
    refuse_other_than_tables(output)
    inputs.refuse_output([output])
    chosen: Sequence[Index] = [index(key) for key in dict.fromkeys(keys)]
    check_grains(chosen, "patient", rules)
    progress("read")
    tables = inputs.read()
    rules = at_known_level(rules, tables)
    sources = as_sources(tables)
    left_out: Mapping[str, str] = {}
    with readable(tables):
        if every:
            chosen, left_out = allowed(chosen, sources, rules, spans)
        else:  # before the passes over the file
            refuse(chosen, sources, rules, spans)
        # Where every row must have been counted, the count itself shows a gap, and no pass over the file is needed.
        counts_every_row = spans is None and rules.keeps_every_row
        if not counts_every_row:
            refuse_gaps(tables.visits, inputs.name)
        progress("compute")
        counted = indices_of(sources, chosen, rules, spans, layout, also=_COUNTED, now=True).collect(engine="streaming")
        if counts_every_row and _n_counted(counted) < tables.visits.select(pl.len()).collect().item():
            refuse_gaps(tables.visits, inputs.name)
    if counted.is_empty():
        refuse_nothing(sources, rules, spans, inputs.name)
    progress("write")
    said, table = _account(counted, rules), counted.drop(_COUNTED)
    parameters = rules.as_parameters(rules_of(chosen))
    note = {
        "parameters": parameters,
        "note": rules.note,
        "indices": [entry.key for entry in chosen],
        "versions": versions(),
    }
    inputs.refuse_changed()
    files.replace_with(output, lambda path: write_table(table, path, note))
    return {
        "output": str(output),
        "left_out": left_out,
        **said,
        "parameters": parameters,
        "note": rules.note,
    }


def write_table(table: pl.DataFrame, path: Path, note: dict[str, Any]) -> None:
    """Write Parquet, with a note in its metadata, or CSV."""
    if path.suffix.lower() == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path, metadata={"continuity": json.dumps(note, sort_keys=True)})


def refuse_other_than_tables(output: Path) -> None:
    """Refuse an output whose name says neither Parquet nor CSV, before any work is done.

    Raises
    ------
    UsageError
    """
    if output.suffix.lower() not in (".parquet", ".csv"):
        raise UsageError(f"{output.name} is no output.", allowed="Allowed: a name that ends in .parquet or .csv.")


def _rows(table: pl.DataFrame) -> pl.DataFrame:
    """Give one row per patient and window, of a wide or a long table."""
    return table.filter(pl.col("index") == table["index"][0]) if "index" in table.columns and table.height else table


def _n_counted(table: pl.DataFrame) -> int:
    return int(_rows(table).select(pl.sum_horizontal(pl.col(_COUNTED).sum())).item())


def _account(table: pl.DataFrame, rules: Rules) -> dict[str, Any]:
    rows = _rows(table)
    few, n_visits = rows["n_visits"] < rules.min_visits, int(rows["n_visits"].sum())
    known, unknown = (int(rows[name].sum()) for name in _COUNTED)
    return {
        "n_rows": table.height,
        "n_patients": _n_runs(rows[rows.columns[0]]),
        "n_visits": n_visits,
        "unknown_share": unknown / (known + unknown) if known + unknown else None,
        "n_below_min_visits": int(few.sum()),
        "share_visits_below_min_visits": float(rows.filter(few)["n_visits"].sum() / n_visits) if n_visits else None,
        "mean": _means(table),
    }


def _n_runs(sorted_ids: pl.Series) -> int:
    """Count what is different, of ids in order."""
    return int((sorted_ids != sorted_ids.shift()).sum()) + 1 if sorted_ids.len() else 0


def _means(table: pl.DataFrame) -> dict[str, float | None]:
    """Give the mean of each index over the rows with a value, from a wide or a long table."""
    if "index" in table.columns:
        means = table.group_by("index").agg(pl.col("value").mean()).sort("index")
        return dict(means.iter_rows())
    values = table.select(pl.col(pl.Float64).mean())
    return values.row(0, named=True)
