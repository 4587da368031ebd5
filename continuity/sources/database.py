"""The source for databases: a table or a query of PostgreSQL, DuckDB or SQLite, in batches, read-only.

VISITS is an address without a password, or a file. The visits are what `query` asks for, else the table `visits`;
patients and providers are a table, a query or a file of their own, else the tables of these names where they are there.
A database with OMOP's tables is read as OMOP.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import polars as pl

from continuity.errors import InputError, UsageError, listing
from continuity.schema import TABLES, TableName, conform
from continuity.sources import files, tables
from continuity.sources.base import ReadOptions, Tables
from continuity.sources.servers import DuckDB, Postgres, Server, SQLite, selected
from continuity.sources.text import typed

_ADDRESS: Final = re.compile(
    r"\s*[a-z][a-z0-9+.-]*:/?/|\s*//[^/]*@|.*\b(?:password|pwd)\s*=", re.IGNORECASE | re.DOTALL
)
_SCHEMES: Final = ("postgresql", "postgres")
_SECRETS: Final = ("password", "sslpassword")
_WRITTEN: Final = ("boolean", "text", "word", "texts")  # kinds that databases keep as whole numbers: 1 for yes, codes
_PART: Final = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
_TABLE: Final = re.compile(rf"\s*{_PART}(?:\.{_PART}){{0,2}}\s*")
_QUESTION: Final = re.compile(
    r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*\(?\s*(?:SELECT|WITH|FROM|VALUES|TABLE)\b", re.I | re.S
)


def recognise(path: str | Path) -> bool:
    """Tell whether this is the address of a server, or a file of DuckDB or SQLite."""
    return _ADDRESS.match(str(path)) is not None or _kind_of_file(path) is not None


def locate(path: str | Path) -> list[Path]:
    """Give the file that is read; none where a server is asked, or a table or query is named."""
    if _ADDRESS.match(str(path)):
        _refuse_password(str(path))
        return []
    if not _is_file(path) and _sql(str(path)) is not None:
        return []
    return files.find(path)


def name_of(path: str | Path) -> str:
    """Give the name of a database or file, without anything else of its address."""
    if _ADDRESS.match(str(path)):
        return urlsplit(str(path)).path.strip("/") or "database"
    return Path(path).name or Path(path).resolve().name


def read(path: str | Path, options: ReadOptions) -> Tables:
    """Read visits, and the patients and providers that lie beside them.

    Raises
    ------
    UsageError
        The address holds a password, or is of no database that can be read.
    InputError
        The database does not answer, has no such table, or lacks a column.
    """
    return read_with(path, {}, options)


def read_with(
    path: str | Path, beside: Mapping[TableName, str | Path], options: ReadOptions, *, as_omop: bool = False
) -> Tables:
    """Read visits, with patients and providers from files, tables or queries that are named.

    Parameters
    ----------
    path : str or pathlib.Path
    beside : mapping of {"patients", "providers"} to path
        A file, the name of a table, or a SELECT.
    options : ReadOptions
        `query` is the table or the SELECT of the visits.
    as_omop : bool
        Whether OMOP's tables are meant, also where there is a table `visits`.

    Raises
    ------
    UsageError, InputError
        As `read`.
    """
    server = _server(path)
    there = server.tables()
    if options.query is None and "visit_occurrence" in there and (as_omop or "visits" not in there):
        found = _omop(server, there, options)
    else:
        found = _plain(server, there, options)
    asked: dict[str, pl.LazyFrame] = {n: _asked(server, str(text)) for n, text in beside.items() if not _is_file(text)}
    own = {
        name: _canonical(asked[name], name, options, server.name)
        if name in asked
        else tables.read_table(text, name, options)
        for name, text in beside.items()
    }
    return replace(found, asked={**found.asked, **asked}).with_given(own)


def read_table(path: str | Path, table: TableName, options: ReadOptions) -> pl.LazyFrame:
    """Read one table from a file of its own; tables and queries are asked by `read_with`.

    Raises
    ------
    InputError
        There is no such file, or it lacks a column.
    """
    return tables.read_table(path, table, options)


def _plain(server: Server, there: Mapping[str, str], options: ReadOptions) -> Tables:
    if options.query is None and "visits" not in there:
        raise InputError(
            f"The database {server.name} has no table visits.",
            allowed=f"Tables there: {listing(sorted(there.values()))}.",
            next_step="Name a table or a SELECT with --query." if there else "Check that this is the right database.",
        )
    wanted: dict[TableName, str] = {"visits": options.query or there["visits"]}
    names: tuple[TableName, ...] = ("patients", "providers")
    wanted |= {name: there[name] for name in names if name in there}
    asked: dict[str, pl.LazyFrame] = {name: _asked(server, text) for name, text in wanted.items()}
    found = {name: _canonical(asked[name], name, options, server.name) for name in wanted}
    return Tables(found.pop("visits"), asked=asked).with_tables(**found)


def _omop(server: Server, there: Mapping[str, str], options: ReadOptions) -> Tables:
    from continuity.sources import omop  # only where its tables are there

    asked = {name: _asked(server, there[name]) for name in omop.NAMES if name in there}
    return replace(omop.canonical(asked, options, where=server.name), asked=asked)


def digest(frame: pl.LazyFrame) -> str:
    """Give a fingerprint of rows, whatever their order: for what lies on a server, which has no file.

    Returns
    -------
    str
        SHA-256 of the names and types of the columns, the number of rows, and the sums of the halves of their hashes.
    """
    schema = frame.collect_schema()
    row = pl.struct(pl.all()).hash(seed=0)
    sums = frame.select(
        pl.len().cast(pl.UInt64).alias("n"), (row & 0xFFFFFFFF).sum().alias("low"), (row // 2**32).sum().alias("high")
    ).collect(engine="streaming")
    return hashlib.sha256(repr((list(schema.items()), sums.row(0))).encode()).hexdigest()


def _kind_of_file(path: str | Path) -> type[DuckDB] | type[SQLite] | None:
    try:
        with Path(path).expanduser().open("rb") as file:
            start = file.read(16)
    except (OSError, ValueError, RuntimeError):
        return None
    if start.startswith(b"SQLite format 3\0"):
        return SQLite
    return DuckDB if start[8:12] == b"DUCK" else None


def _server(path: str | Path) -> Server:
    text = str(path)
    if not _ADDRESS.match(text):
        kind = _kind_of_file(path)
        if kind is None:
            files.find(path)  # says so where nothing is there
            raise InputError(
                f"{Path(path).name} is no database that can be read.",
                allowed="Allowed: an address postgresql://host/database, a file of DuckDB or SQLite.",
            )
        return kind(Path(path).expanduser())
    _refuse_password(text)
    if urlsplit(text).scheme.lower() not in _SCHEMES:
        raise UsageError(
            "The address is of no database that can be read.",
            allowed="Allowed: postgresql://host/database, a file of DuckDB or SQLite.",
            next_step="Of another database, export the visits as Parquet or CSV, and name that file.",
        )
    return Postgres(text)


def _refuse_password(address: str) -> None:
    """Refuse a password where the list of processes and the history of the shell show it; never repeat the address."""
    try:
        parts = urlsplit(address)
        secret = parts.password is not None or any(key.lower() in _SECRETS for key, _ in parse_qsl(parts.query, True))
    except ValueError:
        secret = True
    if secret or not parts.scheme:
        raise UsageError(
            "The address of the database holds a password, or cannot be read.",
            allowed="Allowed: postgresql://user@host/database; other programs can see what stands on a command line.",
            next_step="Put the password in the file that PGPASSFILE names, or in a service of PGSERVICEFILE.",
        )


def _is_file(path: str | Path) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a long query is no name of a file
        return False


def _sql(text: str) -> str | None:
    """Give the SELECT for a table's name or a query; None for what is neither."""
    if _TABLE.fullmatch(text):
        return f"SELECT * FROM {text.strip()}"  # noqa: S608 # nothing but a name
    return text.strip().rstrip(";") if _QUESTION.match(text) else None


