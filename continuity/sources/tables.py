"""The source for tables that nearly have the canonical form: CSV, Parquet and Arrow files, and frames in Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError, did_you_mean, listing
from continuity.schema import READABLE, TableName, conform
from continuity.sources import files
from continuity.sources.base import ReadOptions, Tables
from continuity.sources.text import typed


def recognise(_path: str | Path) -> bool:
    """Tell that anything may be a table: `auto` asks this source last."""
    return True


def locate(path: str | Path) -> list[Path]:
    """Give the files that are read: those of the visits.

    Raises
    ------
    InputError
        There is no such file.
    """
    return files.find(path)


def read_table(path: str | Path | Any, table: TableName, options: ReadOptions) -> pl.LazyFrame:
    """Read one canonical table.

    Parameters
    ----------
    path : path, glob, folder or frame
    table : {"visits", "patients", "providers"}
    options : ReadOptions

    Returns
    -------
    polars.LazyFrame
        Canonical; see `continuity.schema`.

    Raises
    ------
    InputError
        The input cannot be read, lacks a required column, holds no rows or a text that is no date or number.
    """
    if isinstance(path, str | Path):
        paths = files.find(path)
        frame, where = files.scan(paths, options), paths[0].name if len(paths) == 1 else f"{len(paths)} files"
    else:
        ids = [name for name, column in READABLE[table].items() if column.kind == "id"]
        mapped = [options.columns[name] for name in ids if name in options.columns]
        frame, where = edge.lazily(path, mapped)[0], f"the {table} frame"
    found = frame.collect_schema().names()
    frame = renamed(frame, table, options.columns, where)
    names = frame.collect_schema().names()
    missing = [name for name, column in READABLE[table].items() if column.required and name not in names]
    if missing:  # `conform` would say so too, but not know what the file calls its columns
        raise InputError.missing_columns(missing, found, where)
    frame = frame.select(name for name in READABLE[table] if name in names)
    with files.readable(where):
        if frame.head(1).collect().is_empty():
            raise InputError(f"{where} holds no rows.", next_step="Check the export: were any rows selected?")
        frame = typed(frame, table, where=where, time_zone=options.time_zone, date_format=options.date_format)
    return conform(frame, table, where=where)


def read(path: str | Path, options: ReadOptions) -> Tables:
    """Read visits; of a folder that holds `visits` and perhaps `patients` and `providers`, all of these.

    Raises
    ------
    InputError
        As `read_table`.
    """
    named = {file.stem.lower(): file for file in files.find(path)} if Path(path).is_dir() else {}
    if "visits" not in named:
        return Tables(read_table(path, "visits", options))
    found = Tables(read_table(named["visits"], "visits", options))
    others: tuple[TableName, ...] = ("patients", "providers")
    return found.with_tables(**{name: read_table(named[name], name, options) for name in others if name in named})


def renamed(frame: pl.LazyFrame, table: TableName, columns: Mapping[str, str], where: str) -> pl.LazyFrame:
    """Give columns their canonical names: those that the map names, and those that differ in upper and lower case only.

    Raises
    ------
    UsageError
        The map names a canonical column that does not exist.
    InputError
        The map names a column that the input does not have.
    """
    found = frame.collect_schema().names()
    for canonical, name in columns.items():
        if not any(canonical in names for names in READABLE.values()):
            every = dict.fromkeys(c for names in READABLE.values() for c in names)
            raise UsageError.unknown_choice("The canonical name in --columns", canonical, every)
        if canonical in READABLE[table] and name not in found and canonical not in found:
            raise InputError(
                f"Column {name!r} is missing from {where}.",
                allowed=f"Found: {listing(found)}.",
                next_step=did_you_mean(name, found),
            )
    mapped = {columns[c]: c for c in READABLE[table] if columns.get(c) in found}
    free = [c for c in READABLE[table] if c not in mapped.values() and c not in found]
    by_case = {name.lower(): name for name in reversed(found) if name not in mapped}
    mapped |= {by_case[c]: c for c in free if c in by_case}
    # A column whose canonical name another column takes over by the map steps aside.
    aside = [name for name in mapped.values() if name in found and name not in mapped]
    return frame.drop(aside).rename(mapped)
