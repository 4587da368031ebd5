"""OMOP: the anchors that the shared data state, and each trap of the format on a small fixture."""

import json
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import continuity as ct
from continuity.cli import main
from continuity.errors import ContinuityError, InputError
from continuity.sources import ReadOptions, Tables, omop, read

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "eunomia_synthea27nj"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared OMOP data are not beside this checkout")
VISIT = {
    "visit_occurrence_id": ["1", "2", "3"],
    "person_id": ["1", "1", "1"],
    "visit_concept_id": ["9202", "9202", "9202"],
    "visit_start_date": ["2024-01-01", "2024-01-02", "2024-01-03"],
    "visit_start_datetime": ["2024-01-01 00:00:00", None, "2024-01-03 08:15:00"],
    "provider_id": ["7", "NULL", "0"],
}


def frames(**tables: dict[str, list[object]]) -> dict[str, pl.LazyFrame]:
    return {name: pl.LazyFrame(columns) for name, columns in tables.items()}


def visits_with(**columns: list[object]) -> dict[str, pl.LazyFrame]:
    return frames(visit_occurrence={**VISIT, **columns})


def counts(tables: Tables, table: str = "visits") -> dict[str, int]:
    return {count.what: count.n_rows for count in tables.counts if count.table == table}


def mean(tables: Tables, key: str) -> float:
    return ct.compute(tables.visits, [key]).collect()[key].mean()


@needs_data
@pytest.mark.parametrize(
    ("concepts", "anchors"),
    [
        (None, (0.6228535183, 0.7107306168)),
        (("9202",), (0.6228535183, 0.7107306168)),
        (("all",), (0.6145064454, 0.7031016442)),
    ],
)
def test_the_anchors_of_the_shared_data(concepts, anchors):
    tables = read(DATA, options=ReadOptions(visit_concepts=concepts))
    assert (mean(tables, "coc"), mean(tables, "upc")) == pytest.approx(anchors, abs=1e-9)
    said = counts(tables)
    left_out = sum(n for what, n in said.items() if "not chosen" in what)
    assert said["rows read"] - left_out == tables.visits.select(pl.len()).collect().item()


@needs_data
def test_details_give_the_same_visits_as_occurrences():
    """Of these data, where each visit has one detail with the same provider."""
    usual, detailed = (read(DATA, options=ReadOptions(visit_detail=flag)) for flag in (False, True))
    assert mean(usual, "coc") == mean(detailed, "coc")
    assert detailed.visits.collect()["visit_id"].min() > 1_000_000
    reasons = [
        t.visits.select(pl.col("reason_codes").drop_nulls().list.len().sum()).collect().item()
        for t in (usual, detailed)
    ]
    assert reasons[0] == reasons[1] > 0


@needs_data
def test_deaths_and_observation_periods_are_enrolment():
    patients = read(DATA).patients.collect()
    assert patients.height == 28
    died = dict(pl.read_csv(DATA / "DEATH.csv", try_parse_dates=True).select("person_id", "death_date").iter_rows())
    for row in patients.filter(pl.col("patient_id").is_in(list(died))).iter_rows(named=True):
        assert row["enrolled_to"] <= died[row["patient_id"]]
    assert patients["listed_provider_id"].null_count() == 28


@needs_data
def test_the_command_line_gives_the_anchor(tmp_path, capsys):
    with pytest.raises(SystemExit) as done:
        main(["metrics", str(DATA), "--index", "coc", "--output", str(tmp_path / "coc.parquet"), "--json"])
    assert done.value.code == 0
    assert json.loads(capsys.readouterr().out)["mean"]["coc"] == pytest.approx(0.6228535183, abs=1e-9)


@needs_data
def test_parquet_in_capitals_gives_the_same_tables(tmp_path):
    for path in DATA.glob("*.csv"):
        frame = pl.read_csv(path, infer_schema_length=None)
        frame.rename(str.upper).write_parquet(tmp_path / f"{path.stem.lower()}.parquet")
    typed, text = read(tmp_path), read(DATA)
    assert omop.recognise(tmp_path)
    for name, frame in text.present().items():
        names = frame.collect_schema().names()  # without area_code: LOCATION.csv is a header only, thus absent
        key = names[0] if name != "visits" else "visit_id"
        assert typed.present()[name].select(names).sort(key).collect().equals(frame.sort(key).collect()), name


