"""Choices that leave nothing, folders that hold all tables, and reports of an earlier run."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

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


def test_summary_gives_the_estimator_and_interval_asked_for(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    """The table of the command line is that of the library, and says how it came about."""
    import continuity as ct

    output = tmp_path / "sex.parquet"
    how = ["--estimator", "pooled", "--interval", "bootstrap", "--replicates", "200", "--seed", "3"]
    outcome = cli("summary", clean.visits, *clean.beside, "--by", "sex", "--index", "coc", *how, "-o", output, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.said["parameters"]["estimator"] == "pooled"
    per_patient = ct.compute(clean.tables.visits, "coc", same_day="patient_provider_day")
    expected = ct.summarise(
        per_patient, "sex", patients=clean.tables.patients, estimator="pooled", interval="bootstrap",
        replicates=200, seed=3,
    )  # fmt: skip
    columns = ["sex", "estimate", "std_error", "ci_low", "ci_high", "estimator", "interval"]
    shown = pl.read_parquet(output).filter(index="coc").drop_nulls("estimate").select(columns)
    assert not shown.is_empty()
    assert_frame_equal(shown, expected.select(columns).join(shown.select("sex"), on="sex", nulls_equal=True))


def test_summary_of_all_says_what_it_leaves_out(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    asked = ["--by", "sex", "--all", "--unknown-provider", "bounds", "-o", tmp_path / "s.csv", "--json"]
    said = cli("summary", clean.visits, *clean.beside, *asked).said
    assert {"ncgu", "upc_standardised"} <= set(said["left_out"])
    assert all("cannot be bounded" in why for why in said["left_out"].values())


def test_pooling_what_has_no_pairs_is_refused(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    asked = ["--by", "sex", "--index", "upc", "--estimator", "pooled", "-o", tmp_path / "s.csv"]
    cli("summary", clean.visits, *clean.beside, *asked).is_clear_error(2, "upc", "Allowed: coc, secon")
    assert not (tmp_path / "s.csv").exists()
