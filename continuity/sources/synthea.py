"""Synthea CSV: encounters.csv, with patients.csv and providers.csv beside it, in the layouts of 2019 and later.

In the layout without a column ORGANIZATION the column PROVIDER holds the place, not the person: Synthea called its
places providers then. Such files know units only. Some copies of that time have lost their header.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from continuity.errors import InputError
from continuity.schema import TableName, conform
from continuity.sources import account, csv, files, tables
from continuity.sources.base import Count, ReadOptions, Tables
from continuity.sources.text import typed

_PRIMARY_CARE: Final = ("ambulatory", "outpatient", "wellness", "home", "virtual")
_OTHER_CARE: Final = ("urgentcare", "emergency", "inpatient", "hospice", "snf")
_MODES: Final = {
    **dict.fromkeys(("ambulatory", "wellness", "outpatient", "urgentcare", "emergency"), "in_person"),
    "home": "home",
    "virtual": "video",
}
_SEXES: Final = {"F": "female", "M": "male"}
_DEATH: Final = "Death Certification"

_MAPPING: Final[Mapping[TableName, Mapping[str, pl.Expr]]] = {
    "visits": {
        "patient_id": pl.col("PATIENT"),
        "visit_at": pl.col("START"),
        "provider_id": pl.col("PROVIDER"),
        "visit_id": pl.col("Id"),
        "unit_id": pl.col("ORGANIZATION"),
        "contact_mode": pl.col("ENCOUNTERCLASS").replace_strict(_MODES, default=None, return_dtype=pl.String),
        "urgency": pl.when(pl.col("ENCOUNTERCLASS").is_in(["urgentcare", "emergency"]))
        .then(pl.lit("acute"))
        .otherwise(pl.lit("planned")),
        "care_type": pl.col("ENCOUNTERCLASS"),
        "reason_codes": pl.col("REASONCODE").str.replace(r"\.0$", ""),  # codes that were numbers with gaps
    },
    "patients": {
        "patient_id": pl.col("Id"),
        "birth_year": pl.col("BIRTHDATE").str.slice(0, 4),
        "sex": pl.col("GENDER").replace_strict(_SEXES, default="unknown"),
        "area_code": pl.col("COUNTY"),
        "enrolled_to": pl.col("DEATHDATE").str.slice(0, 10),
    },
    "providers": {
        "provider_id": pl.col("Id"),
        "role": pl.when(pl.col("SPECIALITY") == "GENERAL PRACTICE").then(pl.lit("doctor")).otherwise(pl.lit("other")),
        "unit_id": pl.col("ORGANIZATION"),
    },
}
_FILES: Final[Mapping[TableName, str]] = {
    "visits": "encounters.csv",
    "patients": "patients.csv",
    "providers": "providers.csv",
}
_HEADERS: Final[Mapping[TableName, str]] = {
    "visits": "Id,START,STOP,PATIENT,PROVIDER,ENCOUNTERCLASS,CODE,DESCRIPTION,COST,REASONCODE,REASONDESCRIPTION",
    "patients": "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,ETHNICITY,"
    "GENDER,BIRTHPLACE,ADDRESS,CITY,STATE,ZIP",
    "providers": "Id,ORGANIZATION,NAME,GENDER,SPECIALITY,ADDRESS,CITY,STATE,ZIP,UTILIZATION",
}
"""The columns of 2019, for files that have lost their header."""
_ABSENT_BEFORE: Final = ("COUNTY",)  # columns that the layout of 2019 does not have
_CLASSES: Final = frozenset((*_PRIMARY_CARE, *_OTHER_CARE))
_INDEX: Final = "row"  # the first column of a copy that pandas wrote
_UNITS_ONLY: Final = "PROVIDER holds the organisation: provider unknown, level unit"


def recognise(path: str | Path) -> bool:
    """Tell whether a path looks like Synthea's: its encounters file, or a folder with it."""
    place = Path(path)
    encounters = place / _FILES["visits"] if place.is_dir() else place
    if encounters.name != _FILES["visits"] or not encounters.is_file():
        return False
    try:
        line = _first_line(encounters)
    except OSError:
        return False
    return "ENCOUNTERCLASS" in line.upper() or _is_headless(line)


def locate(path: str | Path) -> list[Path]:
    """Give the files that are read: encounters, and patients and providers where they lie beside them."""
    place = Path(path)
    folder, visits = (place, place / _FILES["visits"]) if place.is_dir() else (place.parent, place)
    beside = [folder / file for name, file in _FILES.items() if name != "visits"]
    return [*files.find(visits), *(file for file in beside if file.is_file())]


def read(path: str | Path, options: ReadOptions) -> Tables:
    """Read Synthea's encounters, and its patients and providers where they lie beside them.

    Every row is kept: inpatient stays and death certificates are told apart by `care_type` and by the gate. Where the
    provider column holds organisations, the provider is unknown, the unit is that organisation, and the level is unit.

    Raises
    ------
    InputError
        The file cannot be read or lacks a column.
    """
    place = Path(path)
    folder, encounters = (place, place / _FILES["visits"]) if place.is_dir() else (place.parent, place)
    raw, where = _raw(encounters, "visits", options)
    is_headless = _is_headless(_first_line(files.find(encounters)[0]))
    beside: dict[TableName, Path] = {
        name: folder / file for name, file in _FILES.items() if name != "visits" and (folder / file).is_file()
    }
    people = {
        name: _raw(file, name, options, headless=is_headless and not _has_header(file)) for name, file in beside.items()
    }
    units_only = _holds_organisations(raw, people, folder, options)
    if units_only:
        people.pop("providers", None)  # the people in it are not those whom the visits name
    visits = _canonical(_by_unit(raw) if units_only else raw, "visits", where, options)
    others = {name: _canonical(frame, name, file, options) for name, (frame, file) in people.items()}
    counts = _account(raw, others, units_only=units_only)
    return Tables(
        visits=visits,
        patients=others.get("patients"),
        providers=others.get("providers"),
        counts=counts,
        care_types=_PRIMARY_CARE,
        level="unit" if units_only else None,
    )


