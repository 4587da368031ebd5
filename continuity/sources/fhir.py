"""FHIR R4 bulk data: NDJSON files of Encounter, Patient, Practitioner, PractitionerRole, CareTeam and Organization.

What a file holds is read from its first resource, not from its name; files without resources, such as an export's log,
are left alone. One type may lie in several files, plain or gzipped. Lines are read one by one and only the columns that
are used are kept, so that memory does not grow with the size of the resources.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity.errors import InputError, listing
from continuity.schema import TABLES, TableName, conform
from continuity.sources import account, fhir_encounters, fhir_patients, fhir_staff, files, tables
from continuity.sources import fhir_codes as codes
from continuity.sources.base import Count, ReadOptions, Tables
from continuity.sources.fhir_lines import RESOURCES, SUFFIXES, Lines, is_ndjson, resource_type, rows
from continuity.sources.fhir_references import shown
from continuity.sources.fhir_staff import Staff
from continuity.sources.fhir_values import Json, identifiers, identity, moments

Files = dict[str, list[Path]]
_MAKERS: Final[dict[str, Callable[[Json], Any]]] = {
    "Practitioner": fhir_staff.practitioner,
    "PractitionerRole": fhir_staff.role,
    "Organization": fhir_staff.organisation,
    "CareTeam": fhir_staff.team,
}


def recognise(path: str | Path) -> bool:
    """Tell whether a path names NDJSON files of which one holds FHIR resources that are used."""
    try:
        return bool(_found(path))
    except (OSError, ValueError, InputError):
        return False


def locate(path: str | Path) -> list[Path]:
    """Give the files that are read: those of the resources that are used, also beside a file that is named."""
    found = [file for paths in _found(path).values() for file in paths]
    return found or files.find(path)


def read(path: str | Path, options: ReadOptions) -> Tables:
    """Read encounters as visits, patients, and practitioners as providers.

    Raises
    ------
    InputError
        There are no encounters, a file is cut off, or too many lines are malformed.
    """
    found = _found(path)
    if "Encounter" not in found:
        raise InputError(
            f"{Path(path).name} holds no FHIR encounters.",
            allowed=f"Found: {listing(sorted(found))}. Needed: NDJSON files that end in {listing(SUFFIXES)}.",
            next_step="Export the data as FHIR bulk data ($export), with the resource Encounter.",
        )
    people = _staff(found, options)
    visits, of_visits = _visits(found, people, options)
    patients, of_patients = _patients(found, people, options) if "Patient" in found else (None, ())
    providers, of_providers = _providers(people, options) if "Practitioner" in found else (None, ())
    return Tables(
        visits.lazy(),
        None if patients is None else patients.lazy(),
        None if providers is None else providers.lazy(),
        counts=(*of_visits, *of_patients, *of_providers),
        care_types=codes.PRIMARY_CARE,
    )


def read_table(path: str | Path, table: TableName, options: ReadOptions) -> pl.LazyFrame:
    """Read one table from files of its own: NDJSON of its resource, else a table with canonical names.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    found = _found(path)
    if not found:
        return tables.read_table(path, table, options)
    people = _staff(found, options)
    if table == "visits":
        return _visits(found, people, options)[0].lazy()
    frame = (_patients(found, people, options) if table == "patients" else _providers(people, options))[0]
    return frame.lazy()


def _found(path: str | Path) -> Files:
    """Find the files of each resource; a file or a glob is taken with what lies beside it for the other resources."""
    place = Path(path)
    if place.is_dir():
        return _by_type(place.iterdir())
    named = [file for file in _named(path) if is_ndjson(file)]
    chosen = _by_type(named)
    if not chosen:
        return {}
    return {**_by_type(named[0].parent.iterdir()), **chosen}


def _named(path: str | Path) -> list[Path]:
    is_glob = any(sign in str(path) for sign in "*?[")
    return files.find(path) if is_glob else [Path(path)]


def _by_type(paths: Any) -> Files:
    found: Files = {}
    for path in sorted(paths):
        kind = resource_type(path) if is_ndjson(path) else None
        if kind in RESOURCES:
            found.setdefault(str(kind), []).append(path)
    return found


def _staff(found: Files, options: ReadOptions) -> Staff:
    latest: dict[str, dict[str, Any]] = {}
    for kind, maker in _MAKERS.items():
        _, made = rows(found.get(kind, []), kind, maker, options.max_malformed)
        latest[kind] = fhir_staff.latest(made)
    return fhir_staff.staff(
        latest["Practitioner"], latest["PractitionerRole"], latest["Organization"], latest["CareTeam"]
    )


