"""Synthea's files of ../shared/data give the counts and the anchors that their README states."""

from pathlib import Path

import polars as pl
import pytest

from continuity.errors import InputError
from continuity.sources import Tables, read

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


def test_an_old_file_without_a_header_is_refused_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "encounters.csv").write_text(
        "e1,2012-01-23,2012-01-23,p1,o1,wellness,185349003,Encounter,129.16,,\n" * 3
    )
    with pytest.raises(InputError, match="looks like data, not like a header") as caught:
        read(tmp_path / "encounters.csv", kind="synthea")
    assert "p1" not in str(caught.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "encounters.csv").write_text("Id,START,PATIENT,ENCOUNTERCLASS\ne,2025-01-03T10:00:00Z,p,wellness\n")
    with pytest.raises(InputError, match=r"'ORGANIZATION', 'PROVIDER', 'REASONCODE' are missing .*source synthea"):
        read(tmp_path, kind="synthea")


def test_another_file_of_that_name_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "encounters.csv").write_text("patient_id,visit_at,provider_id\nP1,2025-01-03,A\n")
    assert read(tmp_path / "encounters.csv").visits.collect().height == 1
