"""The same numbers as a workbook: a page to read first, then one sheet a table. Nothing in it can execute."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from continuity.reports.content import ReportContent
from continuity.reports.grids import Grid, Kind, grid_of, in_class_order
from continuity.reports.labels import definition
from continuity.reports.method import citation, rules_of, unknown_providers, versions_of
from continuity.reports.page import limits_text, shown_indices
from continuity.reports.paragraph import paragraphs, references
from continuity.reports.rows import all_roles
from continuity.reports.wording import Words

if TYPE_CHECKING:
    import xlsxwriter

# a cell that looks like a formula, a link or a number is what its name says: text
OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_NUMBER_FORMATS: Final[dict[Kind, str]] = {"count": "#,##0", "share": "0.0%", "decimal": "0.000"}
_WIDEST: Final = 46
_READING: Final = ("scale", "construct", "compare")
_ACCENT: Final = "#0B5C73"


def workbook(content: ReportContent, words: Words) -> bytes:
    """Make the workbook.

    Parameters
    ----------
    content : ReportContent
    words : Words

    Returns
    -------
    bytes
        An xlsx file; equal content gives equal bytes.
    """
    import xlsxwriter

    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer, OPTIONS) as book:
        made_on = datetime.combine(content.method.created_on, datetime.min.time())
        book.set_properties({"title": words("page.title"), "created": made_on})
        formats = formats_of(book)
        _cover(book, formats, content, words)
        for name in content.tables:
            add_sheet(book, formats, words.of_code("book", name), sheet_grid(content, name, words))
    return buffer.getvalue()


def sheet_grid(content: ReportContent, name: str, words: Words) -> Grid:
    """Give every column of a table, in words, for its sheet.

    Parameters
    ----------
    content : ReportContent
    name : str
        Name of the table in the content.
    words : Words

    Returns
    -------
    Grid
    """
    table = content.tables[name]
    columns = [column for column in table.frame.columns if column not in table.keys]
    known = [column for column in (*table.keys, *columns) if words.knows("column", column)]
    return grid_of(_in_reading_order(content, table.frame), known, words, words.of_code("book", name))


def _in_reading_order(content: ReportContent, frame: pl.DataFrame) -> pl.DataFrame:
    """Sort as the page does: professions first, places by name, indices and classes in their own order."""
    for column in ("value_class", "n_visits_class"):
        if column in frame.columns:
            frame = in_class_order(frame, column)
    places = [pl.col(column) for column in ("unit_id", "team_id") if column in frame.columns]
    orders = {"role": all_roles(content), "index": shown_indices(content)}
    role, index = (
        [pl.col(column).replace_strict({code: i for i, code in enumerate(codes)}, default=len(codes))]
        if column in frame.columns
        else []
        for column, codes in orders.items()
    )
    by = [*role, *places, *index]
    return frame.sort(by, maintain_order=True) if by else frame


def formats_of(book: "xlsxwriter.Workbook") -> dict[str, Any]:
    """Give the looks of the cells, by name."""
    looks = {
        "title": {"bold": True, "font_size": 20, "font_color": _ACCENT},
        "heading": {"bold": True, "font_size": 13, "top": 1, "top_color": "#DDE5E8"},
        "body": {"text_wrap": True, "valign": "top"},
        "name": {"valign": "top", "font_color": "#52616A", "text_wrap": True},
        "head": {"bold": True, "text_wrap": True, "valign": "bottom", "bottom": 2, "bottom_color": _ACCENT},
        "text": {"valign": "top"},
        "word": {"italic": True, "align": "right", "font_color": "#52616A"},
    }
    numbers = {kind: {"num_format": code} for kind, code in _NUMBER_FORMATS.items()}
    return {name: book.add_format(look) for name, look in (looks | numbers).items()}


def _cover(book: "xlsxwriter.Workbook", formats: dict[str, Any], content: ReportContent, words: Words) -> None:
    sheet = book.add_worksheet(words("book.cover"))
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 92)
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.write_string(0, 0, words("page.title"), formats["title"])
    method = content.method
    period = words.style.period(method.window_start, method.window_end)
    about = words("page.about", period=period, input=method.input_name, date=words.style.day(method.created_on))
    sheet.write_string(1, 0, about)
    row = 3
    for heading, pairs in _cover_parts(content, words):
        sheet.write_string(row, 0, heading, formats["heading"])
        sheet.write_blank(row, 1, None, formats["heading"])
        for offset, (name, text) in enumerate(pairs, start=1):
            sheet.write_string(row + offset, 0, name, formats["name"])
            sheet.write_string(row + offset, 1, text, formats["body"])
        row += len(pairs) + 2


def _cover_parts(content: ReportContent, words: Words) -> Iterable[tuple[str, Sequence[tuple[str, str]]]]:
    reading = [(words(f"reading.{part}_title"), words(f"reading.{part}")) for part in _READING]
    reading.append((words("reading.hidden_title"), limits_text(content, words)))
    reading += [(words("reading.unknown_title"), text) for text in unknown_providers(content, words)]
    yield words("reading.heading"), reading
    method = content.method
    cite = [(words("method.cite_title"), citation(method, words)), *(("", text) for text in paragraphs(content, words))]
    yield words("method.heading"), cite
    yield words("method.references_title"), [(one.key, one.text) for one in references(content)]
    definitions = [definition(key, words) for key in shown_indices(content)]
    lines = [(one.label, f"{one.formula}. {one.source}. {' '.join(one.notes)}") for one in definitions]
    yield words("method.definitions_title"), lines
    for grid in (rules_of(content.method, words), versions_of(content.method, words)):
        yield grid.caption, [(row[0].text, row[1].text) for row in grid.rows]


def add_sheet(book: "xlsxwriter.Workbook", formats: dict[str, Any], title: str, grid: Grid) -> None:
    """Add a sheet with a table: a frozen head, filters, and paper in landscape."""
    sheet = book.add_worksheet(title)
    for column, (head, _) in enumerate(grid.heads):
        sheet.set_column(column, column, _width(grid, column))
        sheet.write_string(0, column, head, formats["head"])
    for number, row in enumerate(grid.rows, start=1):
        for column, cell in enumerate(row):
            if cell.value is not None:
                sheet.write_number(number, column, cell.value, formats[cell.kind])
            else:
                sheet.write_string(number, column, cell.text, formats["word" if grid.heads[column][1] else "text"])
    sheet.freeze_panes(1, sum(not numeric for _, numeric in grid.heads[:4]))
    sheet.autofilter(0, 0, max(len(grid.rows), 1), max(len(grid.heads) - 1, 0))
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _width(grid: Grid, column: int) -> float:
    """Fit the longest cell, and the longest word of the head, which wraps."""
    head = max(map(len, grid.heads[column][0].split()), default=0)
    cells = max((len(row[column].text) for row in grid.rows), default=0)
    return min(max(head + 4, cells + 2, 10), _WIDEST)
