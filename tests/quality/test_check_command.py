"""`continuity check` on every poisoned fixture: the exit code, the table, the page, the JSON, and no id of a person."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from continuity.cli.main import run
from continuity.quality.suites import default_folder, read_suites
from continuity.quality.views import DERIVED
from continuity.synthetic import Dirt, Setting, generate
from continuity.synthetic.dirt import HOSTILE
from continuity.vocabulary import words

SETTING = {"n_patients": 1_200, "patients_per_unit": 600, "seed": 11}
PERSON = re.compile(r"\bP\d{7}\b|\bX\d{7}\b|\bV\d{3}-\d|\bV-|\b[DN]\d{3}\b|\bH\d{7}\b")
"""What ids of patients, visits, providers and households look like in the synthetic tables."""
CRITICAL = {e.key for suite in read_suites() for e in suite.expectations if e.severity == "critical"}


def fixture(folder: Path, *dirt: Dirt) -> list[str]:
    units = {"patients_per_unit": 200} if "roaming_login" in dirt else {}  # a login cannot roam between two units
    tables = generate(Setting(**SETTING | units, dirt=dirt))
    for name in ("visits", "patients", "providers"):
        getattr(tables, name).write_parquet(folder / f"{name}.parquet")
    assert PERSON.search(str(tables.visits["patient_id"].drop_nulls()[-1]))
    return [
        "check", str(folder / "visits.parquet"),
        "--patients", str(folder / "patients.parquet"), "--providers", str(folder / "providers.parquet"),
    ]  # fmt: skip


def said(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "quality.json").read_text(encoding="utf-8"))
    return content


def documented() -> dict[tuple[int, bool], list[str]]:
    """Give the faults by exit code, and whether anything is said, as docs/expectations.md lists them."""
    page = (Path(__file__).parents[2] / "docs" / "expectations.md").read_text(encoding="utf-8")
    starts = {
        (4, True): "Exit code 4, ",
        (0, True): "Exit code 0 with warnings",
        (0, False): "Exit code 0 without a word",
    }
    parts = {outcome: re.search(rf"^{start}.*?\n\n", page, re.M | re.S) for outcome, start in starts.items()}
    return {outcome: re.findall(r"`(\w+)`", part.group()) for outcome, part in parts.items() if part}


def test_every_fault_is_documented_once() -> None:
    assert sorted(kind for kinds in documented().values() for kind in kinds) == sorted(words(Dirt))


@pytest.mark.parametrize("kind", words(Dirt))
def test_a_poisoned_fixture_stops_or_warns_and_names_nobody(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: Dirt
) -> None:
    command = fixture(tmp_path, kind)
    code = run([*command, "--output", str(tmp_path / "out"), "--language", "fi"])
    printed = capfd.readouterr()
    result = said(tmp_path / "out")
    failed = {finding["key"] for finding in result["findings"] if not finding["success"]}
    assert code == (4 if failed & CRITICAL else 0)
    assert (code, bool(failed)) == next(outcome for outcome, kinds in documented().items() if kind in kinds)
    assert result["passed"] == (code == 0)
    page = (tmp_path / "out" / "quality.html").read_text(encoding="utf-8")
    by_key = {finding["key"]: finding for finding in result["findings"]}
    for key in failed:
        assert by_key[key]["texts"]["fi"]["title"] in printed.out
    assert page.count("<h3>") >= len(failed)
    assert not re.search(rf"[(]({'|'.join(name for derived in DERIVED.values() for name in derived)})[,)]", page)
    for text in (printed.out, printed.err, page, json.dumps(result, ensure_ascii=False)):
        assert not PERSON.search(text)
        assert not any(identity in text for identity in HOSTILE[:2])


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return fixture(tmp_path_factory.mktemp("dirty"), "bad_sex", "missing_month")


def test_trends_stand_in_the_table_the_page_and_the_json(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], dirty: list[str]
) -> None:
    assert run([*fixture(tmp_path, "bad_sex", "bad_urgency"), "--output", str(tmp_path)]) == 0
    capfd.readouterr()
    assert run([*dirty, "--output", str(tmp_path), "--previous", str(tmp_path / "quality.json")]) == 0  # written over
    lines = capfd.readouterr().out.splitlines()
    assert any(re.match(r"passed +0 +0\.0 % +gone +The urgency is a known word$", line) for line in lines)
    trends = {trend["key"]: trend["state"] for trend in said(tmp_path)["comparison"]["trends"]}
    assert trends == {
        "visit_urgency_in_words": "gone",
        "patient_sex_in_words": "same",
        "unit_month_volume_steady": "new",
    }
    page = (tmp_path / "quality.html").read_text(encoding="utf-8")
    assert "What has changed since the earlier check" in page
    assert "new: 0 (0.0%) → 1" in page
    assert re.search(r'<span class="place">U01 2025-03</span>', page)


def test_a_report_says_what_has_changed_since_an_earlier_check(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], dirty: list[str]
) -> None:
    assert run([*fixture(tmp_path, "bad_sex", "bad_urgency"), "--output", str(tmp_path)]) == 0
    earlier, report = ["--previous", str(tmp_path / "quality.json")], ["report", *dirty[1:], "--output"]
    capfd.readouterr()
    assert run([*report, str(tmp_path / "out"), *earlier]) == 0
    assert "Since the earlier check: 1 new, 1 same, 1 gone." in capfd.readouterr().out
    for name in ("report.html", "quality.html"):  # a month that vanished
        page = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert "new: 0 (0.0%) → 1" in page
        assert re.search(r'<span class="place">U01 2025-03</span>', page)
    assert "What has changed since the earlier check" in page
    (tmp_path / "notes.json").write_text("{}")
    assert run([*report, str(tmp_path / "no"), "--previous", str(tmp_path / "notes.json")]) == 3
    assert not (tmp_path / "no").exists()


def test_a_report_that_is_refused_says_it_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "then").mkdir()
    assert run([*fixture(tmp_path / "then", "bad_urgency"), "--output", str(tmp_path)]) == 0
    report = ["report", *fixture(tmp_path, "duplicate_patients")[1:], "--output", str(tmp_path / "out")]
    assert run([*report, "--previous", str(tmp_path / "quality.json"), "--language", "sv"]) == 4
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"quality.html"}
    assert "Vad som har ändrats" in (tmp_path / "out" / "quality.html").read_text(encoding="utf-8")


def test_without_an_earlier_check_nothing_is_said_of_change(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], dirty: list[str]
) -> None:
    assert run([*dirty, "--output", str(tmp_path)]) == 0
    assert "Trend" not in capfd.readouterr().out
    assert said(tmp_path)["comparison"] is None
    assert "earlier check" not in (tmp_path / "quality.html").read_text(encoding="utf-8")


def test_a_file_that_is_no_earlier_check_is_one_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], dirty: list[str]
) -> None:
    (tmp_path / "notes.json").write_text("{}")
    assert run([*dirty, "--previous", str(tmp_path / "notes.json"), "--output", str(tmp_path / "out")]) == 3
    assert capfd.readouterr().err.count("Error:") == 1
    assert not (tmp_path / "out").exists()


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A site's own copy of the suites, in another folder."""
    return Path(shutil.copytree(default_folder(), tmp_path / "ours"))


