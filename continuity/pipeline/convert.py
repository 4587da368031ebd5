"""Any source to canonical Parquet, with an account of what happened to the rows."""

import json
from pathlib import Path
from typing import Any

from continuity import files
from continuity.pipeline.inputs import Inputs, Progress, quietly, readable, versions


def convert(inputs: Inputs, directory: Path, progress: Progress = quietly) -> dict[str, Any]:
    """Write visits.parquet and, where the source has them, patients.parquet and providers.parquet.

    Returns
    -------
    dict
        What conversion.json holds: rows by table, what was dropped or had no mapping, versions, fingerprint.

    Raises
    ------
    InputError
        The input cannot be read.
    """
    progress("read")
    tables = inputs.read()
    inputs.refuse_output(directory / f"{name}.parquet" for name in tables.present())
    with readable(tables):  # all before the first is written: whole or absent
        frames = {name: table.collect(engine="streaming") for name, table in tables.present().items()}
    progress("write")
    for name, frame in frames.items():
        files.replace_with(directory / f"{name}.parquet", frame.write_parquet)
    rows = {name: frame.height for name, frame in frames.items()}
    account = {
        "source": inputs.found_kind(),
        "input": inputs.name,
        "input_fingerprint": inputs.fingerprint(),
        "time_zone": inputs.options.time_zone,
        "rows_written": rows,
        "counts": [{"table": c.table, "what": c.what, "n_rows": c.n_rows} for c in tables.counts],
        "versions": versions(),
    }
    text = json.dumps(account, indent=2, ensure_ascii=False, sort_keys=True)
    files.replace_with(directory / "conversion.json", lambda path: path.write_text(text, encoding="utf-8"))
    return account
