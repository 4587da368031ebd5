"""To which group a patient belongs, how large a cell is, and classes that add up."""

from collections import Counter, defaultdict
from datetime import datetime
from itertools import permutations
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuity.evaluation.aggregate import aggregate
from continuity.evaluation.cells import VALUE_CLASSES, VISIT_CLASSES, distribution, sizes, visit_class
from continuity.evaluation.groups import members
from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.windows import windows
from continuity.pipeline.measure import measure

DAY = datetime(2025, 3, 1)


def visits(rows: list[tuple[Any, ...]], columns: list[str]) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema=columns, orient="row", infer_schema_length=None).with_columns(visit_at=pl.lit(DAY))


def found(sources: Sources, column: str) -> dict[Any, Any]:
    answer = members(sources, column)
    assert answer is not None
    rows = answer[0].collect().rows()
    assert len(rows) == len({patient for patient, _ in rows}), "a patient stands in two groups"
    return dict(rows)


def test_most_visits_and_of_several_the_smallest_name_whatever_the_order() -> None:
    rows = [("p", "A", "U2"), ("p", "A", "U1"), ("q", "A", "U1"), ("q", "A", "U2"), ("q", "B", "U2"), ("r", "A", None)]
    for order in permutations(rows):
        sources = Sources(visits(list(order), ["patient_id", "provider_id", "unit_id"]))
        assert found(sources, "unit_id") == {"p": "U1", "q": "U2"}
        answer = members(sources, "unit_id")
        assert answer is not None
        assert answer[1] == "most_visits"


def test_what_the_patients_say_goes_before_where_they_went() -> None:
    seen = visits([("p", "A", "U1"), ("q", "A", "U1")], ["patient_id", "provider_id", "unit_id"])
    sources = Sources(seen, pl.LazyFrame({"patient_id": ["p", "q", "p"], "unit_id": ["U9", None, "U9"]}))
    assert found(sources, "unit_id") == {"p": "U9", "q": None}
    answer = members(sources, "unit_id")
    assert answer is not None
    assert answer[1] == "assigned"


@pytest.mark.parametrize("dtype", [pl.Int16, pl.Int64, pl.String])
def test_the_team_of_the_listed_provider_with_ids_of_another_type(dtype: Any) -> None:
    seen = visits([(1, 7, 70), (2, 8, 70), (3, 8, 80)], ["patient_id", "provider_id", "team_id"])
    patients = pl.LazyFrame({"patient_id": [1, 2, 3], "listed_provider_id": [7, 8, None]}).cast(dtype)
    providers = pl.LazyFrame({"provider_id": [7, 8, 8], "team_id": [70, 80, 80]}).cast(dtype)
    assert found(Sources(seen, patients, providers), "team_id") == {1: 70, 2: 80, 3: None}
    # Without the providers' teams only the visits tell.
    assert found(Sources(seen, patients), "team_id") == {1: 70, 2: 70, 3: 80}


def test_a_column_that_nobody_knows_gives_no_group() -> None:
    assert members(Sources(visits([("p", "A")], ["patient_id", "provider_id"])), "unit_id") is None


@st.composite
def seen_by(draw: st.DrawFn) -> list[tuple[str, str | None, int]]:
    cell = st.tuples(st.sampled_from("pqrst"), st.sampled_from([*"ABCD", None]))
    return [(patient, actor, draw(st.integers(1, 20))) for patient, actor in draw(st.sets(cell, min_size=1))]


@settings(max_examples=60, deadline=None)
@given(seen_by(), st.dictionaries(st.sampled_from("pqrst"), st.sampled_from(["U1", "U2", None]), min_size=1))
def test_sizes_by_counting(pairs: list[tuple[str, str | None, int]], unit_of: dict[str, str | None]) -> None:
    schema = {"patient_id": pl.String, "actor": pl.String, "n": pl.Int64}
    people = pl.DataFrame(
        {"patient_id": list(unit_of), "unit": list(unit_of.values())}, schema_overrides={"unit": pl.String}
    )
    got = sizes(pl.DataFrame(pairs, schema=schema, orient="row"), people, ["unit"])
    wanted: dict[str | None, Counter[str]] = defaultdict(Counter)
    for patient, actor, n in pairs:
        if patient in unit_of and actor is not None:
            wanted[unit_of[patient]][actor] += n
    assert {row["unit"]: (row["n_providers"], row["share_largest_provider"]) for row in got.to_dicts()} == {
        unit: (len(seen), pytest.approx(max(seen.values()) / sum(seen.values()))) for unit, seen in wanted.items()
    }


def test_only_patients_with_a_value_lend_their_providers_to_a_cell() -> None:
    """Below the minimum of visits a patient counts for nothing: B, C and D stand behind no number."""
    rows = [("p", "A", "U")] * 3 + [("q", "B", "U"), ("q", "C", "U"), ("r", "D", "U")]
    sources = Sources(visits(rows, ["patient_id", "provider_id", "unit_id"]))
    measured = measure(sources, ["coc", "provider_count"], Rules(min_visits=3), None)
    unit = members(sources, "unit_id")
    assert unit is not None
    table = aggregate(measured, ["unit_id"], unit[0].collect())
    assert (
        table.select("n_patients", "n_undefined", "n_providers", "share_largest_provider").rows()
        == [(1, 2, 1, 1.0)] * 2
    )


def test_windows_that_start_together_keep_their_providers_apart() -> None:
    rows = [("p", who, datetime(2025, 1, day)) for who, day in (("A", 1), ("A", 2), ("B", 20), ("C", 21), ("D", 22))]
    schema = {"patient_id": pl.String, "provider_id": pl.String, "visit_at": pl.Datetime("us")}
    sources = Sources(pl.LazyFrame(rows, schema=schema, orient="row"))
    spans = windows([("2025-01-01", "2025-01-10"), ("2025-01-01", "2025-02-01")])
    measured = measure(sources, ["coc"], Rules(min_visits=2), spans, bounds=True)
    assert measured.per_patient.height == 2
    table = aggregate(measured, []).sort("window_end")
    assert table["n_providers"].to_list() == [1, 4]
    assert table["share_largest_provider"].to_list() == [1.0, 0.4]


def test_every_number_of_visits_is_in_one_class() -> None:
    names = pl.DataFrame({"n_visits": range(1, 60)}).with_columns(name=visit_class())
    for n, name in names.iter_rows():
        low, _, high = name.rstrip("+").partition("-")
        assert int(low) <= n <= (10**9 if name.endswith("+") else int(high or low))
    assert names["name"].n_unique() == len(VISIT_CLASSES)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 1e-300, 1 - 2**-53]), st.floats(0, 1)))
)
def test_the_distribution_adds_up_to_those_with_a_value(values: list[float | None]) -> None:
    table = distribution(pl.DataFrame({"coc": values}, schema={"coc": pl.Float64}), "coc")
    defined = [v for v in values if v is not None]
    assert table["n_patients"].sum() == len(defined)
    counts = dict(table.select("value_class", "n_patients").iter_rows())
    assert list(counts) == [name for name, _, _ in VALUE_CLASSES]
    assert (counts["0"], counts["1"]) == (defined.count(0), defined.count(1))
    assert counts["0.25-0.5"] == sum(0.25 <= v < 0.5 for v in defined)
    assert counts["0.75-1"] == sum(0.75 <= v < 1 for v in defined)
