"""Large plain CSV files, read as a stream in bounded memory: no quotes, every row as wide as the header.

One look at the bytes proves that a file is plain; any other goes to `csv`, which reads it whole and says what is wrong.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from continuity.errors import InputError
from continuity.sources import csv
from continuity.sources.base import ReadOptions
from continuity.threads import in_turn

Flags: TypeAlias = npt.NDArray[np.bool_]

_CHUNK: Final = 1 << 20  # what stays in the processor's cache is looked through twice as fast
_ENCODINGS: Final = ("latin-1", "iso-8859-1", "iso-8859-15", "cp1252", "utf-8", None)  # ASCII is the same in all
_SEPARATORS: Final = (";", ",", "\t", "|")
_ASCII = 128


@dataclass(frozen=True)
class _Look:
    """What the bytes of a file say; marked: letters outside ASCII stand in columns that are needed."""

    is_plain: bool
    is_utf8: bool = False
    is_marked: bool = False


_ODD: Final = _Look(is_plain=False)


def header(path: Path, options: ReadOptions) -> list[str]:
    """Give the column names of a CSV file from its first line alone; none where that is no header."""
    with path.open("rb") as file:
        line = file.readline(1 << 20).removeprefix(b"\xef\xbb\xbf").decode("latin-1").rstrip("\r\n")
    return [name.strip().strip('"') for name in line.split(_separator(line, options))]


def _separator(line: str, options: ReadOptions) -> str:
    return options.separator or max(_SEPARATORS, key=line.count)


def scan(path: Path, options: ReadOptions, needed: Iterable[str], loose: Iterable[str] = ()) -> pl.LazyFrame:
    """Open a CSV file lazily, the columns that are needed as text.

    Parameters
    ----------
    path : pathlib.Path
    options : ReadOptions
    needed : iterable of str
        Columns of the header. Letters outside ASCII in other columns are not looked at, which is what keeps Latin-1
        quick.
    loose : iterable of str
        Needed columns of which only matters whether they are blank: their letters outside ASCII may be lost.

    Returns
    -------
    polars.LazyFrame
        String; empty fields are null.

    Raises
    ------
    InputError
        As `continuity.sources.csv.scan`.
    """
    names, columns = header(path, options), list(needed)
    with path.open("rb") as file:
        separator = _separator(file.readline(1 << 20).decode("latin-1"), options)
    is_known = options.encoding in _ENCODINGS and len(set(names)) == len(names) and "" not in names
    look = _look(path, separator, np.isin(names, sorted(set(columns) - set(loose)))) if is_known else _ODD
    needs_decoding = not look.is_utf8 and (look.is_marked or options.encoding == "utf-8")
    if not look.is_plain or needs_decoding:
        return _chosen(csv.scan(path, replace(options, separator=separator)), names, columns, path)
    encoding: Literal["utf8", "utf8-lossy"] = "utf8" if look.is_utf8 else "utf8-lossy"
    frame = pl.scan_csv(path, separator=separator, infer_schema=False, glob=False, quote_char=None, encoding=encoding)
    return _chosen(frame, names, columns, path)


def _chosen(frame: pl.LazyFrame, names: list[str], columns: list[str], path: Path) -> pl.LazyFrame:
    """Choose columns by their place in the header: Polars keeps the white space around their names."""
    found = frame.collect_schema().names()
    if len(found) != len(names):
        raise InputError(
            f"The header of {path.name} has a separator inside the name of a column.",
            allowed="Needed: names of columns without commas and semicolons.",
            next_step="Rename the column, or leave it out of the export.",
        )
    return frame.select(pl.col(found[names.index(name)]).alias(name) for name in columns)


def _look(path: Path, separator: str, is_needed: Flags) -> _Look:
    """Read the bytes once, and look in each part for separators, lines, quotes and letters outside ASCII."""
    width = is_needed.size
    if not width > 1:
        return _ODD
    parts: list[_Part] = []
    with path.open("rb") as file:
        for part in in_turn(lambda chunk: _Part.of(chunk, separator.encode(), is_needed), _chunks(file)):
            if part.is_odd:
                return _ODD
            parts.append(part)
    n_lines = sum(part.n_lines for part in parts) + (not parts[-1].ends_line if parts else 0)
    # Polars refuses rows that are too wide, so that a short row cannot hide behind a wide one.
    is_plain = n_lines > 1 and sum(part.n_separators for part in parts) == n_lines * (width - 1)
    return _Look(is_plain, all(part.is_utf8 for part in parts), any(part.is_marked for part in parts))


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Give a file in parts that end with a line."""
    while chunk := file.read(_CHUNK):
        yield chunk + file.readline()


@dataclass(frozen=True)
class _Part:
    """What the bytes of a part say."""

    is_odd: bool
    n_separators: int = 0
    n_lines: int = 0
    ends_line: bool = True
    is_utf8: bool = True
    is_marked: bool = False

    @classmethod
    def of(cls, chunk: bytes, separator: bytes, is_needed: Flags) -> "_Part":
        codes = np.frombuffer(chunk, dtype=np.uint8)
        ends = np.flatnonzero(codes == ord("\n"))
        # A whole line has its separators and its end; what is shorter is blank or cut off.
        if b'"' in chunk or b"\0" in chunk or (np.diff(ends, prepend=-1) < is_needed.size).any():
            return cls(is_odd=True)
        counted = int(np.count_nonzero(codes == ord(separator))), ends.size, chunk.endswith(b"\n")
        if chunk.isascii():
            return cls(False, *counted)
        marks = np.flatnonzero(codes >= _ASCII)
        starts = np.concatenate([[0], ends + 1])[np.searchsorted(ends, marks)]
        fields = {chunk.count(separator, start, mark) for start, mark in zip(starts, marks, strict=True)}
        is_marked = any(field >= is_needed.size or is_needed[field] for field in fields)
        return cls(False, *counted, _is_utf8(chunk), is_marked)


def _is_utf8(chunk: bytes) -> bool:
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return False
    return True
