"""Connections to PostgreSQL, DuckDB and SQLite: read-only, in batches of Arrow, and silent about what drivers say.

What a driver says can quote a value or the query; here every failure becomes one of our own sentences.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

from continuity.errors import InputError, UsageError, listing

_BATCH: Final = 65_536  # rows
_TEXT: Final = "CAST({0} AS {1}) AS {0}"
_LISTED: Final = (
    "SELECT table_schema || '.' || table_name AS name, table_name AS bare FROM information_schema.tables "
    "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') "
    "ORDER BY table_schema <> 'public', table_schema, table_name"
)
_REASONS: Final[Mapping[str, str]] = {
    "table": "names a table that is not there",
    "column": "names a column that is not there",
    "syntax": "cannot be read as SQL",
    "rights": "asks for what this login may not read",
    "rows": "fails while its rows are read",
    "file": "finds the file damaged",
    "other": "is refused",
}


class Server(Protocol):
    """A database that can be asked."""

    name: str

    def tables(self) -> dict[str, str]:
        """Give the tables in reach: the name without its schema, in small letters, to the name to ask by."""
        ...

    def columns(self, sql: str) -> dict[str, str]:
        """Give the columns of a query, each with the SQL that gives it in a form that Arrow and Polars share."""
        ...

    def reader(self, sql: str) -> AbstractContextManager[Any]:
        """Run a query, and give an Arrow reader of its record batches as they come."""
        ...


def quoted(name: str) -> str:
    """Quote the name of a column."""
    return '"' + name.replace('"', '""') + '"'


def selected(sql: str, columns: str = "*", *, n_rows: int | None = None) -> str:
    """Give the query for some columns, and the first rows, of what a query gives.

    Only what can stand in brackets after FROM can be asked: nothing that writes, and no second statement.
    """
    limit = "" if n_rows is None else f" LIMIT {n_rows}"
    return f"SELECT {columns} FROM ({sql}\n) AS asked{limit}"  # noqa: S608 # the query is the user's own


@contextmanager
def _spoken(
    name: str, errors: type[Exception], reason: Callable[[Exception], str], known: Callable[[], list[str]]
) -> Iterator[None]:
    """Put our own words in the place of a driver's.

    Raises
    ------
    InputError
    """
    import pyarrow as pa

    try:
        yield
    except (errors, pa.ArrowException, OSError) as error:
        why = reason(error)
        found = f"Tables there: {listing(known())}." if why in ("table", "rights") else ""
        raise InputError(
            f"The database {name} gives no answer: the query {_REASONS[why]}.",
            allowed=found or "Allowed: the name of a table, or one SELECT.",
            next_step="Try the query in the database's own client.",
        ) from None


def _needs(module: str) -> UsageError:
    return UsageError(
        f"Reading this database needs the package {module}, which is not installed.",
        next_step="Install it with: pip install 'continuity[database]'",
    )


class Postgres:
    """PostgreSQL, by an address without a password; every question is answered from one moment's state.

    Parameters
    ----------
    address : str
        ``postgresql://host/database``; the password comes from PGPASSFILE, PGSERVICEFILE or PGPASSWORD.

    Raises
    ------
    InputError
        The server does not answer, or refuses the login.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.name = parts.path.strip("/") or "of PostgreSQL"
        limited = "connect_timeout" in parts.query
        self._address = address if limited else f"{address}{'&' if parts.query else '?'}connect_timeout=10"
        holder = self._connect()
        weakref.finalize(self, holder.close)  # the snapshot lives as long as the transaction that exported it
        with closing(holder.cursor()) as cursor:
            cursor.execute("SELECT pg_export_snapshot()")
            self._snapshot = str(cursor.fetchone()[0])

    def _connect(self, snapshot: str | None = None) -> Any:
        try:
            from adbc_driver_postgresql import dbapi
        except ImportError:
            raise _needs("adbc-driver-postgresql") from None
        try:
            connection = dbapi.connect(self._address)
        except dbapi.Error as error:
            raise self._unreachable(str(error)) from None
        with closing(connection.cursor()) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if snapshot is not None:
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        return connection

    def _unreachable(self, said: str) -> InputError:
        lower = said.lower()
        if "password" in lower or "authentication" in lower or "pg_hba" in lower:
            why = "refuses the login"
        elif "does not exist" in lower:
            why = "has no such database or user"
        else:
            why = "does not answer"
        return InputError(
            f"The database server for {self.name} {why}.",
            allowed="Allowed: postgresql://user@host:port/database, without a password.",
            next_step="Check the address; a password belongs in the file that PGPASSFILE names, or in a service of "
            "PGSERVICEFILE.",
        )

    def tables(self) -> dict[str, str]:
        return _by_bare_name(self, _LISTED)

    def columns(self, sql: str) -> dict[str, str]:
        with self.reader(selected(sql, n_rows=0)) as reader:
            return {field.name: _as_arrow_knows(field, "text") for field in reader.schema}

    @contextmanager
    def reader(self, sql: str) -> Iterator[Any]:
        from adbc_driver_manager import Error

        with (
            _spoken(self.name, Error, _sqlstate, self._known),
            closing(self._connect(self._snapshot)) as connection,
            closing(connection.cursor()) as cursor,
        ):
            cursor.execute(sql)
            with cursor.fetch_record_batch() as reader:
                yield reader

    def _known(self) -> list[str]:
        return sorted(self.tables().values())


