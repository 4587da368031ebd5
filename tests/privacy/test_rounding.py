"""Counts that are rounded cannot be found by trying which of them makes a whole number of a ratio shown beside them."""

import json
import math
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuity.cli.main import run
from continuity.pipeline.rollout import as_protected
from continuity.privacy import Limits, protect
from continuity.synthetic import Setting, write

ROUNDED = st.sampled_from([3, 5, 10])


def candidates(shown: int, to: int) -> list[int]:
    """Give the counts that are rounded to the one shown."""
    return [n for n in range(max(shown - to, 1), shown + to + 1) if round(n / to) * to == shown]


def can_be(n: int, ratio: float, step: float) -> bool:
    """Tell whether some k / n is rounded to this ratio."""
    return any(abs(k / n - ratio) <= step / 2 + 1e-9 for k in (math.floor(n * ratio), math.ceil(n * ratio)))


def step_of(n: float) -> float:
    """Give the least of ..., 0.1, 0.05, 0.02, 0.01, ... that is not below 1 / n."""
    steps = [m * 10.0**-k for k in range(1, 8) for m in (1, 2, 5)] + [1.0]
    return min(step for step in steps if step >= 1 / n - 1e-12)


@given(st.integers(10, 3000), st.integers(0, 3000), st.floats(0, 1), ROUNDED)
@settings(max_examples=200, deadline=None)
def test_no_count_is_ruled_out_by_a_ratio_of_whole_numbers(n: int, k: int, p: float, to: int) -> None:
    frame = pl.DataFrame(
        {"n_patients": [n], "n_undefined": [k], "estimate": [k / n], "share_perfect": [round(p * n) / n]}
    )
    row = protect(frame, name="t", keys=[], limits=Limits(round_to=to)).frame.row(0, named=True)
    assert row["n_patients"] in range(n - to, n + to + 1)
    assert row["n_patients"] % to == row["n_undefined"] % to == 0
    of = candidates(row["n_patients"], to)
    assert n in of
    assert len(of) >= to - 1
    step = step_of(row["n_patients"] - to / 2)
    assert abs(row["estimate"] - k / n) <= step / 2 + 1e-9
    assert all(can_be(m, row["estimate"], step) for m in of)
    perfect = row["share_perfect"] * row["n_patients"] / to  # a multiple too, or all
    assert row["share_perfect"] == 1 or abs(perfect - round(perfect)) < 1e-6


def test_what_is_shown_unrounded_would_be_found() -> None:
    """The attack finds the count where nothing is rounded but the counts: this is why ratios are made as coarse."""
    n, k = 53, 108
    assert [m for m in candidates(55, 5) if abs(m * k / n - round(m * k / n)) < 1e-9] == [n]


def test_an_interval_says_no_more_than_the_rounded_numbers() -> None:
    frame = pl.DataFrame(
        {"g": [1, 2], "n_patients": [53, 56], "estimate": 0.3731, "std_error": 0.0312, "ci_low": 0.31, "ci_high": 0.43}
    )
    shown = protect(frame, name="t", keys=["g"], limits=Limits(round_to=5)).frame
    assert shown.drop("g").row(0) == shown.drop("g").row(1)
    row = shown.row(0, named=True)
    assert row["std_error"] >= 0.0312
    assert row["estimate"] - row["ci_low"] == pytest.approx(row["ci_high"] - row["estimate"])
    assert row["ci_high"] - row["ci_low"] >= 0.12


@given(st.lists(st.integers(0, 200), min_size=1, max_size=8), ROUNDED)
@settings(max_examples=40, deadline=None)
def test_the_same_cells_are_hidden_and_the_manifest_says_no_more(sizes: list[int], to: int) -> None:
    frame = pl.DataFrame({"unit": range(len(sizes)), "n_patients": sizes, "visits_from": 3})
    plain = protect(frame, name="t", keys=["unit"])
    table = protect(frame, name="t", keys=["unit"], limits=Limits(round_to=to))
    assert plain.frame.drop("n_patients").equals(table.frame.drop("n_patients"))
    assert table.smallest_cell == table.frame["n_patients"].min()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    paths = write(Setting(n_patients=1500, patients_per_unit=750, activity=1.0), tmp_path_factory.mktemp("rounding"))
    return [str(paths["visits"]), "--patients", str(paths["patients"]), "--providers", str(paths["providers"])]


