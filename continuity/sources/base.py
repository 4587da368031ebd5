"""What every source takes and gives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from continuity.errors import UsageError
from continuity.schema import TableName
from continuity.vocabulary import DEFAULT_TIME_ZONE, Level


@dataclass(frozen=True)
class ReadOptions:
    """How a file is to be read; what is not said is detected.

    Parameters
    ----------
    columns : mapping of str to str
        Canonical name to the name in the file.
    separator : str, optional
        Of a CSV file: ``";"``, ``","``, a tab or ``"|"``.
    encoding : str, optional
        Of a CSV file, by a name that Python knows: ``"utf-8"``, ``"latin-1"``.
    date_format : str, optional
        Of the dates of a CSV file, such as ``"%d.%m.%Y %H:%M"``.
    time_zone : str
        The zone of local times; times that carry a zone are shown in it.
    services, contacts : tuple of str, optional
        Avohilmo: the service types and contact codes that are visits; ``("all",)`` keeps every one. What is None is as
        published: T11, and R10.
    visit_concepts : tuple of str, optional
        OMOP: the visits kept, by visit concept id or by source value, whose end may be ``*``; ``("all",)`` keeps every
        one. What is None is outpatient care; see `continuity.sources.omop`.
    visit_detail : bool
        OMOP: take visits from visit_detail instead of visit_occurrence.
    max_malformed : float
        FHIR: the share of lines, 0-1, that may be malformed before a file is refused.
    query : str, optional
        Of a database: the table or the SELECT of the visits.
    urgencies : mapping of str to str
        Avohilmo: code of urgency to ``"planned"`` or ``"acute"``; the register's codes are not published.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    separator: str | None = None
    encoding: str | None = None
    date_format: str | None = None
    time_zone: str = DEFAULT_TIME_ZONE
    services: tuple[str, ...] | None = None
    contacts: tuple[str, ...] | None = None
    visit_concepts: tuple[str, ...] | None = None
    visit_detail: bool = False
    max_malformed: float = 0.001
    query: str | None = None
    urgencies: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise UsageError(
                f"There is no time zone named {self.time_zone!r}.", allowed="Such as Europe/Helsinki or UTC."
            ) from None


CountKind = Literal["rows_in", "filter", "unmapped", "warning", "note"]
"""Rows read; rows left out, one step; rows whose code has no mapping; rows to look at; what else is to be known."""


@dataclass(frozen=True)
class Count:
    """Something that a source did to rows, counted.

    Parameters
    ----------
    table : {"visits", "patients", "providers"}
    what : str
        In words, such as "service type is not T11".
    n_rows : int
    kind : {"rows_in", "filter", "unmapped", "warning", "note"}
        Of every table the rows read less those of its filters are the rows given.
    code : str, optional
        The code without a mapping: never a value of a patient.
    """

    table: TableName
    what: str
    n_rows: int
    kind: CountKind = "note"
    code: str | None = None


@dataclass(frozen=True)
class Tables:
    """The canonical tables of a source, lazily.

    Parameters
    ----------
    visits : polars.LazyFrame
    patients, providers : polars.LazyFrame or None
        None where the source has none.
    counts : tuple of Count
        What was dropped or could not be mapped on the way.
    care_types : tuple of str or None
        The care types that are primary care in this source; reports keep to them unless told otherwise.
    level : {"provider", "team", "unit"} or None
        The finest level that the source knows, where that is not the provider.
    asked : mapping of str to polars.LazyFrame
        What was asked of a database, every column of it, by name: files can be looked through, a server cannot.
    """

    visits: pl.LazyFrame
    patients: pl.LazyFrame | None = None
    providers: pl.LazyFrame | None = None
    counts: tuple[Count, ...] = ()
    care_types: tuple[str, ...] | None = None
    level: Level | None = None
    asked: Mapping[str, pl.LazyFrame] = field(default_factory=dict)

    def with_tables(self, **tables: pl.LazyFrame | None) -> Self:
        """Give the same source with some tables put in."""
        return replace(self, **tables)  # type: ignore[arg-type] # callers name tables only

    def with_given(self, tables: Mapping[TableName, pl.LazyFrame]) -> Self:
        """Give the same source with tables from elsewhere put in; what was counted of those they replace goes."""
        counts = tuple(count for count in self.counts if count.table not in tables)
        return replace(self, counts=counts).with_tables(**{str(name): table for name, table in tables.items()})

    def with_counts(self, counts: Iterable[Count]) -> Self:
        """Give the same source with further counts."""
        return replace(self, counts=(*self.counts, *counts))

    def present(self) -> dict[TableName, pl.LazyFrame]:
        """Give the tables that are there."""
        tables: dict[TableName, pl.LazyFrame | None] = {
            "visits": self.visits,
            "patients": self.patients,
            "providers": self.providers,
        }
        return {name: table for name, table in tables.items() if table is not None}


class Source(Protocol):
    """What the module of a kind of source offers; `continuity.sources.KINDS` lists the modules."""

    def recognise(self, path: str | Path, /) -> bool:
        """Tell whether a path looks like this kind; never raises, whatever the path is."""
        ...

    def locate(self, path: str | Path, /) -> list[Path]:
        """Give every file that `read` opens, for fingerprints and to notice changes; none where a server is asked."""
        ...

    def read(self, path: str | Path, options: ReadOptions, /) -> Tables:
        """Read all tables of the source."""
        ...

    def read_table(self, path: str | Path, table: TableName, options: ReadOptions, /) -> pl.LazyFrame:
        """Read one table from a file of its own."""
        ...