def read_table(path: str | Path, table: TableName, options: ReadOptions) -> pl.LazyFrame:
    """Read one table from a file of its own: one of Synthea's, else a table with canonical names.

    Raises
    ------
    InputError
        The file cannot be read or lacks a column.
    """
    raw, where = _raw(path, table, options)
    if not {"Id", "BIRTHDATE", "SPECIALITY"} & set(raw.collect_schema()):  # a site's own table beside Synthea's visits
        return tables.read_table(path, table, options)
    return _canonical(_by_unit(raw) if table == "visits" and _lacks_units(raw) else raw, table, where, options)


def _raw(
    path: str | Path, table: TableName, options: ReadOptions, *, headless: bool = False
) -> tuple[pl.LazyFrame, str]:
    """Open a file as it is, with the columns of 2019 where it has lost its header; and give its name."""
    paths = files.find(path)
    line = _first_line(paths[0])
    if not (headless or (table == "visits" and _is_headless(line))):
        return files.scan(paths, options), paths[0].name
    header = _HEADERS[table].split(",")
    if len(line.split(",")) == len(header) + 1 and line.split(",")[0].isdecimal():
        header = [_INDEX, *header]
    return csv.scan(paths[0], options, header), paths[0].name


def _canonical(raw: pl.LazyFrame, table: TableName, where: str, options: ReadOptions) -> pl.LazyFrame:
    found = raw.collect_schema().names()
    mapping = {
        name: expr
        for name, expr in _MAPPING[table].items()
        if not {*expr.meta.root_names()} & {*_ABSENT_BEFORE} - {*found}
    }
    needed = sorted({name for expr in mapping.values() for name in expr.meta.root_names()})
    missing = [name for name in needed if name not in found]
    if missing:
        raise InputError.missing_columns(missing, found, f"{where} (source synthea)")
    frame = raw.select(**mapping)
    return conform(typed(frame, table, where=where, time_zone=options.time_zone), table, where=where)


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline(1 << 16).decode("utf-8", errors="replace").strip()


def _is_headless(line: str) -> bool:
    """Tell whether a first line is a row of encounters in the layout of 2019."""
    fields = line.split(",")
    return any(len(fields) > place and fields[place] in _CLASSES for place in (5, 6))


def _has_header(path: Path) -> bool:
    return "Id" in _first_line(path).split(",")


def _lacks_units(raw: pl.LazyFrame) -> bool:
    names = raw.collect_schema().names()
    return "PROVIDER" in names and "ORGANIZATION" not in names


def _by_unit(raw: pl.LazyFrame) -> pl.LazyFrame:
    return raw.with_columns(ORGANIZATION="PROVIDER", PROVIDER=pl.lit(None, pl.String))


def _holds_organisations(
    raw: pl.LazyFrame, people: Mapping[TableName, tuple[pl.LazyFrame, str]], folder: Path, options: ReadOptions
) -> bool:
    """Tell whether the provider column names places: no other column does, or its values are ids of organisations."""
    if _lacks_units(raw):
        return True
    places = folder / "organizations.csv"
    if not places.is_file() or "PROVIDER" not in raw.collect_schema():
        return False
    used = raw.select(Id="PROVIDER").drop_nulls().unique()
    staff = people["providers"][0] if "providers" in people else None
    return _n_among(used, files.scan([places], options)) > (0 if staff is None else _n_among(used, staff))


def _n_among(used: pl.LazyFrame, named: pl.LazyFrame) -> int:
    """Count the ids that a table of places or people knows."""
    if "Id" not in named.collect_schema():
        return 0
    known = used.join(named.select(pl.col("Id").cast(pl.String)), on="Id", how="semi")
    return int(known.select(pl.len()).collect(engine="streaming").item())


def _account(raw: pl.LazyFrame, people: Mapping[TableName, pl.LazyFrame], *, units_only: bool) -> tuple[Count, ...]:
    mode = _MAPPING["visits"]["contact_mode"]
    counts = _height("visits", raw)
    classes = pl.when(mode.is_null()).then("ENCOUNTERCLASS")
    counts += account.unmapped(raw, "visits", "encounter class without a contact mode", classes)
    if "DESCRIPTION" in raw.collect_schema():
        n = raw.select((pl.col("DESCRIPTION") == _DEATH).sum()).collect(engine="streaming").item()
        counts += account.some("visits", f"{_DEATH}: no visit, but kept", n, "warning")
    if units_only:
        counts += account.some("visits", _UNITS_ONLY, counts[0].n_rows, "warning")
    return counts + tuple(count for name, frame in people.items() for count in _height(name, frame))


def _height(table: TableName, frame: pl.LazyFrame) -> tuple[Count, ...]:
    n_rows = frame.select(pl.len()).collect(engine="streaming").item()
    return (Count(table, account.READ, n_rows, "rows_in"),)