class DuckDB:
    """A file of DuckDB."""

    def __init__(self, path: Path) -> None:
        self.name, self._path = path.name, path

    def _connect(self) -> Any:
        try:
            import duckdb
        except ImportError:
            raise _needs("duckdb") from None
        try:
            return duckdb.connect(str(self._path), read_only=True)
        except duckdb.Error:
            raise _unopened(self.name) from None

    def tables(self) -> dict[str, str]:
        return _by_bare_name(self, _LISTED.replace("'public'", "'main'"))

    def columns(self, sql: str) -> dict[str, str]:
        with self.reader(selected(sql, n_rows=0)) as reader:
            return {field.name: _as_arrow_knows(field, "VARCHAR") for field in reader.schema}

    @contextmanager
    def reader(self, sql: str) -> Iterator[Any]:
        from duckdb import Error

        with _spoken(self.name, Error, _duckdb_reason, self._known), closing(self._connect()) as connection:
            relation = connection.sql(sql)
            arrow = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader  # before DuckDB 2
            yield arrow(_BATCH)

    def _known(self) -> list[str]:
        return sorted(self.tables().values())


class SQLite:
    """A file of SQLite, whose columns may hold several types: whole numbers where all are, else text."""

    def __init__(self, path: Path) -> None:
        self.name, self._path = path.name, path

    def _connect(self) -> Any:
        try:
            from adbc_driver_sqlite import dbapi
        except ImportError:
            raise _needs("adbc-driver-sqlite") from None
        try:
            return dbapi.connect(f"file:{quote(str(self._path.resolve()))}?mode=ro")
        except dbapi.Error:
            raise _unopened(self.name) from None

    def tables(self) -> dict[str, str]:
        return _by_bare_name(
            self, "SELECT name, name AS bare FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY 1"
        )

    def columns(self, sql: str) -> dict[str, str]:
        with self.reader(selected(sql, n_rows=0)) as reader:
            names = reader.schema.names
        odd = ", ".join(f"max(typeof({quoted(name)}) NOT IN ('integer', 'null'))" for name in names)
        held = ", ".join(f"count({quoted(name)})" for name in names)
        with self.reader(selected(sql, f"{odd}, {held}")) as reader:
            values = [column[0].as_py() for column in reader.read_all().columns]
        is_whole = [not values[k] and values[k + len(names)] for k in range(len(names))]
        return {
            # The driver takes a type from the first rows, and nulls alone for numbers: text is never null here.
            name: quoted(name) if whole else f"coalesce(CAST({quoted(name)} AS TEXT), '') AS {quoted(name)}"
            for name, whole in zip(names, is_whole, strict=True)
        }

    @contextmanager
    def reader(self, sql: str) -> Iterator[Any]:
        from adbc_driver_manager import Error

        with (
            _spoken(self.name, Error, _sqlite_reason, self._known),
            closing(self._connect()) as connection,
            closing(connection.cursor()) as cursor,
        ):
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(_BATCH)})
            cursor.execute(sql)
            with cursor.fetch_record_batch() as reader:
                yield reader

    def _known(self) -> list[str]:
        return sorted(self.tables())


def _unopened(name: str) -> InputError:
    return InputError(
        f"The database {name} cannot be opened: it is damaged, or another program is writing to it.",
        next_step="Close the other program, or take a copy of the file.",
    )


def _by_bare_name(server: Server, listed: str) -> dict[str, str]:
    """Give the names of tables by their names without a schema, the usual schema first."""
    with server.reader(listed) as reader:
        rows = reader.read_all().to_pylist()
    found: dict[str, str] = {}
    for row in rows:
        found.setdefault(row["bare"].lower(), row["name"])
    return found


def _as_arrow_knows(field: Any, text: str) -> str:
    """Give the SQL for a column: as it is where Polars has its type, else as text."""
    import pyarrow as pa

    name, kind = quoted(field.name), field.type
    types = pa.types
    padded = (field.metadata or {}).get(b"POSTGRESQL:type") == b"bpchar"
    known = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_date(kind)
    known |= types.is_timestamp(kind) or (types.is_string(kind) and not padded) or types.is_large_string(kind)
    known |= types.is_list(kind) and types.is_string(kind.value_type)
    return name if known else _TEXT.format(name, text)


def _sqlstate(error: Exception) -> str:
    state = str(getattr(error, "sqlstate", None) or "")
    named = {"42P01": "table", "3F000": "table", "42703": "column", "42601": "syntax", "42501": "rights"}
    if state.startswith("22") or isinstance(error, OSError):  # in the middle of the rows the driver gives no state
        return "rows"
    return named.get(state, "other")


def _duckdb_reason(error: Exception) -> str:
    kinds = {"CatalogException": "table", "BinderException": "column", "ParserException": "syntax"}
    return kinds.get(type(error).__name__, "rows" if "Conver" in type(error).__name__ else "other")


def _sqlite_reason(error: Exception) -> str:
    said = str(error)
    known = {"no such table": "table", "no such column": "column", "syntax error": "syntax", "not a database": "file"}
    return next((reason for words, reason in known.items() if words in said), "other")
