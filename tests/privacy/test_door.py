"""Nothing with an identity code comes in, whatever the file, the column, the encoding; and what is left out is said."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from continuity.errors import InputError
from continuity.pipeline import Inputs
from continuity.privacy.keys import Key
from continuity.privacy.names import names_person
from continuity.sources import ReadOptions

CODE = "010190-999K"
HEAD = "patient_id;visit_at;provider_id;selite\n"
ROWS = "".join(f"P{n % 5};2025-01-{n % 28 + 1:02d};D{n % 3};käynti\n" for n in range(60))


def with_code(text: str, where: int = 30) -> str:
    lines = text.splitlines(keepends=True)
    lines[where] = lines[where].replace("käynti", f"käynti {CODE} soitto")
    return "".join(lines)


def csv(encoding: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "v.csv").write_text(with_code(HEAD + ROWS), encoding=encoding)
        return folder / "v.csv"

    return write


def binary(column: pl.Series) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        frame = pl.DataFrame(
            {"patient_id": [1, 2], "visit_at": [datetime(2025, 1, 3)] * 2, "provider_id": [1, 1], "selite": column}
        )
        suffix = "arrow" if column.dtype == pl.Binary else "parquet"
        path = folder / f"v.{suffix}"
        frame.write_ipc(path) if suffix == "arrow" else frame.write_parquet(path)
        return path

    return write


HIDDEN: dict[str, Callable[[Path], Path]] = {
    "UTF-8": csv("utf-8"),
    "UTF-8 with a mark": csv("utf-8-sig"),
    "Latin-1": csv("latin-1"),
    "UTF-16": csv("utf-16"),
    "text": binary(pl.Series([f"käynti {CODE.lower()}", None])),
    "categories": binary(pl.Series([CODE, None], dtype=pl.Categorical)),
    "a list": binary(pl.Series([["A01", CODE], []])),
    "a structure": binary(pl.Series([{"a": {"b": CODE}}, None])),
    "a list of structures": binary(pl.Series([[{"a": CODE}], None])),
    "a list of lists": binary(pl.Series([[[CODE]], None])),
    "bytes": binary(pl.Series([CODE.encode(), None])),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_a_code_in_any_column_is_refused_by_file_column_and_number(tmp_path: Path, case: str) -> None:
    path = HIDDEN[case](tmp_path)
    with pytest.raises(InputError) as error:
        Inputs(path).read()
    assert f"{path.name}: column 'selite' (1 row)" in str(error.value)
    assert "--pseudonymise" in str(error.value)
    assert CODE[:6] not in str(error.value)


def test_a_code_in_the_table_of_patients_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(HEAD + ROWS)
    (tmp_path / "lists.csv").write_text(f"patient_id;hetu\nP1;{CODE}\nP2;020594X903P\n")
    with pytest.raises(InputError, match=r"lists.csv: column 'hetu' \(2 rows\)"):
        Inputs(tmp_path / "v.csv", tmp_path / "lists.csv").read()


@pytest.mark.parametrize("name", ["v_010190-999K.csv", "v 020594X903P.csv"])
def test_a_code_in_the_name_of_a_file_is_refused_even_with_a_key(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(HEAD + ROWS)
    for key in (None, Key("a secret of the house")):
        with pytest.raises(InputError, match="name of a file holds a personal identity code") as error:
            Inputs(tmp_path / name, key=key).read()
        assert "010190" not in str(error.value)


def test_a_code_in_the_name_of_the_folder_that_is_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / f"extract {CODE}"
    folder.mkdir()
    (folder / "v.csv").write_text(HEAD + ROWS)
    with pytest.raises(InputError, match="name of the input holds a personal identity code") as error:
        Inputs(folder).read()
    assert CODE[:6] not in str(error.value)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_code_in_the_name_of_a_column_is_refused(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame({"patient_id": ["1"], "visit_at": ["2025-01-03"], "provider_id": ["A"], CODE: ["x"]})
    frame.write_csv(tmp_path / "v.csv") if suffix == "csv" else frame.write_parquet(tmp_path / "v.parquet")
    with pytest.raises(InputError, match="name of a column") as error:
        Inputs(tmp_path / f"v.{suffix}").read()
    assert CODE[:6] not in str(error.value)


def test_with_a_key_everything_comes_in_and_is_accounted_for(tmp_path: Path) -> None:
    rows = [f"{CODE};2025-01-03;A;Virtanen;040 1234567;call {CODE}", "P7;2025-01-04;A;;;"]
    (tmp_path / "v.csv").write_text("\n".join(["asiakas;visit_at;provider_id;Sukunimi;puhelin;selite", *rows]) + "\n")
    options = ReadOptions(columns={"patient_id": "asiakas"})
    tables = Inputs(tmp_path / "v.csv", options=options, key=Key("a secret of the house")).read()
    assert tables.visits.collect()["patient_id"].str.len_chars().to_list() == [32, 32]
    assert {(c.table, c.what, c.n_rows) for c in tables.counts} == {
        ("visits", "column 'Sukunimi' of v.csv left out: it names or reaches a person", 1),
        ("visits", "column 'puhelin' of v.csv left out: it names or reaches a person", 1),
        ("visits", "column 'asiakas' of v.csv: identity codes found, none kept", 1),
        ("visits", "column 'selite' of v.csv: identity codes found, none kept", 1),
        ("visits", "patient ids replaced by pseudonyms", 2),
        ("visits", "provider ids replaced by pseudonyms", 1),
    }


def test_names_are_left_out_and_said_without_a_key_too(tmp_path: Path) -> None:
    frame = pl.DataFrame({"patient_id": [1], "visit_at": [datetime(2025, 1, 3)], "provider_id": [1], "nimi": ["A B"]})
    frame.write_parquet(tmp_path / "v.parquet")
    tables = Inputs(tmp_path / "v.parquet").read()
    assert "nimi" not in tables.visits.collect_schema()
    assert [(c.what, c.n_rows) for c in tables.counts] == [
        ("column 'nimi' of v.parquet left out: it names or reaches a person", 1)
    ]


def test_names_in_a_text_file_without_any_code_are_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(HEAD.replace("selite", "sukunimi") + ROWS)
    counts = [(c.what, c.n_rows) for c in Inputs(tmp_path / "v.csv").read().counts]
    assert ("column 'sukunimi' of v.csv left out: it names or reaches a person", 60) in counts


PERSONAL = [
    "nimi",
    "Etunimi",
    "SUKUNIMI",
    "potilaan_nimi",
    "lähiosoite",
    "katuosoite",
    "puhelin",
    "matkapuhelinnumero",
    "sähköposti",
    "namn",
    "efternamn",
    "adress",
    "telefonnummer",
    "e-post",
    "name",
    "first_name",
    "LastName",
    "given",
    "family",
    "address",
    "address_1",
    "ADDRESS",
    "phone",
    "telephone",
    "e-mail",
    "email",
    "provider_name",
    "SSN",
    "DRIVERS",
    "PASSPORT",
    "FIRST",
    "LAST",
    "MAIDEN",
    "telecom",
    "photo",
]
WANTED = [
    "unit_id",
    "asiakas",
    "laakari",
    "visit_at",
    "nimike",
    "tunnus",
    "yksikko",
    "osasto",
    "provider_id",
    "state",
    "city",
    "county",
    "role",
    "fte",
]


@pytest.mark.parametrize("name", PERSONAL)
def test_columns_that_name_persons(name: str) -> None:
    assert names_person(name, ReadOptions())


@pytest.mark.parametrize("name", WANTED)
def test_columns_that_do_not(name: str) -> None:
    assert not names_person(name, ReadOptions())


def test_a_column_that_is_asked_for_names_nobody() -> None:
    assert not names_person("nimi", ReadOptions(columns={"provider_id": "nimi"}))


def test_resources_are_looked_through_line_by_line(tmp_path: Path) -> None:
    from continuity.privacy.door import look, refuse_codes

    named = {field: [{"value": "X"}] for field in ("name", "telecom", "address", "photo", "contact")}
    person = {"resourceType": "Patient", "id": "1", **named, "identifier": [{"value": CODE}]}
    text = "".join(json.dumps({**person, "id": str(n)}) + "\n" for n in range(3))
    (tmp_path / "Patient.ndjson").write_text(text)
    (tmp_path / "Patient.1.ndjson.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("Patient.ndjson", "Patient.1.ndjson.gz"):
        found = look([tmp_path / name], ReadOptions())
        assert found[0].names == dict.fromkeys(named, 3)
        with pytest.raises(InputError, match=r"column 'identifier.value' \(3 rows\)"):
            refuse_codes(found)


@pytest.mark.parametrize("written", [CODE.replace("-", "\u2013"), "".join(f"\\u{ord(sign):04x}" for sign in CODE)])
def test_a_code_of_a_resource_is_known_when_json_escapes_its_signs(tmp_path: Path, written: str) -> None:
    from continuity.privacy.door import look

    text = json.dumps({"resourceType": "Encounter", "id": "1", "note": f"käynti {written}"}).replace("\\\\u", "\\u")
    assert "\\u" in text
    (tmp_path / "Encounter.ndjson").write_text(text + "\n")
    found = look([tmp_path / "Encounter.ndjson"], ReadOptions())
    assert found[0].codes == {"note": 1}


def test_pseudonyms_are_joined_once_and_not_at_each_step(tmp_path) -> None:
    """Each step would join them again to the rows of a Parquet file; a conversion, which has one step, streams."""
    pl.DataFrame({"patient_id": ["P1", "P2"], "visit_at": ["2025-01-03"] * 2, "provider_id": ["A", "B"]}).write_parquet(
        tmp_path / "v.parquet"
    )
    inputs = Inputs(tmp_path / "v.parquet", key=Key("a secret of the house"))
    kept, streamed = inputs.read().visits, inputs.read_counted().visits
    assert "JOIN" not in kept.explain()
    assert "JOIN" in streamed.explain()
    assert kept.collect().equals(streamed.collect())
