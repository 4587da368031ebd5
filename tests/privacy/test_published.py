"""The tables of a report attacked together: units against the whole, teams against units, classes against both."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources
from continuity.pipeline.measure import measure_roles
from continuity.pipeline.publish import Published, publish
from continuity.privacy import Limits, ProtectedTable
from continuity.synthetic import Setting, generate

from .attacker import Attacker

SMALL = Setting(n_patients=900, patients_per_unit=180, doctors_per_unit=7, nurses_per_unit=6, share_unlisted=0.1)
MIDDLE = Setting(n_patients=4000, patients_per_unit=800, activity=1.0, share_unlisted=0.02)
SETTINGS = {
    "small": SMALL,
    "other seed": replace(SMALL, seed=7, activity=0.8),
    "many units": replace(SMALL, seed=3, patients_per_unit=90, activity=1.2),
    "own lists": replace(SMALL, seed=4, steering=0.9, activity=1.0),
    "middle": MIDDLE,
}
PARTS = {"unit": ("unit_id",), "team": ("unit_id", "team_id"), "visit_classes": ("n_visits_class",)}


def published(setting: Setting, indices: Sequence[str] = ("coc",), limits: Limits | None = None) -> Published:
    tables = generate(setting)
    sources = Sources(tables.visits.lazy(), tables.patients.lazy(), tables.providers.lazy())
    rules = Rules(same_day="patient_provider_day")
    measured = measure_roles(sources, indices, rules, None)
    return publish(sources, measured, rules, None, limits)


@pytest.fixture(scope="module", params=SETTINGS.values(), ids=SETTINGS.keys())
def report(request: pytest.FixtureRequest) -> Published:
    return published(request.param)


def name_of(table: ProtectedTable, row: dict[str, Any]) -> tuple[Any, ...]:
    return (table.name, *(row[key] for key in table.keys))


def learn_table(attacker: Attacker, table: ProtectedTable, count: str) -> None:
    for row in table.frame.to_dicts():
        if row[count] is not None:
            attacker.learn([(1, (count, *name_of(table, row)))], row[count])


def learn_sums(attacker: Attacker, parts: ProtectedTable, wholes: ProtectedTable, count: str) -> None:
    """The parts of each cell add up to it; a cell without parts in the table says nothing."""
    for row in wholes.frame.to_dicts():
        mine = parts.frame.filter(pl.col(key).eq_missing(pl.lit(row[key])) for key in wholes.keys).to_dicts()
        if mine:
            terms = [(1.0, (count, *name_of(parts, part))) for part in mine]
            attacker.learn([*terms, (-1, (count, *name_of(wholes, row)))], 0)


def hidden(table: ProtectedTable) -> list[dict[str, Any]]:
    return table.frame.filter(pl.col("undefined_reason") == "suppressed").to_dicts()


def test_no_hidden_number_of_patients_follows_from_all_tables_together(report: Published) -> None:
    tables, attacker = report.tables, Attacker(100_000)
    for name in ("whole", "unit", "team", "distribution", "visit_classes"):
        learn_table(attacker, tables[name], "n_patients")
    learn_sums(attacker, tables["unit"], tables["whole"], "n_patients")
    learn_sums(attacker, tables["team"], tables["unit"], "n_patients")
    learn_sums(attacker, tables["distribution"], tables["whole"], "n_patients")
    own = pl.col("index") == "own_visit_share"  # in no class are those with few visits, whom that index counts
    classes, whole = (replaced(tables[name], ~own) for name in ("visit_classes", "whole"))
    learn_sums(attacker, classes, whole, "n_patients")
    learn_shares(attacker, tables)
    checked = 0
    for table in (tables["unit"], tables["team"], tables["distribution"], classes):
        for row in hidden(table):
            low, high = attacker.range_of(("n_patients", *name_of(table, row)))
            assert high - low >= Limits().min_patients, (name_of(table, row), low, high)
            checked += 1
    assert checked > 3  # a setting that hides nothing proves nothing


class _Part:
    """Some rows of a protected table."""

    def __init__(self, table: ProtectedTable, keep: pl.Expr) -> None:
        self.name, self.keys, self.frame = table.name, table.keys, table.frame.filter(keep)


def replaced(table: ProtectedTable, keep: pl.Expr) -> Any:
    return _Part(table, keep)


def learn_shares(attacker: Attacker, tables: Any) -> None:
    """Those with the value 1 are told by share_perfect x n_patients, and make the class 1 of the distribution."""
    for row in tables["whole"].frame.filter(index="coc").to_dicts():
        if row["share_perfect"] is not None:
            n = round(row["share_perfect"] * row["n_patients"])
            of_one = (
                tables["distribution"].frame.filter(role=row["role"], index="coc", value_class="1").row(0, named=True)
            )
            attacker.learn([(1, ("n_patients", *name_of(tables["distribution"], of_one)))], n)


@pytest.mark.parametrize("name", ["unit", "team"])
def test_no_hidden_count_without_a_value_follows(report: Published, name: str) -> None:
    """Whoever has a value and whoever has none are together the same patients for each index of a cell."""
    tables, attacker = report.tables, Attacker(100_000)
    chain = ["whole", "unit", "team"][: 2 + (name == "team")]
    for count in ("n_patients", "n_undefined"):
        for each in chain:
            learn_table(attacker, tables[each], count)
        for parts, wholes in zip(chain[1:], chain[:-1], strict=True):
            learn_sums(attacker, tables[parts], tables[wholes], count)
    for each in chain:
        for row in tables[each].frame.filter(index="coc").to_dicts():
            coc = name_of(tables[each], row)
            own = (*coc[:-1], "own_visit_share")
            terms = [(1, ("n_patients", *coc)), (1, ("n_undefined", *coc))]
            attacker.learn([*terms, (-1, ("n_patients", *own)), (-1, ("n_undefined", *own))], 0)
    for row in tables[name].frame.filter(pl.col("n_undefined").is_null()).to_dicts():
        low, high = attacker.range_of(("n_undefined", *name_of(tables[name], row)))
        assert high > low, (name_of(tables[name], row), low, high)


def test_every_number_shown_has_passed_the_limits(report: Published) -> None:
    for table in report.tables.values():
        assert "share_largest_provider" not in table.frame.columns
        assert not [name for name in table.frame.columns if name.startswith("_")]
        for row in table.frame.to_dicts():
            numbers = {k: v for k, v in row.items() if k not in (*table.keys, "undefined_reason") and v is not None}
            if row["undefined_reason"] == "suppressed":
                assert not numbers
                continue
            assert min(row[size] for size in ("n_patients", "n_visits", "n_providers") if size in row) >= 5
            assert row.get("n_undefined") not in {1, 2, 3, 4}
            if row.get("share_perfect") is not None:
                n = round(row["share_perfect"] * row["n_patients"])
                assert 5 <= n <= row["n_patients"] - 5


def test_below_a_hidden_cell_nothing_is_shown(report: Published) -> None:
    pairs = [("whole", "unit"), ("unit", "team"), ("whole", "distribution"), ("whole", "visit_classes")]
    for above, below in pairs:
        parent = report.tables[above]
        names = [name_of(parent, row)[1:] for row in hidden(parent)]
        for row in report.tables[below].frame.to_dicts():
            if tuple(row[key] for key in parent.keys) in names:
                assert row["undefined_reason"] == "suppressed"


def test_a_practice_of_one_doctor_shows_nothing_of_that_doctor() -> None:
    """All is that doctor's work and the nurses': neither the whole nor a distribution may tell of either apart."""
    lone = Setting(n_patients=1500, patients_per_unit=1500, doctors_per_unit=1, teams_per_unit=1, nurses_per_unit=6)
    tables = published(lone).tables
    for name in ("whole", "distribution", "visit_classes", "unit", "team"):
        shown = tables[name].frame.filter(pl.col("undefined_reason").ne_missing("suppressed"))
        assert set(shown["role"]) <= {"nurse"}


def too_few_left_out(report: Published) -> list[tuple[str, int]]:
    steps = report.tables["flow"].frame.filter(pl.col("n_patients").is_not_null())
    whole = report.tables["whole"].frame
    everyone = whole.select((pl.col("n_patients") + pl.col("n_undefined")).alias("n"))["n"]
    counted = [*whole["n_patients"].drop_nulls(), *everyone.drop_nulls()]
    counted += whole.filter(role="all")["n_undefined"].drop_nulls().to_list()
    return [
        (step, k - n) for step, k in steps.select("step", "n_patients").iter_rows() for n in counted if 0 < k - n < 5
    ]


def test_the_flow_does_not_tell_how_few_were_left_out(report: Published) -> None:
    assert too_few_left_out(report) == []
    assert report.tables["flow"].frame["n_patients"].drop_nulls().len() >= 1


def test_no_two_steps_of_the_flow_differ_by_a_few(report: Published) -> None:
    steps = report.tables["flow"].frame["n_patients"].drop_nulls().to_list()
    assert [a - b for a in steps for b in steps if 0 < a - b < 5] == []


def test_the_flow_of_a_few_is_hidden() -> None:
    """54 patients were used and 50 have a value: shown beside each other they tell of the 4 that each line hides."""
    few = Setting(n_patients=60, patients_per_unit=60, seed=1, activity=2.5, unknown_provider=0.0, steering=0.3)
    flow = published(few, indices=("coc", "upc"))  # beside one index, the share of visits to the own would stay
    assert too_few_left_out(flow) == []
    assert flow.tables["whole"].frame.filter(role="all", index="coc")["n_patients"].item() is not None
    assert flow.tables["flow"].n_suppressed > 1


def test_patients_of_no_team_are_a_cell_like_any_other(report: Published) -> None:
    team = report.tables["team"].frame
    assert team["team_id"].null_count() > 0
    unit = report.tables["unit"].frame.filter(pl.col("n_patients").is_not_null())
    for row in unit.to_dicts():
        mine = team.filter(role=row["role"], index=row["index"]).filter(pl.col("unit_id").eq_missing(row["unit_id"]))
        if mine["n_patients"].null_count() == 0:
            assert mine["n_patients"].sum() == row["n_patients"]
