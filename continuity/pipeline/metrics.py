"""Indices per patient, from a file of visits to one table."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from continuity import files
from continuity.errors import UsageError
from continuity.metrics import Rules, index
from continuity.metrics.engine.compute import indices_of
from continuity.metrics.engine.windows import Window
from continuity.pipeline.inputs import Inputs, Progress, as_sources, quietly, readable, refuse_gaps, versions
from continuity.pipeline.measure import unknown_share
from continuity.vocabulary import OutputFormat


def metrics(
    inputs: Inputs,
    output: Path,
    *,
    keys: Sequence[str],
    rules: Rules,
    spans: Sequence[Window] | None,
    layout: OutputFormat = "wide",
    progress: Progress = quietly,
) -> dict[str, Any]:
    """Compute indices per patient and window, and write them as Parquet or CSV.

    A Parquet file carries the parameters and versions in its metadata, under the name ``continuity``.

    Returns
    -------
    dict
        output, unknown_share, n_rows, n_patients, n_visits, n_below_min_visits, share_visits_below_min_visits, mean (by
        index), parameters.

    Raises
    ------
    InputError, UsageError
        As `continuity.compute`; or an output that is neither Parquet nor CSV.
    """
    refuse_other_than_tables(output)
    inputs.refuse_output([output])
    progress("read")
    tables = inputs.read()
    chosen = [index(key) for key in dict.fromkeys(keys)]
    sources = as_sources(tables)
    with readable(tables):
        refuse_gaps(tables.visits, inputs.name)
        progress("compute")
        table = indices_of(sources, chosen, rules, spans, layout).collect(engine="streaming")
        unknown = unknown_share(sources, rules, spans)
    progress("write")
    said = _account(table, rules)
    note = {"parameters": rules.as_parameters(), "note": rules.note, "indices": list(keys), "versions": versions()}
    files.replace_with(output, lambda path: write_table(table, path, note))
    return {
        "output": str(output),
        "unknown_share": unknown,
        **said,
        "parameters": rules.as_parameters(),
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


def _account(table: pl.DataFrame, rules: Rules) -> dict[str, Any]:
    rows = table.unique(["patient_id", "window_start"])
    few = rows["n_visits"] < rules.min_visits
    n_visits = int(rows["n_visits"].sum())
    return {
        "n_rows": table.height,
        "n_patients": rows["patient_id"].n_unique(),
        "n_visits": n_visits,
        "n_below_min_visits": int(few.sum()),
        "share_visits_below_min_visits": float(rows.filter(few)["n_visits"].sum() / n_visits) if n_visits else None,
        "mean": _means(table),
    }


def _means(table: pl.DataFrame) -> dict[str, Any]:
    """Give the mean of each index over the rows with a value, from a wide or a long table."""
    if "index" in table.columns:
        return {
            str(key): _means(part.drop("index"))
            for (key,), part in table.sort("index").group_by("index", maintain_order=True)
        }
    values = table.select(pl.col(pl.Float64).mean())
    return values.row(0, named=True)
