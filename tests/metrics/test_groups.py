"""Indices of groups against the reference's vectors, their laws, and what they refuse."""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import InputError, UsageError
from continuity.metrics import keys

from .brute_force import Visit
from .drawn import ASKED, FIRST, close, days, examples, frame, sequence, visits, with_modes

VECTORS = Path(__file__).parents[2].parent / "shared" / "reference" / "vectors.json"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="the shared reference folder is not beside the project")


def vectors(kind: str) -> list[Any]:
    if not VECTORS.exists():
        return []
    found = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]
    return [pytest.param(vector, id=vector["id"]) for vector in found if vector["kind"] == kind]


def lists(assigned: Mapping[str, str | None]) -> pl.DataFrame:
    schema = {"patient_id": pl.String, "listed_provider_id": pl.String}
    return pl.DataFrame(list(assigned.items()), schema=schema, orient="row")


def group(table: pl.DataFrame, key: str, column: str) -> dict[Any, float | None]:
    return dict(table.select(column, key).iter_rows())


def whole(seen: list[Visit], key: str, **options: Any) -> float | None:
    return ct.compute(frame(seen), key, grain="period", **{"min_visits": 2, **options})[key].item()


@needs_vectors
@pytest.mark.parametrize("vector", vectors("practice"))
def test_vector_of_a_practice(vector: Mapping[str, Any]) -> None:
    patients = lists({p["patient"]: p["assigned_provider"] for p in vector["patients"]})
    seen = frame([v for p in vector["patients"] for v in sequence(p["visits"], p["patient"])])
    exact = vector["exact"]
    by_list = group(ct.compute(seen, "slicc", grain="list", patients=patients), "slicc", "listed_provider_id")
    assert by_list.keys() == exact["slicc_by_list"].keys()
    assert all(close(by_list[who], Fraction(value)) for who, value in exact["slicc_by_list"].items())
    practice = ct.compute(seen, ["slicc", "own_visit_share", "own_patient_ratio"], grain="period", patients=patients)
    assert close(practice["slicc"].item(), Fraction(exact["slicc"]))
    assert practice["own_visit_share"].item() == practice["slicc"].item()
    ratios = dict(exact["own_patient_ratio"])
    assert close(practice["own_patient_ratio"].item(), Fraction(ratios.pop("practice")))
    rows = ct.compute(seen, "own_patient_ratio", grain="provider", patients=patients, format="long")
    found = {row["provider_id"]: (row["value"], row["undefined_reason"]) for row in rows.iter_rows(named=True)}
    assert found.pop("X") == (None, "no_list")
    assert found.keys() == ratios.keys()
    assert all(close(found[who][0], Fraction(value)) for who, value in ratios.items())


@needs_vectors
@pytest.mark.parametrize("vector", vectors("periods"))
def test_vector_of_rolling_continuity(vector: Mapping[str, Any]) -> None:
    table = pl.DataFrame(vector["rows"], schema=["patient_id", "provider_id", "visit_at"], orient="row")
    seen = table.with_columns(pl.col("visit_at").str.to_datetime())
    rolled = ct.compute(
        seen, "rolling_continuity", grain="period", window=("2022-01-01", "2025-01-01"), every="1mo", period="1mo"
    )
    assert rolled.height == 36
    assert set(rolled.filter(pl.col("rolling_continuity").is_null())["undefined_reason"]) == {"no_followups"}
    exact = vector["exact"]["rolling_continuity"]
    there = rolled.drop_nulls("rolling_continuity")
    found = dict(zip(there["window_start"].dt.strftime("%Y-%m"), there["rolling_continuity"], strict=True))
    assert found.keys() == exact["by_period"].keys()
    assert all(close(found[month], Fraction(value)) for month, value in exact["by_period"].items())
    assert close(sum(found.values()) / len(found), Fraction(exact["mean_of_periods"]))
    pooled = ct.compute(seen, ["rolling_continuity", "pooled_secon"], grain="period", min_visits=1)
    assert close(pooled["rolling_continuity"].item(), Fraction(exact["pooled"]))
    assert close(pooled["pooled_secon"].item(), Fraction(exact["pooled"]))


