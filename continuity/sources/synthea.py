"""Synthea CSV: encounters.csv, with patients.csv and providers.csv beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from continuity.errors import InputError
from continuity.schema import TableName, conform
from continuity.sources import files
from continuity.sources.base import ReadOptions, Tables
from continuity.sources.text import typed

_PRIMARY_CARE: Final = ("ambulatory", "outpatient", "wellness", "home", "virtual")
_MODES: Final = {
    **dict.fromkeys(("ambulatory", "wellness", "outpatient", "urgentcare", "emergency"), "in_person"),
    "home": "home",
    "virtual": "video",
}
_SEXES: Final = {"F": "female", "M": "male"}

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
        "reason_codes": pl.col("REASONCODE"),
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


def recognise(path: str | Path) -> bool:
    """Tell whether a path looks like Synthea's: its encounters file, or a folder with it."""
    place = Path(path)
    encounters = place / _FILES["visits"] if place.is_dir() else place
    if encounters.name != _FILES["visits"] or not encounters.is_file():
        return False
    with encounters.open("rb") as file:
        return b"ENCOUNTERCLASS" in file.readline().upper()


def locate(path: str | Path) -> list[Path]:
    """Give the files that are read: encounters, and patients and providers where they lie beside them."""
    place = Path(path)
    folder, visits = (place, place / _FILES["visits"]) if place.is_dir() else (place.parent, place)
    beside = [folder / file for name, file in _FILES.items() if name != "visits"]
    return [*files.find(visits), *(file for file in beside if file.is_file())]


def read(path: str | Path, options: ReadOptions) -> Tables:
    """Read Synthea's encounters, and its patients and providers where they lie beside them.

    Every row is kept: inpatient stays and death certificates are told apart by `care_type` and by the gate.

    Raises
    ------
    InputError
        The file cannot be read or lacks a column.
    """
    place = Path(path)
    folder, visits = (place, place / _FILES["visits"]) if place.is_dir() else (place.parent, place)
    beside = {name: folder / file for name, file in _FILES.items() if name != "visits"}
    return Tables(
        visits=read_table(visits, "visits", options),
        patients=read_table(beside["patients"], "patients", options) if beside["patients"].is_file() else None,
        providers=read_table(beside["providers"], "providers", options) if beside["providers"].is_file() else None,
        care_types=_PRIMARY_CARE,
    )


def read_table(path: str | Path, table: TableName, options: ReadOptions) -> pl.LazyFrame:
    """Read one of Synthea's files as a canonical table.

    Raises
    ------
    InputError
        The file cannot be read or lacks a column.
    """
    paths = files.find(path)
    raw = files.scan(paths, options)
    found = raw.collect_schema().names()
    needed = sorted({name for expr in _MAPPING[table].values() for name in expr.meta.root_names()})
    missing = [name for name in needed if name not in found]
    if missing:
        raise InputError.missing_columns(missing, found, f"{paths[0].name} (source synthea)")
    frame = raw.select(**_MAPPING[table])
    return conform(typed(frame, table, where=paths[0].name, time_zone=options.time_zone), table, where=paths[0].name)
