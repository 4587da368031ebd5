"""What the commands write and say: the documented columns, a note in the file, JSON that parses, quiet when asked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from continuity.metrics import index, keys

if TYPE_CHECKING:
    from tests.cli.conftest import Data, Run

SYNTHEA = Path(__file__).parents[2].parent / "shared" / "data" / "synthea_unmc"
needs_synthea = pytest.mark.skipif(not SYNTHEA.is_dir(), reason="the shared Synthea data are not beside this checkout")
HEAD = ["patient_id", "window_start", "window_end", "n_visits", "n_providers"]


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, try_parse_dates=True) if path.suffix == ".csv" else pl.read_parquet(path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_wide_table_has_a_column_for_each_index(cli: "Run", clean: "Data", tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"t.{ending}"
    assert cli("metrics", clean.visits, "--index", "secon", "--index", "coc", "--output", output).code == 0
    table = read(output)
    assert table.columns == [*HEAD, "secon", "coc", "undefined_reason"]
    assert table["patient_id"].n_unique() == table.height == clean.tables.visits["patient_id"].n_unique()
    few = table.filter(pl.col("n_visits") < 3)
    assert set(few["undefined_reason"]) == {"below_min_visits", "no_visits"}  # no visits: none to a known provider
    assert few["coc"].null_count() == few.height


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_long_table_has_a_row_for_each_index(cli: "Run", clean: "Data", tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"t.{ending}"
    arguments = ["--index", "secon", "--index", "coc", "--format", "long", "--output", output]
    assert cli("metrics", clean.visits, *arguments).code == 0
    table = read(output)
    assert table.columns == [*HEAD, "index", "value", "undefined_reason"]
    assert table.group_by("index").len().sort("index").rows() == [
        (key, clean.tables.visits["patient_id"].n_unique()) for key in ("coc", "secon")
    ]
    assert (table["value"].is_null() == table["undefined_reason"].is_not_null()).all()


def test_csv_and_parquet_hold_the_same_numbers(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    for ending in ("csv", "parquet"):
        cli("metrics", clean.visits, "--all", "--output", tmp_path / f"t.{ending}")
    keyed = [
        read(tmp_path / f"t.{ending}").select("patient_id", "n_visits", "upc", "coc") for ending in ("csv", "parquet")
    ]
    assert_frame_equal(*keyed, check_row_order=False, abs_tol=0, rel_tol=0)


def test_all_means_every_index_that_the_data_allow(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    output = tmp_path / "t.parquet"
    said = cli("metrics", clean.visits, "--all", "--output", output, "--json").said
    weighted = {"coc_weighted", "upc_weighted"}
    looking = {"cover_index", "kpc_lookback", "wolinsky"}
    assert set(said["left_out"]) == {"upc_assigned", "years_with_gp", *weighted, *looking}
    assert read(output).columns == [*HEAD, *(key for key in keys() if key not in said["left_out"]), "undefined_reason"]
    given = ("--data-from", "2020-01-01", "--cover-days", "200", "--visit-weights", "phone=0.5")
    cli("metrics", clean.visits, *clean.beside, "--all", *given, "--output", output)
    assert read(output).columns == [*HEAD, *keys(), "undefined_reason"]
    parameters = json.loads(pl.read_parquet_metadata(output)["continuity"])["parameters"]
    assert parameters["visit_weights"] == "phone=1/2"
    assert (parameters["data_from"], parameters["cover_days"]) == ("2020-01-01", "200")


def test_all_with_bounds_leaves_out_what_cannot_be_bounded_and_says_so(
    cli: "Run", clean: "Data", tmp_path: Path
) -> None:
    output = tmp_path / "t.parquet"
    ruled = ("--unknown-provider", "bounds", "--output", output)
    said = cli("metrics", clean.visits, "--all", *ruled, "--json").said
    counted = {key for key in keys() if not index(key).bounded}
    assert set(said["left_out"]) == {"upc_assigned", *counted}
    assert "cannot be bounded" in said["left_out"]["ncgu"]
    assert "ncgu_low" not in read(output).columns
    assert cli("metrics", clean.visits, "--index", "ncgu", *ruled).code == 2


def test_the_parquet_file_says_how_it_was_made(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    output = tmp_path / "t.parquet"
    cli("metrics", clean.visits, "--min-visits", "2", "--same-day", "patient_day", "--output", output)
    note = json.loads(pl.read_parquet_metadata(output)["continuity"])
    assert note["parameters"]["min_visits"] == "2"
    assert note["parameters"]["same_day"] == "patient_day"
    assert note["indices"] == ["upc", "coc", "secon"]
    assert {"continuity", "polars", "python"} <= note["versions"].keys()


def test_rolling_windows_are_rows(cli: "Run", clean: "Data", tmp_path: Path) -> None:
    output = tmp_path / "t.parquet"
    window = ["--window", "2025-01-01:2026-01-01", "--every", "3mo", "--period", "6mo"]
    assert cli("metrics", clean.visits, *window, "--output", output).code == 0
    starts = read(output)["window_start"].dt.date().unique().sort().dt.to_string().to_list()
    assert starts == ["2025-01-01", "2025-04-01", "2025-07-01"]


WRITING = {
    "metrics": ["--output", "t.csv"],
    "summary": ["--by", "unit_id", "--output", "t.csv"],
    "convert": ["--output", "out"],
    "check": ["--output", "out"],
    "report": ["--output", "out"],
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", WRITING)
def test_json_is_all_that_stands_on_stdout(cli: "Run", clean: "Data", place: Path, command: str) -> None:
    outcome = cli(command, clean.visits, *clean.beside, *WRITING[command], "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert isinstance(outcome.said, dict)


@pytest.mark.parametrize("command", WRITING)
def test_quiet_says_nothing(cli: "Run", clean: "Data", place: Path, command: str) -> None:
    outcome = cli(command, clean.visits, *clean.beside, *WRITING[command], "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


def test_json_of_metrics_has_no_nan_where_nobody_has_a_value(cli: "Run", clean: "Data", place: Path) -> None:
    said = cli("metrics", clean.visits, "--min-visits", "1000", "--output", "t.csv", "--json").said
    assert said["mean"] == {"upc": None, "coc": None, "secon": None}
    assert said["n_below_min_visits"] == said["n_rows"]


@pytest.mark.parametrize(
    "by", ["unit_id", "unit_id,role", "team_id", "sex", "language", "age_band", "area_code", "role"]
)
def test_summary_by_every_documented_column(cli: "Run", clean: "Data", place: Path, by: str) -> None:
    outcome = cli("summary", clean.visits, *clean.beside, "--by", by, "--index", "coc", "--output", "t.parquet")
    assert (outcome.code, outcome.err) == (0, "")
    table = read(place / "t.parquet")
    assert {*by.split(","), "index", "n_patients", "estimate", "ci_low", "ci_high"} <= set(table.columns)
    assert "patient_id" not in table.columns
    shown = table.filter(pl.col("n_patients").is_not_null())
    assert shown["n_patients"].min() >= 5  # type: ignore[operator]


@pytest.mark.parametrize(
    "column",
    [
        "patient_id",
        "visit_id",
        "household_id",
        "visit_at",
        "workload",
        "provider_id",
        "listed_provider_id",
        "unit_id,patient_id",
    ],
)
def test_summary_by_a_person_a_visit_or_a_moment_is_refused(
    cli: "Run", clean: "Data", place: Path, column: str
) -> None:
    outcome = cli("summary", clean.visits, *clean.beside, "--by", column, "--index", "coc", "--output", "t.parquet")
    outcome.is_clear_error(2, column.rsplit(",", maxsplit=1)[-1], "unit_id")
    assert not (place / "t.parquet").exists()


def test_summary_by_a_column_that_is_not_there(cli: "Run", clean: "Data", place: Path) -> None:
    outcome = cli("summary", clean.visits, "--by", "sex", "--output", "t.csv")
    outcome.is_clear_error(3, "'sex' is missing from the visits and the patients")
    assert not (place / "t.csv").exists()


def test_an_account_of_a_conversion(
    cli: "Run", clean: "Data", place: Path, files_in: Callable[[Path], set[str]]
) -> None:
    said = cli("convert", clean.visits, *clean.beside, "--output", "out", "--json").said
    assert files_in(place / "out") == {"visits.parquet", "patients.parquet", "providers.parquet", "conversion.json"}
    assert said == json.loads((place / "out" / "conversion.json").read_text())
    assert said["rows_written"] == {
        name: getattr(clean.tables, name).height for name in ("visits", "patients", "providers")
    }


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_conversion_changes_no_index(cli: "Run", clean: "Data", place: Path, ending: str) -> None:
    visits = clean.tables.visits.drop("reason_codes")
    visits.write_csv(place / "v.csv") if ending == "csv" else visits.write_parquet(place / "v.parquet")
    cli("convert", f"v.{ending}", "--output", "out")
    cli("metrics", f"v.{ending}", "--all", "--output", "before.parquet")
    cli("metrics", "out/visits.parquet", "--all", "--output", "after.parquet")
    assert_frame_equal(read(place / "before.parquet"), read(place / "after.parquet"), rel_tol=0, abs_tol=0)


@needs_synthea
@pytest.mark.parametrize("source", ["auto", "synthea"])
def test_synthea_gives_the_mean_that_its_readme_states(cli: "Run", place: Path, source: str) -> None:
    care = ["--care-type", "ambulatory,outpatient,wellness", "--min-visits", "3", "--source", source]
    said = cli("metrics", SYNTHEA / "encounters.csv", *care, "--output", "t.parquet", "--json").said
    assert said["mean"]["coc"] == pytest.approx(0.5733969429, abs=1e-9)
    assert said["mean"]["upc"] == pytest.approx(0.6819774062, abs=1e-9)
    assert read(place / "t.parquet")["coc"].mean() == pytest.approx(0.5733969429, abs=1e-9)
    assert (read(place / "t.parquet")["coc"].count(), said["n_patients"]) == (110, 111)


@needs_synthea
def test_synthea_converted_gives_the_same_mean(cli: "Run", place: Path) -> None:
    assert cli("convert", SYNTHEA / "encounters.csv", "--source", "synthea", "--output", "out").code == 0
    care = ["--care-type", "ambulatory,outpatient,wellness", "--min-visits", "3"]
    said = cli("metrics", "out/visits.parquet", *care, "--output", "t.parquet", "--json").said
    assert said["mean"]["coc"] == pytest.approx(0.5733969429, abs=1e-9)


@needs_synthea
def test_days_are_those_of_the_zone_named(cli: "Run", place: Path) -> None:
    rules = [
        "--care-type",
        "ambulatory,outpatient,wellness",
        "--same-day",
        "patient_provider_day",
        "--time-zone",
        "UTC",
    ]
    said = cli("metrics", SYNTHEA / "encounters.csv", *rules, "--output", "t.parquet", "--json").said
    assert said["n_visits"] == 6_572
    assert said["mean"]["coc"] == pytest.approx(0.5727766787, abs=1e-9)


@needs_synthea
def test_a_report_on_synthea(cli: "Run", place: Path) -> None:
    outcome = cli("report", SYNTHEA / "encounters.csv", "--source", "synthea", "--output", "out", "--language", "fi")
    assert (outcome.code, outcome.err) == (0, "")
    assert '<html lang="fi"' in (place / "out" / "report.html").read_text()


def test_the_demo_is_a_whole_report(cli: "Run", place: Path, files_in: Callable[[Path], set[str]]) -> None:
    outcome = cli("demo", "--output", "out", "--patients", "3000", "--language", "sv", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert {"report.html", "report.xlsx", "quality.html", "manifest.json"} < files_in(place / "out")
    assert outcome.said["n_patients"] > 500
    assert '<html lang="sv"' in (place / "out" / "report.html").read_text()


def test_the_catalogue(cli: "Run") -> None:
    assert set(cli("indices", "--json").said) == set(keys(None))
    for key in keys(None):
        assert cli("indices", key, "--language", "fi", "--json").said["key"] == key
    cli("indices", "cox").is_clear_error(2, "Did you mean 'coc'?")
