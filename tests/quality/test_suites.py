"""The suites that come with the package, and what happens when a site edits one wrongly."""

import json
import logging
import shutil
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from continuity.errors import InputError
from continuity.quality import check
from continuity.quality.quiet import quiet
from continuity.quality.suites import default_folder, read_suites
from continuity.quality.views import DERIVED, known_columns
from continuity.schema import TABLES

VISITS = pl.LazyFrame(
    {"patient_id": ["a", "b"], "visit_at": [datetime(2025, 1, 1), datetime(2025, 1, 2)], "provider_id": ["x", "y"]}
)
ENTRY = {
    "type": "expect_column_values_to_not_be_null",
    "kwargs": {"column": "patient_id"},
    "severity": "warning",
    "meta": {"key": "mine", "texts": {"en": {"title": "Mine"}}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of suites without expectations, to put one's own into."""
    for table in TABLES:
        (tmp_path / f"{table}.json").write_text(json.dumps({"name": table, "expectations": []}))
    return tmp_path


def put(folder: Path, *entries: dict[str, Any], table: str = "visits") -> Path:
    (folder / f"{table}.json").write_text(json.dumps({"name": table, "expectations": list(entries)}))
    return folder


def entry(kind: str, /, **kwargs: object) -> dict[str, Any]:
    return {**ENTRY, "type": kind, "kwargs": kwargs}


def test_each_text_is_there_in_three_languages() -> None:
    for suite in read_suites():
        for expectation in suite.expectations:
            for language, parts in expectation.texts.items():
                assert all(len(text) > 10 for text in parts.values()), (expectation.key, language)
            titles = {parts["title"] for parts in expectation.texts.values()}
            assert len(titles) == 3, expectation.key


def test_each_derived_column_is_documented_beside_the_suites() -> None:
    readme = (default_folder() / "README.md").read_text(encoding="utf-8")
    for table, columns in DERIVED.items():
        for name, derived in columns.items():
            assert f"| `{table}` | `{name}` | {derived.grain.replace('_', ' ')} | {derived.means} |" in readme


def test_each_derived_column_is_used_by_a_suite() -> None:
    used = {(suite.table, column) for suite in read_suites() for e in suite.expectations for column in e.columns}
    assert {(table, name) for table, columns in DERIVED.items() for name in columns} <= used


def test_a_site_changes_a_limit_without_touching_code(tmp_path: Path) -> None:
    suites = shutil.copytree(default_folder(), tmp_path / "ours")
    content = json.loads((suites / "visits.json").read_text(encoding="utf-8"))
    (limit,) = [e for e in content["expectations"] if e["meta"]["key"] == "provider_day_visits_plausible"]
    limit["kwargs"]["max_value"], limit["severity"] = 1, "critical"
    (suites / "visits.json").write_text(json.dumps(content), encoding="utf-8")
    one_day = VISITS.with_columns(provider_id=pl.lit("x"), visit_at=datetime(2025, 1, 1))
    result = check({"visits": one_day}, suites=suites)
    assert [f.key for f in result.critical] == ["provider_day_visits_plausible"]
    assert result.suites["visits.json"] != check({"visits": one_day}).suites["visits.json"]
    assert result.suites["patients.json"] == check({"visits": one_day}).suites["patients.json"]


def test_english_or_the_key_stands_in_for_texts_that_are_not_there(folder: Path) -> None:
    bare = {**ENTRY, "meta": {"key": "bare"}}
    first, second = check({"visits": VISITS}, suites=put(folder, ENTRY, bare)).findings
    assert (first.texts["fi"]["title"], second.texts["sv"]["title"]) == ("Mine", "bare")


def test_a_suite_cannot_ask_for_raw_values(folder: Path) -> None:
    greedy = entry("expect_column_values_to_be_in_set", column="patient_id", value_set=["z"], result_format="COMPLETE")
    result = check({"visits": VISITS}, suites=put(folder, greedy))
    assert "result_format" not in read_suites(folder)[0].expectations[0].kwargs
    assert result.findings[0].n_unexpected == 2
    assert "'a'" not in repr(result)


def test_the_least_value_is_a_cell_and_never_shown_but_a_mean_of_many_is(folder: Path) -> None:
    kinds = ("expect_column_min_to_be_between", "expect_column_mean_to_be_between")
    entries = [
        {**entry(kind, column="n_visits_of_patient_in_year", min_value=1), "meta": {"key": kind}} for kind in kinds
    ]
    many = pl.concat([VISITS.with_columns(pl.col("patient_id") + str(i)) for i in range(3)])
    least, mean = check({"visits": many}, suites=put(folder, *entries)).findings
    assert (least.success, least.observed, mean.observed) == (True, None, 1.0)
    assert (mean.n_rows, mean.n_unexpected, mean.grain) == (6, None, "patient_year")
    few = check({"visits": VISITS}, suites=folder).findings[1]
    assert (few.n_rows, few.observed) == (2, None)


def test_pandas_steps_in_by_name_for_what_polars_does_not_cover(folder: Path) -> None:
    strange = entry("expect_column_values_to_match_strftime_format", column="patient_id", strftime_format="%Y")
    (finding,) = check({"visits": VISITS}, suites=put(folder, strange)).findings
    assert (finding.engine, finding.n_rows, finding.n_unexpected) == ("pandas", 2, 2)


def test_an_expectation_about_the_table_itself_is_never_skipped(folder: Path) -> None:
    wanted = entry("expect_column_to_exist", column="visit_id")
    (finding,) = check({"visits": VISITS}, suites=put(folder, wanted)).findings
    assert not finding.success


REFUSED = [
    (
        entry("expect_column_values_to_not_be_nul", column="patient_id"),
        "Did you mean 'expect_column_values_to_not_be_null'",
    ),
    (entry("expect_column_values_to_not_be_null", column="patientid"), "Did you mean 'patient_id'"),
    (entry("expect_column_values_to_not_be_null", column=["patient_id"]), "not text"),
    (
        entry("expect_column_values_to_not_be_null", column="patient_id", mostly=2),
        "'mine' has kwargs that do not fit: mostly",
    ),
    (entry("expect_column_values_to_not_be_null"), "kwargs that do not fit: column"),
    (
        entry("expect_column_values_to_be_between", column="patient_id", min_value=1),
        "cannot be evaluated on patient_id",
    ),
    (
        entry("expect_compound_columns_to_be_unique", column_list=["visit_year", "n_visits_of_patient_in_year"]),
        "different units",
    ),
    (
        entry(
            "expect_column_values_to_not_be_null",
            column="patient_id",
            row_condition="whenever",
            condition_parser="great_expectations",
        ),
        "kwargs that do not fit: row_condition",
    ),
    ({**ENTRY, "severity": "info"}, "entry 1 has no severity that the gate knows"),
    ({**ENTRY, "meta": {}}, "meta.key"),
    ({"type": "expect_column_to_exist", "severity": "warning", "meta": ENTRY["meta"]}, "lacks a type or its kwargs"),
]


@pytest.mark.parametrize(("wrong", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_a_wrong_entry_is_refused_with_the_name_of_its_file(folder: Path, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        check({"visits": VISITS}, suites=put(folder, wrong))
    message = str(caught.value)
    assert "visits.json" in message
    assert words in message
    assert caught.value.next_step
    assert "'a'" not in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{'name': 1}", "not valid JSON (line 1, column 2)"),
        ("[]", "no list of expectations"),
        ("\xff", "not valid JSON"),
    ],
)
def test_a_broken_file_is_refused_with_its_name(folder: Path, text: str, words: str) -> None:
    (folder / "patients.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        check({"visits": VISITS}, suites=folder)
    assert "patients.json" in str(caught.value)
    assert words in str(caught.value)


def test_two_expectations_of_one_key_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"same meta\.key more than once: mine"):
        check({"visits": VISITS}, suites=put(folder, ENTRY, ENTRY))


def test_a_missing_suite_is_refused(folder: Path) -> None:
    (folder / "providers.json").unlink()
    with pytest.raises(InputError, match=r"lacks providers\.json"):
        check({"visits": VISITS}, suites=folder)


def test_a_column_may_be_canonical_or_derived() -> None:
    assert {"visit_at", "visit_year"} <= set(known_columns("visits"))
    assert not set(DERIVED["visits"]) & set(TABLES["visits"])


def test_quiet_leaves_the_process_as_it_was() -> None:
    show, level = warnings.showwarning, logging.getLogger("great_expectations").level
    with quiet():
        import great_expectations.validator.validator  # noqa: F401  # its import is what must be undone
    assert warnings.showwarning is show
    assert logging.getLogger("great_expectations").level == level
