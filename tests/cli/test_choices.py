"""Choices that leave nothing, folders that hold all tables, and reports of an earlier run."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Data, Make, Run


@pytest.mark.parametrize("command", ["report", "metrics", "summary"])
@pytest.mark.parametrize(
    ("choice", "step"), [(["--care-type", "dentist"], "care_type"), (["--window", "1990-01-01:1991-01-01"], "window")]
)
def test_a_choice_that_leaves_no_visit_says_at_which_step(  # noqa: PLR0917 # fixtures are named, not counted
    cli: "Run", clean: "Data", tmp_path: Path, command: str, choice: list[str], step: str
) -> None:
    output = tmp_path / ("out" if command == "report" else "out.csv")
    more = ["--by", "unit_id"] if command == "summary" else []
    outcome = cli(command, clean.visits, *choice, *more, "--output", output)
    outcome.is_clear_error(2, "No visit of visits.parquet is left", f"'{step}'", choice[1])
    assert not output.exists()


def test_a_folder_of_canonical_tables_is_read_whole(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    apart = cli("check", clean.visits, *clean.beside, "--json").said
    together = cli("check", clean.folder, "--json").said
    assert together["n_rows"] == apart["n_rows"]
    assert set(together["n_rows"]) == {"visits", "patients", "providers"}
    converted = tmp_path / "canonical"
    assert cli("convert", clean.folder, "--output", converted).code == 0
    assert cli("check", converted, "--json").said["n_rows"] == apart["n_rows"]


def test_an_earlier_report_is_left_and_named_when_the_data_now_fail(
    cli: "Run", clean: "Data", make: "Make", tmp_path: Path, files_in: Callable[[Path], set[str]]
) -> None:
    assert cli("report", clean.visits, "--output", tmp_path).code == 0
    before = files_in(tmp_path)
    report = (tmp_path / "report.html").read_bytes()
    outcome = cli("report", make("duplicate_rows").visits, "--output", tmp_path)
    outcome.is_clear_error(4, "report.html in that folder is of an earlier run")
    assert files_in(tmp_path) == before
    assert (tmp_path / "report.html").read_bytes() == report
    shutil.rmtree(tmp_path)
    cli("report", make("duplicate_rows").visits, "--output", tmp_path)
    assert files_in(tmp_path) == {"quality.html"}
