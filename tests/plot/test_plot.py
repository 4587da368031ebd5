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
WHEN = ("landmark", "concurrent")


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


def test_access_stands_beside_continuity_and_hides_small_groups() -> None:
    waits = pl.DataFrame({"unit_id": list("UVWX"), "n_patients": [90, 80, 70, 3], "n_visits": [95, 85, 75, 3]})
    waits = waits.with_columns(share_within_14_days=pl.Series([0.61, 0.72, 0.83, 0.999]))
    means = waits.select("unit_id", "n_patients", index=pl.lit("coc"), estimate=pl.Series([0.3, 0.4, 0.5, 0.777]))
    rows, text = held(ct.plot.access(waits, means))
    drawn = {row["name"]: (row["estimate"], row["share_within_14_days"]) for row in rows if "name" in row}
    assert drawn == {"U": (0.3, 0.61), "V": (0.4, 0.72)}  # W goes with X, or the total would tell
    assert "0.777" not in text
    assert "0.999" not in text
    with pytest.raises(UsageError, match="nothing to draw"):
        ct.plot.access(waits.tail(2), means)
    with pytest.raises(InputError, match="'share_within_14_days' are missing"):
        ct.plot.access(means, means)


def test_waits_are_those_of_the_visits(data: Any) -> None:
    waits = ct.waiting_times(data.visits, patients=data.patients)
    rows, _ = held(ct.plot.waiting(waits, language="fi"))
    known = {row["seen_by"]: row for row in waits.drop_nulls("seen_by").iter_rows(named=True)}
    assert {row["name"]: row["median_days"] for row in rows} == {
        "oma": known["own"]["median_days"],
        "muu": known["other"]["median_days"],
    }
    few = waits.with_columns(n_patients=pl.lit(20, pl.Int64))
    assert all(row["end"] == row["median_days"] for row in held(ct.plot.waiting(few))[0])  # no 90th percentile
    with pytest.raises(UsageError, match="nothing to draw"):
        ct.plot.waiting(waits.with_columns(n_patients=pl.lit(4, pl.Int64)))


def test_outcomes_are_drawn_as_ratios() -> None:
    from math import exp

    from continuity.evaluation.outcomes.result import Associations

    rows = pl.DataFrame({"term": "log_rate_ratio", "group": ["0.25", "0.5", "0.75"], "estimate": [0.0, -0.2, -0.4]})
    rows = rows.with_columns(ci_low=pl.Series([None, -0.3, -0.6]), ci_high=pl.Series([None, -0.1, -0.2]))
    curve = Associations(rows.with_columns(n_patients=pl.Series([90, 80, 3])), {"index": "coc"})
    drawn, text = held(ct.plot.outcome(curve, language="sv"))
    ratios = {row["at"]: row["estimate"] for row in drawn if "at" in row}
    assert ratios == pytest.approx({0.25: 1.0, 0.5: exp(-0.2)})  # three patients are not drawn
    assert "Incidenskvot" in text
    classes = rows.with_columns(group=pl.Series(["< 0.3", "0.3-0.6", ">= 0.6"]), n_patients=90)
    both = pl.concat(
        [classes.with_columns(term=pl.lit(f"{when} log_rate_ratio")) for when in ("landmark", "concurrent")]
    )
    names = [row["name"] for row in held(ct.plot.outcome(Associations(both, {})))[0] if "name" in row]
    assert names[0] == "< 0.3 (measured before)"
    assert names[-1] == ">= 0.6 (measured at once)"
    with pytest.raises(UsageError, match="nothing to draw"):
        ct.plot.outcome(Associations(classes.with_columns(n_patients=3), {}))


def test_a_course_shows_dates_and_breaks(per_patient: pl.DataFrame, data: Any) -> None:
    earlier = per_patient.with_columns(window_start=datetime(2024, 1, 1), window_end=datetime(2025, 1, 1))
    found = ct.compare(pl.concat([earlier, per_patient]), "unit_id", "coc", patients=data.patients)
    rows, text = held(ct.plot.course(found, breaks=["2025-01-01=New system"]))
    assert {row["piece"] for row in rows if "piece" in row} == {0, 2}
    assert "2025-01-01" in text
    with pytest.raises(UsageError, match="--break"):
        ct.plot.course(found, breaks=["soon=New system"])


def test_associations_show_no_small_class() -> None:
    from continuity.evaluation.outcomes.result import Associations

    rows = pl.DataFrame({"term": "log_rate_ratio", "group": ["< 0.5", ">= 0.5", "1"], "estimate": [0.0, -0.5, 1.0]})
    rows = rows.with_columns(ci_low=-1.0, ci_high=1.0, n_patients=pl.Series([90, 80, 3]))
    html = Associations(rows, {"design": "landmark"})._repr_html_()
    assert "<td>-0.5</td>" in html
    assert "<td>3</td>" not in html


@pytest.mark.parametrize(("low", "high"), [(0.86, 1.15), (0.7, 1.4), (0.5, 2.5), (0.1, 9.0)])
def test_an_axis_of_ratios_has_ticks_to_read_it_by(low: float, high: float) -> None:
    from continuity.plot.outcomes import _ticks

    ticks = _ticks(low, high)
    assert 4 <= len(ticks) <= 9
    assert 1 in ticks
    assert low <= min(ticks) < 1 < max(ticks) <= high


def test_groups_have_the_names_that_people_read() -> None:
    frame = pl.DataFrame(
        {"patient_id": range(120), "sex": ["female", "male"] * 60, "n_visits": 4, "coc": [0.2, 0.4, 0.5] * 40}
    )
    _, drawn = held(ct.plot.groups(ct.compare(frame, "sex", "coc"), language="sv"))
    assert "kvinna" in drawn
    assert "female" not in drawn
    means = ct.summarise(frame, by="sex")
    _, drawn = held(ct.plot.groups(means, by="sex", language="fi"))
    assert "nainen" in drawn
    assert "female" not in drawn