@needs_vectors
@pytest.mark.parametrize("vector", vectors("patients"))
def test_vector_of_patient_means(vector: Mapping[str, Any]) -> None:
    rows = [(p, who, at[0] if at else f"2023-01-{n + 1:02}") for n, (p, who, *at) in enumerate(vector["rows"])]
    seen = pl.DataFrame(rows, schema=["patient_id", "provider_id", "visit_at"], orient="row")
    table = ct.compute(
        seen.with_columns(pl.col("visit_at").str.to_datetime()),
        [f"mean_{key}" for key in vector["exact"]],
        grain="period",
        min_visits=vector.get("source_min_visits", 2),
        unknown_provider=vector.get("unknown_provider", "drop"),
        format="long",
    )
    for row in table.iter_rows(named=True):
        exact = vector["exact"][row["index"].removeprefix("mean_")]
        assert close(row["value"], None if exact["mean"] is None else Fraction(exact["mean"]))
        assert (row["n_patients"], row["n_undefined"]) == (exact["n_included"], exact["n_excluded"])
        assert row["undefined_reason"] == (None if exact["n_included"] else "no_eligible_patients")


def test_example_of_r15() -> None:
    seen = [*days("AA", "p"), *days("AB", "q"), *days("AAAAAAAAAB", "r")]
    assert close(whole(seen, "mean_coc"), Fraction(3, 5))
    assert close(whole(seen, "visit_weighted_coc"), Fraction(5, 7))  # (2 + 0 + 10 x 4/5) / 14
    assert close(whole(seen, "pooled_coc"), Fraction(37, 47))  # (2 + 0 + 72) / (2 + 2 + 90)


def test_printed_numbers_of_r15() -> None:
    seen = [*days("AA", "p"), *days("AB", "q"), *days("AAAAAAAAAB", "r")]
    printed = {"mean_coc": 0.600, "visit_weighted_coc": 0.714, "pooled_coc": 0.787}
    assert {key: round(whole(seen, key) or 0, 3) for key in printed} == printed


LISTED = st.fixed_dictionaries({p: st.sampled_from(["A", "B", None]) for p in "pqr"})


@examples(60)
@given(visits(), LISTED)
def test_shares_with_the_listed_provider(seen: list[Visit], listed: dict[str, str | None]) -> None:
    known = [v for v in seen if v.provider and v.provider.strip()]
    mine = [v for v in known if listed[v.patient]]
    own = [v for v in mine if v.provider == listed[v.patient]]
    given_ = [v for v in known if v.provider in set(listed.values())]
    options: dict[str, Any] = {"patients": lists(listed), "grain": "period"}
    row = ct.compute(frame(seen), ["slicc", "own_patient_ratio"], **options).row(0, named=True)
    assert close(row["slicc"], Fraction(len(own), len(mine)) if mine else None)
    assert close(row["own_patient_ratio"], Fraction(len(own), len(given_)) if given_ else None)
    by_list = ct.compute(frame(seen), "slicc", patients=lists(listed), grain="list")
    for provider, share in group(by_list, "slicc", "listed_provider_id").items():
        theirs = [v for v in mine if listed[v.patient] == provider]
        assert close(share, Fraction(sum(v.provider == provider for v in theirs), len(theirs)) if theirs else None)
    if mine:  # the practice is the visit-weighted mean of its lists
        assert close(
            (by_list["slicc"].fill_null(0) * by_list["n_visits"]).sum() / by_list["n_visits"].sum(), row["slicc"]
        )
    by_provider = ct.compute(frame(seen), "own_patient_ratio", patients=lists(listed), grain="provider")
    for provider, share in group(by_provider, "own_patient_ratio", "provider_id").items():
        theirs = [v for v in known if v.provider == provider]
        holder = provider in set(listed.values())
        hits = sum(listed[v.patient] == provider for v in theirs)
        assert close(share, Fraction(hits, len(theirs)) if holder and theirs else None)


@examples(40)
@given(visits(unknown=False))
def test_opr_is_slicc_when_everyone_is_listed_and_sees_list_holders_only(seen: list[Visit]) -> None:
    options: dict[str, Any] = {"patients": lists({"p": "A", "q": "B", "r": "C"}), "grain": "period"}
    row = ct.compute(frame(seen), ["slicc", "own_patient_ratio"], **options).row(0, named=True)
    assert row["slicc"] == row["own_patient_ratio"]