def test_null_zero_and_blank_providers_are_unknown():
    tables = omop.canonical(visits_with(), ReadOptions())
    assert tables.visits.collect()["provider_id"].to_list() == [7, None, None]
    assert counts(tables) == {"rows read": 3, "provider_id blank, NULL or 0: unknown": 2}


def test_the_day_stands_in_for_a_missing_time():
    assert omop.canonical(visits_with(), ReadOptions()).visits.collect()["visit_at"].to_list() == [
        datetime(2024, 1, 1),
        datetime(2024, 1, 2),
        datetime(2024, 1, 3, 8, 15),
    ]


@pytest.mark.parametrize("ids", [[-(2**63), 2**63 - 1, -7], [str(-(2**63)), str(2**63 - 1), "-7"]])
def test_ids_of_64_bits_keep_every_digit(ids):
    patients = omop.canonical(visits_with(person_id=ids), ReadOptions()).visits.collect()["patient_id"]
    assert patients.dtype == pl.Int64
    assert patients.to_list() == [-(2**63), 2**63 - 1, -7]


@pytest.mark.parametrize("ids", [[1.0, 2.0, 2.0**60], [1.5, 2.0, 3.0], ["1", "2", "hetu"], ["1", "2", "9" * 30]])
def test_ids_that_have_lost_digits_are_refused_and_not_shown(ids):
    with pytest.raises(InputError, match="1 row holds no whole number") as caught:
        omop.canonical(visits_with(person_id=ids), ReadOptions())
    assert str(ids[2]) not in str(caught.value)


def test_whole_decimal_numbers_of_a_gappy_column_are_ids():
    found = omop.canonical(visits_with(provider_id=[7.0, None, 0.0]), ReadOptions()).visits.collect()
    assert found["provider_id"].to_list() == [7, None, None]


def test_shifted_dates_pass():
    found = omop.canonical(visits_with(visit_start_datetime=["2131-05-06 00:00:00"] * 3), ReadOptions()).visits
    assert found.collect()["visit_at"].dt.year().to_list() == [2131] * 3


def test_the_finnish_code_decides_where_there_is_one():
    """9202 selects nearly nothing in a Finnish database, and 38004193 mixes visits with paperwork."""
    tables = omop.canonical(
        visits_with(
            visit_concept_id=["38004193", "38004193", "9202"],
            visit_source_value=["PRIM_OUT|R10|T11", "PRIM_OUT-R72-T11", "PRIM_OUT-0-T11"],
        ),
        ReadOptions(),
    )
    assert tables.visits.collect().select("visit_id", "contact_mode").rows() == [(1, "in_person")]
    said = counts(tables)
    assert said["source value PRIM_OUT-R72-T11: not chosen"] == said["source value PRIM_OUT-0-T11: not chosen"] == 1


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        ("PRIM_OUT-R5*", [2]),
        ("PRIM_OUT|R10|T11", [1]),
        ("38004193", [1, 2]),
        ("9202", [3]),
        ("77", [3]),
        ("all", [1, 2, 3]),
    ],
)
def test_visits_are_chosen_by_concept_or_source_value(choice, kept):
    tables = visits_with(
        visit_concept_id=[38004193, 38004193, 9202],
        visit_source_concept_id=[0, 0, 77],
        visit_source_value=["PRIM_OUT-R10-T11", "PRIM_OUT-R50-T11", None],
    )
    found = omop.canonical(tables, ReadOptions(visit_concepts=(choice,))).visits.collect()
    assert found["visit_id"].to_list() == kept


def test_choosing_nothing_names_what_there_is():
    with pytest.raises(InputError, match=r"visit concept 32036: not chosen \(3\).*--visit-concepts"):
        omop.canonical(visits_with(visit_concept_id=[32036] * 3), ReadOptions())


