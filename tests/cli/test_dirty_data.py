"""Dirt in the data: a warning is shown and the work is done; a critical failure leaves the quality page and no more."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from continuity.synthetic.dirt import HOSTILE

if TYPE_CHECKING:
    from tests.cli.conftest import Make, Run

WARNINGS = {
    "blank_provider": "The provider is known for at least 90 % of visits",
    "unknown_patient": "The patient of every visit is in the table of patients",
    "unknown_provider_id": "The provider of every visit is in the table of providers",
    "bad_code": "The provider's role is a known word",
    "visit_before_birth": "No visit is before the patient's birth year",
    "future_visit": "No visit lies in the future",
    "visit_after_enrolment": "No visit is after the end of enrolment",
    "assessed_after_visit": "The assessment of need is not later than the visit",
    "busy_patient": "Nobody has more than 366 visits in a year",
    "pooled_login": "No provider has more than 200 visits on a day",
}
CRITICAL = ("duplicated_visit_id", "duplicate_rows")
REPORT = {"report.html", "report.xlsx", "quality.html", "manifest.json"}


@pytest.mark.parametrize("dirt", WARNINGS)
def test_a_warning_is_shown_and_the_file_passes(cli: "Run", make: "Make", tmp_path: Path, dirt: str) -> None:
    data = make(dirt)
    outcome = cli("check", data.visits, *data.beside, "--output", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert WARNINGS[dirt] in outcome.out
    assert "0 critical" in outcome.out
    said = cli("check", data.visits, *data.beside, "--json").said
    failed = [finding for finding in said["findings"] if not finding["success"]]
    assert {finding["severity"] for finding in failed} == {"warning"}


def test_clean_data_have_no_warning(cli: "Run", make: "Make") -> None:
    data = make()
    outcome = cli("check", data.visits, *data.beside)
    assert "0 critical and 0 warnings failed" in outcome.out


@pytest.mark.parametrize("dirt", ["blank_provider", "visit_before_birth", "busy_patient", "hostile_ids"])
def test_a_report_on_data_with_a_warning_is_whole(
    cli: "Run", make: "Make", tmp_path: Path, files_in: Callable[[Path], set[str]], dirt: str
) -> None:
    data = make(dirt)
    outcome = cli("report", data.visits, *data.beside, "--output", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    found = files_in(tmp_path / "out")
    assert found > REPORT
    assert {Path(name).suffix for name in found - REPORT} == {".parquet", ".csv", ".svg", ".png"}
    assert ("Warnings about the data: 0" in outcome.out) == (dirt == "hostile_ids")
    if dirt in WARNINGS:
        assert WARNINGS[dirt] in (tmp_path / "out" / "quality.html").read_text().replace("&#39;", "'")


@pytest.mark.parametrize("dirt", CRITICAL)
def test_a_critical_failure_leaves_the_quality_page_alone(
    cli: "Run", make: "Make", tmp_path: Path, files_in: Callable[[Path], set[str]], dirt: str
) -> None:
    data = make(dirt)
    outcome = cli("report", data.visits, *data.beside, "--output", tmp_path)
    outcome.is_clear_error(
        4, "visits.parquet fails 1 critical", "At most 1 % of visit ids are repeated", "quality.html"
    )
    assert outcome.out == ""
    assert files_in(tmp_path) == {"quality.html"}


@pytest.mark.parametrize("dirt", CRITICAL)
def test_check_says_what_is_critical(
    cli: "Run", make: "Make", tmp_path: Path, files_in: Callable[[Path], set[str]], dirt: str
) -> None:
    data = make(dirt)
    outcome = cli("check", data.visits, *data.beside, "--output", tmp_path)
    outcome.is_clear_error(4, "visits.parquet fails 1 critical", "quality.html")
    assert files_in(tmp_path) == {"quality.html", "quality.json"}
    assert cli("check", data.visits, *data.beside, "--json").said["passed"] is False


@pytest.mark.parametrize("dirt", CRITICAL)
def test_a_summary_of_critical_data_is_not_written(
    cli: "Run", make: "Make", tmp_path: Path, files_in: Callable[[Path], set[str]], dirt: str
) -> None:
    data = make(dirt)
    outcome = cli("summary", data.visits, *data.beside, "--by", "unit_id", "--output", tmp_path / "t.csv")
    outcome.is_clear_error(4, "fails 1 critical", "continuity check")
    assert files_in(tmp_path) == set()


def test_a_third_of_visits_without_a_provider_is_said_by_metrics(cli: "Run", make: "Make", tmp_path: Path) -> None:
    data = make("blank_provider")
    said = cli("metrics", data.visits, "--output", tmp_path / "t.parquet", "--json").said
    assert said["unknown_share"] == pytest.approx(1 / 3, abs=0.05)
    table = pl.read_parquet(tmp_path / "t.parquet")
    known = data.tables.visits.filter(pl.col("provider_id").str.strip_chars() != "")
    assert table["n_visits"].sum() == known.height == said["n_visits"]


def test_a_patient_with_five_thousand_visits_is_one_row(cli: "Run", make: "Make", tmp_path: Path) -> None:
    data = make("busy_patient")
    assert cli("metrics", data.visits, "--all", "--output", tmp_path / "t.parquet").code == 0
    table = pl.read_parquet(tmp_path / "t.parquet")
    busy = table.filter(pl.col("n_visits") > 4_000)  # some of the 5,000 have no provider
    assert busy.height == 1
    assert all(0 <= value <= 1 for value in busy.select("upc", "coc", "hhi", "k_index", "secon").row(0))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_hostile_ids_stay_what_they_are(cli: "Run", make: "Make", tmp_path: Path, ending: str) -> None:
    data = make("hostile_ids")
    output = tmp_path / f"t.{ending}"
    assert cli("metrics", data.visits, "--output", output).code == 0
    table = pl.read_csv(output) if ending == "csv" else pl.read_parquet(output)
    visitors = set(data.tables.visits["patient_id"])
    assert set(HOSTILE) & visitors
    assert set(table["patient_id"]) == visitors


def test_nothing_runs_in_the_page_or_the_workbook(cli: "Run", make: "Make", tmp_path: Path) -> None:
    import openpyxl

    data = make("hostile_ids")
    cli("report", data.visits, *data.beside, "--output", tmp_path)
    for page in ("report.html", "quality.html"):
        text = (tmp_path / page).read_text()
        assert "<script>alert" not in text
        assert "javascript:" not in text
    assert "&lt;script&gt;alert(1)" in (tmp_path / "report.html").read_text()  # the unit of that name is there, as text
    book = openpyxl.load_workbook(tmp_path / "report.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert any(str(cell.value) == HOSTILE[0] for cell in cells)
    assert not [cell.coordinate for cell in cells if cell.data_type == "f"]
    assert not [cell.coordinate for cell in cells if cell.hyperlink and "invalid" in str(cell.hyperlink.target)]


def test_no_patient_stands_in_any_file_of_a_report(
    cli: "Run", make: "Make", tmp_path: Path, files_in: Callable[[Path], set[str]]
) -> None:
    data = make("visit_before_birth")
    cli("report", data.visits, *data.beside, "--output", tmp_path)
    cli("check", data.visits, *data.beside, "--output", tmp_path)
    patients = set(data.tables.patients["patient_id"])
    for name in files_in(tmp_path):
        if name.endswith(".parquet"):
            frame = pl.read_parquet(tmp_path / name)
            assert "patient_id" not in frame.columns
            words = {value for column in frame.select(pl.col(pl.String)) for value in column}
            assert not patients & words
        elif not name.endswith((".xlsx", ".png")):  # a picture is drawn from an SVG that stands beside it
            text = (tmp_path / name).read_text()
            assert not [patient for patient in patients if patient in text]
