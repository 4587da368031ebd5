"""Households, look-backs and their errors on the command line: each error once, before the visits are worked on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

if TYPE_CHECKING:
    from .conftest import Data, Run

LATER = ["--window", "2025-07-01:2026-01-01"]


def test_a_look_back_within_the_data_and_what_the_file_says_of_it(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    output = tmp_path / "t.parquet"
    asked = ["--index", "kpc_lookback", "--index", "cover_index", *LATER, "--cover-days", "30", "--output", output]
    known = {
        days: cli("metrics", clean.visits, *asked, "--lookback", days, "--json").said["mean"]["kpc_lookback"]
        for days in ("30d", "3mo")
    }
    assert 0 < known["30d"] < known["3mo"] < 1
    parameters = json.loads(pl.read_parquet_metadata(output)["continuity"])["parameters"]
    assert {name: parameters[name] for name in ("lookback", "data_from", "cover_days")} == {
        "lookback": "3mo",
        "data_from": "first visit",
        "cover_days": "30",
    }
    assert "visit_weights" not in parameters


def test_households_have_rows_of_their_own(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    output, patients = tmp_path / "t.parquet", tmp_path / "patients.parquet"
    homes = pl.Series([f"H{n // 2}" for n in range(clean.tables.patients.height)])
    clean.tables.patients.with_columns(household_id=homes).write_parquet(patients)
    asked = ["--patients", patients, "--person", "household", "--index", "coc", "--output", output]
    said = cli("metrics", clean.visits, *asked, "--json").said
    table = pl.read_parquet(output)
    assert table.columns[0] == "household_id"
    assert said["n_patients"] == table.height < clean.tables.visits["patient_id"].n_unique()
    assert said["parameters"]["person"] == "household"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--index", "cocc"], 2, "Did you mean 'coc'?"),
        (["--window", "2026-01-01:2025-01-01"], 2, "is empty"),
        (["--index", "kpc_lookback"], 2, "Needed: a window, and data before it"),
        (
            ["--index", "kpc_lookback", "--window", "2025-02-01:2026-01-01"],
            2,
            "data that start on 2024-02-02 or before",
        ),
        (["--index", "kpc_lookback", "--lookback", "soon"], 2, "lookback cannot be 'soon'"),
        (["--index", "cover_index"], 2, "--cover-days"),
        (["--index", "coc_weighted"], 2, "--visit-weights"),
        (["--index", "coc_weighted", "--visit-weights", "phone"], 2, "--visit-weights cannot be read"),
        (["--min-visits", "0"], 2, "--min-visits"),
        (["--level", "unit", "--person", "household"], 3, "household_id"),
        (["--index", "upc_assigned"], 3, "--patients"),
        (["--index", "years_with_gp"], 3, "listed_from"),
        (["--grain", "list", "--index", "slicc"], 3, "--patients"),
        (["--grain", "period", "--person", "household"], 2, "no grain period"),
    ],
    ids=str,
)
def test_a_bad_parameter_is_one_clear_error(  # noqa: PLR0917 # fixtures are named, not counted
    cli: "Run", clean: "Data", tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    output = tmp_path / "t.csv"
    cli("metrics", clean.visits, *arguments, "--output", output).is_clear_error(code, said)
    assert not output.exists()


def test_a_level_that_no_table_knows_is_one_clear_error(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    visits, output = tmp_path / "visits.parquet", tmp_path / "t.csv"
    clean.tables.visits.select("patient_id", "visit_at", "provider_id").write_parquet(visits)
    outcome = cli("metrics", visits, "--level", "team", "--output", output)
    outcome.is_clear_error(3, "team_id", "--providers")
    assert not output.exists()
