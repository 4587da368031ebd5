"""What a newcomer gives instead of visits: one error that says what, where, what is allowed and what to do next."""

import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run

COMMANDS = {"convert": "out", "check": "out", "report": "out", "metrics": "out/t.csv"}
ROWS = ("patient_id", "visit_at", "provider_id"), ("SECRET1", "2025-01-03", "A"), ("SECRET1", "2025-01-04", "B")
ENCOUNTER = {
    "resourceType": "Encounter",
    "id": "e1",
    "status": "finished",
    "subject": {"reference": "Patient/SECRET1"},
    "period": {"start": "2025-01-03T10:00:00Z"},
}
BUNDLE = json.dumps({"resourceType": "Bundle", "entry": [{"resource": ENCOUNTER}]})
ENCOUNTERS = "".join(json.dumps(ENCOUNTER | {"id": f"{n * 7919 % 10007}"}) + "\n" for n in range(3_000)).encode()


def text(separator: str) -> str:
    return "".join(separator.join(row) + "\n" for row in ROWS)


def database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def workbook(path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    book.save(path)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("nothing", "papers", "bundles", "years/2025"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("a.pdf", "b.PDF", "kirje 010190-999X"):
        (tmp_path / "papers" / name).write_bytes(b"%PDF-1.4")
    (tmp_path / "bundles" / "a.json").write_text(BUNDLE)
    (tmp_path / "a.json").write_text(BUNDLE)
    (tmp_path / "a.ndjson").write_text(BUNDLE)
    (tmp_path / "e.ndjson.gz").write_bytes(gzip.compress(ENCOUNTERS, mtime=0)[:-200])
    (tmp_path / "v.csv").write_text(text(";"))
    (tmp_path / "colon.csv").write_text(text(":"))
    (tmp_path / "v.csv.gz").write_bytes(gzip.compress(text(",").encode()))
    (tmp_path / "unmarked.csv").write_bytes(text(";").encode("utf-16-le"))
    (tmp_path / "blank.db").write_bytes(b"")
    workbook(tmp_path / "v.xlsx")
    database(tmp_path / "bare.sqlite", "create table t(a)", "drop table t")
    database(
        tmp_path / "v.sqlite", f"create table visits({', '.join(ROWS[0])})", f"insert into visits values {ROWS[1]}"
    )
    return tmp_path


WRONG: dict[str, tuple[list[str], int, tuple[str, ...]]] = {
    "an empty folder": (["nothing"], 3, ("nothing is there", ".csv, ", ".ndjson, ", "DuckDB, SQLite", "Check")),
    "a folder of papers": (["papers"], 3, ("There: 2 x .pdf, 1 x no known ending.", ".ndjson", "CSV or Parquet")),
    "a folder of folders": (["years"], 3, ("There: 1 x folder.", "Name the folder that holds the files")),
    "a folder of bundles": (["bundles"], 3, ("There: 1 x .json.", ".ndjson", "$export")),
    "a glob of nothing": (["*.zip"], 3, ("*.zip names no file", "Check the path")),
    "a Bundle": (["a.json"], 3, ("a.json is of no form", ".ndjson", "$export")),
    "a Bundle on one line": (["a.ndjson"], 3, ("a.ndjson holds no FHIR resource", "on each of its lines", "Encounter")),
    "a Bundle as FHIR": (["a.json", "--source", "fhir"], 3, ("holds no FHIR encounters", ".ndjson", "$export")),
    "half a gzip": (["e.ndjson.gz"], 3, ("e.ndjson.gz is not a whole gzip", "copy the file again")),
    "a packed CSV": (["v.csv.gz"], 3, ("v.csv.gz is of no form", ".csv, ", "Unpack it")),
    "a workbook": (["v.xlsx"], 3, ("v.xlsx is of no form", ".csv, ", "Save the workbook as CSV")),
    "UTF-16 without a mark": (["unmarked.csv"], 3, ("unmarked.csv is no text file", "--encoding utf-16-le")),
    "an unknown separator": (["colon.csv"], 3, ("colon.csv", "Found one column: patient_id:visit_at", "--separator")),
    "the wrong separator": (["v.csv", "--separator", ","], 3, ("Found one column: patient_id;visit_at", "--separator")),
    "an empty file": (["blank.db"], 3, ("blank.db is empty", "again")),
    "a database without tables": (["bare.sqlite"], 3, ("bare.sqlite has no table visits", "there: none", "the right")),
    "a word misspelt": (["v.sqlite", "--query", "SELCT * FROM visits"], 2, ("query", "one SELECT", "it starts with")),
    "a table misspelt": (["v.sqlite", "--query", "SELECT * FROM vists"], 3, ("a table that is not", "visits", "Try")),
    "a column misspelt": (["v.sqlite", "--query", "SELECT patent FROM visits"], 3, ("a column that is not", "Try")),
    "a query of a file": (["v.csv", "--query", "SELECT 1"], 2, ("for databases", "leave --query out")),
    "a password": (["postgresql://me:hush-77@localhost/db"], 2, ("holds a password", "//user@host", "PGPASSFILE")),
    "no server": (["postgresql://localhost:1/db"], 3, ("does not answer", "//user@host", "Check the address")),
    "another database": (["mysql://localhost/db"], 2, ("no database that can", "postgresql://", "export the visits")),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_the_error_says_what_where_what_is_allowed_and_what_next(
    cli: "Run", place: Path, files_in: Callable[[Path], set[str]], case: str
) -> None:
    arguments, code, parts = WRONG[case]
    before, told = files_in(place), set()
    for command, output in COMMANDS.items():
        outcome = cli(command, *arguments, "-o", output)
        outcome.is_clear_error(code, *parts)
        assert (outcome.out, outcome.err.count("\n")) == ("", 1)
        assert "hush" not in outcome.err
        told.add(outcome.err)
    assert len(told) == 1
    assert files_in(place) == before


def test_utf_16_with_its_mark_is_read(cli: "Run", place: Path) -> None:
    (place / "marked.csv").write_text(text(";"), encoding="utf-16")
    for command in ("convert", "check", "metrics"):
        assert cli(command, "marked.csv", "-o", COMMANDS[command]).code == 0
