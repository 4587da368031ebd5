"""Input that cannot be used: exit 3, one clear error without a patient's value, and not one file is left behind."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Data, Run

HEADER = b"patient_id;visit_at;provider_id\n"
ROWS = b"".join(b"SECRET%d;2025-01-%02d 14:05;D%d\n" % (n % 9, n % 28 + 1, n % 3) for n in range(90))

COMMANDS = {
    "metrics": ["--output", "out/table.parquet"],
    "summary": ["--by", "unit_id", "--output", "out/table.csv"],
    "convert": ["--output", "out"],
    "check": ["--output", "out"],
    "report": ["--output", "out"],
}


def parquet(path: Path) -> bytes:
    frame = pl.DataFrame({"patient_id": ["SECRET1"], "visit_at": ["2025-01-03"], "provider_id": ["A"]})
    frame.write_parquet(path)
    return path.read_bytes()


BAD: dict[str, tuple[str, Callable[[Path], bytes] | bytes | None, tuple[str, ...]]] = {
    "no such file": ("visits.csv", None, ("no file visits.csv", "check the path")),
    "an empty file": ("visits.csv", b"", ("visits.csv is empty", "a header and rows", "Export")),
    "an empty Parquet file": ("visits.parquet", b"", ("visits.parquet is not a whole parquet file", "again")),
    "a header alone": ("visits.csv", HEADER, ("visits.csv holds a header and no rows", "Check the export")),
    "a missing column": (
        "visits.csv",
        b"patient_id;pvm;provider_id\nSECRET1;2025-01-03;A\n",
        ("'visit_at' is missing from visits.csv", "Found: patient_id, pvm, provider_id", "--columns visit_at="),
    ),
    "10,000 columns and none of ours": (
        "visits.csv",
        b";".join(b"c%d" % n for n in range(10_000)) + b"\n" + b";" * 9_999 + b"x\n",
        ("'patient_id', 'visit_at', 'provider_id' are missing", "and 9,988 more"),
    ),
    "no header": ("visits.csv", ROWS, ("The first row of visits.csv looks like data", "names of the columns")),
    "dates that no calendar has": (
        "visits.csv",
        HEADER + ROWS + b"SECRET1;31.2.2025 14:05;A\nSECRET2;30.2.2025 14:05;A\n",
        ("'visit_at' of visits.csv: 2 rows hold", "data row 91", "31.1.2025 14:05", "Correct the file"),
    ),
    "a CSV cut off in the middle": (
        "visits.csv",
        (HEADER + ROWS)[:-20],
        ("visits.csv: 1 row has more or fewer fields than the header's 3", "may have been cut off", "again"),
    ),
    "a Parquet file cut off in the middle": (
        "visits.parquet",
        lambda path: parquet(path)[:-100],
        ("visits.parquet is not a whole parquet file", "cut off", "again"),
    ),
    "a Parquet file with damaged pages": (
        "visits.parquet",
        lambda path: parquet(path)[:4] + b"\xff" * 200 + parquet(path)[204:],
        ("cannot be read", "again"),
    ),
    "a workbook": ("visits.xlsx", b"PK\x03\x04", ("visits.xlsx is of no form that can be read", ".parquet")),
    "a workbook that calls itself CSV": ("visits.csv", b"PK\x03\x04\0\0", ("visits.csv is no text file", "as CSV")),
    "an open quote": ("visits.csv", HEADER + b'"SECRET1;2025-01-03;A\n' + ROWS * 900, ("a field that does not end",)),
    "an empty folder": ("folder/.hidden", b"x", ("folder names no file: nothing is there", ".parquet", ".ndjson")),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", BAD)
def test_bad_visits(cli: "Run", place: Path, files_in: Callable[[Path], set[str]], command: str, case: str) -> None:
    name, content, parts = BAD[case]
    if content is not None:
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(content(place / name) if callable(content) else content)
    before = files_in(place)
    outcome = cli(command, "folder" if name.startswith("folder") else name, *COMMANDS[command])
    outcome.is_clear_error(3, *parts)
    assert outcome.out == ""
    assert files_in(place) == before


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("option", "content", "part"),
    [
        ("--patients", None, "no file beside.csv"),
        ("--patients", b"", "beside.csv is empty"),
        ("--patients", b"henkilo;synt\nSECRET1;1950\n", "'patient_id' is missing from beside.csv"),
        ("--patients", b"patient_id;birth_year\nSECRET1;syntynyt\n", "'birth_year' of beside.csv: 1 row holds"),
        ("--providers", b"provider_id;fte\nA;puoli\n", "'fte' of beside.csv: 1 row holds"),
    ],
)
def test_bad_tables_beside(
    cli: "Run",
    place: Path,
    files_in: Callable[[Path], set[str]],
    *,
    command: str,
    option: str,
    content: bytes | None,
    part: str,
) -> None:
    (place / "visits.csv").write_bytes(HEADER + ROWS)
    if content is not None:
        (place / "beside.csv").write_bytes(content)
    before = files_in(place)
    cli(command, "visits.csv", option, "beside.csv", *COMMANDS[command]).is_clear_error(3, part)
    assert files_in(place) == before


@pytest.mark.parametrize("command", ["metrics", "convert"])
def test_a_damaged_table_beside_leaves_no_table_behind(
    cli: "Run", clean: "Data", place: Path, files_in: Callable[[Path], set[str]], command: str
) -> None:
    content = bytearray((clean.folder / "patients.parquet").read_bytes())
    content[4 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4)
    (place / "patients.parquet").write_bytes(content)
    arguments = ["--patients", "patients.parquet", "--index", "upc_assigned"]
    arguments = arguments if command == "metrics" else arguments[:2]
    outcome = cli(command, clean.visits, *arguments, *COMMANDS[command])
    outcome.is_clear_error(3, "patients", "cannot be read to the end", "again")
    assert files_in(place) == {"patients.parquet"}


@pytest.mark.parametrize("column", ["patient_id", "visit_at"])
def test_visits_without_a_patient_or_a_time(cli: "Run", place: Path, column: str) -> None:
    row = {"patient_id": b";2025-01-03;A\n", "visit_at": b"SECRET1;;A\n"}[column]
    (place / "visits.csv").write_bytes(HEADER + ROWS + row)
    outcome = cli("metrics", "visits.csv", *COMMANDS["metrics"])
    outcome.is_clear_error(3, f"'{column}' of visits.csv is blank in 1 row", "continuity check")
    assert not (place / "out").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_latin_1_with_semicolons_and_finnish_dates_works(cli: "Run", clean: "Data", place: Path, command: str) -> None:
    visits = clean.tables.visits.with_columns(unit_id="Töölö " + pl.col("unit_id")).drop("reason_codes")
    text = visits.write_csv(separator=";", datetime_format="%-d.%-m.%Y %H:%M", line_terminator="\r\n")
    (place / "käynnit.csv").write_bytes(text.encode("latin-1"))
    outcome = cli(command, "käynnit.csv", *COMMANDS[command])
    assert (outcome.code, outcome.err) == (0, "")
    if command == "convert":
        back = pl.read_parquet("out/visits.parquet")
        columns = [name for name in visits.columns if name in back.columns]
        assert back.select("patient_id", "provider_id", "unit_id").equals(
            visits.select("patient_id", "provider_id", "unit_id")
        )
        assert back["visit_at"].equals(visits["visit_at"].dt.truncate("1m"))
        assert len(columns) == visits.width
