"""The workbook of a plan, to go through it patient by patient: ids only, filters, and nothing that can execute."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from continuity.reports.grids import Grid
from continuity.reports.plan_content import PanelPlan
from continuity.reports.plan_grids import curve_grid, providers_grid, rules_grid, scenarios_grid, units_grid
from continuity.reports.plan_reasons import reason_line
from continuity.reports.plan_text import answer, balance
from continuity.reports.sheet_rows import TEMPLATE, fill_sheet
from continuity.reports.wording import Words
from continuity.reports.workbook import OPTIONS, add_sheet, formats_of

if TYPE_CHECKING:
    import xlsxwriter

MOST_PATIENTS: Final = 200_000
"""Rows of the sheet of patients: nobody goes through more, and Excel ends at 1,048,576."""
_SLICE: Final = 20_000
_PATIENTS: Final = 2
"""The sheet of patients comes after the one to read first."""
_WIDTHS: Final = {"reason_line": 90.0, "reason": 20.0, "patient_id": 16.0}
_STAY: Final = ("kept", "own_choice")


@dataclass(frozen=True)
class _Part:
    """The patients that the workbook shows, and why these."""

    rows: pl.LazyFrame | None
    note: str


def write_book(plan: PanelPlan, path: Path, words: Words, most: int = MOST_PATIENTS) -> None:
    """Write the workbook: what to read first, patients, professionals, units, and other plans where there are any.

    Parameters
    ----------
    plan : PanelPlan
    path : Path
        Replaced.
    words : Words
    most : int
        Most patients in a sheet. Above it only those who change or are new are written, and above that none; the first
        sheet says so and counts them.

    Notes
    -----
    Rows go to the disk as they are written, so memory does not grow with patients.
    """
    import xlsxwriter

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as beside:
        options = {**OPTIONS, "in_memory": False, "constant_memory": True, "tmpdir": beside}
        with xlsxwriter.Workbook(str(path), options) as book:
            formats = formats_of(book)
            book.set_properties({"title": words("plan.title"), "comments": words("plan.internal")})
            part = _part(plan, words, most)
            _cover(book, formats, plan, words, part.note)
            n = 0 if part.rows is None else _rows_of(part.rows)
            if part.rows is not None:
                _patients(book, formats, part.rows, n, words)
            for name, grid in _grids(plan, words):
                add_sheet(book, formats, words(f"plan.book_{name}"), grid)
        if part.rows is not None and n:
            fill_sheet(path, _PATIENTS, _slices(part.rows, n, words), n)


def n_in_book(summary: Mapping[str, Any], most: int = MOST_PATIENTS) -> int:
    """Count the patients in the workbook: all, above `most` those who change or are new, and none above that too."""
    n, changing = int(summary["n_patients"]), _changing(summary)
    return n if n <= most else changing if changing <= most else 0


def book_note(plan: PanelPlan, words: Words, most: int = MOST_PATIENTS) -> str:
    """Say which patients the workbook lists, and where the others are."""
    style, n, changing = words.style, plan.summary["n_patients"], _changing(plan.summary)
    if n <= most:
        return words("plan.book_all")
    limit = style.count(most)
    if changing <= most:
        return words("plan.book_changing", limit=limit, shown=style.count(changing), left=style.count(n - changing))
    return words("plan.book_none", limit=limit, left=style.count(changing))


def _changing(summary: Mapping[str, Any]) -> int:
    staying = sum(int(summary["reasons"].get(code, 0)) for code in _STAY)
    return int(summary["n_patients"]) - staying


def _part(plan: PanelPlan, words: Words, most: int) -> _Part:
    rows, note, n = pl.scan_parquet(plan.assignments), book_note(plan, words, most), plan.summary["n_patients"]
    if n <= most:
        return _Part(rows, note)
    changing = rows.filter(~pl.col("reason").is_in(_STAY))
    return _Part(changing if _changing(plan.summary) <= most else None, note)


def _grids(plan: PanelPlan, words: Words) -> Iterator[tuple[str, Grid]]:
    yield "providers", providers_grid(plan, words, everyone=True)
    units = units_grid(plan, words, everyone=True)
    if units is not None:
        yield "units", units
    if "curve" in plan.summary:
        yield "curve", curve_grid(plan, words)
    if plan.summary.get("scenarios"):
        yield "scenarios", scenarios_grid(plan, words)


def _cover(book: "xlsxwriter.Workbook", formats: dict[str, Any], plan: PanelPlan, words: Words, note: str) -> None:
    sheet = book.add_worksheet(words("book.cover"))
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 46)
    sheet.set_column(1, 1, 92)
    sheet.write_string(0, 0, words("plan.title"), formats["title"])
    lines: list[tuple[str, str]] = [("", words("plan.internal"))]
    lines += [(words("plan.answer_title"), text) for text in (*answer(plan, words), *balance(plan, words))]
    lines += [(words("plan.book_reading"), words("plan.book_how")), (words("plan.book_patients"), note)]
    rules = rules_grid(plan, words)
    lines += [(row[0].text, row[1].text) for row in rules.rows]
    for number, (name, text) in enumerate(lines, start=2):
        sheet.write_string(number, 0, name, formats["name"])
        sheet.write_string(number, 1, text, formats["body"])


def patient_columns(names: Iterable[str], words: Words) -> dict[str, pl.Expr]:
    """Give the columns of the sheet of patients, by key; those that the plan does not know are left out."""
    yes_no = [pl.lit(words(f"plan.{word}")) for word in ("yes", "no")]
    change = pl.when("is_new").then(pl.lit(words("plan.change_new"))).otherwise(pl.lit(words("plan.change_stays")))
    codes = {key.partition(".")[2]: text for key, text in words.texts.items() if key.startswith("move.")}
    found = {
        "patient_id": pl.col("patient_id").cast(pl.String),
        "unit_id": pl.col("unit_id").cast(pl.String),
        "from": pl.col("previous_provider_id").cast(pl.String),
        "to": pl.col("provider_id").cast(pl.String),
        "change": pl.when("is_moved").then(pl.lit(words("plan.change_moves"))).otherwise(change),
        "reason": pl.col("reason").replace_strict(codes),
        "reason_line": reason_line(words),
        "n_visits": pl.col("n_visits"),
        "n_visits_with_provider": pl.col("n_visits_with_provider"),
        "n_visits_with_previous": pl.col("n_visits_with_previous"),
        "affinity": pl.when(pl.col("n_visits") > 0).then(pl.col("n_visits_with_provider") / pl.col("n_visits")),
        "workload": pl.col("workload"),
    }
    if "nurse_id" in names:
        found["nurse_id"] = pl.col("nurse_id").cast(pl.String)
    if "is_chronic" in names:
        found["is_chronic"] = pl.when("is_chronic").then(yes_no[0]).otherwise(yes_no[1])
    if "household_id" in names:
        found["household_id"] = pl.col("household_id").cast(pl.String)
    return found


def _rows_of(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect(engine="streaming").item())


def _slices(rows: pl.LazyFrame, n: int, words: Words) -> Iterator[pl.DataFrame]:
    """Give the cells of the sheet of patients, some rows at a time."""
    columns = patient_columns(rows.collect_schema().names(), words)
    shown = rows.select(expression.alias(key) for key, expression in columns.items())
    for start in range(0, n, _SLICE):
        yield shown.slice(start, _SLICE).collect()


def _patients(book: "xlsxwriter.Workbook", formats: dict[str, Any], rows: pl.LazyFrame, n: int, words: Words) -> None:
    """Add the sheet of patients with its head, and a blank row that says how each column looks."""
    columns = patient_columns(rows.collect_schema().names(), words)
    sheet = book.add_worksheet(words("plan.book_patients"))
    for at, key in enumerate(columns):
        sheet.set_column(at, at, _WIDTHS.get(key, 13.0))
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(n, 1), len(columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    for at, key in enumerate(columns):
        sheet.write_string(0, at, words(f"plan.{key}"), formats["head"])
    for at, key in enumerate(columns):
        sheet.write_blank(TEMPLATE, at, None, _format(key, formats))


def _format(key: str, formats: dict[str, Any]) -> Any:
    kind = {"affinity": "share", "workload": "decimal"}.get(key, "count" if key.startswith("n_") else "text")
    return formats[kind]
