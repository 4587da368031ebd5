"""The manifest lists every file of a run and nothing else, and an earlier run is compared before all is written."""

import csv
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from continuity.cli.main import run
from continuity.reports.manifest import MOST_FILES, batch_numbers

if TYPE_CHECKING:
    from tests.cli.conftest import Data, Make, Run

YEAR = ["--window", "2025-01-01:2026-01-01"]
COMMANDS = {
    "report": ["report", *YEAR, "--language", "sv"],
    "compare": ["evaluate", *YEAR, "--design", "compare", "--index", "coc", "--by", "unit_id", "--min-providers", "2"],
    "its": [
        *("evaluate", *YEAR, "--every", "1mo", "--period", "1mo", "--design", "its", "--index", "upc"),
        *("--rollout", "starts.csv", "--min-visits", "2"),
    ],
}
TABLES = {"report": "tables/unit.parquet", "compare": "effects.parquet", "its": "effects.parquet"}
BENT = json.dumps(
    {"input": {}, "parameters": {}, "choices": {}, "limits": {}, "windows": [{"start": "today"}], "outputs": [1]}
)
SAID = {"file", "batch", "type", "results", "variables", "units_counted", "smallest_cell", "rules_passed", "deviations"}


def listed(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return said


@pytest.fixture(scope="module")
def made(make: "Make", tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Run each command that writes a folder."""
    data, place = make(), tmp_path_factory.mktemp("runs")
    units = data.tables.patients["unit_id"].unique().sort()
    starts = pl.DataFrame({"unit_id": units, "starts_at": ["2025-07-01"] + [None] * (len(units) - 1)})
    starts.write_csv(place / "starts.csv")
    for name, (command, *asked) in COMMANDS.items():
        given = [str(place / part) if part == "starts.csv" else part for part in asked]
        assert run([command, str(data.visits), *map(str, data.beside), *given, "-o", str(place / name), "-q"]) == 0
    return {name: place / name for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_file_is_listed_and_nothing_else(made: dict[str, Path], name: str) -> None:
    folder = made[name]
    said = listed(folder)
    outputs = {output["file"]: output for output in said["outputs"]}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(outputs) | {"manifest.json"} == there
    assert len(outputs) == len(said["outputs"])
    for file, output in outputs.items():
        data = (folder / file).read_bytes()
        assert (output["sha256"], output["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert set(output) >= SAID
        if output["type"] in {"page", "workbook", "table", "figure", "document"} and file != "quality.html":
            assert {"patients"} <= set(output["units_counted"])
            assert output["variables"]
            assert {"rule": "min_patients", "limit": 5} in output["rules_passed"]
            assert output["smallest_cell"] is None or output["smallest_cell"] >= 5
    table = pl.read_parquet(folder / TABLES[name])
    entry = outputs[TABLES[name]]
    assert [variable["name"] for variable in entry["variables"]] == table.columns
    assert entry["smallest_cell"] == table["n_patients"].min()
    assert entry["n_suppressed"] == table.filter(undefined_reason="suppressed").height
    assert {"sha256", "patients_sha256", "providers_sha256"} <= set(said["input"])
    assert {rule["rule"] for output in outputs.values() for rule in output["rules_passed"]} == set(said["rules"])


@pytest.mark.parametrize("name", COMMANDS)
def test_batches_hold_every_file_once_and_no_more_than_a_check_takes(made: dict[str, Path], name: str) -> None:
    said = listed(made[name])
    files = [file for batch in said["batches"] for file in batch["files"]]
    assert sorted(files) == sorted(["manifest.json", *(output["file"] for output in said["outputs"])])
    assert all(batch["n_files"] == len(batch["files"]) <= MOST_FILES for batch in said["batches"])
    for output in said["outputs"]:
        assert output["file"] in said["batches"][output["batch"] - 1]["files"]


def test_files_of_one_figure_stay_together() -> None:
    groups = [f"table {n}" for n in range(40)] + [f"figure {n // 5}" for n in range(60)]
    numbers = batch_numbers(groups)
    assert numbers == sorted(numbers)
    assert [numbers.count(number) for number in sorted(set(numbers))] == [45, 50, 5]
    for group in set(groups):
        assert len({number for number, of in zip(numbers, groups, strict=True) if of == group}) == 1


def test_the_list_can_be_read_and_says_the_same(made: dict[str, Path]) -> None:
    said = {output["file"]: output for output in listed(made["report"])["outputs"]}
    with (made["report"] / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["Fil"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(said) - {"manifest.csv"}
    for file, row in rows.items():
        assert row["sha256"] == said[file]["sha256"]
        assert row["Parti"] == str(said[file]["batch"])
        assert all(rule["rule"] in row["Uppfyllda regler"] for rule in said[file]["rules_passed"])
    assert "Räknar rader" in rows["quality.html"]["Avvikelser som ska motiveras"]


def test_lowered_limits_and_what_is_not_judged_are_deviations(made: dict[str, Path]) -> None:
    effects = next(one for one in listed(made["compare"])["outputs"] if one["file"] == "effects.parquet")
    lowered = [one["rule"] for one in effects["deviations"] if one["deviation"] == "below_usual"]
    assert lowered == ["min_providers"]
    assert {"rule": "min_providers", "limit": 2} in effects["rules_passed"]
    flow = next(one for one in listed(made["report"])["outputs"] if one["file"] == "tables/flow.parquet")
    assert [one["rule"] for one in flow["deviations"]] == ["min_providers", "max_provider_share"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_has_its_manifest_beside_it(cli: "Run", clean: "Data", tmp_path: Path, ending: str) -> None:
    asked = [clean.visits, *clean.beside, "--by", "unit_id,role", "--index", "coc", *YEAR]
    said = cli("summary", *asked, "-o", tmp_path / f"t.{ending}", "--json").said
    assert said["manifest"] == str(tmp_path / f"t.{ending}.manifest.json")
    found = json.loads(Path(said["manifest"]).read_text("utf-8"))
    (output,) = found["outputs"]
    data = (tmp_path / f"t.{ending}").read_bytes()
    assert (output["file"], output["sha256"]) == (f"t.{ending}", hashlib.sha256(data).hexdigest())
    assert (output["n_suppressed"], output["smallest_cell"]) == (said["n_suppressed"], said["smallest_cell"])
    assert found["choices"]["by"] == ["unit_id", "role"]
    assert found["windows"] == [{"start": "2025-01-01T00:00:00", "end": "2026-01-01T00:00:00"}]


class TestAnEarlierRun:
    """Two runs on the same visits are subtracted before the second is written."""

    ASKED = ("--by", "unit_id", "--index", "coc")

    @pytest.fixture(params=["csv", "parquet"])
    def first(self, cli: "Run", clean: "Data", tmp_path: Path, request: pytest.FixtureRequest) -> Path:
        table = tmp_path / f"first.{request.param}"
        assert cli("summary", clean.visits, *clean.beside, *self.ASKED, *YEAR, "-o", table).code == 0
        return table.with_name(f"{table.name}.manifest.json")

    @pytest.mark.parametrize("window", ["2025-01-01:2025-12-30", "2025-01-06:2026-01-01"])
    def test_a_few_days_more_or_less_are_refused(
        self, cli: "Run", clean: "Data", tmp_path: Path, first: Path, window: str
    ) -> None:
        asked = ("--window", window, "-o", tmp_path / "second.csv", "--previous-manifest", first)
        outcome = cli("summary", clean.visits, *clean.beside, *self.ASKED, *asked)
        outcome.is_clear_error(
            6, "would tell about fewer than 5", "summary (", "they differ in: windows", "Publish only"
        )
        assert not (tmp_path / "second.csv").exists()

    def test_the_report_looks_back_too(self, cli: "Run", clean: "Data", tmp_path: Path, first: Path) -> None:
        asked = ("--window", "2025-01-01:2025-12-30", "-o", tmp_path / "out", "--previous-manifest", first)
        cli("report", clean.visits, *clean.beside, *asked).is_clear_error(6, "unit (")
        assert not (tmp_path / "out").exists()

    def test_the_same_run_again_and_other_indices_tell_nothing(
        self, cli: "Run", clean: "Data", tmp_path: Path, first: Path
    ) -> None:
        asked = [clean.visits, *clean.beside, "--by", "unit_id", *YEAR, "-o", tmp_path / "second.csv"]
        again = cli("summary", *asked, "--index", "coc", "--previous-manifest", first, "--json").said["earlier_runs"][0]
        assert again["same_input"]
        assert not again["differs"]
        assert "The same run again" in again["text"]
        other = cli("summary", *asked, "--index", "coc", "--index", "upc", "--previous-manifest", first, "--json")
        (beside,) = other.said["earlier_runs"]
        assert [one["name"] for one in beside["differs"]] == ["indices"]
        assert beside["n_cells_compared"] > 0
        assert beside["n_near"] == 0
        found = json.loads((tmp_path / "second.csv.manifest.json").read_text("utf-8"))
        assert found["earlier_runs"] == [beside]

    def test_a_window_that_only_overlaps_is_a_warning(
        self, cli: "Run", clean: "Data", tmp_path: Path, first: Path
    ) -> None:
        asked = ("--window", "2025-01-06:2026-01-06", "-o", tmp_path / "second.csv", "--previous-manifest", first)
        outcome = cli("summary", clean.visits, *clean.beside, *self.ASKED, *asked)
        assert outcome.code == 0, outcome.err
        assert "differs in windows" in outcome.out

    def test_another_file_of_visits_is_said(self, cli: "Run", clean: "Data", tmp_path: Path, first: Path) -> None:
        clean.tables.visits.head(3_000).write_parquet(tmp_path / "visits.parquet")
        asked = (*self.ASKED, *YEAR, "-o", tmp_path / "second.csv", "--previous-manifest", first)
        outcome = cli("summary", tmp_path / "visits.parquet", *clean.beside, *asked)
        assert outcome.code == 0, outcome.err
        assert "another file" in outcome.out

    def test_tables_that_are_gone_or_changed_are_not_compared(
        self, cli: "Run", clean: "Data", tmp_path: Path, first: Path
    ) -> None:
        first.with_name(first.name.removesuffix(".manifest.json")).write_bytes(b"another")
        asked = ("--window", "2025-01-01:2025-12-30", "-o", tmp_path / "second.csv", "--previous-manifest", first)
        outcome = cli("summary", clean.visits, *clean.beside, *self.ASKED, *asked)
        assert outcome.code == 0, outcome.err
        assert "nothing could be compared" in outcome.out

    @pytest.mark.parametrize("text", [None, "no json", "[]", '{"outputs": []}', '{"input": {}, "windows": 1}', BENT])
    def test_what_is_no_manifest_is_refused(self, cli: "Run", clean: "Data", tmp_path: Path, text: str | None) -> None:
        if text is not None:
            (tmp_path / "m.json").write_text(text)
        asked = (*self.ASKED, "-o", tmp_path / "t.csv", "--previous-manifest", tmp_path / "m.json")
        cli("summary", clean.visits, *asked).is_clear_error(3, "There is no file" if text is None else "is no manifest")
