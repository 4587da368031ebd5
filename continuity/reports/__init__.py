"""From protected numbers to what a health centre can show: a page, a workbook, tables, and a list of them all."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from continuity import __version__
from continuity.files import replace_with
from continuity.reports.breaks import Break, breaks_of
from continuity.reports.charts import Canvas
from continuity.reports.content import Method, ReportContent
from continuity.reports.evaluation import Evaluation, evaluation_page
from continuity.reports.figures import figures_of
from continuity.reports.listing import evaluation_outputs, report_outputs, run_of, table_output, windows_of
from continuity.reports.manifest import LIST, NAME, Output, Run, file_list, manifest
from continuity.reports.page import report_page
from continuity.reports.paper import report_paper, require_typst
from continuity.reports.pictures import FOLDER, SOURCES, figure_files, key_of
from continuity.reports.plan import FIGURES, drawings, plan_page
from continuity.reports.plan_book import n_in_book, write_book
from continuity.reports.plan_content import PanelPlan, shown_providers
from continuity.reports.protected import refuse_unprotected
from continuity.reports.quality_page import quality_page
from continuity.reports.svg import to_files
from continuity.reports.wording import Words, words_of
from continuity.reports.workbook import workbook
from continuity.vocabulary import Language

if TYPE_CHECKING:
    from continuity.privacy import ProtectedTable
    from continuity.quality import QualityResult

_OPTIONAL = ("unit", "team", "trend", "area", "access", "adjusted")

_FIGURE_WIDTH = 760
PLAN_FILES = (
    *(f"figures/{name}.{suffix}" for name in FIGURES for suffix in ("svg", "png")),
    "plan.xlsx",
    "plan.html",
)
"""What `write_plan` can write; a figure without numbers is not made."""

__all__ = [
    "PLAN_FILES",
    "Break",
    "Evaluation",
    "Method",
    "PanelPlan",
    "ReportContent",
    "Run",
    "breaks_of",
    "n_in_book",
    "require_typst",
    "run_of",
    "shown_providers",
    "table_manifest",
    "windows_of",
    "words_of",
    "write_evaluation",
    "write_plan",
    "write_quality",
    "write_report",
]


def write_report(content: ReportContent, directory: Path, *, language: Language, pdf: bool = False) -> tuple[Path, ...]:
    """Write the whole report into a folder.

    Parameters
    ----------
    content : ReportContent
    directory : Path
        Made where it does not exist.
    language : {"fi", "sv", "en"}
    pdf : bool
        Whether ``report.pdf`` is written too.

    Returns
    -------
    tuple of Path
        ``report.html``, ``report.xlsx``, ``quality.html``, ``tables/*.parquet``, ``figures/*`` and, last,
        ``manifest.csv`` and ``manifest.json``, which list the others.

    Raises
    ------
    ProtectionError
        A table has not passed disclosure control.
    UsageError
        A PDF is wanted and the extra ``pdf`` is not installed.

    Notes
    -----
    Everything is made in memory before the first file is written, so a report that cannot be made changes nothing.
    """
    refuse_unprotected(content.tables)
    words = words_of(language)
    method = content.method
    figures = figures_of(content, words)
    files = {
        "report.html": report_page(content, words, figures).encode(),
        "report.xlsx": workbook(content, words),
        "quality.html": quality_page(content.quality, method.input_name, words, __version__).encode(),
        **{f"tables/{name}.parquet": _parquet(table) for name, table in content.tables.items()},
        **figure_files(figures),
        **({"report.pdf": report_paper(content, words, figures)} if pdf else {}),
    }
    written = _write(
        {**files, **_listed(run_of(content), report_outputs(content, files, figures, words), words)}, directory
    )
    _remove_earlier(directory, files)
    return written


def _listed(run: Run, outputs: Sequence[Output], words: Words) -> dict[str, bytes]:
    """Make the list of the files, to read and for machines; the second comes last and has the first in it."""
    table = file_list(run, outputs, words)
    return {LIST: table.data, NAME: manifest(run, [*outputs, table], words)}


def write_quality(
    quality: "QualityResult", directory: Path, *, language: Language, input_name: str, with_json: bool
) -> tuple[Path, ...]:
    """Write the verdict on the data into a folder.

    Parameters
    ----------
    quality : QualityResult
    directory : Path
        Made where it does not exist.
    language : {"fi", "sv", "en"}
    input_name : str
        Name of the checked file.
    with_json : bool
        Whether ``quality.json`` is written as well.

    Returns
    -------
    tuple of Path
        ``quality.html`` and, where asked for, ``quality.json``.
    """
    files = {"quality.html": quality_page(quality, input_name, words_of(language), __version__).encode()}
    if with_json:
        files["quality.json"] = json.dumps(quality.to_dict(), ensure_ascii=False, indent=2).encode() + b"\n"
    return _write(files, directory)


def write_evaluation(content: Evaluation, directory: Path, *, language: Language) -> Path:
    """Write effects.parquet, summary.json, evaluation.html and the manifest into a folder, and give the page.

    Parameters
    ----------
    content : Evaluation
    directory : Path
        Made where it does not exist.
    language : {"fi", "sv", "en"}

    Raises
    ------
    ProtectionError
        The effects have not passed disclosure control.
    """
    refuse_unprotected({"effects": content.effects})
    words = words_of(language)
    summary = json.dumps(dict(content.summary), ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    files = {
        "effects.parquet": _parquet(content.effects),
        "summary.json": summary.encode() + b"\n",
        "evaluation.html": evaluation_page(content, words).encode(),
    }
    listed = _listed(content.run, evaluation_outputs(content, files, words), words)
    return _write({**files, **listed}, directory)[list(files).index("evaluation.html")]


def table_manifest(run: Run, name: str, data: bytes, table: "ProtectedTable", *, language: Language) -> bytes:
    """Describe a table that is written alone, as the manifest of a report does.

    Parameters
    ----------
    run : Run
    name : str
        Name of its file.
    data : bytes
        The file.
    table : ProtectedTable
    language : {"fi", "sv", "en"}
    """
    words = words_of(language)
    return manifest(run, [table_output(name, data, table, words("manifest.summary"))], words)


def _remove_earlier(directory: Path, files: Mapping[str, bytes]) -> None:
    """Remove what only an earlier report had: the manifest of this one knows it not."""
    ours = [directory / "tables" / f"{name}.parquet" for name in _OPTIONAL]
    ours.append(directory / "report.pdf")
    ours += [path for path in (directory / FOLDER).glob("*.*") if key_of(path.name) in SOURCES]
    for path in ours:
        if path.relative_to(directory).as_posix() not in files:
            path.unlink(missing_ok=True)


def write_plan(plan: PanelPlan, directory: Path, *, language: Language) -> tuple[Path, ...]:
    """Write the page, the workbook and the figures of a plan into a folder.

    Parameters
    ----------
    plan : PanelPlan
    directory : Path
        Made where it does not exist.
    language : {"fi", "sv", "en"}

    Returns
    -------
    tuple of Path
        ``figures/*.svg`` and ``*.png``, ``plan.xlsx`` and, last, ``plan.html``.

    Raises
    ------
    ProtectionError
        A table of patients' groups has not passed disclosure control.
    """
    groups = {"fairness": plan.fairness} | ({} if plan.chronic is None else {"chronic": plan.chronic})
    refuse_unprotected(groups)
    words = words_of(language)
    page = plan_page(plan, words).encode()
    files = {
        f"figures/{name}.{suffix}": data
        for name, (title, draw) in drawings(plan, words).items()
        for suffix, data in to_files(draw(Canvas(_FIGURE_WIDTH, words)), title=title, words=words).items()
    }
    book = replace_with(directory / "plan.xlsx", lambda path: write_book(plan, path, words))
    return (*_write(files, directory), book, *_write({"plan.html": page}, directory))


def _write(files: Mapping[str, bytes], directory: Path) -> tuple[Path, ...]:
    return tuple(replace_with(directory / name, partial(_fill, data)) for name, data in files.items())


def _fill(data: bytes, path: Path) -> None:
    path.write_bytes(data)


def _parquet(table: "ProtectedTable") -> bytes:
    buffer = BytesIO()
    table.frame.write_parquet(buffer)
    return buffer.getvalue()
