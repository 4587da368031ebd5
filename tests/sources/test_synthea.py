"""Synthea's files of ../shared/data give the counts and the anchors that their README states."""

import json
from pathlib import Path

import polars as pl
import pytest

from continuity import compute
from continuity.cli import main
from continuity.errors import InputError
from continuity.sources import Tables, read, synthea

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "synthea_unmc"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared Synthea data are not beside this checkout")
COLUMNS = "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,ENCOUNTERCLASS,REASONCODE"


@pytest.fixture(scope="module")
def tables() -> Tables:
    return read(DATA / "encounters.csv")


@needs_data
def test_the_kind_is_recognised_and_the_tables_beside_are_found(tables: Tables) -> None:
    assert tables.patients is not None
    assert tables.providers is not None
    heights = [frame.select(pl.len()).collect().item() for frame in (tables.visits, tables.patients, tables.providers)]
    assert heights == [7_584, 111, 215]
    assert tables.visits.collect().equals(read(DATA, kind="synthea").visits.collect())


@needs_data
def test_classes_are_care_types_and_modes(tables: Tables) -> None:
    visits = tables.visits.collect()
    counts = dict(visits["care_type"].value_counts().iter_rows())
    assert counts == {
        "ambulatory": 3_171,
        "wellness": 2_366,
        "outpatient": 1_198,
        "urgentcare": 523,
        "emergency": 250,
        "inpatient": 49,
        "hospice": 14,
        "snf": 12,
        "virtual": 1,
    }
    assert visits.filter(urgency="acute").height == 523 + 250
    assert visits.filter(contact_mode="video").height == 1
    assert visits.filter(pl.col("contact_mode").is_null()).height == 49 + 14 + 12
    assert visits["provider_id"].null_count() == 0
    assert visits["reason_codes"].null_count() == 3_784


@needs_data
def test_times_are_shown_in_helsinki_and_are_the_same_moments(tables: Tables) -> None:
    visit_at = tables.visits.collect()["visit_at"]
    assert visit_at.dtype == pl.Datetime("us", "Europe/Helsinki")
    utc = visit_at.dt.convert_time_zone("UTC")
    assert str(utc.min())[:10] == "1936-11-20"
    assert str(utc.max())[:10] == "2023-10-16"


def test_an_encounters_file_alone_has_no_other_tables(tmp_path: Path) -> None:
    (tmp_path / "encounters.csv").write_text(f"{COLUMNS}\ne,2025-01-03T10:00:00Z,,p,o,d,wellness,\n")
    tables = read(tmp_path)
    assert (tables.patients, tables.providers) == (None, None)
    row = tables.visits.collect().row(0, named=True)
    assert (row["patient_id"], row["provider_id"], row["unit_id"], row["reason_codes"]) == ("p", "d", "o", None)


OLD = "Id,START,STOP,PATIENT,PROVIDER,ENCOUNTERCLASS,CODE,DESCRIPTION,COST,REASONCODE,REASONDESCRIPTION\n"
OLD_ROWS = [
    "e1,2012-01-23T17:45:28Z,2012-01-23T18:00:28Z,p1,o1,wellness,185349003,Encounter,129.16,,",
    "e2,2012-02-23T17:45:28Z,2012-02-23T18:00:28Z,p1,o1,ambulatory,185345009,Symptom,129.16,444814009.0,Sinusitis",
    "e3,2012-03-23T17:45:28Z,2012-03-23T18:00:28Z,p1,o2,emergency,50849002,Emergency,129.16,,",
]