def test_parts_and_wholes_of_details_count_once_and_absent_details_are_counted():
    details = {
        "visit_detail_id": [10, 11, 12],
        "person_id": [1, 1, 1],
        "visit_detail_concept_id": [9202] * 3,
        "visit_detail_start_date": [date(2024, 1, 1)] * 3,
        "provider_id": [7, 8, 9],
        "parent_visit_detail_id": [None, 10, 10],
        "visit_occurrence_id": [1, 1, 1],
    }
    tables = omop.canonical({**visits_with(), **frames(visit_detail=details)}, ReadOptions(visit_detail=True))
    assert tables.visits.collect()["visit_id"].to_list() == [11, 12]
    assert counts(tables)["visit_detail that others are part of"] == 1
    assert counts(tables)["visit_occurrence without a visit_detail: not among the visits"] == 2


def test_doubled_rows_beside_the_visits_do_not_double_visits():
    beside = frames(
        condition_occurrence={"visit_occurrence_id": [1, 1, 1, 2], "condition_concept_id": [5, 5, 4, 0]},
        provider={"provider_id": [7, 7], "specialty_concept_id": [38004446, 38004446], "care_site_id": [3, 4]},
        person={"person_id": [1, 1], "gender_concept_id": [8532, 8532], "provider_id": [7, 7]},
        death={"person_id": [1, 1], "death_date": ["2024-06-01", "2024-05-01"]},
        observation_period={
            "person_id": ["1", "1"],
            "observation_period_start_date": ["2020-01-01", "2022-01-01"],
            "observation_period_end_date": ["2021-01-01", "2024-12-31"],
        },
    )
    tables = omop.canonical({**visits_with(), **beside}, ReadOptions())
    visits = tables.visits.collect()
    assert visits.height == 3
    assert visits["reason_codes"].to_list() == [["4", "5"], None, None]
    assert visits.row(0, named=True)["provider_role"] == "doctor"
    assert tables.patients.collect().rows(named=True) == [
        {
            "patient_id": 1,
            "sex": "female",
            "listed_provider_id": 7,
            "enrolled_from": date(2020, 1, 1),
            "enrolled_to": date(2024, 5, 1),
        }
    ]
    assert tables.providers.collect().rows() == [(7, "doctor", None)]
    assert counts(tables, "patients") == {
        "rows read": 2,
        "the same row again": 1,
        "several observation periods, taken as one from first to last": 1,
        "observation period that ends after death, cut at death": 1,
    }


def test_version_5_3_reads_alike():
    """Its visits say admitting_source_ where 5.4 says admitted_from_; what is used has the same names."""
    old = visits_with(admitting_source_concept_id=[0, 0, 0], admitting_source_value=[None, None, None])
    assert (
        omop.canonical(old, ReadOptions())
        .visits.collect()
        .equals(omop.canonical(visits_with(), ReadOptions()).visits.collect())
    )


def test_a_missing_column_and_a_missing_table_are_named(tmp_path):
    tables = {"visit_occurrence": visits_with()["visit_occurrence"].drop("provider_id")}
    with pytest.raises(InputError, match="visit_occurrence lacks provider_id"):
        omop.canonical(tables, ReadOptions())
    with pytest.raises(InputError, match="has no table visit_detail"):
        omop.canonical(visits_with(), ReadOptions(visit_detail=True))
    pl.DataFrame(VISIT).write_csv(tmp_path / "visit_occurrence.csv")
    pl.DataFrame(VISIT).write_parquet(tmp_path / "VISIT_OCCURRENCE.parquet")
    with pytest.raises(InputError, match="the table visit_occurrence twice"):
        read(tmp_path, kind="omop")


CELLS = st.one_of(
    st.none(), st.text(max_size=8), st.sampled_from(["NULL", "0", "1", "-5", "9202", "2024-02-30", "1.0"])
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({name: st.lists(CELLS, min_size=2, max_size=2) for name in VISIT}))
def test_any_text_is_read_or_refused_in_our_words(columns):
    table = pl.LazyFrame(columns, schema=dict.fromkeys(VISIT, pl.String))
    try:
        tables = omop.canonical({"visit_occurrence": table}, ReadOptions(visit_concepts=("all",)))
        height = tables.visits.collect().height
    except ContinuityError:
        return
    said = counts(tables)
    assert said["rows read"] - said.get("no person_id", 0) - said.get("no date", 0) == height
