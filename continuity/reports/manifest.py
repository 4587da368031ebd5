"""The list of everything that leaves the house: what each file holds, the rules it passed, and its checksum."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Final

from continuity.privacy import ProtectedTable
from continuity.reports.content import ReportContent
from continuity.reports.pictures import FOLDER, SOURCES, key_of
from continuity.reports.wording import Words

_TYPES: Final[Mapping[str, str]] = {
    ".html": "page",
    ".xlsx": "workbook",
    ".parquet": "table",
    ".json": "verdict",
    ".svg": "picture",
    ".png": "picture",
    ".csv": "data of a figure",
    ".pdf": "document",
}
_RESULTS: Final[Mapping[str, str]] = {
    "whole": "means and percentiles over patients",
    "unit": "means and percentiles over patients, by unit",
    "team": "means and percentiles over patients, by team",
    "distribution": "frequencies of patients",
    "visit_classes": "means and percentiles over patients, by number of visits",
    "flow": "frequencies of visits and patients",
    "trend": "means over patients, by period",
    "area": "means over patients, by area",
    "access": "shares and medians over visits, by unit",
    "adjusted": "means over patients with and without adjustment, by unit",
}


def manifest(content: ReportContent, files: Mapping[str, bytes], words: Words) -> bytes:
    """Describe the files of a report for whoever must approve their export.

    Parameters
    ----------
    content : ReportContent
    files : mapping of str to bytes
        The files by their path inside the report's folder.
    words : Words
        Their language gives the labels of the variables.

    Returns
    -------
    bytes
        JSON.
    """
    method = content.method
    described = {
        "created_on": method.created_on.isoformat(),
        "language": words.language,
        "input": {"name": method.input_name, "sha256": method.input_fingerprint},
        "window": {"start": method.window_start.isoformat(), "end": method.window_end.isoformat()},
        "indices": list(method.indices),
        "parameters": dict(method.parameters),
        "unit_rule": method.unit_rule,
        "team_rule": method.team_rule,
        "time_zone": method.time_zone,
        "versions": dict(method.versions),
        "outputs": [_output(path, data, content, words) for path, data in files.items()],
    }
    return json.dumps(described, ensure_ascii=False, indent=2).encode() + b"\n"


def _output(path: str, data: bytes, content: ReportContent, words: Words) -> dict[str, object]:
    file = PurePosixPath(path)
    output: dict[str, object] = {
        "file": path,
        "type": _TYPES[file.suffix],
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    if file.suffix == ".parquet":
        output |= _described(file.stem, content.tables[file.stem], words)
    elif path.startswith(f"{FOLDER}/"):
        key = key_of(path)
        output |= {"figure": words(f"figure.{key}.title"), "tables": list(SOURCES[key])}
    elif file.stem == "report":
        output["tables"] = list(content.tables)
    return output


def _described(name: str, table: ProtectedTable, words: Words) -> dict[str, object]:
    return {
        "result": _RESULTS.get(name, "table"),
        "keys": list(table.keys),
        "variables": [
            {"name": column, "dtype": str(dtype), "label": words.of_code("column", column)}
            for column, dtype in table.frame.schema.items()
        ],
        "n_cells": table.frame.height,
        "n_suppressed": table.n_suppressed,
        "smallest_cell": table.smallest_cell,
        "limits": asdict(table.limits),
    }