def _visits(found: Files, people: Staff, options: ReadOptions) -> tuple[pl.DataFrame, tuple[Count, ...]]:
    lines, made = rows(found["Encounter"], "Encounter", fhir_encounters.flatten(people), options.max_malformed)
    encounters = fhir_encounters.frame(made, options.time_zone)
    encounters = _resolved(encounters, "patient_id", found, "Patient", options)
    encounters = _resolved(encounters, "part_of", found, "Encounter", options)
    kept, counts = fhir_encounters.visits(encounters)
    if kept.is_empty():
        raise InputError(
            "No encounter is a visit that took place.",
            allowed=f"Left out: {listing([f'{count.what} ({count.n_rows:,})' for count in counts[1:]])}.",
            next_step="Export finished encounters with a patient and a time.",
        )
    by_role = pl.col("provider_id").replace_strict(people.roles, default=None, return_dtype=pl.String)
    table = kept.with_columns(provider_role=by_role)
    return _canonical(table, "visits"), (
        *_with_lines(counts, "visits", lines),
        *_unresolved(people),
    )


def _patients(found: Files, people: Staff, options: ReadOptions) -> tuple[pl.DataFrame, tuple[Count, ...]]:
    maker = fhir_patients.flatten(people.directory)
    lines, made = rows(found.get("Patient", []), "Patient", maker, options.max_malformed)
    table, counts = fhir_patients.patients(made, options.time_zone)
    return _canonical(table, "patients"), _with_lines(counts, "patients", lines)


def _providers(people: Staff, options: ReadOptions) -> tuple[pl.DataFrame, tuple[Count, ...]]:
    schema = {
        **dict.fromkeys(("provider_id", "role", "team_id", "unit_id"), pl.String()),
        "languages": pl.List(pl.String()),
        **dict.fromkeys(("active_from", "active_to"), pl.String()),
    }
    table = pl.DataFrame(people.rows, schema=schema)
    table = table.with_columns(
        moments(table[name], options.time_zone).dt.date() for name in ("active_from", "active_to")
    )
    n_read = table.height + people.n_same
    counts = (
        Count("providers", account.READ, n_read, "rows_in"),
        *account.some("providers", "a further resource of the same person (Terhikki number)", people.n_same, "filter"),
        *account.some("providers", "no code of a profession that is known", people.n_unmapped, "unmapped"),
        *account.some("providers", "roles in several units: unit left blank", people.n_several_units, "warning"),
        *account.some("providers", "care teams that are not active: left out", people.n_closed),
    )
    return _canonical(table, "providers"), counts


def _canonical(frame: pl.DataFrame, table: TableName) -> pl.DataFrame:
    """Give the canonical columns; one that no resource fills is absent."""
    found = conform(frame.lazy(), table, where=f"the {table} of FHIR").collect()
    empty = {name for name in found.columns if found[name].null_count() == found.height}
    return found.drop(name for name in empty if not TABLES[table][name].required)


def _with_lines(counts: tuple[Count, ...], table: TableName, lines: Lines) -> tuple[Count, ...]:
    """Let the account of a table start from the lines of its files."""
    return (
        Count(table, account.READ, lines.n_read, "rows_in"),
        *account.some(table, "malformed lines", lines.n_malformed, "filter"),
        *account.some(table, "lines with another resource", lines.n_other, "filter"),
        *counts[1:],
    )


def _unresolved(people: Staff) -> Iterator[Count]:
    """Count references of encounters that led to no resource; the key is then what the reference says."""
    for kind, n in sorted(people.directory.unresolved.items()):
        yield Count("visits", f"reference to a {kind} that is not there: its identifier is the key", n, "warning")


def _resolved(encounters: pl.DataFrame, column: str, found: Files, kind: str, options: ReadOptions) -> pl.DataFrame:
    """Turn identifiers in references to resources too many to remember into ids, by reading their files once more."""
    wanted = set(encounters[column].drop_nulls().unique().to_list())
    wanted = {key for key in wanted if "|" in key}
    if not wanted:
        return encounters

    def pairs(resource: Json) -> list[tuple[str, str]]:
        return [(key, identity(resource)) for key in identifiers(resource) if key in wanted]

    _, made = rows(found.get(kind, []), kind, pairs, options.max_malformed)
    ids: dict[str, str] = {}
    for key, name in (pair for several in made for pair in several):
        ids[key] = min(name, ids.get(key, name))
    keys = {key: ids.get(key, shown(key)) for key in wanted}
    return encounters.with_columns(pl.col(column).replace(keys))
