"""One file per source; each maps what it reads onto the canonical tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity.errors import UsageError
from continuity.schema import TableName
from continuity.sources import avohilmo, database, fhir, omop, synthea, tables
from continuity.sources.base import Count, ReadOptions, Source, Tables
from continuity.vocabulary import DEFAULT_TIME_ZONE, SourceKind

__all__ = [
    "KINDS",
    "Count",
    "ReadOptions",
    "Source",
    "Tables",
    "kind_of",
    "read",
    "read_patients",
    "read_providers",
    "read_visits",
]

KINDS: Final[Mapping[SourceKind, Source]] = {
    "database": database,
    "avohilmo": avohilmo,
    "omop": omop,
    "fhir": fhir,
    "synthea": synthea,
    "table": tables,
}
"""The module of each kind, in the order in which `auto` asks them; a table is what nothing else is."""


def kind_of(path: str | Path, kind: SourceKind = "auto") -> SourceKind:
    """Give the kind of a source: the one named, or with `auto` the first that recognises the path.

    Raises
    ------
    UsageError
        There is no such kind.
    """
    if kind == "auto":
        return next(name for name, module in KINDS.items() if module.recognise(path))
    if kind not in KINDS:
        raise UsageError.unknown_choice("source", kind, ("auto", *KINDS))
    return "database" if kind == "omop" and database.recognise(path) else kind


def read(
    visits: str | Path,
    *,
    patients: str | Path | None = None,
    providers: str | Path | None = None,
    kind: SourceKind = "auto",
    options: ReadOptions | None = None,
) -> Tables:
    """Read the canonical tables of a source.

    Parameters
    ----------
    visits : path, glob or folder; or the address of a database
    patients, providers : path, optional
        Files of their own; they take the place of what lies beside the visits. Of a database also tables or queries.
    kind : {"auto", "table", "avohilmo", "omop", "fhir", "synthea", "database"}
    options : ReadOptions, optional

    Returns
    -------
    Tables

    Raises
    ------
    UsageError
        There is no such source.
    InputError
        Something cannot be read.
    """
    options = options or ReadOptions()
    given: dict[TableName, str | Path | None] = {"patients": patients, "providers": providers}
    beside: dict[TableName, str | Path] = {name: path for name, path in given.items() if path is not None}
    found_kind = kind_of(visits, kind)
    if found_kind == "database":
        return database.read_with(visits, beside, options, as_omop=kind == "omop")
    if options.query is not None:
        raise UsageError(
            "A query is for databases, and the visits are in files.",
            allowed="Allowed: VISITS as postgresql://host/database, or a file of DuckDB or SQLite.",
            next_step="Name the database, or leave --query out.",
        )
    module = KINDS[found_kind]
    found = module.read(visits, options)
    return found.with_given({name: module.read_table(path, name, options) for name, path in beside.items()})


def read_visits(
    source: Any,
    *,
    columns: Mapping[str, str] | None = None,
    kind: SourceKind = "auto",
    separator: str | None = None,
    encoding: str | None = None,
    date_format: str | None = None,
    time_zone: str = DEFAULT_TIME_ZONE,
) -> pl.LazyFrame:
    """Read visits as a canonical LazyFrame.

    Parameters
    ----------
    source : path, glob, folder or frame
        CSV, Parquet or Arrow files; or a Polars, pandas or pyarrow frame.
    columns : mapping of str to str, optional
        Canonical name to the name in the source: ``{"patient_id": "asiakas"}``.
    kind : {"auto", "table", "avohilmo", "omop", "fhir", "synthea", "database"}
    separator, encoding, date_format : str, optional
        Of CSV files; detected where not given.
    time_zone : str
        Zone of local times; times that carry a zone are shown in it.

    Returns
    -------
    polars.LazyFrame
        One row per visit: patient_id, visit_at, provider_id (null: unknown) and the optional columns that are there.

    Raises
    ------
    InputError
        The source cannot be read, lacks a column, or holds a date that does not exist.

    Examples
    --------
    >>> frame = pl.DataFrame({"asiakas": ["P1"], "provider_id": ["A"], "visit_at": ["3.1.2025 14:05"]})
    >>> read_visits(frame, columns={"patient_id": "asiakas"}).collect()["visit_at"].item()
    datetime.datetime(2025, 1, 3, 14, 5)
    """
    options = ReadOptions(columns or {}, separator, encoding, date_format, time_zone)
    if isinstance(source, str | Path):
        return read(source, kind=kind, options=options).visits
    return tables.read_table(source, "visits", options)


def read_patients(source: Any, *, columns: Mapping[str, str] | None = None, **options: Any) -> pl.LazyFrame:
    """Read patients as a canonical LazyFrame; parameters as `read_visits`, without `kind`.

    Returns
    -------
    polars.LazyFrame
        One row per patient: patient_id and the optional columns that are there.

    Raises
    ------
    InputError
        The source cannot be read or lacks a column.

    Examples
    --------
    >>> read_patients(pl.DataFrame({"patient_id": [1], "birth_year": ["1950"]})).collect()["birth_year"].item()
    1950
    """
    return tables.read_table(source, "patients", ReadOptions(columns or {}, **options))


def read_providers(source: Any, *, columns: Mapping[str, str] | None = None, **options: Any) -> pl.LazyFrame:
    """Read providers as a canonical LazyFrame; parameters as `read_visits`, without `kind`.

    Returns
    -------
    polars.LazyFrame
        One row per provider: provider_id and the optional columns that are there.

    Raises
    ------
    InputError
        The source cannot be read or lacks a column.

    Examples
    --------
    >>> read_providers(pl.DataFrame({"provider_id": ["A"], "fte": ["0,8"]})).collect()["fte"].item()
    0.8
    """
    return tables.read_table(source, "providers", ReadOptions(columns or {}, **options))
