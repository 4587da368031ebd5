"""CSV files: find the separator, the encoding and the header, and refuse a file that is cut off or ragged."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import polars as pl

from continuity.errors import InputError, UsageError, listing
from continuity.schema import READABLE
from continuity.sources.base import ReadOptions

_SEPARATORS: Final = (";", ",", "\t", "|")
_HEAD: Final = 1 << 16
_BYTE_ORDER_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_LOOKS_LIKE_DATA: Final = r"^-?[\d.,]+$|^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|^\d{6}[-+A-FU-Y]\d{3}.$"
_QUOTED: Final = r'"[^"]*"'
_HOLDS_SOMETHING: Final = pl.any_horizontal(pl.all().str.strip_chars() != "")
_CANONICAL: Final = frozenset(name for columns in READABLE.values() for name in columns)


@dataclass(frozen=True)
class _Text:
    """A file as UTF-8: the path itself, or the bytes that it was turned into."""

    source: Path | bytes
    encoding: str


def scan(path: Path, options: ReadOptions, header: Sequence[str] = ()) -> pl.LazyFrame:
    """Open a CSV file lazily, every column as text.

    Parameters
    ----------
    path : pathlib.Path
    options : ReadOptions
        Separator and encoding, where they are known; otherwise they are detected.
    header : sequence of str
        The names of the columns of a comma-separated file that has none; it is then held in memory.

    Returns
    -------
    polars.LazyFrame
        Column names as in the header, all String; empty fields are null.

    Raises
    ------
    InputError
        The file is empty, has no rows, has rows with more or fewer fields than the header (a file cut off in the
        middle ends with one), or is in no encoding that can be read.
    """
    if path.stat().st_size == 0:
        raise InputError(
            f"{path.name} is empty.", allowed="Needed: a header and rows.", next_step="Export the file again."
        )
    text = _as_utf8(path, options.encoding)
    if header:
        rows_alone = text.source if isinstance(text.source, bytes) else text.source.read_bytes()
        text = _Text(",".join(header).encode() + b"\n" + rows_alone, text.encoding)
    head = _head(text, path)
    separator = options.separator or _separator(head)
    _refuse_separator(separator)
    n_before, rows = _first_rows(head, separator, path)
    if not rows:
        raise InputError(f"{path.name} holds blank lines only.", next_step="Export the file again.")
    header = rows[0]
    if not _CANONICAL.union(options.columns.values()).intersection(header):
        _refuse_headless(rows, path)
    _refuse_twice_named(header, path)
    frame = pl.scan_csv(text.source, separator=separator, infer_schema=False, glob=False, skip_lines=n_before)
    has_blank = _refuse_ragged(text, path, separator, len(header), frame)
    return frame.filter(_HOLDS_SOMETHING) if has_blank else frame


def _refuse_separator(separator: str) -> None:
    if len(separator) != 1 or not separator.isascii() or separator in '"\r\n':
        raise UsageError(
            "A separator is one character, and no quote or letter with a mark.",
            allowed=f"Such as {listing([repr(s) for s in _SEPARATORS])}.",
        )


def _first_rows(head: str, separator: str, path: Path) -> tuple[int, list[list[str]]]:
    """Give the number of blank lines before the header, and the header with up to 50 rows after it."""
    try:
        read = list(islice(csv.reader(io.StringIO(head, newline=""), delimiter=separator), 101))
    except csv.Error:
        raise _open_quote(path) from None
    filled = [row for row in read if any(cell.strip() for cell in row)]
    # Counted in the lines of Polars, which unlike Python takes a lone carriage return for a part of the line.
    lines = (line.strip(f' \r\t"{separator}') for line in head.split("\n"))
    return next((number for number, line in enumerate(lines) if line), 0), filled[:51]


def _open_quote(path: Path) -> InputError:
    return InputError(
        f"{path.name} has a field that does not end: a quote may be opened and never closed.",
        allowed="A quote inside a field is written twice, and the field stands in quotes.",
        next_step="Export the file again.",
    )


def _as_utf8(path: Path, encoding: str | None) -> _Text:
    with path.open("rb") as file:
        mark = _BYTE_ORDER_MARKS.get(file.read(2))
    encoding = encoding or mark
    if encoding is None:
        # Nearly every byte string is valid Latin-1, so it comes last; Windows programs write its superset cp1252.
        encoding = "utf-8" if _is_utf8(path) else "cp1252"
    try:
        if codecs.lookup(encoding).name == "utf-8" and _is_utf8(path):
            return _Text(path, "utf-8")
        return _Text(path.read_bytes().decode(encoding).encode(), encoding)
    except UnicodeError:
        if encoding != "cp1252":
            raise InputError(
                f"{path.name} is not in the encoding {encoding}.", next_step="Leave --encoding out, or name another."
            ) from None
        return _Text(path.read_bytes().decode("latin-1").encode(), "latin-1")
    except LookupError:
        raise UsageError(
            f"There is no encoding named {encoding!r}.", allowed="Such as utf-8, latin-1, cp1252, utf-16."
        ) from None


def _is_utf8(path: Path) -> bool:
    try:
        pl.scan_lines(path, glob=False).select(pl.len(), pl.col("line").str.len_bytes().max()).collect(
            engine="streaming"
        )
    except pl.exceptions.ComputeError:
        return False
    return True


def _head(text: _Text, path: Path) -> str:
    with io.BytesIO(text.source) if isinstance(text.source, bytes) else text.source.open("rb") as file:
        start = file.read(_HEAD)
        start += file.readline() if b"\n" not in start else b""  # 10,000 columns make a long header
    if b"\0" in start:
        raise InputError(
            f"{path.name} is no text file.",
            allowed="Text in UTF-8, Latin-1 or UTF-16; other files by their own ending.",
            next_step="Save a workbook as CSV; for UTF-16 without a mark, say --encoding utf-16-le.",
        )
    if b"\r" in start and b"\n" not in start:
        raise InputError(
            f"{path.name} has lines that end as on old Macintosh computers.",
            next_step="Save the file as CSV with the line ends of Windows or Unix.",
        )
    return start.decode("utf-8-sig", errors="ignore")


def _separator(head: str) -> str:
    """Choose the separator under which most lines have as many fields as the header, and the header the most."""
    lines = [line for line in head.splitlines() if line.strip("".join(_SEPARATORS) + " ")][:51]
    complete = lines[:-1] if len(lines) > 1 else lines

    def agreement(separator: str) -> tuple[int, float]:
        try:
            widths = [len(row) for row in csv.reader(complete, delimiter=separator) if row]
        except csv.Error:  # a field that does not end
            return 0, 0.0
        if not widths or widths[0] < 2:
            return 0, 0.0
        return 1, widths[0] * Counter(widths)[widths[0]] / len(widths)

    return max(_SEPARATORS, key=agreement)


def _refuse_headless(rows: list[list[str]], path: Path) -> None:
    """Refuse a first row of data: taken for a header, its values would stand in every message."""
    header, *others = rows
    recurs = any(name.strip() and name in column for name, *column in zip(header, *others, strict=False))
    if recurs or any(re.search(_LOOKS_LIKE_DATA, name.strip()) for name in header):
        raise InputError(
            f"The first row of {path.name} looks like data, not like a header.",
            allowed="Needed: a first row with the names of the columns.",
            next_step="Export the file with its column names.",
        )


def _refuse_twice_named(header: list[str], path: Path) -> None:
    twice = [name for name, n in Counter(header).items() if n > 1 and name]
    if twice:
        raise InputError(
            f"{path.name} names a column twice: {listing(twice)}.", next_step="Rename one of them in the header."
        )


def _refuse_ragged(text: _Text, path: Path, separator: str, width: int, frame: pl.LazyFrame) -> bool:
    """Count the rows with more or fewer fields than the header: Polars would fill the short ones with nulls.

    Returns whether there are blank lines, which Polars would take for rows of nulls.
    """
    lines = pl.scan_lines(text.source, glob=False)
    bare = pl.col("line").str.replace_all(_QUOTED, "")
    blank = pl.col("line").str.strip_chars(f' \r\t"{separator}') == ""
    fields = bare.str.count_matches(separator, literal=True) + 1
    is_ragged = (fields != width) & (pl.col("line").str.strip_chars() != "")
    found = lines.select(
        n_lines=(~blank).sum(),
        n_quoted=pl.col("line").str.contains('"', literal=True).sum(),
        n_open=bare.str.contains('"', literal=True).sum(),
        n_ragged=is_ragged.sum(),
        last_ragged=is_ragged.last(),
        has_blank=blank.any(),
    ).collect(engine="streaming")
    n_lines, n_quoted, n_open, n_ragged, last_ragged, has_blank = found.row(0)
    if n_open:  # a quoted field runs over several lines, which only a full parser can follow
        n_lines, n_ragged, last_ragged = _count_with_parser(text, path, separator, width)
    if n_lines < 2:
        raise InputError(
            f"{path.name} holds a header and no rows.", next_step="Check the export: were any visits selected?"
        )
    if n_ragged:
        noun = "row has" if n_ragged == 1 else "rows have"
        cut = " The last row is one of them: the file may have been cut off." if last_ragged else ""
        raise InputError(
            f"{path.name}: {n_ragged:,} {noun} more or fewer fields than the header's {width:,}.{cut}",
            allowed=f"Separator: {separator!r}.",
            next_step="Export the file again, or name the separator with --separator.",
        )
    if n_quoted:
        _refuse_stray_quotes(frame, path, n_lines - 1)
    return bool(has_blank)


def _count_with_parser(text: _Text, path: Path, separator: str, width: int) -> tuple[int, int, bool]:
    raw = text.source if isinstance(text.source, bytes) else text.source.read_bytes()
    n_filled, ragged = 0, [False]
    try:
        for row in csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=separator):
            n_filled += any(cell.strip() for cell in row)
            if len(row) > 1 or "".join(row).strip():
                ragged.append(len(row) != width)
    except csv.Error:
        raise _open_quote(path) from None
    return n_filled, sum(ragged), ragged[-1]


def _refuse_stray_quotes(frame: pl.LazyFrame, path: Path, n_rows: int) -> None:
    """Let Polars parse every field once: it refuses quotes in the middle of a field, which other readers let pass."""
    try:
        n_read = frame.filter(_HOLDS_SOMETHING).select(pl.len()).collect(engine="streaming").item()
    except pl.exceptions.ComputeError:
        n_read = None
    if n_read != n_rows:
        raise InputError(
            f"{path.name} has quotes in the middle of fields, so that its fields cannot be told apart.",
            allowed="A quote inside a field is written twice, and the field stands in quotes.",
            next_step="Export the file again with its fields in quotes, or without quotes.",
        )
