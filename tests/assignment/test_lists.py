"""Patients without a list: counted, and taken to be where their visits say, on request."""

import json

import polars as pl
import pytest

import continuity as ct
from continuity.cli.main import run
from continuity.errors import UsageError

from .panels import TODAY, Panels, made


def without_lists(panels: Panels) -> Panels:
    return panels.with_(patients=panels.patients.drop("listed_provider_id"))


def test_without_lists_nobody_moves_and_all_are_counted():
    plan = without_lists(made(n=200)).assign(as_of=TODAY)
    assert plan.summary["counts"]["n_patients_without_list"] == 200
    assert plan.summary["n_moved"] == 0
    assert plan.assignments["is_new"].all()
    assert set(plan.assignments["reason"]) <= {"new_known", "new_room"}
    assert "n_lists_told_from_visits" not in plan.summary["counts"]


@pytest.mark.parametrize("rule", ["four_cut", "majority", "most_recent", "longest_span"])
def test_missing_lists_are_those_that_attribute_gives(rule):
    panels = without_lists(made(n=200, leaver=False))
    plan = panels.assign(as_of=TODAY, attribute=rule)
    known = ct.attribute(panels.visits, providers=panels.providers, as_of=TODAY, rule=rule, role=None)
    expected = panels.patients.join(known, on="patient_id", how="left").sort("patient_id")["provider_id"]
    assert plan.assignments["previous_provider_id"].to_list() == expected.to_list()
    told = plan.summary["counts"]["n_lists_told_from_visits"]
    assert told == expected.drop_nulls().len() > 100
    assert plan.assignments["is_new"].sum() == 200 - told


def test_a_list_that_is_given_stands():
    panels = made(n=200)
    given, told = panels.assign(as_of=TODAY), panels.assign(as_of=TODAY, attribute="four_cut")
    has = pl.col("previous_provider_id").is_not_null()
    before = given.assignments.filter(has).select("patient_id", "previous_provider_id")
    after = told.assignments.join(before.select("patient_id"), on="patient_id", how="semi")
    assert after.select("patient_id", "previous_provider_id").equals(before)


def test_a_doctor_of_another_unit_is_nobodys_list():
    panels = without_lists(made(n=100, units=2))
    seen_elsewhere = panels.visits.with_columns(pl.col("provider_id").reverse())
    plan = panels.with_(visits=seen_elsewhere).assign(as_of=TODAY, attribute="four_cut")
    home = dict(panels.providers.select("provider_id", "unit_id").iter_rows())
    own = plan.assignments.drop_nulls("previous_provider_id")
    assert own.height > 0
    assert [home[one] for one in own["previous_provider_id"]] == own["unit_id"].to_list()
    assert "leaver" not in plan.summary["reasons"]


def test_a_rule_that_does_not_exist_is_refused():
    with pytest.raises(UsageError, match="attribute"):
        made().assign(attribute="five_cut")


def test_the_command_says_who_has_no_list(tmp_path, capsys):
    panels = without_lists(made(n=100))
    files = []
    for name in ("patients", "providers", "visits"):
        getattr(panels, name).write_parquet(tmp_path / f"{name}.parquet")
        files += [f"--{name}", str(tmp_path / f"{name}.parquet")]
    assert run(["assign", *files, "--no-curve", "-o", str(tmp_path / "a")]) == 0
    assert "100 patients without a list today; --attribute" in capsys.readouterr().out
    assert run(["assign", *files, "--no-curve", "--attribute", "four_cut", "-o", str(tmp_path / "b")]) == 0
    told = json.loads((tmp_path / "b" / "summary.json").read_text())["counts"]["n_lists_told_from_visits"]
    assert f"100 patients without a list today; visits told it of {told}." in capsys.readouterr().out
