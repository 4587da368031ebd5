"""What `--previous` says about two checks whose difference is known."""

import json
from pathlib import Path

import polars as pl
import pytest

from continuity.errors import InputError
from continuity.quality import QualityResult, check, trends
from tests.quality.test_gate import TODAY, change, sound_tables


def result(**changes: dict[str, pl.Expr]) -> QualityResult:
    tables = sound_tables()
    for table, columns in changes.items():
        tables[table] = tables[table].with_columns(**columns)
    return check(tables, today=TODAY)


def written(found: QualityResult, folder: Path) -> Path:
    path = folder / "quality.json"
    path.write_text(json.dumps(found.to_dict()), encoding="utf-8")
    return path


def states(now: QualityResult, before: QualityResult, folder: Path) -> dict[str, str]:
    found = trends.compared(now, trends.read_earlier(written(before, folder))).comparison
    assert found is not None
    return {trend.key: trend.state for trend in found.trends}


def urgency(n: int) -> QualityResult:
    return result(**change("visits", "urgency", n, "ehkä"))


@pytest.mark.parametrize(
    ("then", "now", "state"),
    [(0, 3, "new"), (3, 5, "worse"), (5, 5, "same"), (5, 3, "better"), (3, 0, "gone"), (0, 0, None)],
)
def test_each_change_has_its_word_and_its_counts(tmp_path: Path, then: int, now: int, state: str | None) -> None:
    found = trends.compared(urgency(now), trends.read_earlier(written(urgency(then), tmp_path)))
    assert found.comparison is not None
    seen = {trend.key: (trend.state, trend.n_before, trend.n_now) for trend in found.comparison.trends}
    assert seen == ({} if state is None else {"visit_urgency_in_words": (state, then, now)})
    assert found.comparison.n_rows_before == {"visits": 200, "patients": 40, "providers": 4}
    said = json.loads(json.dumps(found.to_dict()))["comparison"]
    assert [trend["state"] for trend in said["trends"]] == ([] if state is None else [state])


def test_shares_and_not_counts_are_compared_when_files_differ_in_length(tmp_path: Path) -> None:
    tables = sound_tables()
    tables["visits"] = tables["visits"].with_columns(**change("visits", "contact_mode", 20, "etä")["visits"])
    longer = check(tables, today=TODAY)
    tables["visits"] = tables["visits"].head(100)  # all twenty are among them: half the rows, the same faults
    assert states(check(tables, today=TODAY), longer, tmp_path)["visit_mode_in_words"] == "worse"


def test_what_was_not_looked_at_is_not_called_mended(tmp_path: Path) -> None:
    tables = sound_tables()
    tables["visits"] = tables["visits"].drop("urgency")
    assert states(check(tables, today=TODAY), urgency(3), tmp_path) == {"visit_urgency_in_words": "unchecked"}


def test_a_rule_that_was_edited_is_said(tmp_path: Path) -> None:
    path = written(urgency(3), tmp_path)
    content = json.loads(path.read_text())
    for digits, changed in ((content["suites"]["visits.json"], False), ("0" * 16, True)):
        content["suites"]["visits.json"] = digits
        path.write_text(json.dumps(content))
        found = trends.compared(urgency(3), trends.read_earlier(path)).comparison
        assert found is not None
        assert found.rules_changed is changed


NOT_RESULTS = ["", "[]", "{}", '{"findings": 3}', '{"findings": [{"key": 1}]}', '{"findings": ["010190-999X"]}']


@pytest.mark.parametrize("text", NOT_RESULTS)
def test_another_file_is_refused_without_its_content(tmp_path: Path, text: str) -> None:
    (tmp_path / "quality.json").write_text(text)
    with pytest.raises(InputError, match="is not the result of an earlier check") as caught:
        trends.read_earlier(tmp_path / "quality.json")
    assert "010190" not in str(caught.value)


def test_a_hostile_earlier_file_reaches_no_number(tmp_path: Path) -> None:
    finding = {"key": "visit_urgency_in_words", "success": False, "n_unexpected": "<b>1</b>", "share_unexpected": True}
    (tmp_path / "quality.json").write_text(json.dumps({"findings": [finding], "n_rows": [], "suites": 1}))
    found = trends.compared(urgency(3), trends.read_earlier(tmp_path / "quality.json")).comparison
    assert found is not None
    (trend,) = found.trends
    assert (trend.state, trend.n_before, trend.share_before) == ("same", None, None)
