"""Rows of a sheet written as columns of text: a hundred thousand patients in the time that cell by cell takes for ten.

XlsxWriter makes the workbook, with one blank row that carries the look of each column; the rows are put in its place.
"""

import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import polars as pl

TEMPLATE: Final = 1
"""The row (from 0) of the sheet that is blank and is replaced."""
_TEMPLATE_ROW: Final = re.compile(rf'<row r="{TEMPLATE + 1}"[^>]*>.*?</row>')
_TEMPLATE_CELL: Final = re.compile(rf'<c r="([A-Z]+){TEMPLATE + 1}" s="(\d+)"/>')
_DIMENSION: Final = re.compile(r'(<dimension ref="A1:[A-Z]+)\d+"')
_NOT_IN_XML: Final[Mapping[str, str]] = {
    **{chr(n): f"_x{n:04X}_" for n in (*range(9), 11, 12, *range(14, 32))},
    **dict.fromkeys("\ufffe\uffff", "\ufffd"),
    "\r": "_x000D_",
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}


def fill_sheet(path: Path, number: int, parts: Iterable[pl.DataFrame], n_rows: int) -> None:
    """Put rows in the place of a sheet's blank second row.

    Parameters
    ----------
    path : Path
        A workbook; replaced.
    number : int
        Of the sheet, from 1 in the order in which sheets were added.
    parts : iterable of polars.DataFrame
        The rows, some at a time, in the columns of the sheet: text or numbers. A null is an empty cell.
    n_rows : int
        In all parts together.
    """
    name, new = f"xl/worksheets/sheet{number}.xml", path.with_name(f"{path.name}.rows")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for part in old.infolist():
            if part.filename != name:
                book.writestr(part, old.read(part))
                continue
            text = _DIMENSION.sub(rf'\g<1>{TEMPLATE + n_rows}"', old.read(part).decode(), count=1)
            template = _TEMPLATE_ROW.search(text)
            if template is None:
                raise AssertionError("The sheet has no blank row to be replaced.")
            with book.open(name, "w") as sheet:
                sheet.write(text[: template.start()].encode())
                start = TEMPLATE
                for rows in parts:
                    sheet.write(_xml(rows, start, _TEMPLATE_CELL.findall(template.group())).encode())
                    start += rows.height
                sheet.write(text[template.end() :].encode())
    new.replace(path)


def _xml(rows: pl.DataFrame, start: int, looks: Iterable[tuple[str, str]]) -> str:
    """Write rows; the first is row `start` of the sheet, counted from 0."""
    if not rows.height:
        return ""
    at = (pl.int_range(pl.len()) + start + 1).cast(pl.String)
    cells = [
        _cell(pl.col(name), letters, look, at, is_text=kind == pl.String)
        for (name, kind), (letters, look) in zip(rows.schema.items(), looks, strict=True)
    ]
    row = pl.concat_str(pl.lit('<row r="'), at, pl.lit('">'), *cells, pl.lit("</row>"))
    return str(rows.select(row.str.join("")).item())


def _cell(value: pl.Expr, letters: str, look: str, at: pl.Expr, *, is_text: bool) -> pl.Expr:
    head = pl.concat_str(pl.lit(f'<c r="{letters}'), at, pl.lit(f'" s="{look}"'))
    if is_text:
        cell = pl.concat_str(
            head, pl.lit(' t="inlineStr"><is><t xml:space="preserve">'), _escaped(value), pl.lit("</t></is></c>")
        )
    else:
        cell = pl.concat_str(head, pl.lit("><v>"), value.cast(pl.String), pl.lit("</v></c>"))
    return pl.when(value.is_null()).then(pl.lit("")).otherwise(cell)


def _escaped(text: pl.Expr) -> pl.Expr:
    """Escape as Excel does: what looks like an escaped character already is told apart."""
    literal = text.str.replace_all(r"(_x[0-9a-fA-F]{4}_)", "_x005F${1}")
    return literal.str.replace_many(list(_NOT_IN_XML), list(_NOT_IN_XML.values()))
