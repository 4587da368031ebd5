"""The suites with Great Expectations alone, on pandas, after one import: as its own users run them."""

import json
from datetime import date
from typing import Any

import pytest

from continuity.quality import check, derive
from continuity.quality.quiet import quiet
from continuity.quality.suites import default_folder
from continuity.schema import TABLES, TableName, conform
from continuity.synthetic import Dirt, Setting, Synthetic, generate

TODAY = date(2026, 2, 1)
DIRT: tuple[Dirt, ...] = (
    "blank_provider", "bad_code", "visit_before_birth", "missing_month", "assessed_after_visit", "duplicated_visit_id",
    "login_of_two_roles", "roaming_login", "unit_without_list", "departed_provider", "bad_sex", "negative_numbers",
    "hours_for_fte",
)  # fmt: skip
COUNTS = ("n_visits_of_patient_in_year", "n_visits_of_provider_on_day")


@pytest.fixture(scope="module")
def dirty() -> dict[TableName, Any]:
    tables: Synthetic = generate(Setting(n_patients=3_000, patients_per_unit=500, dirt=DIRT))
    return {name: conform(getattr(tables, name).lazy(), name) for name in TABLES}


def plain(table: TableName, frame: Any) -> dict[str, Any]:
    """Load the file as it is and validate a pandas frame, with nothing but Great Expectations' own interface."""
    with quiet():
        import great_expectations as gx

        import continuity.quality.expectations  # noqa: F401  # the one import

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        content = json.loads((default_folder() / f"{table}.json").read_text(encoding="utf-8"))
        suite = gx.ExpectationSuite(**content)
        assert len(suite.expectations) == len(content["expectations"]) > 0
        for given, loaded in zip(content["expectations"], suite.expectations, strict=True):
            assert loaded.severity.value == given["severity"]
        asset = context.data_sources.add_pandas(table).add_dataframe_asset(table)
        batch = asset.add_batch_definition_whole_dataframe(table).get_batch({"dataframe": frame})
        return {result.expectation_config.meta["key"]: result for result in batch.validate(suite).results}


@pytest.mark.parametrize("table", TABLES)
def test_each_suite_gives_the_verdicts_and_counts_of_the_gate(dirty: dict[TableName, Any], table: TableName) -> None:
    ours = {f.key: f for f in check(dirty, today=TODAY).findings if f.table == table}
    frame = derive(dirty, table, today=TODAY).collect().to_pandas()
    theirs = plain(table, frame)
    assert set(theirs) == set(ours)
    compared = 0
    for key, finding in ours.items():
        if set(finding.columns) & set(COUNTS):  # they have their own view: derive(..., grain="patient_year")
            continue
        found = theirs[key]
        assert not found.exception_info.get("raised_exception"), key
        assert (found.success, found.result.get("unexpected_count")) == (finding.success, finding.n_unexpected), key
        compared += 1
    assert compared >= len(ours) - len(COUNTS)
    assert any(not finding.success for finding in ours.values())


def test_the_counts_of_patients_and_providers_have_their_own_view(dirty: dict[TableName, Any]) -> None:
    years = derive(dirty, "visits", grain="patient_year").collect()
    assert years.columns == ["n_visits_of_patient_in_year"]
    visits = dirty["visits"].collect()
    assert years.height == visits.select("patient_id", visits["visit_at"].dt.year()).n_unique()
    assert years.sum().item() == visits.height
