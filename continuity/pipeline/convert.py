"""Any source to canonical Parquet, with an account of what happened to the rows."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from continuity import files
from continuity.pipeline.inputs import Inputs, Progress, quietly, readable, versions, watched
from continuity.schema import TABLES
from continuity.sources import Count, Tables

_ACCOUNT = "conversion.json"


@watched
def convert(inputs: Inputs, directory: Path, progress: Progress = quietly) -> dict[str, Any]:
    """Write visits.parquet and, where the source has them, patients.parquet and providers.parquet.

    The tables are written as they are read, so that memory does not grow with the rows. The folder is put in place
    when all is done: whoever stops this at any moment finds the old folder or the new one.

    Returns
    -------
    dict
        What conversion.json holds: rows read and written by table, every filter and every code without a mapping with
        its rows, versions, fingerprint.

    Raises
    ------
    InputError
        The input cannot be read, or changed meanwhile.
    UsageError
        The output cannot be written or is part of the input.
    """
    names = [*(f"{name}.parquet" for name in TABLES), _ACCOUNT]
    inputs.refuse_output(directory / name for name in names)
    account: dict[str, Any] = {}
    progress("read")
    tables = inputs.read_counted()

    def write(folder: Path) -> None:
        with ThreadPoolExecutor(1) as beside:  # writing leaves a core idle now and then
            digesting = beside.submit(inputs.fingerprint)
            with readable(tables):
                _write(tables, folder)
            account.update(_account(inputs, tables.counts, folder, digesting.result()))
        text = json.dumps(account, indent=2, ensure_ascii=False, sort_keys=True)
        (folder / _ACCOUNT).write_text(text, encoding="utf-8")
        inputs.refuse_changed()

    progress("write")
    files.replace_folder(directory, write, names)
    return account


def _write(tables: Tables, folder: Path) -> None:
    """Write every table in one reading of the source."""
    sinks = [table.sink_parquet(folder / f"{name}.parquet", lazy=True) for name, table in tables.present().items()]
    pl.collect_all(sinks, engine="streaming")


def _account(inputs: Inputs, counts: Sequence[Count], folder: Path, fingerprint: str) -> dict[str, Any]:
    written = {name: folder / f"{name}.parquet" for name in TABLES if (folder / f"{name}.parquet").exists()}
    rows = {name: pl.scan_parquet(path).select(pl.len()).collect().item() for name, path in written.items()}
    said = [{key: value for key, value in asdict(count).items() if value is not None} for count in counts]
    return {
        "source": inputs.found_kind(),
        "input": inputs.name,
        "input_fingerprint": fingerprint,
        "time_zone": inputs.options.time_zone,
        "rows_read": {c.table: c.n_rows for c in counts if c.kind == "rows_in"},
        "rows_written": rows,
        "filters": [count for count in said if count["kind"] == "filter"],
        "unmapped": [count for count in said if count["kind"] == "unmapped"],
        "notes": [count for count in said if count["kind"] in ("warning", "note")],
        "versions": versions(),
    }
