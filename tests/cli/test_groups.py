"""`continuity metrics --grain`: rows about groups."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

if TYPE_CHECKING:
    from .conftest import Data, Run

COLUMN = {"list": ["listed_provider_id"], "provider": ["provider_id"], "unit": ["unit_id"], "period": []}
WINDOW = ["window_start", "window_end"]
COUNTS = ["n_patients", "n_undefined", "n_visits"]


@pytest.mark.parametrize("grain", COLUMN)
def test_every_grain_writes_its_table(cli: "Run", clean: "Data", tmp_path: Path, grain: str) -> None:
    output = tmp_path / "t.parquet"
    said = cli("metrics", clean.visits, *clean.beside, "--grain", grain, "--all", "--output", output, "--json").said
    table = pl.read_parquet(output)
    assert table.columns[: len(COLUMN[grain]) + 5] == [*COLUMN[grain], *WINDOW, *COUNTS]
    assert said["n_rows"] == table.height > 0
    assert (said["about_persons"] is not None) == (grain in ("list", "provider"))
    assert json.loads(pl.read_parquet_metadata(output)["continuity"])["parameters"]["grain"] == grain


def test_rows_about_providers_are_said_to_be_personal_data(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    arguments = ["--grain", "provider", "--index", "coc_at_least", "--threshold", "0.5"]
    outcome = cli("metrics", clean.visits, *arguments, "--output", tmp_path / "t.csv")
    assert outcome.code == 0
    assert "personal data of employees: not for publication" in outcome.out


def test_what_a_grain_does_not_have(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    beside = ["--output", tmp_path / "t.csv"]
    cli("metrics", clean.visits, "--grain", "unit", "--index", "coc", *beside).is_clear_error(2, "mean_coc")
    cli("metrics", clean.visits, "--index", "slicc", *beside).is_clear_error(2, "list, unit, period")
    cli("metrics", clean.visits, "--grain", "list", *beside).is_clear_error(3, "--patients")
    cli("metrics", clean.visits, "--threshold", "0.5", *beside).is_clear_error(2, "--grain")
    cli("summary", clean.visits, "--by", "unit_id", "--index", "slicc", *beside).is_clear_error(2, "no grain patient")
    assert not (tmp_path / "t.csv").exists()