def _asked(server: Server, text: str) -> pl.LazyFrame:
    """Give what a table or a query holds, lazily: asked anew in each pass, and only for the columns that it needs."""
    import pyarrow as pa
    from polars.io.plugins import register_io_source

    sql = _sql(text)
    if sql is None:
        raise UsageError(
            "The query cannot be read.",
            allowed="Allowed: the name of a table, or one SELECT.",
            next_step="Check how it is spelt: it starts with SELECT or WITH.",
        )
    columns = server.columns(sql)

    def question(names: list[str], n_rows: int | None) -> str:
        return selected(sql, ", ".join(columns[name] for name in names), n_rows=n_rows)

    def batches(
        wanted: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        names = wanted or list(columns)[: 1 if wanted == [] else None]
        with server.reader(question(names, n_rows)) as reader:
            for batch in reader:
                frame = _frame(pa.Table.from_batches([batch]))
                frame = frame if predicate is None else frame.filter(predicate)
                yield frame if wanted is None else frame.select(wanted)

    with server.reader(question(list(columns), 1)) as reader:  # without a row SQLite would know no types
        schema = _frame(reader.schema.empty_table()).schema
    return register_io_source(batches, schema=schema)


def _canonical(frame: pl.LazyFrame, table: TableName, options: ReadOptions, where: str) -> pl.LazyFrame:
    found = frame.collect_schema().names()
    frame = tables.renamed(frame, table, options.columns, where)
    names = frame.collect_schema().names()
    missing = [name for name, column in TABLES[table].items() if column.required and name not in names]
    if missing:
        raise InputError.missing_columns(missing, found, where)
    schema = frame.collect_schema()
    frame = frame.select(
        pl.col(name).cast(pl.String) if column.kind in _WRITTEN and schema[name].is_integer() else pl.col(name)
        for name, column in TABLES[table].items()
        if name in names
    )
    with files.readable(where):
        if frame.head(1).collect().is_empty():
            raise InputError(f"The {table} of {where} have no rows.", next_step="Check the table or the query.")
        frame = typed(frame, table, where=where, time_zone=options.time_zone, date_format=options.date_format)
    return conform(frame, table, where=where)


def _frame(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 # a table is no column
    return frame
