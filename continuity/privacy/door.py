"""The door: no identity code comes in unless it becomes a pseudonym; what names a person is left out and counted."""

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

import polars as pl

from continuity.errors import InputError, listing
from continuity.privacy import codes
from continuity.privacy.keys import Key
from continuity.privacy.names import names_person
from continuity.privacy.pseudonyms import of_tables
from continuity.schema import TableName
from continuity.sources import Count, ReadOptions, Tables, files

_CHUNK: Final = 1 << 19  # what stays in the cache of the processor is looked through twice as fast
_ONE_BYTE: Final = bytes(b if b < 128 else ord({0x96: "-", 0x97: "-", 0xA0: " "}.get(b, "?")) for b in range(256))
_IN_RESOURCES: Final = ("name", "telecom", "address", "photo", "contact")
_FIELDS_FROM: Final = 1_000  # lines whose fields are named
_ESCAPED: Final = re.compile(r"\\u(00[2-7][0-9a-f]|00a0|201[0-5]|2212)", re.IGNORECASE)  # what stands in a code
_PEOPLE: Final = re.compile(r"patient|practitioner|person|asiakas|potilas", re.IGNORECASE)


def enter(tables: Tables, held: Iterable["Held"], options: ReadOptions, *, key: Key | None) -> Tables:
    """Let tables in: refuse identity codes, or with a key replace the ids of persons by pseudonyms.

    Parameters
    ----------
    tables : Tables
        What came of the files; `asked` are looked through here.
    held : iterable of Held
        What `look` found in the files.
    options : ReadOptions
        How the files were read; a column that it maps is wanted, whatever its name.
    key : Key or None

    Returns
    -------
    Tables
        With the counts of what was left out and replaced.

    Raises
    ------
    InputError
        Without a key: identity codes stand in the input. With or without: the name of a file or column holds one.
    """
    found = [*held, *(_in_frame(frame, name, _table_of(name), options) for name, frame in tables.asked.items())]
    if key is None:
        refuse_codes(found)
    entered = tables.with_counts(left_out(found, pseudonymised=key is not None))
    return entered if key is None else of_tables(entered, key)


@dataclass(frozen=True)
class Held:
    """What a file holds of persons: rows with a value, by column."""

    where: str
    table: TableName
    codes: Mapping[str, int]
    names: Mapping[str, int]


def look(paths: Iterable[Path], options: ReadOptions, given: Mapping[Path, TableName] | None = None) -> list[Held]:
    """Look through files, every column of them, for identity codes and columns that name persons.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        The files that are read; also the columns that no table takes are looked through.
    options : ReadOptions
        How the files are read; a column that it maps is wanted and no name.
    given : mapping of pathlib.Path to {"visits", "patients", "providers"}, optional
        Files whose table is known.

    Raises
    ------
    InputError
        The name of a file or of a column holds an identity code.
    """
    found = []
    for path in paths:
        refuse_name(path.name, "The name of a file")
        table = (given or {}).get(path) or _table_of(path.name)
        if path.suffix.lower() in files.BINARY:
            found.append(_in_frame(files.scan([path], options), path.name, table, options))
        elif not _is_database(path):
            found.append(_in_lines(path, table, options))
    return found


def refuse_codes(found: Iterable[Held]) -> None:
    """Refuse input that holds an identity code.

    Raises
    ------
    InputError
        Names the files, the columns and the numbers of rows; never a value.
    """
    held = [held for held in found if held.codes]
    if not held:
        return
    where = "; ".join(
        f"{one.where}: {listing([f'column {name!r} ({_rows(n)})' for name, n in one.codes.items()])}" for one in held
    )
    raise InputError(
        f"Personal identity codes (henkilötunnus) stand in {where}.",
        allowed="Allowed: pseudonyms.",
        next_step="Say --pseudonymise with --key-file FILE to replace them, or leave them out of the export.",
    )


def left_out(found: Iterable[Held], *, pseudonymised: bool) -> list[Count]:
    """Give the counts of what is not taken in: columns that name persons, and codes in columns that are not read."""
    counts = []
    for held in found:
        counts += [
            Count(held.table, f"column '{name}' of {held.where} left out: it names or reaches a person", n)
            for name, n in held.names.items()
        ]
        if pseudonymised:
            counts += [
                Count(held.table, f"column '{name}' of {held.where}: identity codes found, none kept", n)
                for name, n in held.codes.items()
            ]
    return counts


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"


def _table_of(name: str) -> TableName:
    lower = name.lower()
    if re.search(r"patient|person|asiakas|potilas", lower):
        return "patients"
    return "providers" if re.search(r"provider|practitioner|laakari", lower) else "visits"


def refuse_name(name: str, what: str) -> None:
    """Refuse a name that holds an identity code: it would stand in reports and messages.

    Raises
    ------
    InputError
    """
    if codes.codes_of(name.replace("_", " ")):
        raise InputError(
            f"{what} holds a personal identity code (henkilötunnus).",
            allowed="Names stand in reports and messages.",
            next_step="Give it another name.",
        )


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(16)
    return start.startswith(b"SQLite format 3\0") or start[8:12] == b"DUCK"