@pytest.mark.parametrize("form", ["header", "no header", "no header, numbered rows"])
def test_the_layout_of_2019_knows_organisations_only(tmp_path: Path, form: str) -> None:
    rows = [f"{97 - n},{row}" for n, row in enumerate(OLD_ROWS)] if "numbered" in form else OLD_ROWS
    (tmp_path / "encounters.csv").write_text((OLD if form == "header" else "") + "\n".join(rows) + "\n")
    patient = "p1,1985-12-17,,x,x,x,Mr.,x,x,,,M,black,dominican,M,x,x,Worcester,Massachusetts,01545\n"
    (tmp_path / "patients.csv").write_text((synthea._HEADERS["patients"] + "\n" if form == "header" else "") + patient)
    provider = "o1,z,x,M,GENERAL PRACTICE,x,x,MA,01453,3585\n"
    (tmp_path / "providers.csv").write_text(
        (synthea._HEADERS["providers"] + "\n" if form == "header" else "") + provider
    )
    tables = read(tmp_path)
    found = tables.visits.collect().sort("visit_id")
    assert found["unit_id"].to_list() == ["o1", "o1", "o2"]
    assert found["provider_id"].null_count() == 3
    assert found["reason_codes"].to_list() == [None, ["444814009"], None]
    assert found["urgency"].to_list() == ["planned", "planned", "acute"]
    assert tables.level == "unit"
    assert tables.providers is None
    assert tables.patients is not None
    assert tables.patients.collect().select("patient_id", "birth_year", "sex").row(0) == ("p1", 1985, "male")
    said = {count.what: count.n_rows for count in tables.counts}
    assert said["PROVIDER holds the organisation: provider unknown, level unit"] == 3


def test_metrics_of_such_a_file_are_those_of_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "encounters.csv").write_text(OLD + "\n".join(OLD_ROWS) + "\n")
    with pytest.raises(SystemExit) as done:
        main(["metrics", str(tmp_path), "--index", "coc", "-o", str(tmp_path / "coc.csv"), "--json"])
    assert done.value.code == 0
    said = json.loads(capsys.readouterr().out)
    assert said["mean"]["coc"] == pytest.approx((2**2 + 1 - 3) / (3 * 2))
    assert said["parameters"]["level"] == "unit"


def test_a_provider_column_with_ids_of_organisations_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "encounters.csv").write_text(f"{COLUMNS}\ne,2025-01-03T10:00:00Z,,p,o,o,wellness,\n")
    (tmp_path / "organizations.csv").write_text("Id,NAME\no,x\n")
    assert read(tmp_path).level == "unit"
    (tmp_path / "providers.csv").write_text("Id,ORGANIZATION,SPECIALITY\no,q,GENERAL PRACTICE\n")
    assert read(tmp_path).level is None


@needs_data
def test_the_anchor_of_the_shared_data_and_its_account(tables: Tables) -> None:
    visits = tables.visits.filter(pl.col("care_type").is_in(["ambulatory", "outpatient", "wellness"]))
    assert compute(visits, ["coc"]).collect()["coc"].mean() == pytest.approx(0.5733969429, abs=1e-9)
    said = {(count.table, count.what, count.code): count.n_rows for count in tables.counts}
    assert said["visits", "rows read", None] == 7_584
    assert said["visits", "Death Certification: no visit, but kept", None] == 11
    assert said["visits", "encounter class without a contact mode", "inpatient"] == 49
    assert tables.level is None


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "encounters.csv").write_text("Id,START,PATIENT,ENCOUNTERCLASS\ne,2025-01-03T10:00:00Z,p,wellness\n")
    with pytest.raises(InputError, match=r"'ORGANIZATION', 'PROVIDER', 'REASONCODE' are missing .*source synthea"):
        read(tmp_path, kind="synthea")


def test_another_file_of_that_name_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "encounters.csv").write_text("patient_id,visit_at,provider_id\nP1,2025-01-03,A\n")
    assert read(tmp_path / "encounters.csv").visits.collect().height == 1


def test_own_tables_may_lie_beside_the_visits_of_synthea(tmp_path: Path) -> None:
    (tmp_path / "encounters.csv").write_text(f"{COLUMNS}\ne,2025-01-03T10:00:00Z,,p,o,d,wellness,\n")
    (tmp_path / "lists.csv").write_text("patient_id,listed_provider_id\np,d\n")
    tables = read(tmp_path, patients=tmp_path / "lists.csv")
    assert tables.patients is not None
    assert tables.patients.collect().rows() == [("p", "d")]