@examples(60)
@given(visits(), st.integers(1, 3))
def test_means_and_pooled_pairs_follow_from_the_patients(seen: list[Visit], least: int) -> None:
    patients = ct.compute(frame(seen), ["coc", "secon"], min_visits=least)
    has = patients.drop_nulls("coc")
    chosen = ["mean_coc", "visit_weighted_coc", "pooled_coc", "pooled_secon", "share_perfect", "coc_at_least"]
    row = ct.compute(frame(seen), chosen, grain="period", min_visits=least).row(0, named=True)
    assert (row["n_patients"], row["n_undefined"]) == (has.height, patients.height - has.height)
    assert row["n_visits"] == has["n_visits"].sum()
    if has.is_empty():
        assert row["undefined_reason"] == "no_eligible_patients"
        return
    n = has["n_visits"]
    assert close(row["mean_coc"], has["coc"].mean())
    assert close(row["visit_weighted_coc"], (has["coc"] * n).sum() / n.sum())
    assert close(row["pooled_coc"], (has["coc"] * n * (n - 1)).sum() / (n * (n - 1)).sum())
    assert close(row["pooled_secon"], (has["secon"] * (n - 1)).sum() / (n - 1).sum())
    assert close(row["share_perfect"], (has["coc"] == 1).mean())
    assert close(row["coc_at_least"], (has["coc"] >= 0.7).mean())


@examples(40)
@given(visits(), st.sampled_from(["drop", "each_distinct", "one_group"]), st.sampled_from(["expectation", "visit_id"]))
def test_rolling_over_one_period_is_pooled_secon(seen: list[Visit], policy: Any, order: Any) -> None:
    rules: dict[str, Any] = {"unknown_provider": policy, "tie_order": order, "min_visits": 1}
    row = ct.compute(frame(seen), ["rolling_continuity", "pooled_secon"], grain="period", **rules).row(0, named=True)
    assert close(row["rolling_continuity"], row["pooled_secon"])


@examples(40)
@given(visits())
def test_rolling_windows_hold_every_follow_up_once(seen: list[Visit]) -> None:
    """The days give a value around the whole: the visit before may lie in an earlier window."""
    windows = [(FIRST + timedelta(days=n), FIRST + timedelta(days=n + 1)) for n in range(8)]
    total = ct.compute(frame(seen), ["rolling_continuity"], grain="period")["rolling_continuity"].item()
    parts = ct.compute(frame(seen), "rolling_continuity", grain="period", window=windows)
    assert parts.height == len(windows)
    values = parts["rolling_continuity"].drop_nulls()
    assert (total is None) == values.is_empty()
    if total is not None:
        assert values.min() - 1e-12 <= total <= values.max() + 1e-12


@examples(40)
@given(visits(), LISTED)
def test_merging_windows_gives_a_value_between(seen: list[Visit], listed: dict[str, str | None]) -> None:
    cut = [(FIRST, FIRST + timedelta(days=3)), (FIRST + timedelta(days=3), FIRST + timedelta(days=9))]
    options: dict[str, Any] = {"patients": lists(listed), "grain": "period"}
    parts = ct.compute(frame(seen), "slicc", window=cut, **options)["slicc"].drop_nulls()
    total = ct.compute(frame(seen), "slicc", window=(cut[0][0], cut[1][1]), **options)["slicc"].item()
    assert total is None or parts.min() - 1e-12 <= total <= parts.max() + 1e-12


@examples(30)
@given(visits(), st.floats(0, 1), st.floats(0, 1))
def test_share_at_least_never_rises_with_the_threshold(seen: list[Visit], one: float, other: float) -> None:
    low, high = (whole(seen, "coc_at_least", threshold=t) for t in sorted((one, other)))
    assert low is None or high is None or low >= high


