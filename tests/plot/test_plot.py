"""One call, one figure: what is drawn equals what was counted, and no patient, provider or small cell is in a chart."""

import json
from datetime import datetime
from typing import Any

import polars as pl
import pytest

import continuity as ct
from continuity.errors import InputError, UsageError
from continuity.synthetic import Setting, generate

pytest.importorskip("altair")


@pytest.fixture(scope="module")
def data() -> Any:
    # No turnover and one language rule less: the plan must be feasible whatever is drawn.
    return generate(Setting(n_patients=4_000, patients_per_unit=1_000, doctors_per_unit=4, turnover=0.0, seed=3))


@pytest.fixture(scope="module")
def per_patient(data: Any) -> pl.DataFrame:
    window = ("2025-01-01", "2026-01-01")
    return ct.compute(data.visits, ["coc", "provider_count"], window=window, role="doctor", min_visits=2)


@pytest.fixture(scope="module")
def plan(data: Any) -> ct.Plan:
    return ct.assign(data.patients, data.providers, data.visits, languages=False, infeasible="nearest")


def held(chart: Any) -> tuple[list[dict[str, Any]], str]:
    """The rows that a chart carries, and the chart as text."""
    made = chart.to_dict()
    return [row for rows in made["datasets"].values() for row in rows], json.dumps(made)


def test_the_bars_are_the_shares_of_patients(per_patient: pl.DataFrame) -> None:
    rows, _ = held(ct.plot.distribution(per_patient, "coc"))
    known = per_patient["coc"].drop_nulls()
    shares = {row["name"]: row["estimate"] for row in rows}
    assert shares["0"] == pytest.approx((known == 0).mean())
    assert shares["1"] == pytest.approx((known == 1).mean())


def test_a_small_class_is_hidden_and_cannot_be_told_from_the_others() -> None:
    values = [0.0] * 50 + [0.3] * 40 + [0.8] * 3 + [0.6] * 9 + [0.1] * 8 + [1.0] * 20
    frame = pl.DataFrame({"patient_id": range(len(values)), "n_visits": 4, "coc": values})
    rows, _ = held(ct.plot.distribution(frame, "coc"))
    hidden = [row["name"] for row in rows if row["estimate"] is None]
    assert len(hidden) >= 2
    assert "0.75–1" in hidden


def test_the_means_by_visits_are_those_of_the_patients(per_patient: pl.DataFrame) -> None:
    rows, _ = held(ct.plot.by_visits(per_patient, "coc"))
    three = per_patient.filter(pl.col("n_visits") == 3)["coc"].mean()
    assert next(row["estimate"] for row in rows if row.get("name") == "3") == pytest.approx(three)


def test_an_axis_reaches_over_counts_and_names_its_index(per_patient: pl.DataFrame) -> None:
    _, text = held(ct.plot.by_visits(per_patient, "provider_count", language="fi"))
    chart = json.loads(text)
    y = chart["layer"][1]["encoding"]["y"]
    assert y["scale"]["domain"][1] > 2
    assert y["axis"]["title"] == ct.index("provider_count").label["fi"]


def test_groups_are_drawn_from_a_summary_and_from_a_comparison(data: Any, per_patient: pl.DataFrame) -> None:
    table = ct.summarise(per_patient, by="unit_id", patients=data.patients).filter(index="coc")
    compared = ct.compare(per_patient, "unit_id", "coc", patients=data.patients)
    expected = dict(table.select("unit_id", "estimate").rows())
    for drawn in (ct.plot.groups(table), ct.plot.groups(compared)):
        assert {row["name"]: row["estimate"] for row in held(drawn)[0]} == pytest.approx(expected)
    assert "outside" in held(ct.plot.funnel(compared))[1]
    assert {row["group"] for row in held(ct.plot.course(compared))[0]} == set(expected)


def test_a_group_of_a_few_patients_is_not_in_the_figure() -> None:
    table = pl.DataFrame(
        {"unit_id": list("UVWX"), "index": "coc", "n_patients": [90, 80, 70, 3], "estimate": [0.3, 0.4, 0.5, 0.777]}
    ).with_columns(ci_low=pl.col("estimate") - 0.1, ci_high=pl.col("estimate") + 0.1)
    rows, text = held(ct.plot.groups(table))
    assert "0.777" not in text
    assert len(rows) == 2  # one more is hidden, or the total would tell


