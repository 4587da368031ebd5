"""Avohilmo: every form of an extract gives the same tables, and every row left out is counted at its step."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from continuity.errors import InputError, UsageError
from continuity.sources import ReadOptions, Tables, kind_of, read
from continuity.sources.avohilmo_tables import _placed
from continuity.synthetic import Setting, Synthetic, generate, write_avohilmo

SETTING = Setting(n_patients=700, patients_per_unit=300, start=datetime(2018, 1, 1).date(), years=2)
EVERY = ReadOptions(contacts=("all",))
HEAD = (
    "kaynti_id;shnro;skaynti_toteuttaja;kaynti_alkoi;kaynti_palvelumuoto;kaynti_yhteystapa;"
    "kaynti_ammatti;kaynti_ammattioikeus;peruutus_ajankohta;asiakas_sukupuoli;asiakas_syntymaaika;asiakas_kotikunta"
)
ROW = "1;P1;D1;03.01.2025 14:05;T11;R10;22211;;;2;1.7.1950;091"


def extract(folder: Path, *rows: str, head: str = HEAD, name: str = "avohilmo.csv", encoding: str = "latin-1") -> Path:
    (folder / name).write_text("\n".join([head, *rows, ""]), encoding=encoding)
    return folder / name


def edited(**changes: str) -> str:
    """A row with some fields changed."""
    row = dict(zip(HEAD.split(";"), ROW.split(";"), strict=True))
    return ";".join((row | changes).values())


def counted(tables: Tables, kind: str) -> dict[tuple[str, str | None], int]:
    return {(c.what, c.code): c.n_rows for c in tables.counts if c.kind == kind}


def n_visits(tables: Tables) -> int:
    return int(tables.visits.select(pl.len()).collect().item())


@pytest.fixture(scope="module")
def world() -> Synthetic:
    return generate(SETTING)


def as_register(world: Synthetic) -> pl.DataFrame:
    """What the register keeps of the visits."""
    kept = world.visits.drop("team_id", "area_code", "urgency")
    return kept.with_columns(pl.col("contact_mode").replace("video", "phone")).sort("visit_id")


@pytest.mark.parametrize("extract", ["finregistry", "vatt"])
def test_a_written_extract_comes_back_as_the_canonical_tables(world, extract, tmp_path) -> None:
    written = write_avohilmo(SETTING, tmp_path, extract=extract, noise=0.05)
    assert kind_of(tmp_path) == kind_of(tmp_path / "AVOHILMO.csv") == "avohilmo"
    found = read(tmp_path, options=EVERY)
    visits = found.visits.collect()
    assert_frame_equal(visits.sort("visit_id"), as_register(world), check_column_order=False)
    assert written["visits"] == visits.height

    assert found.patients is not None
    assert found.providers is not None
    known = ["birth_year", "sex", "area_code"] if extract == "vatt" else ["area_code"]
    people = world.patients.join(world.visits, on="patient_id", how="semi").select("patient_id", *known)
    assert_frame_equal(found.patients.collect(), people, check_row_order=False)
    staff = world.providers.join(world.visits, on="provider_id", how="semi").select("provider_id", "role", "unit_id")
    assert_frame_equal(found.providers.collect(), staff, check_row_order=False)


@pytest.mark.parametrize("extract", ["finregistry", "vatt"])
def test_rows_in_less_every_filter_are_the_rows_out(extract, tmp_path) -> None:
    written = write_avohilmo(SETTING, tmp_path, extract=extract, noise=0.1)
    found = read(tmp_path, options=EVERY)
    filters = counted(found, "filter")
    assert filters == {
        ("no person", None): written["no_person"],
        ("no start of the visit", None): written["no_start"],
        ("service type is not T11", "T26"): written["other_service"],
        ("contact type is not a visit", "R60"): written["other_contact"],
        ("cancelled", None): written["cancelled"],
        ("the same row twice", None): written["duplicate"],
    }
    assert sum(counted(found, "rows_in").values()) - sum(filters.values()) == n_visits(found)


def test_the_published_default_keeps_visits_at_the_reception(world, tmp_path) -> None:
    write_avohilmo(SETTING, tmp_path, noise=0.1)
    found = read(tmp_path)
    assert n_visits(found) == world.visits.filter(contact_mode="in_person").height
    filters = counted(found, "filter")
    assert sum(counted(found, "rows_in").values()) - sum(filters.values()) == n_visits(found)
    assert {code for what, code in filters if what == "contact type is not R10"} > {"R20", "R50", "R51", "R52", "R56"}


def test_a_row_that_fails_two_steps_is_counted_at_the_first(tmp_path) -> None:
    path = extract(tmp_path, ROW, edited(shnro=" ", kaynti_palvelumuoto="T31"), edited(kaynti_yhteystapa="R60"))
    assert {k: n for k, n in counted(read(path), "filter").items() if n} == {
        ("no person", None): 1,
        ("contact type is not R10", "R60"): 1,
    }


def test_years_of_other_layouts_are_one_extract(tmp_path) -> None:
    """Until 2018 VATT's extract has typed datetimes and the visit's id is `id`."""
    old = {"ID": ["7"], "SHNRO": ["P1"], "SKAYNTI_TOTEUTTAJA": ["D1"], "KAYNTI_ALKOI": [datetime(2018, 5, 2, 9, 30)]}
    more = {"KAYNTI_PALVELUMUOTO": ["T11"], "KAYNTI_YHTEYSTAPA": ["R10"], "KAYNTI_AMMATTIOIKEUS": ["503"]}
    pl.DataFrame(old | more).write_parquet(tmp_path / "2018.parquet")
    extract(tmp_path, edited(peruutus_ajankohta=""), name="2025.csv")
    found = read(tmp_path)
    rows = found.visits.sort("visit_at").collect()
    assert rows["visit_at"].to_list() == [datetime(2018, 5, 2, 9, 30), datetime(2025, 1, 3, 14, 5)]
    assert rows["visit_id"].to_list() == ["7", "1"]
    assert rows["provider_role"].to_list() == ["nurse", "doctor"]


def test_typed_files_alone_keep_their_whole_numbers(tmp_path) -> None:
    frame = pl.DataFrame(
        {
            "FINREGISTRYID": [1, 2],
            "AVOHILMO_ID": [10, 20],
            "KAYNTI_TOTEUTTAJA": [5, None],
            "KAYNTI_ALKOI": [datetime(2020, 1, 1)] * 2,
            "KAYNTI_PALVELUMUOTO": ["T11"] * 2,
            "KAYNTI_YHTEYSTAPA": ["R10"] * 2,
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    visits = read(tmp_path / "a.parquet").visits.collect()
    assert visits.select("patient_id", "visit_id", "provider_id").rows() == [(1, 10, 5), (2, 20, None)]


@pytest.mark.parametrize("name", ["kaynti_id ", " kaynti_id", '"kaynti_id" ', ' "kaynti_id"'])
def test_white_space_around_the_names_of_columns_does_not_matter(name, tmp_path) -> None:
    """Found by fuzzing: a name with a blank beside it was found in the header, and then not in the table."""
    path = extract(tmp_path, ROW, head=HEAD.replace("kaynti_id", name, 1))
    assert read(path, options=EVERY).visits.collect()["visit_id"].to_list() == ["1"]


def test_a_header_that_cannot_be_told_apart_is_one_error(tmp_path) -> None:
    rows = [f"{ROW};{n}" for n in range(9)]
    with pytest.raises(InputError, match="has a separator inside the name of a column"):
        read(extract(tmp_path, *rows, head=f'{HEAD};"a;b"'))
    rows = [",".join(row.split(";")) for row in rows]  # as many commas as semicolons in the header, found by fuzzing
    with pytest.raises(InputError, match="9 rows have more or fewer fields than the header's 12"):
        read(extract(tmp_path, *rows, head=HEAD + "," * 11))


def test_blank_ids_of_professionals_are_unknown_and_counted(tmp_path) -> None:
    path = extract(
        tmp_path, ROW, edited(kaynti_id="2", skaynti_toteuttaja="   "), edited(kaynti_id="3", skaynti_toteuttaja="")
    )
    found = read(path)
    assert found.visits.collect()["provider_id"].to_list() == ["D1", None, None]
    assert counted(found, "warning")[("provider is unknown", None)] == 2
    assert found.providers is not None
    assert found.providers.collect().select("provider_id", "role").rows() == [("D1", "doctor")]


def test_an_extract_without_professionals_says_what_to_ask_for(tmp_path) -> None:
    path = extract(
        tmp_path,
        "1;P1;03.01.2025 14:05;T11;R10",
        head="AVOHILMO_ID;TNRO;KAYNTI_ALKOI;KAYNTI_PALVELUMUOTO;KAYNTI_YHTEYSTAPA",
    )
    with pytest.raises(InputError, match=r"no column with the id of the professional.*KAYNTI_TOTEUTTAJA") as caught:
        read(path)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("occupation", "licence", "role"),
    [
        ("22211", "", "doctor"),
        ("", "031", "doctor"),
        (" 2221 ", "", "doctor"),
        ("32311", "000", "doctor"),
        ("32311", "", "nurse"),
        ("", "100", "nurse"),
        ("", "31", "other"),
        ("3232", "", "other"),
        ("", "", None),
    ],
)
def test_either_code_tells_the_role_and_a_doctors_comes_first(occupation, licence, role, tmp_path) -> None:
    path = extract(tmp_path, edited(kaynti_ammatti=occupation, kaynti_ammattioikeus=licence))
    assert read(path).visits.collect()["provider_role"].to_list() == [role]


def test_codes_outside_their_validity_and_without_a_mapping_are_counted_by_code(tmp_path) -> None:
    rows = [
        edited(kaynti_id="1", kaynti_yhteystapa="R50"),
        edited(kaynti_id="2", kaynti_yhteystapa="R52", kaynti_alkoi="31.12.2018 10:00"),
        edited(kaynti_id="3", kaynti_yhteystapa="R52"),
        edited(kaynti_id="4", kaynti_yhteystapa="R99", asiakas_sukupuoli="9"),
        edited(kaynti_id="5", kaynti_yhteystapa=""),
        edited(kaynti_id="6", kaynti_yhteystapa="R80"),
    ]
    found = read(extract(tmp_path, *rows), options=EVERY)
    what = "contact type outside its validity (revised on 1.1.2019)"
    assert {code: n for (w, code), n in counted(found, "warning").items() if w == what} == {"R50": 1, "R52": 1}
    assert counted(found, "unmapped") == {("contact type has no mapping", "R99"): 1, ("sex has no mapping", "9"): 1}
    assert found.visits.collect()["contact_mode"].to_list() == ["phone", "phone", "phone", None, None]
    assert counted(found, "filter")[("contact type is not a visit", "R80")] == 1


def test_what_stands_in_a_wrong_column_is_counted_and_not_shown(tmp_path) -> None:
    path = extract(tmp_path, ROW, edited(kaynti_id="2", kaynti_palvelumuoto="010150-1130"))
    found = read(path)
    assert counted(found, "filter")[("service type is not T11", "(not a code)")] == 1
    assert "010150" not in str(found.counts)


def test_urgency_is_null_until_its_codes_are_given(tmp_path) -> None:
    head, rows = HEAD + ";kaynti_kiireellisyys", [ROW + ";E", edited(kaynti_id="2") + ";V", edited(kaynti_id="3") + ";"]
    path = extract(tmp_path, *rows, head=head)
    assert "urgency" not in read(path).visits.collect_schema()
    assert counted(read(path), "unmapped") == {("urgency has no mapping", c): 1 for c in "EV"}
    given = read(path, options=ReadOptions(urgencies={"E": "planned"}))
    assert given.visits.collect()["urgency"].to_list() == ["planned", None, None]
    assert counted(given, "unmapped") == {("urgency has no mapping", "V"): 1}
    with pytest.raises(UsageError, match="planned, acute"):
        read(path, options=ReadOptions(urgencies={"E": "soon"}))


def test_satellites_give_reasons_in_their_order_and_no_visit_twice(tmp_path) -> None:
    path = extract(tmp_path, ROW, edited(kaynti_id="2"))
    key = "AVOHILMO_ID;TNRO;JARJESTYS;"
    (tmp_path / "x_icpc2_diag.csv").write_text(f"{key}ICPC2\n1;P1;2;T90\n1;P1;1;K86\n1;P1;1;K86\n9;P9;1;A01\n")
    (tmp_path / "x_ICD10_DIAG.csv").write_text(f"{key}ICD10\n1;P1;1;I10\n2;P1;10;J06\n2;P1;9;M54\n")
    (tmp_path / "x_SUU_TOIMP.csv").write_text(f"{key}TOIMENPIDE\n1;P1;1;SAA01\n")
    (tmp_path / "x_TOIMP.csv").write_text(f"{key}TOIMENPIDE\n1;P1;1;SPAT1342\n")
    found = read(path)
    assert found.visits.sort("visit_id").collect()["reason_codes"].to_list() == [["K86", "T90", "I10"], ["M54", "J06"]]
    note = "procedures (TOIMP) are left out: no canonical column holds them"
    assert counted(found, "note")[(note, None)] == 1


@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.none(), st.sampled_from(["1", "2", "3"])),
            st.integers(0, 1),
            st.one_of(st.none(), st.integers(-1, 2)),
            st.sampled_from(["A01", "B02", "C03"]),
        )
    ),
    is_ordered=st.booleans(),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_codes_of_satellites_are_placed_alike_in_every_order(rows, is_ordered) -> None:
    def place(row: tuple[str | None, int, int | None, str]) -> tuple[str, int, int, int, str]:
        visit, rank, order, code = row
        return (visit or "", rank, order is not None, order or 0, code)

    expected: dict[str, list[str]] = {}
    for row in sorted(set(rows), key=place):
        if row[0] is not None:
            expected.setdefault(row[0], []).append(row[3])
    given_rows = sorted(rows, key=place) if is_ordered else rows
    schema = {"visit_id": pl.String, "rank": pl.Int32, "order": pl.Int64, "code": pl.String}
    frame = pl.DataFrame(given_rows, schema=schema, orient="row").drop_nulls("visit_id")
    placed = _placed(frame)
    assert dict(placed.select("reasoned", "reason_codes").rows()) == expected
    assert placed.height == len(expected)


def test_a_person_has_one_birth_year_and_the_latest_municipality(tmp_path) -> None:
    rows = [
        edited(kaynti_id="1", asiakas_kotikunta="049", kaynti_alkoi="01.06.2025 10:00"),
        edited(kaynti_id="2", asiakas_kotikunta="091", asiakas_syntymaaika="1.7.1951"),
        edited(kaynti_id="3", asiakas_kotikunta="", kaynti_alkoi="01.09.2025 10:00"),
    ]
    found = read(extract(tmp_path, *rows))
    assert found.patients is not None
    assert found.patients.collect().rows() == [("P1", None, "female", "049")]
    assert counted(found, "warning")[("birth year or sex differs between rows of a patient: null", None)] == 1


def test_a_start_that_cannot_be_read_is_refused_and_not_shown(tmp_path) -> None:
    path = extract(tmp_path, ROW, edited(kaynti_alkoi="31.02.2025 10:00"))
    with pytest.raises(InputError, match=r"KAYNTI_ALKOI of avohilmo.csv: 1 row holds a time") as caught:
        read(path)
    assert "31.02" not in str(caught.value)


def test_an_extract_without_a_visit_says_where_the_rows_went(tmp_path) -> None:
    path = extract(tmp_path, edited(kaynti_palvelumuoto="T31"), edited(kaynti_id="2", kaynti_yhteystapa="R90"))
    with pytest.raises(InputError, match=r"service type is not T11: 1, contact type is not R10: 1.*--services"):
        read(path)
    assert n_visits(read(path, options=ReadOptions(services=("T31",)))) == 1
    assert n_visits(read(path, options=ReadOptions(services=("all",), contacts=("all",)))) == 2


def test_a_column_of_another_name_can_be_mapped(tmp_path) -> None:
    path = extract(tmp_path, ROW, head=HEAD.replace("skaynti_toteuttaja", "tekija"))
    assert read(path, options=ReadOptions(columns={"provider_id": "tekija"})).visits.collect()["provider_id"][0] == "D1"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_letters_of_ids_are_kept_in_every_encoding(encoding, quote, tmp_path) -> None:
    """Plain or quoted, the names of ids with ä and ö stay apart."""
    rows = [
        edited(kaynti_id="1", skaynti_toteuttaja=f"{quote}Dä{quote}"),
        edited(kaynti_id="2", skaynti_toteuttaja="Dö"),
    ]
    path = extract(tmp_path, *rows, encoding=encoding)
    assert sorted(read(path).visits.collect()["provider_id"]) == ["Dä", "Dö"]


@pytest.mark.parametrize("row", [ROW.rsplit(";", 1)[0], ROW + ";x"])
def test_ragged_rows_are_refused(row, tmp_path) -> None:
    with pytest.raises(InputError, match="1 row has more or fewer fields"):
        read(extract(tmp_path, ROW, row))


@pytest.mark.parametrize("name", ["visits.csv", "AVOHILMO_ICPC2_DIAG.csv"])
def test_other_files_are_not_taken_for_the_register(name, tmp_path) -> None:
    (tmp_path / name).write_text("patient_id,visit_at,provider_id\nP1,2025-01-03,A\n")
    assert kind_of(tmp_path / name) == "table"
    with pytest.raises(InputError, match="no main table of Avohilmo"):
        read(tmp_path / name, kind="avohilmo")