def test_patients_belong_to_the_provider_seen_most_by_span_then_recency_then_id() -> None:
    seen = {"most": "AAB", "span": "BAAB", "latest": "ABAB", "name": "BA"}
    table = [v for name, text in seen.items() for v in days(text, name)]
    at_once = [Visit("moment", FIRST, who, who) for who in "BA"]
    found = ct.compute(frame([*table, *at_once]), "coc_at_least", grain="provider", min_visits=2, format="long")
    # span: B (3 days against 1); latest: equal spans of 2 days, B later; name: A later; moment: A by name.
    assert dict(found.select("provider_id", "n_patients").iter_rows()) == {"A": 3, "B": 2}


def test_lists_are_valid_in_time() -> None:
    patients = pl.DataFrame({"patient_id": ["p"], "listed_provider_id": ["A"], "listed_from": [date(2025, 4, 1)]})
    rows = ct.compute(
        frame(days("AAAAAB", "p")),
        ["slicc", "mean_upc"],
        grain="list",
        patients=patients,
        window=[("2025-03-01", "2025-04-01"), ("2025-04-01", "2025-05-01")],
        min_visits=1,
    )
    assert rows["window_start"].to_list() == [datetime(2025, 4, 1)]  # no list before it begins
    assert rows["slicc"].to_list() == [0.5]


def test_units_come_from_the_patients_or_from_most_visits() -> None:
    seen = frame([*days("AA", "p"), *days("AB", "q"), *days("BB", "r")])
    patients = pl.DataFrame({"patient_id": ["p", "q", "r"], "unit_id": ["U", "V", None]})
    table = ct.compute(seen, "mean_coc", grain="unit", patients=patients, min_visits=2)
    assert table.select("unit_id", "mean_coc").rows() == [("U", 1.0), ("V", 0.0), (None, 1.0)]
    placed = seen.with_columns(unit_id=pl.lit("W"))
    assert ct.compute(placed, "pooled_coc", grain="unit", min_visits=2)["unit_id"].to_list() == ["W"]


def test_a_list_without_visits_has_a_row_and_a_reason() -> None:
    table = ct.compute(frame(days("AA", "p")), "slicc", grain="list", patients=lists({"p": "A", "q": "B"}))
    assert table.select("listed_provider_id", "slicc", "undefined_reason").rows() == [
        ("A", 1.0, None),
        ("B", None, "no_panel_visits"),
    ]


def test_a_list_holder_without_visits_has_none() -> None:
    patients = lists({"p": "A", "q": "B"})
    table = ct.compute(frame(days("AA", "p")), "own_patient_ratio", grain="provider", patients=patients)
    assert table.filter(provider_id="B")["undefined_reason"].to_list() == ["no_visits"]


GROUP_KEYS = sorted({(key, grain) for grain in ("list", "provider", "unit", "period") for key in keys(grain)})


@pytest.mark.parametrize(("key", "grain"), GROUP_KEYS)
def test_row_order_chunks_and_id_types_change_no_bit(key: str, grain: Any) -> None:
    n = 500
    table = pl.DataFrame(
        {
            "patient_id": [i * i % 60 for i in range(n)],
            "provider_id": [i * i * i % 7 for i in range(n)],
            "visit_at": [FIRST + timedelta(hours=i % 90) for i in range(n)],
            "unit_id": [i * i % 60 % 4 for i in range(n)],
        }
    )
    patients = pl.DataFrame({"patient_id": range(60), "listed_provider_id": [i % 7 for i in range(60)]})
    options: dict[str, Any] = {"grain": grain, "window": (FIRST, FIRST + timedelta(days=3)), "min_visits": 2}
    expected = ct.compute(table, key, patients=patients, **options)
    shuffled = table.sample(fraction=1, shuffle=True, seed=4)
    chunked = pl.concat([shuffled[:50], shuffled[50:]], rechunk=False)
    assert ct.compute(chunked, key, patients=patients.reverse(), **options).equals(expected)
    lazy = ct.compute(table.lazy(), key, patients=patients, **options)
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(expected)
    text = [pl.col(name).cast(pl.String) for name in ("patient_id", "provider_id", "unit_id")]
    texts = ct.compute(table.with_columns(text), key, patients=patients.cast(pl.String), **options)
    assert texts.select(key, "n_patients", "n_visits").equals(expected.select(key, "n_patients", "n_visits"))


