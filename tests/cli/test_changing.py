"""A file that somebody writes to while a command reads it: exit 3, the file is named, and no output is left."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from continuity.cli import talk

if TYPE_CHECKING:
    from tests.cli.conftest import Data, Run

    Files = Callable[[Path], set[str]]

COMMANDS = {
    "convert": ["-o", "out"],
    "metrics": ["-o", "out/t.parquet"],
    "metrics of groups": ["--grain", "provider", "-o", "out/t.csv"],
    "summary": ["--by", "unit_id", "-o", "out/t.csv"],
    "check": ["-o", "out"],
    "report": ["-o", "out"],
    "assign": ["--infeasible", "nearest", "--no-curve", "-o", "out"],
    "evaluate": ["--design", "compare", "--index", "upc", "--by", "sex", "-o", "out"],
}


@pytest.fixture
def place(clean: "Data", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    clean.tables.visits.drop("reason_codes", strict=False).write_csv(tmp_path / "visits.csv")
    clean.tables.patients.write_parquet(tmp_path / "patients.parquet")
    clean.tables.providers.write_parquet(tmp_path / "providers.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arguments(case: str) -> list[str]:
    command = case.split(maxsplit=1)[0]
    visits = ["--visits", "visits.csv"] if command == "assign" else ["visits.csv"]
    beside = ["--patients", "patients.parquet", "--providers", "providers.parquet"]
    return [command, *visits, *beside, *COMMANDS[case]]


def meddling(monkeypatch: pytest.MonkeyPatch, at: str, meddle: Callable[[], object]) -> list[str]:
    """Let somebody meddle when a command says that it starts a step; give the steps that it says."""
    steps: list[str] = []

    def heard(step: str) -> None:
        steps.append(step)
        if step == at:
            meddle()

    @contextmanager
    def progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
        yield heard

    monkeypatch.setattr(talk, "progress", progress)
    return steps


@pytest.mark.parametrize("case", COMMANDS)
def test_a_table_that_grows_after_it_was_read(
    cli: "Run", place: Path, files_in: "Files", case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step before the output: all is read, and the numbers are of a file that is no more."""
    before = files_in(place)
    path = place / "patients.parquet"
    last = "check" if case == "check" else "write"
    steps = meddling(monkeypatch, last, lambda: path.write_bytes(path.read_bytes() + b"more"))
    cli(*arguments(case)).is_clear_error(3, "patients.parquet changed while it was read", "start again")
    assert steps[-1] == last
    assert files_in(place) == before


@pytest.mark.parametrize("case", COMMANDS)
def test_the_change_is_named_and_not_what_it_did_to_the_rows(
    cli: "Run", place: Path, files_in: "Files", case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the file is there when it is read: without a look at the files this is called ragged or cut off."""
    before = files_in(place)
    path = place / "visits.csv"
    data = path.read_bytes()
    meddling(monkeypatch, "read", lambda: path.write_bytes(data[: len(data) // 2 - 7]))
    cli(*arguments(case)).is_clear_error(3, "visits.csv changed while it was read")
    assert files_in(place) == before
    path.write_bytes(data)
    meddling(monkeypatch, "read", path.unlink)
    cli(*arguments(case)).is_clear_error(3, "visits.csv changed while it was read")


@pytest.mark.parametrize("case", ["convert", "metrics", "check", "summary"])
def test_somebody_who_writes_all_the_time(cli: "Run", place: Path, files_in: "Files", case: str) -> None:
    """An export that is still running: rows come at moments that nobody chose."""
    before, is_over = files_in(place), threading.Event()
    row = (place / "visits.csv").read_text().splitlines()[-1]

    def export() -> None:
        with (place / "visits.csv").open("a", buffering=1) as file:
            while not is_over.wait(0.002):
                file.write(f"{row}\n")

    with_export = threading.Thread(target=export)
    with_export.start()
    try:
        outcome = cli(*arguments(case))
    finally:
        is_over.set()
        with_export.join()
    outcome.is_clear_error(3, "visits.csv changed while it was read")
    assert files_in(place) == before


def test_a_file_that_comes_into_the_folder_is_noticed(
    cli: "Run", place: Path, files_in: "Files", monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "years").mkdir()
    (place / "visits.csv").rename(place / "years" / "2024.csv")
    meddling(monkeypatch, "write", lambda: (place / "years" / "2025.csv").write_text("patient_id\n"))
    cli("metrics", "years", "-o", "t.csv").is_clear_error(3, "2025.csv changed while it was read")
    assert not (place / "t.csv").exists()


def test_what_happens_to_a_file_after_it_was_read_does_not_matter(cli: "Run", place: Path) -> None:
    """An output may lie among the files that were read, and be one of them in the next run."""
    (place / "years").mkdir()
    (place / "visits.csv").rename(place / "years" / "2024.csv")
    assert cli("metrics", "years/2*.csv", "-o", "years/2025.csv").code == 0
    assert pl.read_csv(place / "years" / "2025.csv").height
