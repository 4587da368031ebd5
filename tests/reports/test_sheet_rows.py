"""Rows written as text read back as those that XlsxWriter writes cell by cell."""

from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from openpyxl import load_workbook

from continuity.reports.sheet_rows import TEMPLATE, fill_sheet
from continuity.reports.workbook import OPTIONS

ROWS = pl.DataFrame(
    {
        "text": ["=1+1", 'a & <b> "c"', "_x0041_", " ends ", "tab\tline\nbell\x07", "äö€😀", None, "http://a.b"],
        "whole": [1, 0, -5, None, 10**12, 7, 8, 9],
        "share": [0.5, 1 / 3, None, 1e-9, 12345.678, 0.0, -0.25, 1e20],
    }
)


def _book(path: Path) -> tuple[xlsxwriter.Workbook, xlsxwriter.worksheet.Worksheet]:
    book = xlsxwriter.Workbook(str(path), {**OPTIONS, "in_memory": False, "constant_memory": True})
    book.add_worksheet("first")
    sheet = book.add_worksheet("rows")
    for at, name in enumerate(ROWS.columns):
        sheet.write_string(0, at, name)
    return book, sheet


def _read(path: Path) -> list[tuple[object, ...]]:
    return list(load_workbook(path)["rows"].iter_rows(values_only=True))


@pytest.mark.parametrize("size", [1, 3, 8, 100])
def test_the_same_cells_are_read_back(tmp_path: Path, size: int) -> None:
    book, sheet = _book(tmp_path / "text.xlsx")
    look = book.add_format({"num_format": "0.0%"})
    for at in range(ROWS.width):
        sheet.write_blank(TEMPLATE, at, None, look)
    book.close()
    fill_sheet(tmp_path / "text.xlsx", 2, (ROWS[at : at + size] for at in range(0, ROWS.height, size)), ROWS.height)
    book, sheet = _book(tmp_path / "cells.xlsx")
    for number, row in enumerate(ROWS.iter_rows(), start=1):
        for at, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, at, value)
            elif value is not None:
                sheet.write_number(number, at, value)
    book.close()
    found, expected = _read(tmp_path / "text.xlsx"), _read(tmp_path / "cells.xlsx")
    assert [row[0] for row in found] == [row[0] for row in expected]
    assert [row[1] for row in found] == [row[1] for row in expected]
    for mine, theirs in zip(found, expected, strict=True):
        assert mine[2] == (theirs[2] if not isinstance(theirs[2], float) else pytest.approx(theirs[2], rel=1e-15))
    assert load_workbook(tmp_path / "text.xlsx")["rows"]["C3"].number_format == "0.0%"
    assert load_workbook(tmp_path / "text.xlsx")["rows"].dimensions == "A1:C9"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.xlsx", "text.xlsx"]
