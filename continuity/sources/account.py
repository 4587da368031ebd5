"""Leave rows out and say how many for which reason, so that rows read less rows left out are rows kept."""

from collections.abc import Iterable
from typing import Final

import polars as pl

from continuity.schema import TableName
from continuity.sources.base import Count, CountKind, Tables

READ: Final = "rows read"
_REASON: Final = "why it is left out"


def keep(frame: pl.LazyFrame, table: TableName, reasons: Iterable[pl.Expr]) -> tuple[pl.LazyFrame, tuple[Count, ...]]:
    """Split the rows of a table into those kept and those left out, which are counted.

    Parameters
    ----------
    frame : polars.LazyFrame
    table : {"visits", "patients", "providers"}
    reasons : iterable of polars.Expr
        Texts; null where the row is kept. A row is counted under its first reason, so that the counts add up.

    Returns
    -------
    tuple of (polars.LazyFrame, tuple of Count)
        The rows without a reason, and the rows read followed by the rows left out, by reason.

    Examples
    --------
    >>> frame = pl.LazyFrame({"status": ["finished", "planned", "planned"]})
    >>> reason = pl.when(pl.col("status") != "finished").then(pl.format("status {}: left out", "status"))
    >>> kept, counts = keep(frame, "visits", [reason])
    >>> [(count.what, count.n_rows) for count in counts]
    [('rows read', 3), ('status planned: left out', 2)]
    """
    marked = frame.with_columns(pl.coalesce([*reasons, pl.lit(None, pl.String)]).alias(_REASON))
    found = marked.group_by(_REASON).agg(n=pl.len()).collect(engine="streaming")
    left_out = found.drop_nulls().sort(_REASON)
    counts = [
        Count(table, READ, int(found["n"].sum()), "rows_in"),
        *(Count(table, why, n, "filter") for why, n in left_out.iter_rows()),
    ]
    return marked.filter(pl.col(_REASON).is_null()).drop(_REASON), tuple(counts)


def counted(tables: Tables, names: Iterable[TableName]) -> Tables:
    """Give the same tables with the rows read of those that are read as they are, unless they are counted already.

    Parameters
    ----------
    tables : Tables
    names : iterable of {"visits", "patients", "providers"}
        Tables of which no row is left out; names of tables that are not there count nothing.

    Returns
    -------
    Tables

    Examples
    --------
    >>> counted(Tables(pl.LazyFrame({"patient_id": ["P1", "P2"]})), ["visits"]).counts[0].n_rows
    2
    """
    known = {count.table for count in tables.counts if count.kind == "rows_in"}
    there = tables.present()
    uncounted = [name for name in there if name in set(names) - known]
    found = pl.collect_all([there[name].select(pl.len()) for name in uncounted], engine="streaming")
    rows = zip(uncounted, found, strict=True)
    return tables.with_counts(Count(name, READ, int(n.item()), "rows_in") for name, n in rows)


def unmapped(frame: pl.LazyFrame, table: TableName, what: str, codes: pl.Expr) -> tuple[Count, ...]:
    """Count rows by a code that has no mapping; rows where the code is null are not counted."""
    found = frame.select(code=codes.cast(pl.String)).drop_nulls().group_by("code").agg(n=pl.len())
    rows = found.collect(engine="streaming").sort("code").iter_rows()
    return tuple(Count(table, what, n, "unmapped", code) for code, n in rows)


def some(table: TableName, what: str, n_rows: int, kind: CountKind = "note") -> tuple[Count, ...]:
    """Give a count, or nothing where there are no such rows."""
    return (Count(table, what, n_rows, kind),) if n_rows else ()