@pytest.mark.parametrize("key", keys())
def test_every_index_of_patients_has_its_means(key: str) -> None:
    seen = with_modes(frame([*days("AABC", "p"), *days("AAABBCD", "q"), *days("ABABCC", "r")]))
    since = [FIRST.date() - timedelta(days=n) for n in (0, 300, 900)]
    listed = pl.DataFrame({"patient_id": ["p", "q", "r"], "listed_provider_id": ["A"] * 3, "listed_from": since})
    patients = ct.compute(seen, key, patients=listed, **ASKED)
    once, weighted = f"mean_{key}", f"visit_weighted_{key}"
    row = ct.compute(seen, [once, weighted], grain="period", patients=listed, **ASKED).row(0, named=True)
    assert close(row[once], patients[key].mean())
    assert close(row[weighted], (patients[key] * patients["n_visits"]).sum() / patients["n_visits"].sum())


def test_bounds_of_groups_hold_the_other_readings() -> None:
    seen = frame([*days("AAB??", "p"), *days("A?B?", "q")])
    row = ct.compute(seen, ["mean_coc", "pooled_coc"], grain="period", unknown_provider="bounds").row(0, named=True)
    for policy in ("each_distinct", "one_group"):
        other = ct.compute(seen, ["mean_coc", "pooled_coc"], grain="period", unknown_provider=policy)
        for key in ("mean_coc", "pooled_coc"):
            assert row[f"{key}_low"] <= other[key].item() <= row[f"{key}_high"]


@pytest.mark.parametrize(
    ("key", "options", "said"),
    [
        ("coc", {"grain": "ward"}, "grain cannot be 'ward'"),
        ("coc", {"grain": "unit"}, "coc has no grain unit. Its grains: patient.*mean_coc"),
        ("slicc", {}, "slicc has no grain patient. Its grains: list, unit, period"),
        ("mean_coc", {"grain": "provider"}, "Its grains: list, unit, period"),
        ("own_patient_ratio", {"grain": "period", "level": "team"}, "about persons"),
        ("coc_at_least", {"grain": "period", "threshold": 1.5}, "threshold"),
        ("rolling_continuity", {"grain": "period", "unknown_provider": "bounds"}, "cannot be bounded"),
        ("mean_cox", {"grain": "period"}, "index cannot be 'mean_cox'.*Did you mean 'mean_coc'"),
    ],
)
def test_what_cannot_be_asked_for(key: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ct.compute(frame(days("AAB")), key, **options)


@pytest.mark.parametrize(("key", "grain"), [("slicc", "list"), ("mean_coc", "list"), ("mean_coc", "unit")])
def test_what_the_tables_must_hold(key: str, grain: Any) -> None:
    with pytest.raises(InputError, match=r"Needed: .*column"):
        ct.compute(frame(days("AAB")).lazy(), key, grain=grain)


@examples(60)
@given(
    seen=visits(per_patient=7, unknown=False),
    where=st.dictionaries(st.sampled_from("pqr"), st.sampled_from(["U", "V"])),
)
def test_grains_and_summarise_are_two_ways_to_one_number(seen: list[Visit], where: dict[str, str]) -> None:
    """The engine sums integers over patients; `summarise` averages the values of patients."""
    people = sorted({v.patient for v in seen})
    patients = pl.DataFrame(
        {"patient_id": people, "unit_id": [where.get(p) for p in people]}, {"patient_id": str, "unit_id": str}
    )
    names = {"patient_mean": "mean", "visit_weighted": "visit_weighted", "pooled": "pooled"}
    asked = [f"{prefix}_{key}" for prefix in names.values() for key in ("coc", "secon")]
    groups = ct.compute(frame(seen), asked, grain="unit", patients=patients, min_visits=2)
    per_patient = ct.compute(frame(seen), ["coc", "secon"], min_visits=2)
    for estimator, prefix in names.items():
        table = ct.summarise(per_patient, "unit_id", patients=patients, estimator=estimator)
        for unit, key, estimate in table.select("unit_id", "index", "estimate").iter_rows():
            found = groups.filter(pl.col("unit_id").eq_missing(pl.lit(unit, pl.String)))[f"{prefix}_{key}"]
            assert close(found.item(), estimate)