def counts(frame: pl.DataFrame) -> list[int]:
    columns = [name for name in frame.columns if name in ("n_patients", "n_undefined", "n_visits", "n_providers")]
    return [n for name in columns for n in frame[name].drop_nulls()]


def test_a_summary_is_rounded_from_the_command_line(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "units.parquet")
    assert run(["summary", *files, "--by", "unit_id", "--round-to", "10", "--output", out, "--json"]) == 0
    smallest = json.loads(capsys.readouterr().out)["smallest_cell"]
    table = pl.read_parquet(out)
    assert counts(table)
    assert all(n % 10 == 0 for n in counts(table))
    for n, mean in table.drop_nulls("estimate").select("n_patients", "estimate").iter_rows():
        assert all(can_be(m, mean, step_of(n - 5)) for m in candidates(n, 10))
        assert len(str(mean)) <= len("0.0002") + 1
    assert smallest % 10 == 0


def test_every_table_of_a_report_is_rounded(files: list[str], tmp_path: Path) -> None:
    assert run(["report", *files, "--round-to", "5", "--output", str(tmp_path), "--quiet"]) == 0
    tables = {path.stem: pl.read_parquet(path) for path in (tmp_path / "tables").glob("*.parquet")}
    assert {"whole", "unit", "flow", "distribution"} <= tables.keys()
    for name, table in tables.items():
        assert all(n % 5 == 0 for n in counts(table)), name
    flow = tables["flow"].drop_nulls("n_visits")
    assert (flow["share_of_visits"].is_between(0, 1)).all()


def test_a_comparison_is_rounded_from_the_command_line(files: list[str], tmp_path: Path) -> None:
    asked = ["--design", "compare", "--index", "coc", "--by", "age_band", "--round-to", "5", "--output", str(tmp_path)]
    assert run(["evaluate", *files, *asked, "--quiet"]) == 0
    effects = pl.read_parquet(tmp_path / "effects.parquet")
    assert counts(effects)
    assert all(n % 5 == 0 for n in counts(effects))
    found = json.loads((tmp_path / "summary.json").read_text())["comparisons"]["age_band"]
    shown = effects.filter(pl.col("event_time").is_null(), term="mean")["estimate"].drop_nulls()
    assert found["lowest"] in shown.to_list()
    assert found["between_sd"] == round(found["between_sd"], 3)  # a step of some hundred patients
    assert found["q_p_value"] == round(found["q_p_value"], 2)


def test_the_mean_effect_is_rounded_as_its_row_is() -> None:
    row = {"term": "att", "group": None, "event_time": None, "estimate": 0.03731234, "std_error": 0.0123456}
    ends = {"ci_low": 0.0131, "ci_high": 0.0615, "n_patients": 453, "n_providers": 60}
    frame = pl.DataFrame([row | ends], schema_overrides={"group": pl.String, "event_time": pl.Int64})
    table = protect(frame, name="effects", keys=("term", "group", "event_time"), limits=Limits(round_to=5))
    exact = {"att": 0.03731234, "ci_low": 0.0131, "ci_high": 0.0615, "p_value": 0.012345, "pretrend_p": None}
    said = as_protected(exact | {"n_clusters": 8}, table)
    shown = table.frame.row(0, named=True)
    assert (said["att"], said["ci_low"], said["ci_high"]) == (shown["estimate"], shown["ci_low"], shown["ci_high"])
    assert said["att"] != exact["att"]
    assert (said["p_value"], said["pretrend_p"], said["n_clusters"]) == (0.01, None, 8)


def test_rounding_to_nothing_is_refused(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--by", "unit_id", "--round-to", "0", "--output", str(tmp_path / "x.csv")]
    assert run(["summary", *files, *asked]) == 2
    assert "round_to" in capsys.readouterr().err
