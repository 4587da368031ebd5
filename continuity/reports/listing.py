"""What the manifest says of each file of a report, of an evaluation and of a single table."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import PurePosixPath
from typing import Final

import polars as pl

from continuity.privacy import ProtectedTable
from continuity.reports.content import ReportContent
from continuity.reports.evaluation import Evaluation
from continuity.reports.figure import Figure
from continuity.reports.manifest import Output, OutputType, Run
from continuity.reports.pictures import FOLDER, SOURCES, key_of
from continuity.reports.protected import refuse_unprotected
from continuity.reports.wording import Words

_TYPES: Final[Mapping[str, OutputType]] = {
    ".html": "page",
    ".xlsx": "workbook",
    ".pdf": "document",
    ".svg": "figure",
    ".png": "figure",
    ".csv": "table",
    ".parquet": "table",
    ".json": "summary",
}
_RESULTS: Final[Mapping[str, str]] = {
    "whole": "means",
    "unit": "means",
    "team": "means",
    "distribution": "frequencies",
    "visit_classes": "means",
    "flow": "flow",
    "trend": "period_means",
    "area": "means",
    "access": "waits",
    "adjusted": "adjusted_means",
    "summary": "means",
}


def run_of(content: ReportContent) -> Run:
    """Give what a report read and what it was asked."""
    method = content.method
    return Run(
        command="report",
        input={"name": method.input_name, "sha256": method.input_fingerprint, **method.beside},
        windows=[(method.window_start, method.window_end)],
        indices=method.indices,
        parameters=method.parameters,
        choices={"unit_rule": method.unit_rule, "team_rule": method.team_rule},
        limits=content.tables["whole"].limits,
        time_zone=method.time_zone,
        versions=method.versions,
        created_on=method.created_on,
        earlier=method.earlier,
    )


def report_outputs(
    content: ReportContent, files: Mapping[str, bytes], figures: Sequence[Figure], words: Words
) -> list[Output]:
    """Describe the files of a report.

    Parameters
    ----------
    content : ReportContent
    files : mapping of str to bytes
        By path inside the report's folder.
    figures : sequence of Figure
    words : Words
    """
    drawn = {figure.key: figure for figure in figures}
    return [_of_report(path, data, content, drawn, words) for path, data in files.items()]


def _of_report(path: str, data: bytes, content: ReportContent, drawn: Mapping[str, Figure], words: Words) -> Output:
    file = PurePosixPath(path)
    kind = _TYPES[file.suffix]
    if path.startswith(f"{FOLDER}/"):
        key = key_of(path)
        tables = [content.tables[name] for name in SOURCES[key]]
        columns, title = _columns(drawn[key].rows), drawn[key].title
        return Output(path, data, kind, _kinds(tables), tables, columns, title, belongs_to=key)
    if path.startswith("tables/"):
        table = content.tables[file.stem]
        title = words.of_code("book", file.stem)
        return Output(path, data, kind, _kinds([table]), [table], _columns(table.frame), title)
    if path == "quality.html":
        return Output(path, data, kind, ["quality"], title=words("quality.title"), counts_faults=True)
    tables = list(content.tables.values())
    with_quality = kind != "workbook"  # the page and the document have a chapter on the data
    kinds = [*_kinds(tables), *(["quality"] if with_quality else [])]
    return Output(path, data, kind, kinds, tables, title=words("page.title"), counts_faults=with_quality)


def evaluation_outputs(content: Evaluation, files: Mapping[str, bytes], words: Words) -> list[Output]:
    """Describe the files of an evaluation.

    Parameters
    ----------
    content : Evaluation
    files : mapping of str to bytes
        By name.
    words : Words
    """
    compares = content.summary["design"] == "compare"
    result, title = "comparison" if compares else "effects", words(f"evaluation.title{'_compare' if compares else ''}")
    outputs = []
    for name, data in files.items():
        is_page = name.endswith(".html")
        kind, kinds = _TYPES[PurePosixPath(name).suffix], [result, *(["quality"] if is_page else [])]
        outputs.append(Output(name, data, kind, kinds, [content.effects], title=title, counts_faults=is_page))
    return outputs


def table_output(name: str, data: bytes, table: ProtectedTable, title: str) -> Output:
    """Describe a table that is written alone."""
    refuse_unprotected({name: table})
    return Output(name, data, "table", _kinds([table]), [table], _columns(table.frame), title)


def windows_of(frame: pl.DataFrame) -> list[tuple[date, date]]:
    """Give the windows of the rows of patients or cells, in time order."""
    found = frame.select("window_start", "window_end").unique().drop_nulls().sort("window_start", "window_end")
    return list(found.iter_rows())


def _kinds(tables: Sequence[ProtectedTable]) -> list[str]:
    return list(dict.fromkeys(_RESULTS.get(table.name, "means") for table in tables))


def _columns(frame: pl.DataFrame) -> dict[str, str]:
    return {name: str(kind) for name, kind in frame.schema.items()}
