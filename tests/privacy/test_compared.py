"""A comparison of groups attacked: nothing that is published depends on a hidden group, nor tells how large it is."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from continuity.evaluation.aggregate import Measured
from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.windows import windows
from continuity.pipeline.comparison import compared
from continuity.pipeline.evaluate_job import EvaluateJob
from continuity.pipeline.measure import measure
from continuity.pipeline.summary import groups_of
from continuity.privacy import Limits, ProtectedTable
from continuity.synthetic import Setting, generate

from .attacker import Attacker

RULES = Rules(same_day="patient_provider_day")
SPANS = windows([("2025-01-01", "2025-07-01"), ("2025-07-01", "2026-01-01")])
FEW = 12
"""Patients that are left in the smallest unit."""


def job(*by: str, least: int = 5) -> EvaluateJob:
    return EvaluateJob(
        design="compare",
        key="upc",
        by=by,
        rollout=None,
        adjust=("n_visits_class", "sex"),
        rules=RULES,
        spans=SPANS,
        limits=Limits(min_providers=least),
        language="en",
    )


@pytest.fixture(scope="module")
def data() -> tuple[Sources, Measured]:
    made = generate(
        Setting(n_patients=1500, patients_per_unit=250, doctors_per_unit=6, nurses_per_unit=4, activity=1.0)
    )
    smallest = made.patients["unit_id"].drop_nulls().min()
    few = made.patients.filter(unit_id=smallest).head(FEW)["patient_id"]
    gone = made.patients.filter(pl.col("unit_id") == smallest, ~pl.col("patient_id").is_in(few.implode()))
    kept = made.patients.join(gone, on="patient_id", how="anti")
    seen = made.visits.join(gone, on="patient_id", how="anti")
    one = seen.filter(pl.col("patient_id").is_in(few.implode()))["provider_id"].drop_nulls().first()
    own = pl.col("patient_id").is_in(few.implode())  # a unit of one provider
    seen = seen.with_columns(provider_id=pl.when(own).then(pl.lit(one)).otherwise("provider_id"))
    sources = Sources(seen.lazy(), kept.lazy(), made.providers.lazy())
    return sources, measure(sources, ["upc"], RULES, SPANS)


def hidden_in(table: ProtectedTable) -> set[str]:
    last = table.frame.filter(pl.col("event_time").is_null(), term="mean")
    return set(last.filter(undefined_reason="suppressed")["group"])


def with_other_values(measured: Measured, sources: Sources, units: set[str]) -> Measured:
    """Give the patients of hidden units other values in the last window, and leave all others as they are."""
    assert sources.patients is not None
    home = sources.patients.select("patient_id", _unit=pl.format("unit_id={}", "unit_id")).collect()
    rows = measured.per_patient.join(home, on="patient_id", how="left", maintain_order="left")
    last = pl.col("window_start") == pl.col("window_start").max()
    moved = pl.col("_unit").is_in(list(units)) & last & pl.col("upc").is_not_null()
    other = (1 - 0.9 * pl.col("upc")).clip(0, 1)
    return replace(
        measured, per_patient=rows.with_columns(upc=pl.when(moved).then(other).otherwise("upc")).drop("_unit")
    )


@pytest.mark.parametrize("by", [("unit_id",), ("unit_id", "team_id")])
def test_nothing_published_depends_on_the_values_of_hidden_groups(data: Any, by: tuple[str, ...]) -> None:
    """Two sets of data that differ in hidden units only look alike: so no attack can solve for these."""
    sources, measured = data
    table, said = compared(sources, measured, job(*by))
    units = {group for group in hidden_in(table) if group.startswith("unit_id=")}
    assert len(units) >= 2
    changed = with_other_values(measured, sources, units)
    assert not changed.per_patient.equals(measured.per_patient)
    other_table, other_said = compared(sources, changed, job(*by))
    assert hidden_in(other_table) == hidden_in(table)
    assert other_table.frame.equals(table.frame)
    assert other_said == said
    found = said["comparisons"]["unit_id"]
    assert found["n_groups"] - found["n_groups_compared"] == len(units)
    assert found["between_sd"] is not None


def test_a_group_that_is_hidden_is_hidden_in_every_term(data: Any) -> None:
    """The complement of a small unit is large enough to be ranked, and its rank names its patients."""
    sources, measured = data
    table, _ = compared(sources, measured, job("unit_id"))
    last = table.frame.filter(pl.col("event_time").is_null())
    hidden = last.filter(pl.col("group").is_in(list(hidden_in(table))))
    assert hidden["n_patients"].drop_nulls().is_empty()
    assert hidden["estimate"].drop_nulls().is_empty()
    assert hidden.filter(term="shrunk").height >= 1


def test_the_size_of_no_hidden_group_follows_from_units_and_teams(data: Any) -> None:
    sources, measured = data
    table, _ = compared(sources, measured, job("unit_id", "team_id"))
    homes = groups_of(sources, ["unit_id", "team_id"], measured.per_patient)
    last = measured.per_patient.filter(pl.col("window_start") == pl.col("window_start").max()).drop_nulls("upc")
    rows = last.join(homes, on="patient_id", how="left")
    attacker = Attacker(10_000)
    means = table.frame.filter(pl.col("event_time").is_null(), term="mean")
    known: dict[str, int | None] = dict(means.select("group", "n_patients").iter_rows())
    for column in ("unit_id", "team_id"):
        names = [name for name in known if name.startswith(column)]
        attacker.learn([(1.0, name) for name in names], rows[column].count())
    teams = rows.drop_nulls("team_id").select("unit_id", "team_id").unique()
    lies_in = teams["team_id"].n_unique() == teams.height
    for (unit,), own in teams.drop_nulls().group_by("unit_id"):
        if lies_in:  # those of no team, whose number anyone may know, are the rest
            parts = [(1.0, f"team_id={team}") for team in own["team_id"]]
            without = rows.filter(unit_id=unit)["team_id"].null_count()
            attacker.learn([*parts, (-1.0, f"unit_id={unit}")], -without)
    for name, n in known.items():
        if n is not None:
            attacker.learn([(1.0, name)], n)
    hidden = [name for name, n in known.items() if n is None]
    assert hidden
    for name in hidden:
        low, high = attacker.range_of(name)
        assert high - low >= Limits().min_patients, (name, low, high)


def test_where_one_group_at_most_is_shown_nothing_is_compared(data: Any) -> None:
    sources, measured = data
    table, said = compared(sources, measured, job("unit_id", least=10_000))
    assert table.frame["estimate"].drop_nulls().is_empty()
    found = said["comparisons"]["unit_id"]
    across = ("between_sd", "q_p_value", "lowest", "highest", "n_outside_998")
    assert [found[name] for name in across] == [None] * 5
    assert found["n_groups_compared"] == 0
