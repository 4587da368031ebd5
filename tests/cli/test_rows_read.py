"""The account of a conversion adds up, table by table, for every kind of source: rows read less filters are written."""

import csv
import json
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from continuity.synthetic import Setting, write_avohilmo

VISITS = [("P1", "2025-01-03", "A"), ("P1", "2025-01-04", ""), ("P2", "2025-01-05", "B")]
PATIENTS = [("P1", "1950"), ("P2", "1960")]


def write_csv(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def table(folder: Path) -> Path:
    write_csv(folder / "visits.csv", ("patient_id", "visit_at", "provider_id"), *VISITS, ("", "", ""))  # a blank line
    write_csv(folder / "patients.csv", ("patient_id", "birth_year"), *PATIENTS)
    return folder


def database(folder: Path) -> Path:
    pytest.importorskip("adbc_driver_sqlite.dbapi")
    connection = sqlite3.connect(folder / "a.sqlite")
    connection.execute("CREATE TABLE visits (patient_id TEXT, visit_at TEXT, provider_id TEXT)")
    connection.executemany("INSERT INTO visits VALUES (?, ?, ?)", VISITS)
    connection.execute("CREATE TABLE patients (patient_id TEXT, birth_year TEXT)")
    connection.executemany("INSERT INTO patients VALUES (?, ?)", PATIENTS)
    connection.commit()
    connection.close()
    return folder / "a.sqlite"


def avohilmo(folder: Path) -> Path:
    write_avohilmo(Setting(n_patients=200, start=date(2024, 1, 1)), folder, extract="vatt", noise=0.1)
    return folder


def omop(folder: Path) -> Path:
    head = ("visit_occurrence_id", "person_id", "visit_concept_id", "visit_start_date", "provider_id")
    rows = [("1", "1", "9202", "2024-01-01", "7"), ("2", "1", "9201", "2024-01-02", "7")]  # the second is a hospital's
    write_csv(folder / "visit_occurrence.csv", head, *rows, ("3", "", "9202", "2024-01-03", "7"))
    write_csv(folder / "person.csv", ("person_id", "year_of_birth"), ("1", "1950"), ("", "1960"))
    return folder


def fhir(folder: Path) -> Path:
    def encounter(name: str, status: str) -> dict[str, object]:
        who, when = {"reference": "Patient/P"}, {"start": "2024-03-01T10:00:00+02:00"}
        seen = [{"individual": {"reference": "Practitioner/D"}}]
        shape = {"class": {"code": "AMB"}, "subject": who, "participant": seen, "period": when}
        return {"resourceType": "Encounter", "id": name, "status": status, **shape}

    rows = [encounter("a", "finished"), encounter("b", "planned"), encounter("c", "finished")]
    (folder / "Encounter.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "Patient.ndjson").write_text('{"resourceType": "Patient", "id": "P", "birthDate": "1950-01-01"}\n')
    return folder


def synthea(folder: Path) -> Path:
    head = ("Id", "START", "STOP", "PATIENT", "ORGANIZATION", "PROVIDER", "ENCOUNTERCLASS", "REASONCODE")
    rows = [(name, "2025-01-03T10:00:00Z", "", "p", "o", "d", "wellness", "") for name in ("e", "f")]
    write_csv(folder / "encounters.csv", head, *rows)
    return folder


KINDS: dict[str, tuple[Callable[[Path], Path], dict[str, int]]] = {
    "table": (table, {"visits": 3, "patients": 2}),
    "database": (database, {"visits": 3, "patients": 2}),
    "avohilmo": (avohilmo, {}),
    "omop": (omop, {"visits": 3, "patients": 2}),
    "fhir": (fhir, {"visits": 3, "patients": 1}),
    "synthea": (synthea, {"visits": 2}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_read_less_every_filter_are_the_rows_written(kind, cli, tmp_path) -> None:
    write, rows = KINDS[kind]
    (tmp_path / "in").mkdir()
    account = cli("convert", write(tmp_path / "in"), "--output", tmp_path / "out", "--json").said
    assert account["source"] == kind
    assert "visits" in account["rows_read"]
    assert account["rows_read"].items() >= rows.items()
    for name, n_read in account["rows_read"].items():
        left_out = sum(count["n_rows"] for count in account["filters"] if count["table"] == name)
        n_written = pl.read_parquet(tmp_path / "out" / f"{name}.parquet").height
        assert n_read - left_out == account["rows_written"][name] == n_written, name


def test_an_account_lists_no_warning_about_no_rows(cli, tmp_path) -> None:
    account = cli("convert", avohilmo(tmp_path / "in"), "--output", tmp_path / "out", "--json").said
    assert all(note["n_rows"] for note in account["notes"] if note["kind"] == "warning")
    assert any(note["kind"] == "warning" for note in account["notes"])


def test_rows_are_counted_before_the_door(cli, tmp_path) -> None:
    """With pseudonyms made of the ids, the account still tells what was read."""
    (tmp_path / "in").mkdir()
    (tmp_path / "key").write_text("a secret of the house, long enough")
    asked = ["--pseudonymise", "--key-file", tmp_path / "key", "--json"]
    account = cli("convert", table(tmp_path / "in"), "--output", tmp_path / "out", *asked).said
    assert account["rows_read"] == {"visits": 3, "patients": 2}
    assert account["rows_written"] == {"visits": 3, "patients": 2}


def test_a_table_of_its_own_takes_the_place_of_what_was_counted(cli, tmp_path) -> None:
    (tmp_path / "in").mkdir()
    own = write_csv(tmp_path / "own.csv", ("patient_id", "birth_year"), *PATIENTS, ("P3", "1970"))
    account = cli("convert", omop(tmp_path / "in"), "--patients", own, "--output", tmp_path / "out", "--json").said
    assert account["rows_read"] == {"visits": 3, "patients": 3}
    assert not [count for count in account["filters"] if count["table"] == "patients"]
    assert account["rows_written"]["patients"] == 3
