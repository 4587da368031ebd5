"""From a path, a glob or a folder to one lazy frame, whatever the file format."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from continuity.errors import InputError, listing
from continuity.sources import csv
from continuity.sources.base import ReadOptions
from continuity.sources.forms import ARROW, BINARY, PARQUET, TEXT, none_readable, unreadable

__all__ = ["BINARY", "SUFFIXES", "TEXT", "find", "readable", "scan"]

SUFFIXES: Final = (*TEXT, *BINARY)


def find(path: str | Path) -> list[Path]:
    """Give the files that a path, a glob or a folder names, in the order of their names.

    Raises
    ------
    InputError
        There is no such file, or a folder holds no file that can be read.
    """
    text = str(path)
    if not text.strip():
        raise InputError("No file is named.", next_step="Name a file, a glob or a folder; '.' is the working folder.")
    place = _home(Path(text))
    if place.is_file():
        return [place]
    if place.is_dir():
        there = sorted(p for p in place.iterdir() if not p.name.startswith("."))
        found = [p for p in there if p.suffix.lower() in SUFFIXES]
    elif any(sign in text for sign in "*?["):
        pattern = place.relative_to(place.anchor) if place.anchor else place
        there = found = sorted(p for p in Path(place.anchor or ".").glob(str(pattern)) if p.is_file())
    else:
        raise InputError(
            f"There is no file {text}.", next_step=f"The working folder is {Path.cwd()}; check the path from there."
        )
    if not found:
        raise none_readable(text, there)
    return found


def _home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # ~somebody, who has no home here
        return path


def scan(paths: list[Path], options: ReadOptions) -> pl.LazyFrame:
    """Open files of one form as one lazy frame; only their headers and schemas are read here, and all of a CSV's lines.

    Raises
    ------
    InputError
        A file cannot be read, or files have different columns.
    """
    frames = {path: _scan_one(path, options) for path in paths}
    schemas = {path: frame.collect_schema() for path, frame in frames.items()}
    first = schemas[paths[0]]
    for path, schema in schemas.items():
        if schema.names() != first.names():
            odd = sorted(set(schema.names()) ^ set(first.names())) or ["the order"]
            raise InputError(
                f"{path.name} has other columns than {paths[0].name}: {listing(odd)}.",
                next_step="Read them apart, or make their columns the same.",
            )
    if len(frames) == 1:
        return frames[paths[0]]
    together = pl.concat(frames.values(), how="vertical_relaxed")
    try:
        together.collect_schema()
    except pl.exceptions.PolarsError:
        odd = [name for name, dtype in first.items() if any(schema[name] != dtype for schema in schemas.values())]
        raise InputError(
            f"The {len(paths)} files hold these columns as different types: {listing(odd)}.",
            next_step="Read them apart, or make their types the same.",
        ) from None
    return together


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn trouble with the rows of a file into an error without the trouble's words, which can quote a cell.

    Raises
    ------
    InputError
        The rows cannot be read.
    """
    try:
        yield
    except pl.exceptions.PolarsError:
        raise InputError(
            f"The rows of {where} cannot be read to the end: the file is damaged.",
            next_step="Export or copy the file again.",
        ) from None


def _scan_one(path: Path, options: ReadOptions) -> pl.LazyFrame:
    suffix = path.suffix.lower()
    binary: Mapping[str, Callable[[Path], pl.LazyFrame]] = {
        **dict.fromkeys(PARQUET, partial(pl.scan_parquet, glob=False)),
        **dict.fromkeys(ARROW, partial(pl.scan_ipc, glob=False)),
    }
    if suffix in TEXT:
        return csv.scan(path, options)
    if suffix not in binary:
        raise unreadable(path)
    try:
        frame = binary[suffix](path)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError):
        raise InputError(
            f"{path.name} is not a whole {suffix[1:]} file: it may have been cut off.",
            next_step="Export or copy the file again.",
        ) from None
    return frame