def effects_of_months() -> ct.Effects:
    rows = [
        (f"{u}{p}", u, datetime(2025, m, 1), datetime(2025, m + 1, 1), 0.3 + 0.1 * (u < "C" and m > 3) + 0.01 * (p % 3))
        for u in "ABCDEF"
        for p in range(9)
        for m in range(1, 7)
    ]
    names = ["patient_id", "unit_id", "window_start", "window_end", "coc"]
    starts = pl.DataFrame({"unit_id": list("ABCDEF"), "starts_at": [datetime(2025, 4, 1)] * 2 + [None] * 4})
    return ct.event_study(pl.DataFrame(rows, orient="row", schema=names), starts, "coc", placebo_units=0)


def test_an_event_study_is_drawn_by_time() -> None:
    effects = effects_of_months()
    rows, _ = held(ct.plot.event_study(effects))
    drawn = {row["event_time"]: row["estimate"] for row in rows if row.get("term") == "effect"}
    wanted = effects.frame.filter(pl.col("term") == "effect", pl.col("group").is_null())
    assert drawn == pytest.approx(dict(wanted.select("event_time", "estimate").rows()))
    assert drawn[0] == pytest.approx(0.1)


def test_loads_are_shares_of_the_target_and_nobody_is_named(data: Any, plan: ct.Plan) -> None:
    rows, text = held(ct.plot.loads(plan))
    expected = (plan.providers["load_after"] / plan.providers["target"]).to_list()
    assert sorted(row["after"] for row in rows) == pytest.approx(sorted(expected))
    assert not [who for who in data.providers["provider_id"] if who in text]
    assert plan.providers["provider_id"][0] in held(ct.plot.loads(plan, show_ids=True))[1]
    one = held(ct.plot.loads(plan, unit="U01", language="sv"))[0]
    assert sorted(row["name"] for row in one) == [f"Yrkesperson {n}" for n in (1, 2, 3, 4)]


def test_figures_are_refused_with_a_way_on(per_patient: pl.DataFrame, plan: ct.Plan) -> None:
    with pytest.raises(InputError, match="'secon' is missing"):
        ct.plot.distribution(per_patient, "secon")
    with pytest.raises(UsageError, match="leave 0 to 1"):
        ct.plot.distribution(per_patient, "provider_count")
    twice = pl.concat([per_patient, per_patient.with_columns(window_start=datetime(2024, 1, 1))])
    with pytest.raises(UsageError, match="one window"):
        ct.plot.by_visits(twice, "coc")
    with pytest.raises(UsageError, match="nothing to draw"):
        ct.plot.funnel(effects_of_months())
    with pytest.raises(UsageError, match="nothing to draw"):
        ct.plot.event_study(ct.compare(per_patient.with_columns(sex=pl.col("n_visits") % 2), "sex", "coc"))
    with pytest.raises(UsageError, match="0 rows"):
        ct.plot.loads(plan, unit="nowhere")


def test_objects_show_themselves_without_a_person(data: Any, per_patient: pl.DataFrame, plan: ct.Plan) -> None:
    from continuity.quality import check

    verdict = check({"visits": data.visits.lazy(), "patients": data.patients.lazy()})
    compared = ct.compare(per_patient, "unit_id", "coc", patients=data.patients)
    ids = {*data.patients["patient_id"].head(500), *data.providers["provider_id"]}
    for shown in (plan, verdict, compared, effects_of_months(), ct.index("coc")):
        html = shown._repr_html_()
        assert html.startswith("<div><b>")
        assert "<script" not in html
        assert not [who for who in ids if f">{who}<" in html]
    assert f"{plan.summary['n_moved']:,}" in plan._repr_html_()


def test_a_hostile_name_is_only_text() -> None:
    rows = pl.DataFrame({"term": ["mean"], "group": ["<img src=x>"], "event_time": [None], "estimate": [0.1]})
    rows = rows.with_columns(ci_low=0.0, ci_high=0.2, n_patients=90)
    assert "<img" not in ct.Effects(rows, {"index": "<b>"})._repr_html_()


def test_associations_show_no_small_class() -> None:
    from continuity.evaluation.outcomes.result import Associations

    rows = pl.DataFrame({"term": "log_rate_ratio", "group": ["< 0.5", ">= 0.5", "1"], "estimate": [0.0, -0.5, 1.0]})
    rows = rows.with_columns(ci_low=-1.0, ci_high=1.0, n_patients=pl.Series([90, 80, 3]))
    html = Associations(rows, {"design": "landmark"})._repr_html_()
    assert "<td>-0.5</td>" in html
    assert "<td>3</td>" not in html
