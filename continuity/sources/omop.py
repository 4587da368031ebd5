"""OMOP CDM 5.3 and 5.4: a folder with one CSV or Parquet file per table, or the same tables as frames.

Visits are outpatient care unless the user chooses visit concepts: a day in a ward is no visit to a provider. In Finnish
databases nearly no visit is 9202, and 38004193 mixes visits with paperwork; there FinOMOP's source code of the contact
decides (`continuity.sources.omop_codes`). Every other concept or code is counted.
"""

from pathlib import Path
from typing import Final

import polars as pl

from continuity.errors import InputError
from continuity.schema import TableName
from continuity.sources import files, omop_people, omop_visits, tables
from continuity.sources.base import ReadOptions, Tables
from continuity.sources.omop_columns import Frames, plain

NAMES: Final = (
    "visit_occurrence",
    "visit_detail",
    "person",
    "provider",
    "location",
    "observation_period",
    "death",
    "condition_occurrence",
)
"""The tables that are used."""


def recognise(path: str | Path) -> bool:
    """Tell whether a path looks like OMOP's: a folder with its table of visits, or that file."""
    try:
        found = _found(Path(path))
        visits = found.get("visit_occurrence") or found["visit_detail"]
        if visits[0].suffix.lower() in files.TEXT:
            with visits[0].open("rb") as file:
                return b"person_id" in file.readline(1 << 16).lower()
        return "person_id" in {name.lower() for name in files.scan(visits[:1], ReadOptions()).collect_schema()}
    except (KeyError, OSError, InputError):
        return False


def locate(path: str | Path) -> list[Path]:
    """Give the files that are read: those of the tables that are used."""
    found = [file for paths in _found(Path(path)).values() for file in paths]
    return found or files.find(path)


def read(path: str | Path, options: ReadOptions) -> Tables:
    """Read the tables of a folder; a table that is absent, or has a header only, gives nothing.

    Raises
    ------
    InputError
        A table cannot be read, lacks a column, or no visit is outpatient care.
    """
    found = _found(Path(path))
    if not found:
        files.find(path)  # says so where nothing is there
    frames = {name: files.scan(paths, options) for name, paths in found.items() if _has_rows(paths)}
    return canonical(frames, options, where=Path(path).name)


def read_table(path: str | Path, table: TableName, options: ReadOptions) -> pl.LazyFrame:
    """Read one table from a file of its own: OMOP's person or provider, else a table with canonical names.

    Raises
    ------
    InputError
        The file cannot be read or lacks a column.
    """
    name = {"visits": "visit_occurrence", "patients": "person", "providers": "provider"}[table]
    if Path(path).stem.lower() != name:
        return tables.read_table(path, table, options)
    paths = files.find(path)
    frames = {name: plain(files.scan(paths, options), paths[0].name)}
    if table == "visits":
        return canonical(frames, options, where=paths[0].name).visits
    return omop_people.patients(frames, options)[0] if table == "patients" else omop_people.providers(frames)[0]


def canonical(frames: Frames, options: ReadOptions, *, where: str = "the OMOP tables") -> Tables:
    """Map OMOP's tables onto the canonical ones, wherever they came from.

    Parameters
    ----------
    frames : mapping of str to polars.LazyFrame
        By table name; names of tables and columns in any case, columns typed or as text.
    options : ReadOptions
        `visit_concepts` and `visit_detail` choose the visits.
    where : str
        Names the input in an error.

    Returns
    -------
    Tables
        Ids are Int64. Patients and providers are None where the tables are not there.

    Raises
    ------
    InputError
        No table of visits, a missing column, an id that is no whole number, or no visit that was chosen.
    """
    raw = {name.lower(): plain(frame, name.lower()) for name, frame in frames.items() if name.lower() in NAMES}
    visits, of_visits = omop_visits.visits(raw, options, where)
    patients, of_patients = omop_people.patients(raw, options) if "person" in raw else (None, ())
    providers, of_providers = omop_people.providers(raw) if "provider" in raw else (None, ())
    return Tables(visits, patients, providers, (*of_visits, *of_patients, *of_providers))


def _found(place: Path) -> dict[str, list[Path]]:
    """Find the files of each table: NAME.csv, NAME.parquet, or a folder NAME of such files; a file names its folder."""
    folder = place if place.is_dir() else place.parent
    if not place.exists() or (place.is_file() and place.stem.lower() not in NAMES):
        return {}
    found: dict[str, list[Path]] = {}
    for child in sorted(folder.iterdir()):
        name = child.stem.lower()
        if name not in NAMES or not (child.is_dir() or child.suffix.lower() in files.SUFFIXES):
            continue
        if name in found:
            raise InputError(
                f"{folder.name} holds the table {name} twice.", next_step="Keep one file or folder of each table."
            )
        found[name] = files.find(child)
    return found


def _has_rows(paths: list[Path]) -> bool:
    """Tell whether a table has rows; OMOP exports empty tables as a header, which elsewhere is an error."""
    if paths[0].suffix.lower() not in files.TEXT or paths[0].stem.lower().startswith("visit_"):
        return True
    n_filled = 0
    for path in paths:
        with path.open("rb") as file:
            for line in file:
                n_filled += bool(line.strip())
                if n_filled > 1:
                    return True
    return False
