"""A CSV is read whatever its separator, encoding, line ends and quotes; what cannot be told apart is refused."""

from datetime import datetime
from itertools import product
from pathlib import Path

import polars as pl
import pytest

from continuity.errors import InputError, UsageError
from continuity.sources import read_visits

HEADER = ("patient_id", "visit_at", "provider_id", "unit_id")
ROWS = (
    ("P1", "2025-01-03 14:05", "Häkkinen Åsa", "Töölö"),
    ("P2", "2025-01-04 09:00", "Mäki", "Ääri"),
    ("P1", "2025-01-05 10:30", "Mäki", "Töölö"),
)
TIMES = [datetime(2025, 1, 3, 14, 5), datetime(2025, 1, 4, 9), datetime(2025, 1, 5, 10, 30)]


def text(separator: str = ";", end: str = "\n", rows: tuple[tuple[str, ...], ...] = ROWS) -> str:
    return "".join(separator.join(row) + end for row in (HEADER, *rows))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "visits.csv"


def values(file: Path, **options: str) -> list[tuple[object, ...]]:
    return read_visits(file, **options).select(HEADER).collect().rows()


EXPECTED = [(row[0], time, *row[2:]) for row, time in zip(ROWS, TIMES, strict=True)]


@pytest.mark.parametrize(
    ("separator", "encoding", "end"),
    list(product(";,\t|", ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"), ("\n", "\r\n"))),
)
def test_separator_encoding_and_line_ends_are_found(file: Path, separator: str, encoding: str, end: str) -> None:
    file.write_bytes(text(separator, end).encode(encoding))
    assert values(file) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_with_either_mark(file: Path, encoding: str) -> None:
    file.write_bytes(("\ufeff" + text()).encode(encoding))
    assert values(file) == EXPECTED


def test_the_sign_of_the_euro_is_that_of_windows(file: Path) -> None:
    file.write_bytes(text(rows=(("P€", "2025-01-03", "Ö", "Ä"),)).encode("cp1252"))
    assert values(file) == [("P€", datetime(2025, 1, 3), "Ö", "Ä")]


def test_a_byte_that_windows_does_not_know_is_latin_1(file: Path) -> None:
    file.write_bytes(text(rows=(("P\x81", "2025-01-03", "Ö", "Ä"),)).encode("latin-1"))
    assert values(file)[0][0] == "P\x81"


def test_the_only_letter_that_is_not_utf_8_may_stand_on_the_last_line(file: Path) -> None:
    many = text(rows=(("P1", "2025-01-03", "A", "U"),) * 20_000)
    file.write_bytes((many + "Pä;2025-01-04;B;U\n").encode("latin-1"))
    assert values(file)[-1] == ("Pä", datetime(2025, 1, 4), "B", "U")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_no_final_line_end(file: Path, encoding: str) -> None:
    file.write_bytes(text().rstrip("\n").encode(encoding))
    assert values(file) == EXPECTED


@pytest.mark.parametrize("blank", ["\n", "\r\n", "   \n", "\t\n", ";;;\n", " ; ;;\n"])
@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_blank_lines_are_no_rows(file: Path, blank: str, place: str) -> None:
    header, *rows = text().splitlines(keepends=True)
    parts = {
        "before": [blank, blank, header, *rows],
        "between": [header, rows[0], blank, *rows[1:]],
        "after": [header, *rows, blank, blank],
    }
    file.write_text("".join(parts[place]), encoding="utf-8", newline="")
    assert values(file) == EXPECTED


def test_quoted_fields_keep_separators_quotes_and_line_ends(file: Path) -> None:
    file.write_bytes(
        b'patient_id;visit_at;provider_id;unit_id\r\n"P;1";2025-01-03;"say ""A""";"two\r\nlines"\r\n'
        b"P2;2025-01-04;B;U\r\n"
    )
    assert values(file) == [
        ("P;1", datetime(2025, 1, 3), 'say "A"', "two\r\nlines"),
        ("P2", datetime(2025, 1, 4), "B", "U"),
    ]


def test_every_field_in_quotes(file: Path) -> None:
    file.write_text("".join(";".join(f'"{cell}"' for cell in row) + "\n" for row in (HEADER, *ROWS)), encoding="utf-8")
    assert values(file) == EXPECTED


def test_a_comma_in_a_date_or_number_does_not_become_the_separator(file: Path) -> None:
    file.write_text("patient_id;visit_at;provider_id;fee\nP1;2025-01-03;A;1,5\nP2;2025-01-04;B;2,5\n")
    assert read_visits(file).collect()["patient_id"].to_list() == ["P1", "P2"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_ten_thousand_columns(file: Path, encoding: str) -> None:
    extra = [f"ä_sarake_{i}" for i in range(10_000)]
    row = ["P1", "2025-01-03", "A", "U", *["ö"] * len(extra)]
    file.write_bytes("".join(";".join(cells) + "\n" for cells in ([*HEADER, *extra], row)).encode(encoding))
    assert values(file) == [("P1", datetime(2025, 1, 3), "A", "U")]


def test_names_of_columns_in_another_case(file: Path) -> None:
    file.write_text("Patient_ID;VISIT_AT;Provider_Id\nP1;2025-01-03;A\n")
    assert read_visits(file).collect().rows() == [("P1", datetime(2025, 1, 3), "A")]


def test_separator_and_encoding_may_be_said(file: Path) -> None:
    file.write_bytes(text("^").encode("cp850"))
    assert values(file, separator="^", encoding="cp850") == EXPECTED


REFUSED = {
    "an empty file": (b"", "is empty"),
    "a mark and no more": (b"\xef\xbb\xbf", "blank lines only"),
    "blank lines only": (b"\n\r\n  \n", "blank lines only"),
    "a header alone": (b"patient_id;visit_at;provider_id\n", "a header and no rows"),
    "a header and blank lines": (b"patient_id;visit_at;provider_id\n\n  \n;;\n", "a header and no rows"),
    "a last row that is cut off": (
        b"patient_id;visit_at;provider_id\nSECRET1;2025-01-03;A\nSECRET2;2025-0",
        "1 row has more or fewer fields than the header's 3. The last row is one of them: the file may have been cut",
    ),
    "a field too many": (
        b"patient_id;visit_at;provider_id\nSECRET1;2025-01-03;A;B\nP;2025-01-03;A\n",
        "1 row has more or fewer fields than the header's 3. Separator: ';'.",
    ),
    "a quote that is never closed": (
        b'patient_id;visit_at;provider_id\n"SECRET1;2025-01-03;A\n' + b"SECRET2;2025-01-03;A\n" * 20_000,
        "a field that does not end",
    ),
    "a quote in the middle of a field": (
        b'patient_id;visit_at;provider_id\nSECRET1"x;2025-01-03;A\nSECRET2;2025-01-03;A\n',
        "quotes in the middle of fields",
    ),
    "text after a closing quote": (
        b'patient_id;visit_at;provider_id\n"SECRET1"x;2025-01-03;A\nSECRET2;2025-01-03;A\n',
        "quotes in the middle of fields",
    ),
    "a column named twice": (b"patient_id;visit_at;provider_id;unit;unit\nP;2025-01-03;A;U;U\n", "twice: unit."),
    "a workbook under another name": (b"PK\x03\x04\0\0\0\0" * 100, "is no text file"),
    "line ends of old Macintosh": (b"patient_id;visit_at;provider_id\rSECRET1;2025-01-03;A\r", "Macintosh"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_with_a_reason(file: Path, case: str) -> None:
    content, reason = REFUSED[case]
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"^visits\.csv") as caught:
        read_visits(file)
    assert reason in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "row",
    [
        "SECRET1;2025-01-03 14:05;A",
        "SECRET1;3.1.2025;A",
        "010190-999X;tammikuu;A",
        "SECRET1;doctor;A\nSECRET2;doctor;B",
        "SECRET1;female;fi",
    ],
)
def test_a_file_without_a_header_is_refused_and_its_first_row_not_shown(file: Path, row: str) -> None:
    file.write_text(f"{row}\nSECRET3;female;sv\n")
    with pytest.raises(InputError, match="looks like data, not like a header") as caught:
        read_visits(file)
    assert "SECRET" not in str(caught.value)
    assert "010190" not in str(caught.value)


def test_a_header_with_a_year_is_still_a_header(file: Path) -> None:
    file.write_text("patient_id;visit_at;provider_id;2025\nP1;2025-01-03;A;x\n")
    assert read_visits(file).collect().height == 1
    file.write_text("asiakas;visit_at;lääkäri;2025\nP1;2025-01-03;A;x\n", encoding="utf-8")
    assert read_visits(file, columns={"patient_id": "asiakas", "provider_id": "lääkäri"}).collect().height == 1


@pytest.mark.parametrize("separator", ['"', "\n", "\r", "§", "ab", "😀"])
def test_a_separator_that_cannot_be_one_is_a_usage_error(file: Path, separator: str) -> None:
    file.write_text(text(), encoding="utf-8")
    with pytest.raises(UsageError, match="separator is one character"):
        read_visits(file, separator=separator)


@pytest.mark.parametrize(
    ("encoding", "error", "reason"),
    [
        ("klingon", UsageError, "no encoding named 'klingon'"),
        ("hex", UsageError, "no encoding named 'hex'"),
        ("utf-8", InputError, "is not in the encoding utf-8"),
        ("ascii", InputError, "is not in the encoding ascii"),
        ("punycode", InputError, "is not in the encoding punycode"),
    ],
)
def test_an_encoding_that_does_not_fit_is_named(file: Path, encoding: str, error: type, reason: str) -> None:
    file.write_bytes(text().encode("latin-1"))
    with pytest.raises(error, match=reason):
        read_visits(file, encoding=encoding)


def test_a_csv_stays_text_where_text_is_asked_for(file: Path) -> None:
    file.write_text("patient_id;visit_at;provider_id\n007;2025-01-03;1e5\n")
    frame = read_visits(file)
    assert isinstance(frame, pl.LazyFrame)
    assert frame.collect().select("patient_id", "provider_id").row(0) == ("007", "1e5")


def test_a_lone_carriage_return_before_the_header_does_not_make_data_the_header(tmp_path: Path) -> None:
    """Polars counts lines by line feeds only: one line skipped too many, and names of columns were ids of patients."""
    path = tmp_path / "visits.csv"
    path.write_bytes(b"\r,visit_at,provider_id\n131052-308T,2025-01-03,A\n")
    with pytest.raises(InputError, match="'patient_id' is missing") as caught:
        read_visits(path)
    assert "131052" not in str(caught.value)
