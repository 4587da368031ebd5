"""Texts become dates, numbers, booleans and lists, ids stay as they came; the unreadable is counted, never shown."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from continuity.errors import InputError, UsageError
from continuity.sources import read_patients, read_providers, read_visits

HELSINKI = ZoneInfo("Europe/Helsinki")


def visits(times: Sequence[object], **more: object) -> pl.DataFrame:
    return pl.DataFrame(
        {"patient_id": ["P1"] * len(times), "visit_at": times, "provider_id": ["A"] * len(times)} | more
    )


def visit_times(times: Sequence[object], **options: str) -> list[datetime]:
    return read_visits(visits(times), **options).collect()["visit_at"].to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "3.1.2025 14:05": datetime(2025, 1, 3, 14, 5),
        "3.1.2025 14.05": datetime(2025, 1, 3, 14, 5),
        "03.01.2025 14.05.09": datetime(2025, 1, 3, 14, 5, 9),
        "3.1.2025 14:05:09": datetime(2025, 1, 3, 14, 5, 9),
        "3.1.2025 9:05": datetime(2025, 1, 3, 9, 5),
        "3.1.2025": datetime(2025, 1, 3),
        " 3.1.2025 ": datetime(2025, 1, 3),
        "2025-01-03": datetime(2025, 1, 3),
        "2025-01-03 14:05": datetime(2025, 1, 3, 14, 5),
        "2025-01-03T14:05:09.25": datetime(2025, 1, 3, 14, 5, 9, 250_000),
        "20250103": datetime(2025, 1, 3),
        "31/12/2025": datetime(2025, 12, 31),
        "29.2.2024": datetime(2024, 2, 29),
        "1936-11-20": datetime(1936, 11, 20),
        "2131-05-06 07:08": datetime(2131, 5, 6, 7, 8),
    }.items(),
)
def test_forms_of_local_dates(text: str, expected: datetime) -> None:
    assert visit_times([text]) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "2025-07-03T11:05:00Z",
        "2025-07-03 11:05:00Z",
        "2025-07-03T11:05Z",
        "2025-07-03T14:05:00+03:00",
        "2025-07-03 14:05:00+0300",
        "2025-07-03 14:05:00+03",
        "2025-07-03T06:05:00.000-05:00",
    ],
)
def test_times_with_a_zone_are_shown_in_ours(text: str) -> None:
    frame = read_visits(visits([text])).collect()
    assert frame.schema["visit_at"] == pl.Datetime("us", "Europe/Helsinki")
    assert frame["visit_at"].item() == datetime(2025, 7, 3, 14, 5, tzinfo=HELSINKI)
    assert visit_times([text], time_zone="UTC") == [datetime(2025, 7, 3, 11, 5, tzinfo=UTC)]


def test_a_typed_column_with_a_zone_is_shown_in_ours_like_a_text() -> None:
    typed = pl.Series([datetime(2025, 7, 3, 22, 30)], dtype=pl.Datetime("ms", "UTC"))
    assert visit_times(typed) == visit_times(["2025-07-03T22:30:00Z"])
    assert visit_times(typed)[0].date() == date(2025, 7, 4)


def test_winter_time_comes_back_without_a_lost_or_doubled_hour() -> None:
    texts = ["2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z", "2025-03-30T00:59:59Z", "2025-03-30T01:00:00Z"]
    read = visit_times(texts)
    assert [moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in read] == texts
    assert [moment.hour for moment in read] == [3, 3, 2, 4]


def test_forms_may_be_mixed() -> None:
    assert visit_times(["3.1.2025", "2025-01-03", "3.1.2025 14.05", "20250103", None, " "]) == [
        datetime(2025, 1, 3),
        datetime(2025, 1, 3),
        datetime(2025, 1, 3, 14, 5),
        datetime(2025, 1, 3),
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("early", "late", "expected"),
    [
        ("2025-01-03 14:05", "3.1.2025 14.05", datetime(2025, 1, 3, 14, 5)),
        ("2025-01-03T14:05:00Z", "2025-01-03 16:05+0200", datetime(2025, 1, 3, 16, 5, tzinfo=HELSINKI)),
        ("", "3.1.2025", datetime(2025, 1, 3)),
        ("", "2025-01-03T14:05:00Z", datetime(2025, 1, 3, 16, 5, tzinfo=HELSINKI)),
    ],
)
def test_a_form_may_first_occur_late_in_the_file(early: str, late: str, expected: datetime) -> None:
    assert visit_times([early] * 10_500 + [late])[-1] == expected


@pytest.mark.parametrize(
    "text",
    ["31.2.2025", "2025-02-30", "29.2.2025", "2025-13-01", "3.1.2025 25:00", "0000-00-00", "3.1.25", "eilen", "45660"],
)
def test_dates_that_no_calendar_has_are_counted_and_not_shown(text: str) -> None:
    with pytest.raises(InputError, match=r"'visit_at' of the visits frame: 2 rows hold .* data row 2\)") as caught:
        visit_times(["3.1.2025", text, text])
    assert text not in str(caught.value)


def test_one_bad_date_among_times_with_a_zone_is_one() -> None:
    with pytest.raises(InputError, match=r"1 row holds .* data row 10,502\)"):
        visit_times(["2025-01-03T14:05:00Z"] * 10_501 + ["31.2.2025"])


def test_times_with_and_without_a_zone_in_one_column_are_refused_and_the_rule_is_said() -> None:
    with pytest.raises(InputError, match=r"1 row holds .* all with a time zone or all without"):
        visit_times(["2025-01-03T14:05:00Z", "2025-01-03 14:05"])


def test_a_named_form_is_the_only_one() -> None:
    assert visit_times(["3/1/25"], date_format="%d/%m/%y") == [datetime(2025, 1, 3)]
    assert visit_times(["01/03/2025"], date_format="%m/%d/%Y") == [datetime(2025, 1, 3)]
    with pytest.raises(InputError, match="1 row holds"):
        visit_times(["2025-01-03"], date_format="%d.%m.%Y")


@pytest.mark.parametrize("zone", ["Mars/Phobos", "", "../etc/passwd", "GMT+25"])
def test_a_time_zone_that_does_not_exist_is_a_usage_error(zone: str) -> None:
    with pytest.raises(UsageError, match="no time zone named"):
        visit_times(["2025-01-03"], time_zone=zone)


def test_a_date_is_midnight_and_a_moment_is_its_date() -> None:
    assert visit_times([date(2025, 1, 3)]) == [datetime(2025, 1, 3)]
    patients = pl.DataFrame({"patient_id": [1, 2], "enrolled_from": ["3.1.2025 14:05", "2025-01-04"]})
    assert read_patients(patients).collect()["enrolled_from"].to_list() == [date(2025, 1, 3), date(2025, 1, 4)]


@pytest.mark.parametrize(("text", "value"), [("0,8", 0.8), ("0.8", 0.8), ("1", 1.0), (" 0,25 ", 0.25), ("", None)])
def test_numbers_with_a_decimal_comma(text: str, value: float | None) -> None:
    assert read_providers(pl.DataFrame({"provider_id": ["A"], "fte": [text]})).collect()["fte"].item() == value


@pytest.mark.parametrize("text", ["NaN", "inf", "-inf", "1e400", "1.000,5", "puoli", "80 %"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"'fte' .* 1 row holds") as caught:
        read_providers(pl.DataFrame({"provider_id": ["A"], "fte": [text]}))
    assert text not in caught.value.what


def test_a_float_column_holds_null_and_never_nan() -> None:
    frame = pl.DataFrame({"patient_id": [1, 2], "workload": [float("nan"), 2.5], "n_chronic": [float("nan"), 2.0]})
    assert read_patients(frame).collect().rows() == [(1, None, None), (2, 2, 2.5)]


def test_a_broken_number_does_not_become_a_whole_one() -> None:
    with pytest.raises(InputError, match="'birth_year'"):
        read_patients(pl.DataFrame({"patient_id": [1], "birth_year": [1950.7]})).collect()


@pytest.mark.parametrize(("text", "value"), [("1950", 1950), ("1950.0", 1950), ("1950,0", 1950), ("", None)])
def test_whole_numbers(text: str, value: int | None) -> None:
    frame = pl.DataFrame({"patient_id": ["1"], "birth_year": [text]})
    assert read_patients(frame).collect()["birth_year"].item() == value


@pytest.mark.parametrize(
    ("texts", "value"),
    [(("true", "TRUE", "1", "yes", "Kyllä", "k", "ja"), True), (("false", "0", "No", "EI", "e", "nej"), False)],
)
def test_booleans(texts: Sequence[str], value: bool) -> None:
    frame = read_patients(pl.DataFrame({"patient_id": texts, "is_chronic": texts})).collect()
    assert frame["is_chronic"].to_list() == [value] * len(texts)


def test_a_boolean_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"'is_chronic' .* 1 row holds .* yes or no"):
        read_patients(pl.DataFrame({"patient_id": [1, 2], "is_chronic": ["maybe", ""]}))


@pytest.mark.parametrize("text", ["fi|sv", "fi;sv", "fi, sv", " fi | sv "])
def test_lists(text: str) -> None:
    frame = read_providers(pl.DataFrame({"provider_id": ["A", "B"], "languages": [text, ""]}))
    assert frame.collect()["languages"].to_list() == [["fi", "sv"], None]


IDS = ["007", "7", "-9223372036854775808", "1e5", " padded ", "😀🩺", "=1+1", "<script>", "O'Brien\\", "NULL", "true"]


def test_text_ids_stay_as_they_came() -> None:
    frame = visits(["2025-01-03"] * len(IDS)).with_columns(patient_id=pl.Series(IDS), provider_id=pl.Series(IDS))
    read = read_visits(frame).collect()
    assert read["patient_id"].to_list() == IDS
    assert read["provider_id"].to_list() == IDS


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Int32, pl.UInt64])
def test_whole_ids_keep_their_value_and_type(dtype: type[pl.DataType]) -> None:
    ids = pl.Series([0, 2**31 - 1], dtype=dtype)
    read = read_visits(visits(["2025-01-03"] * 2).with_columns(patient_id=ids)).collect()
    assert read.schema["patient_id"] == dtype
    assert read["patient_id"].to_list() == ids.to_list()


def test_negative_64_bit_ids_lose_no_digit() -> None:
    ids = pl.Series([-(2**63), -1, 2**63 - 1])
    assert read_visits(visits(["2025-01-03"] * 3).with_columns(patient_id=ids)).collect()["patient_id"].equals(ids)


def test_blank_ids_are_unknown() -> None:
    blank = visits(["2025-01-03"] * 5).with_columns(provider_id=pl.Series(["A", "", "   ", "\t", None]))
    assert read_visits(blank).collect()["provider_id"].to_list() == ["A", None, None, None, None]


def test_a_provider_column_that_is_wholly_blank_is_unknown() -> None:
    blank = visits(["2025-01-03"] * 2).with_columns(provider_id=pl.Series([None, None]))
    assert read_visits(blank).collect()["provider_id"].to_list() == [None, None]


@pytest.mark.parametrize("values", [[1.5, 2.0], [1.0, 2.0], [True, False], [date(2025, 1, 1)] * 2])
def test_ids_of_other_types_are_refused(values: list[object]) -> None:
    with pytest.raises(InputError, match=r"'patient_id' .* has the type .* text or whole numbers"):
        read_visits(visits(["2025-01-03"] * 2).with_columns(patient_id=pl.Series(values)))


def test_categories_and_enums_are_text() -> None:
    frame = visits(["2025-01-03"] * 2, urgency=["acute", "planned"])
    frame = frame.with_columns(
        pl.col("provider_id").cast(pl.Categorical), pl.col("urgency").cast(pl.Enum(["acute", "planned"]))
    )
    assert read_visits(frame).collect().select("provider_id", "urgency").rows() == [("A", "acute"), ("A", "planned")]


@pytest.mark.parametrize("beside", ["P1", " P1", "Ä1", "\x7f1"])
def test_blank_ids_are_null_whatever_stands_beside_them(beside):
    """An id that begins with another sign than a visible one of ASCII must not hide a blank, nor be taken for one."""
    ids = [beside, "", " ", "\t\n", "\u00a0", "\u2003 ", None]
    table = visits(["2025-01-03"] * len(ids), patient_id=ids, provider_id=ids)
    read = read_visits(table).select("patient_id", "provider_id").collect()
    assert read.rows() == [(beside, beside)] + [(None, None)] * 6
    whole = read_visits(visits(["2025-01-03"] * 2, patient_id=[beside, None])).collect()
    assert whole["patient_id"].to_list() == [beside, None]