def put(folder: Path, entry: dict[str, Any]) -> Path:
    content = json.loads((folder / "visits.json").read_text(encoding="utf-8"))
    content["expectations"].append(entry)
    (folder / "visits.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def site(kind: str, /, **kwargs: object) -> dict[str, Any]:
    texts = {"en": {"title": "What our site asks", "cause": "An old code.", "action": "Map it."}}
    return {"type": kind, "kwargs": kwargs, "severity": "critical", "meta": {"key": "site_asks", "texts": texts}}


def test_a_site_adds_an_expectation_by_editing_json(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], dirty: list[str], ours: Path
) -> None:
    put(ours, site("expect_few_missing_per_group", by="contact_mode", column="urgency", max_share=0.0))
    put(ours, {**site("expect_column_values_to_match_regex", column="unit_id", regex="^Q"), "meta": {"key": "site_q"}})
    assert run([*dirty, "--suites", str(ours), "--output", str(tmp_path)]) == 4
    assert "site_q" in capfd.readouterr().err
    found = {finding["key"]: finding for finding in said(tmp_path)["findings"]}
    assert (found["site_asks"]["success"], found["site_asks"]["grain"]) == (True, "group")
    assert (found["site_q"]["success"], found["site_q"]["engine"]) == (False, "polars")


def test_an_expectation_that_polars_does_not_know_is_named_wherever_one_looks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], dirty: list[str], ours: Path
) -> None:
    put(ours, {**site("expect_column_values_to_match_strftime_format", column="care_type", strftime_format="%Y")})
    assert run([*dirty, "--suites", str(ours), "--output", str(tmp_path)]) == 4
    told = capfd.readouterr().out
    kind = "expect_column_values_to_match_strftime_format"
    assert f"Worked out by the slower pandas engine: site_asks ({kind})." in told
    assert said(tmp_path)["fallbacks"] == ["site_asks"]
    assert f"What our site asks ({kind})" in (tmp_path / "quality.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        (site("expect_few_missing_per_grup", by="unit_id", column="urgency"), "expect_few_missing_per_group"),
        (site("expect_few_missing_per_group", by="unit_id", column="urgency", max_share=2), "do not fit: max_share"),
        (site("expect_few_missing_per_group", by="unit_id", column="urgency"), "do not fit: max_share"),
        (site("expect_few_missing_per_group", by="unitid", column="urgency", max_share=0), "Did you mean 'unit_id'"),
        (site("expect_few_distinct_per_group", by="unit_id", column="urgency", at="visit_at", max_distinct=1), "every"),
        (site("expect_steady_volume_per_group", by="unit_id", at="visit_at", every="monthly", min_ratio=0.5), "every"),
        (
            site("expect_steady_volume_per_group", by="unit_id", at="urgency", every="1mo", min_ratio=0.5),
            "cannot be evaluated on unit_id, urgency",
        ),
        ({"type": "expect_column_to_exist"}, "lacks a type or its kwargs"),
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_entry_is_one_clear_error(
    capfd: pytest.CaptureFixture[str], dirty: list[str], ours: Path, entry: dict[str, Any], part: str
) -> None:
    assert run([*dirty, "--suites", str(put(ours, entry))]) == 3
    told = capfd.readouterr()
    assert told.err.count("Error:") == 1
    assert "visits.json" in told.err
    assert part in told.err
    assert "Traceback" not in told.err
    assert not PERSON.search(told.err)
