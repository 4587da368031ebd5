"""Parquet, Arrow, CSV, folders, globs and frames of other libraries give the same table; a file is never read whole for
its columns."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from continuity.errors import InputError, UsageError
from continuity.sources import ReadOptions, read, read_patients, read_visits

VISITS = pl.DataFrame(
    {
        "patient_id": ["007", "P2", "😀", "=1+1"],
        "visit_at": [datetime(2025, 1, day, 8, day) for day in (3, 4, 5, 6)],
        "provider_id": ["A", None, "B", "A"],
        "unit_id": ["Töölö", "Töölö", None, "Åbo"],
    }
)
FORMS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "visits.csv": lambda frame, path: frame.write_csv(path),
    "visits.tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    "visits.txt": lambda frame, path: frame.write_csv(path, separator="|"),
    "visits.parquet": lambda frame, path: frame.write_parquet(path),
    "visits.PQ": lambda frame, path: frame.write_parquet(path),
    "visits.arrow": lambda frame, path: frame.write_ipc(path),
    "visits.feather": lambda frame, path: frame.write_ipc(path),
    "odd [1]*.csv": lambda frame, path: frame.write_csv(path),
    "odd [1]*.parquet": lambda frame, path: frame.write_parquet(path),
    "odd [1]*.arrow": lambda frame, path: frame.write_ipc(path),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_table(tmp_path: Path, name: str) -> None:
    FORMS[name](VISITS, tmp_path / name)
    assert_frame_equal(read_visits(tmp_path / name).collect(), VISITS)


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_a_folder_and_a_glob_are_all_their_files(tmp_path: Path, ending: str) -> None:
    for number in (2, 1):
        part = VISITS[2 * number - 2 : 2 * number]
        FORMS[f"visits.{ending}"](part, tmp_path / f"part-{number}.{ending}")
    (tmp_path / ".part-3.csv").write_text("half a file")
    (tmp_path / "notes.md").write_text("not data")
    for place in (tmp_path, f"{tmp_path}/part-*.{ending}", f"{tmp_path}/part-[12].{ending}"):
        assert_frame_equal(read_visits(place).collect(), VISITS)


def test_parts_of_different_forms_agree(tmp_path: Path) -> None:
    VISITS[:2].write_csv(tmp_path / "1.csv", separator=";", datetime_format="%-d.%-m.%Y %H:%M")
    VISITS[2:].write_csv(tmp_path / "2.csv", separator=",")
    assert_frame_equal(read_visits(tmp_path).collect(), VISITS)


def test_parts_with_other_columns_are_refused_and_named(tmp_path: Path) -> None:
    VISITS.write_csv(tmp_path / "1.csv")
    VISITS.rename({"unit_id": "yksikkö"}).write_csv(tmp_path / "2.csv")
    with pytest.raises(InputError, match=r"2\.csv has other columns than 1\.csv: unit_id, yksikkö"):
        read_visits(tmp_path)


def test_a_csv_and_a_parquet_file_agree(tmp_path: Path) -> None:
    VISITS[:2].write_csv(tmp_path / "1.csv")
    VISITS[2:].write_parquet(tmp_path / "2.parquet")
    assert_frame_equal(read_visits(tmp_path).collect(), VISITS)


def test_parts_of_types_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    VISITS.write_parquet(tmp_path / "1.parquet")
    VISITS.with_columns(pl.col("visit_at").dt.replace_time_zone("UTC")).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(InputError, match="The 2 files hold these columns as different types: visit_at"):
        read_visits(tmp_path)


@pytest.mark.parametrize("place", ["nothing.csv", "nothing-*.csv", "", "  ", "~nobody-has-this-name/x.csv", "x" * 300])
def test_a_place_without_a_file_is_named(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((InputError, OSError)):
        read_visits(place)


@pytest.mark.parametrize("name", ["visits.xlsx", "visits.csv.gz", "visits"])
def test_a_form_that_cannot_be_read_is_refused_with_those_that_can(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"no form that can be read.*\.csv, .*\.parquet"):
        read_visits(tmp_path / name)


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
@pytest.mark.parametrize("left", [0, 0.5, 0.99])
def test_a_binary_file_that_is_cut_off_is_refused(tmp_path: Path, ending: str, left: float) -> None:
    whole = tmp_path / f"visits.{ending}"
    FORMS[whole.name](VISITS, whole)
    whole.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * left)])
    with pytest.raises(InputError, match=f"is not a whole {ending} file: it may have been cut off"):
        read_visits(whole)


def damaged(path: Path, columns: list[str]) -> Path:
    """Write a Parquet file of 40 row groups whose pages of some columns are overwritten; its footer is whole."""
    n = 4_000
    times = pl.Series([datetime(2025, 1, 1 + number % 28) for number in range(n)])
    frame = pl.DataFrame({"patient_id": range(n), "visit_at": times, "provider_id": ["A"] * n, "text": ["x"] * n})
    frame.write_parquet(path, row_group_size=100, compression="uncompressed", statistics=False)
    content = bytearray(path.read_bytes())
    import pyarrow.parquet as pq

    footer = pq.read_metadata(path)
    assert footer.num_row_groups == 40
    for group in range(footer.num_row_groups):
        for number in range(footer.num_columns):
            chunk = footer.row_group(group).column(number)
            if chunk.path_in_schema in columns and group > 0:
                start = chunk.dictionary_page_offset or chunk.data_page_offset
                content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(content)
    return path


def test_only_the_footer_is_read_to_know_the_columns(tmp_path: Path) -> None:
    path = damaged(tmp_path / "visits.parquet", ["patient_id", "visit_at", "provider_id", "text"])
    frame = read_visits(path)  # would fail if it read any row group but the first
    assert frame.collect_schema().names() == ["patient_id", "visit_at", "provider_id"]
    with pytest.raises(pl.exceptions.PolarsError):
        frame.collect()


def test_columns_that_are_not_canonical_are_never_read(tmp_path: Path) -> None:
    path = damaged(tmp_path / "visits.parquet", ["text"])
    assert read_visits(path).collect().height == 4_000


def test_a_map_names_the_columns_of_the_source() -> None:
    source = VISITS.rename({"patient_id": "asiakas", "provider_id": "lääkäri"})
    columns = {"patient_id": "asiakas", "provider_id": "lääkäri"}
    assert_frame_equal(read_visits(source, columns=columns).collect(), VISITS)


def test_a_mapped_column_takes_the_place_of_its_namesake() -> None:
    source = VISITS.with_columns(person=pl.col("patient_id").str.to_uppercase(), patient_id=pl.lit("row number"))
    assert read_visits(source, columns={"patient_id": "person"}).collect()["patient_id"].to_list()[0] == "007"


def test_two_columns_may_change_places() -> None:
    source = VISITS.rename({"patient_id": "provider_id", "provider_id": "patient_id"})
    columns = {"patient_id": "provider_id", "provider_id": "patient_id"}
    assert_frame_equal(read_visits(source, columns=columns).collect(), VISITS)


def test_a_mistyped_column_of_the_source_gives_the_nearest() -> None:
    source = VISITS.rename({"patient_id": "asiakas"})
    with pytest.raises(InputError, match=r"Column 'asikas' is missing .* Did you mean 'asiakas'\?"):
        read_visits(source, columns={"patient_id": "asikas"})


def test_a_mistyped_canonical_name_gives_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"cannot be 'patent_id'.* Did you mean 'patient_id'\?"):
        read_visits(VISITS, columns={"patent_id": "asiakas"})


def test_a_missing_column_lists_those_found_and_the_way_out() -> None:
    with pytest.raises(InputError, match=r"'provider_id' is missing .* Found: patient_id, visit_at, .*--columns pro"):
        read_visits(VISITS.drop("provider_id"))


def test_ten_thousand_names_are_counted_and_not_listed() -> None:
    wide = pl.DataFrame({f"column_{number}": ["x"] for number in range(10_000)})
    with pytest.raises(InputError, match="and 9,988 more") as caught:
        read_visits(wide)
    assert len(str(caught.value)) < 600


def test_pandas_pyarrow_and_lazy_frames_are_taken() -> None:
    for frame in (VISITS.to_pandas(), VISITS.to_arrow(), VISITS.lazy()):
        assert_frame_equal(read_visits(frame).collect(), VISITS)


def test_whole_numbers_with_gaps_that_pandas_made_floats_are_ids_again() -> None:
    frame = pd.DataFrame({"patient_id": [1, 2], "visit_at": ["2025-01-03"] * 2, "provider_id": [7, None]})
    assert frame["provider_id"].dtype == "float64"
    assert read_visits(frame).collect()["provider_id"].to_list() == [7, None]


def test_mapped_columns_that_pandas_made_floats_are_ids_again() -> None:
    frame = pd.DataFrame({"patient_id": [1, 2], "visit_at": ["2025-01-03"] * 2, "lääkäri": [7, None]})
    assert read_visits(frame, columns={"provider_id": "lääkäri"}).collect()["provider_id"].to_list() == [7, None]


@pytest.mark.parametrize("value", [7.5, 2.0**53 * 4])
def test_float_ids_that_may_have_lost_digits_are_refused(value: float) -> None:
    frame = pd.DataFrame({"patient_id": [1, 2], "visit_at": ["2025-01-03"] * 2, "provider_id": [value, None]})
    with pytest.raises(InputError, match="text or whole numbers"):
        read_visits(frame)


def test_a_pandas_column_of_mixed_ids_is_refused_without_showing_one() -> None:
    frame = pd.DataFrame({"patient_id": [1, "SECRET"], "visit_at": ["2025-01-03"] * 2, "provider_id": ["A", "B"]})
    with pytest.raises(InputError) as caught:
        read_visits(frame)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("thing", [None, 5, ["a"], {"patient_id": [1]}])
def test_what_is_no_frame_is_refused(thing: object) -> None:
    with pytest.raises(InputError, match="is no frame"):
        read_visits(thing)


def test_a_frame_without_rows_is_refused() -> None:
    with pytest.raises(InputError, match="the visits frame holds no rows"):
        read_visits(VISITS.clear())


def test_the_source_is_not_changed() -> None:
    before = VISITS.clone()
    read_visits(VISITS, columns={"unit_id": "unit_id"}).collect()
    assert_frame_equal(VISITS, before)


def test_options_hold_for_every_table_of_a_source(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("asiakas^visit_at^provider_id\nP1^3.1.2025^A\n")
    (tmp_path / "p.csv").write_text("asiakas^birth_year\nP1^1950\n")
    options = ReadOptions(columns={"patient_id": "asiakas"}, separator="^")
    tables = read(tmp_path / "v.csv", patients=tmp_path / "p.csv", options=options)
    assert tables.patients is not None
    assert tables.patients.collect().rows() == [("P1", 1950)]
    assert read_patients(tmp_path / "p.csv", columns={"patient_id": "asiakas"}, separator="^").collect().height == 1