def _in_frame(frame: pl.LazyFrame, where: str, table: TableName, options: ReadOptions) -> Held:
    schema = frame.collect_schema()
    for name in schema:
        refuse_name(name, f"The name of a column of {where}")
    texts = {name: text for name, dtype in schema.items() if (text := _text(name, dtype)) is not None}
    named = [name for name in schema if names_person(name, options)]
    if not texts and not named:
        return Held(where, table, {}, {})
    with files.readable(where):
        counted = frame.select(
            *(codes.holds_code(text).sum().cast(pl.Int64).alias(f"c{name}") for name, text in texts.items()),
            *(pl.col(name).is_not_null().sum().cast(pl.Int64).alias(f"n{name}") for name in named),
        ).collect(engine="streaming")
    numbers = counted.row(0, named=True)
    return Held(
        where,
        table,
        {name: numbers[f"c{name}"] for name in texts if numbers[f"c{name}"]},
        {name: numbers[f"n{name}"] for name in named},
    )


def _text(name: str, dtype: pl.DataType) -> pl.Expr | None:
    """Give the text of a column, parts of a list or a structure joined; None where no code can be in it."""
    column = pl.col(name)
    if dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if dtype == pl.List(pl.String):
        return column.list.join(";", ignore_nulls=True)
    if dtype.is_nested():
        return pl.struct(name).struct.json_encode()
    return column.cast(pl.String, strict=False) if dtype == pl.Binary else None


def _in_lines(path: Path, table: TableName, options: ReadOptions) -> Held:
    """Look at whole lines first: only where one holds a code is it worth finding the columns."""
    if path.suffix.lower() not in files.TEXT:
        return _in_resources(path, table)
    n_filled, holds, header = 0, False, ""
    for piece in _pieces(path):
        is_suspect = not holds and codes.may_hold_code(piece)
        if not is_suspect and n_filled > 1:  # a header and a row
            continue
        lines = _split(piece)
        filled = lines.filter(lines.str.strip_chars() != "")
        header = header or next(iter(filled), "")
        n_filled += filled.len()
        holds = holds or (is_suspect and bool(codes.holds_code(lines).any()))
    refuse_name(header, f"The name of a column of {path.name}")
    named = any(names_person(name.strip(' "'), options) for name in re.split(r"[;,|\t]", header))
    if n_filled <= 1 or not (holds or named):
        return Held(path.name, table, {}, {})
    return _in_frame(files.scan([path], options), path.name, table, options)


def _in_resources(path: Path, table: TableName) -> Held:
    """Look through a file of one JSON resource a line."""
    n_lines, n_named, sample = 0, dict.fromkeys(_IN_RESOURCES, 0), pl.Series("line", [], dtype=pl.String)
    for lines in map(_split, map(_unescaped, _pieces(path))):
        holding = lines.filter(codes.holds_code(lines))
        n_lines += holding.len()
        sample = sample.append(holding.head(_FIELDS_FROM - sample.len())) if sample.len() < _FIELDS_FROM else sample
        if _PEOPLE.search(path.name):
            for name in _IN_RESOURCES:
                n_named[name] += int(lines.str.contains(f'"{name}"\\s*:').sum())
    fields = sorted({field for line in sample for field in _fields(line)})
    return Held(
        path.name, table, {listing(fields): n_lines} if n_lines else {}, {k: n for k, n in n_named.items() if n}
    )


def _fields(line: str) -> Iterator[str]:
    """Name the fields of a resource that hold a code."""

    def walk(part: object, name: str) -> Iterator[str]:
        if isinstance(part, dict):
            for key, inner in part.items():
                yield from walk(inner, f"{name}.{key}" if name else key)
        elif isinstance(part, list):
            for inner in part:
                yield from walk(inner, name)
        elif isinstance(part, str) and codes.codes_of(part):
            yield name

    try:
        yield from walk(json.loads(line), "")
    except (ValueError, RecursionError):
        yield "(no JSON)"


def _unescaped(piece: bytes) -> bytes:
    """Write the signs of codes as themselves where JSON has their numbers: a long dash is mostly written so."""
    if b"\\u" not in piece:
        return piece
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), piece.decode("utf-8", "replace")).encode()


def _pieces(path: Path) -> Iterator[bytes]:
    """Give the bytes of a text file in pieces of whole lines, in no encoding of two bytes a letter."""
    with _opened(path) as file:
        if b"\0" in file.read(64):  # two bytes a letter
            file.seek(0)
            yield file.read().decode("utf-16", errors="replace").encode()
            return
        file.seek(0)
        while piece := file.read(_CHUNK):
            yield piece + file.readline()


def _opened(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def _split(piece: bytes) -> pl.Series:
    if not piece.strip():
        return pl.Series("line", [], dtype=pl.String)
    try:
        return pl.read_lines(piece)["line"]
    except pl.exceptions.ComputeError:  # no UTF-8; a code is the same in every encoding of one byte a letter
        return pl.read_lines(piece.translate(_ONE_BYTE))["line"]
