"""CSV files: find the separator, the encoding and the header, and refuse a file that is cut off or ragged."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from continuity.errors import InputError, UsageError, listing
from continuity.sources.base import ReadOptions

_SEPARATORS: Final = (";", ",", "\t", "|")
_HEAD: Final = 1 << 16
_BYTE_ORDER_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_LOOKS_LIKE_DATA: Final = r"^-?[\d.,]+$|^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|^\d{6}[-+A-FU-Y]\d{3}.$"
_QUOTED: Final = r'"[^"]*"'


@dataclass(frozen=True)
class _Text:
    """A file as UTF-8: the path itself, or the bytes that it was turned into."""

    source: Path | bytes
    encoding: str


def scan(path: Path, options: ReadOptions) -> pl.LazyFrame:
    """Open a CSV file lazily, every column as text.

    Parameters
    ----------
    path : pathlib.Path
    options : ReadOptions
        Separator and encoding, where they are known; otherwise they are detected.

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
    head = _head(text)
    separator = options.separator or _separator(head)
    if len(separator) != 1:
        raise UsageError("A separator is one character.", allowed=f"Such as {listing([repr(s) for s in _SEPARATORS])}.")
    header = next(csv.reader(io.StringIO(head), delimiter=separator))
    _refuse_headless(header, path)
    _refuse_twice_named(header, path)
    _refuse_ragged(text, path, separator, len(header))
    return pl.scan_csv(text.source, separator=separator, infer_schema=False, glob=False)


def _as_utf8(path: Path, encoding: str | None) -> _Text:
    with path.open("rb") as file:
        mark = _BYTE_ORDER_MARKS.get(file.read(2))
    encoding = encoding or mark
    if encoding is None:
        if _is_utf8(path):
            return _Text(path, "utf-8")
        # Nearly every byte string is valid Latin-1, so it comes last; Windows programs write its superset cp1252.
        encoding = "cp1252"
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        return _Text(path, "utf-8")
    try:
        return _Text(path.read_bytes().decode(encoding).encode(), encoding)
    except UnicodeDecodeError:
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


def _head(text: _Text) -> str:
    if isinstance(text.source, bytes):
        start = text.source[:_HEAD]
    else:
        with text.source.open("rb") as file:
            start = file.read(_HEAD)
            start += file.readline() if b"\n" not in start else b""  # 10,000 columns make a long header
    return start.decode("utf-8-sig", errors="ignore")


def _separator(head: str) -> str:
    """Choose the separator under which most lines have as many fields as the header, and the header the most."""
    lines = head.splitlines()[:51]
    complete = lines[:-1] if len(lines) > 1 else lines

    def agreement(separator: str) -> tuple[int, float]:
        widths = [len(row) for row in csv.reader(complete, delimiter=separator) if row]
        if not widths or widths[0] < 2:
            return 0, 0.0
        return 1, widths[0] * Counter(widths)[widths[0]] / len(widths)

    return max(_SEPARATORS, key=agreement)


def _refuse_headless(header: list[str], path: Path) -> None:
    """Refuse a first row of data: taken for a header, its values would stand in every message."""
    if any(re.search(_LOOKS_LIKE_DATA, name.strip()) for name in header):
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


def _refuse_ragged(text: _Text, path: Path, separator: str, width: int) -> None:
    """Count the rows with more or fewer fields than the header: Polars would fill the short ones with nulls."""
    lines = pl.scan_lines(text.source, glob=False)
    bare = pl.col("line").str.replace_all(_QUOTED, "")
    blank = pl.col("line").str.strip_chars() == ""
    fields = bare.str.count_matches(separator, literal=True) + 1
    found = lines.select(
        n_lines=(~blank).sum(),
        n_open=bare.str.contains('"', literal=True).sum(),
        n_ragged=((fields != width) & ~blank).sum(),
        last_ragged=((fields != width) & ~blank).last(),
    ).collect(engine="streaming")
    n_lines, n_open, n_ragged, last_ragged = found.row(0)
    if n_open:  # a quoted field runs over several lines, which only a full parser can follow
        n_lines, n_ragged, last_ragged = _count_with_parser(text, separator, width)
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


def _count_with_parser(text: _Text, separator: str, width: int) -> tuple[int, int, bool]:
    raw = text.source if isinstance(text.source, bytes) else text.source.read_bytes()
    widths = [
        len(row) for row in csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=separator) if row
    ]
    ragged = [w != width for w in widths]
    return len(widths), sum(ragged), ragged[-1]
