"""One person, one pseudonym, in every table and form; nobody else's, and never the id or the key."""

import hashlib
import hmac
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import InputError, UsageError
from continuity.privacy.keys import Key
from continuity.privacy.pseudonyms import of_tables
from continuity.sources import Tables

SECRET = "a secret of the house"
KEY = Key(SECRET)


def replaced(**columns: Any) -> pl.DataFrame:
    return ct.pseudonymise(pl.DataFrame(columns), key=SECRET)


@example(b"k" * 64, ["P1"])  # as long as a block of the hash: the longest key that is taken as it is
@example(b"k" * 65, ["P1"])
@given(st.binary(min_size=16, max_size=200), st.lists(st.text(max_size=80), max_size=5))
def test_a_pseudonym_is_the_hmac_of_the_standard_library(secret: bytes, texts: list[str]) -> None:
    stripped = secret.strip()
    if len(stripped) < 16:
        with pytest.raises(UsageError, match="Needed: 16 or more"):
            Key(secret)
        return
    texts = [text.encode(errors="ignore").decode() for text in texts]
    digits = [hmac.new(stripped, f"patient:{text}".encode(), hashlib.sha256).hexdigest()[:32] for text in texts]
    expected = ["".join("bcdfghjklmnpqrst"[int(digit, 16)] for digit in number) for number in digits]
    assert Key(secret).pseudonyms(texts, "patient") == expected


def test_a_person_has_one_pseudonym_in_every_form_and_type() -> None:
    codes = replaced(patient_id=["010190-999K", "010190-999k", " 010190 - 999K", "010190–999K", "hetu 010190-999K"])
    assert codes["patient_id"].n_unique() == 1
    numbers = [pl.Series([7, None, 12], dtype=dtype) for dtype in (pl.Int8, pl.UInt32, pl.Int64)]
    texts = [
        pl.Series(["7", None, "12"]),
        pl.Series(["7 ", "  ", "12"]),
        pl.Series(["7", None, "12"], dtype=pl.Categorical),
    ]
    made = [replaced(patient_id=ids)["patient_id"] for ids in (*numbers, *texts)]
    assert all(series.to_list() == made[0].to_list() for series in made)
    assert made[0][1] is None


def test_persons_keys_and_kinds_of_person_do_not_meet() -> None:
    ids = [f"P{n}" for n in range(2_000)]
    frame = pl.DataFrame({"patient_id": ids, "provider_id": ids})
    one, two = ct.pseudonymise(frame, key=SECRET), ct.pseudonymise(frame, key=SECRET + "!")
    seen = [*one["patient_id"], *one["provider_id"], *two["patient_id"], *two["provider_id"]]
    assert len(set(seen)) == 8_000


def test_rows_columns_and_order_stay(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [3, 1, 2], "patient_id": ["x", None, "x"], "b": [["u"], None, []]})
    eager = ct.pseudonymise(frame, key=SECRET)
    assert eager.columns == frame.columns
    assert eager.drop("patient_id").equals(frame.drop("patient_id"))
    lazy = ct.pseudonymise(frame.lazy(), key=SECRET)
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(eager)
    pandas = ct.pseudonymise(frame.to_pandas(), key=SECRET)
    assert type(pandas).__module__.startswith("pandas")
    assert list(pandas["patient_id"].dropna()) == eager["patient_id"].drop_nulls().to_list()


def test_codes_inside_other_texts_become_the_patients_pseudonym() -> None:
    made = replaced(
        patient_id=["010190-999K", "7"],
        note=["call 010190-999k, then 020594X903P", None],
        reason_codes=[["A01", "010190-999K"], []],
        unit=pl.Series(["U1", "010190-999K"], dtype=pl.Categorical),
    )
    own, other = made["patient_id"][0], replaced(patient_id=["020594X903P"])["patient_id"][0]
    assert made["note"].to_list() == [f"call {own}, then {other}", None]
    assert made["reason_codes"].to_list() == [["A01", own], []]
    assert made["unit"].to_list() == ["U1", own]


def tables(patients: pl.DataFrame | None = None, **visits: Any) -> Tables:
    frame = pl.DataFrame({"visit_at": [datetime(2025, 1, 3)] * len(visits["patient_id"]), **visits})
    return of_tables(Tables(frame.lazy(), None if patients is None else patients.lazy()), KEY)


def test_birth_year_and_sex_come_from_the_code_where_they_are_absent() -> None:
    ids = ["010190-999K", "020504A902E", "7", None]
    made = tables(patient_id=ids, provider_id=["A"] * 4)
    assert made.patients is not None
    known = made.patients.collect().sort("birth_year")
    assert known.select("birth_year", "sex").rows() == [(1990, "male"), (2004, "female")]
    visits = made.visits.collect()
    assert set(known["patient_id"]) == set(visits["patient_id"][:2])
    own = pl.DataFrame({"patient_id": ids[:3], "birth_year": [1991, None, 1950], "sex": ["unknown", None, "other"]})
    filled = tables(own, patient_id=ids, provider_id=["A"] * 4).patients
    assert filled is not None
    assert filled.collect().select("birth_year", "sex").rows() == [(1991, "male"), (2004, "female"), (1950, "other")]
    added = tables(own.select("patient_id"), patient_id=ids, provider_id=["A"] * 4).patients
    assert added is not None
    assert added.collect().rows()[2][1:] == (None, None)


def test_a_listed_provider_is_the_provider_of_the_visits() -> None:
    own = pl.DataFrame({"patient_id": ["1"], "listed_provider_id": ["3"]})
    made = tables(own, patient_id=[1], provider_id=[3])
    assert made.patients is not None
    assert made.patients.collect()["listed_provider_id"].to_list() == made.visits.collect()["provider_id"].to_list()
    assert made.patients.collect()["patient_id"].to_list() == made.visits.collect()["patient_id"].to_list()


def test_a_visit_id_made_from_the_patients_id_is_blank() -> None:
    made = tables(patient_id=["P123456", "P123457"], provider_id=["A", "A"], visit_id=["P123456-1", "V9"])
    assert made.visits.collect()["visit_id"].to_list() == [None, "V9"]
    assert [(c.what, c.n_rows) for c in made.counts if "visit_id" in c.what] == [
        ("column 'visit_id' made blank: it holds the patient's id", 1)
    ]


def test_the_key_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SECRET not in repr(KEY)
    (tmp_path / "key").write_text(f"{SECRET}\n")
    monkeypatch.setenv("CONTINUITY_KEY", SECRET)
    ids = ["1"]
    assert Key.from_file(tmp_path / "key").pseudonyms(ids, "patient") == KEY.pseudonyms(ids, "patient")
    assert Key.from_environment().pseudonyms(ids, "patient") == KEY.pseudonyms(ids, "patient")


def test_keys_that_protect_nobody_and_absent_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONTINUITY_KEY", raising=False)
    with pytest.raises(UsageError, match="CONTINUITY_KEY"):
        Key.from_environment()
    monkeypatch.setenv("CONTINUITY_KEY", "short")
    with pytest.raises(UsageError, match="has 5 bytes") as error:
        Key.from_environment()
    assert "short" not in str(error.value)
    with pytest.raises(UsageError, match="key file nothing cannot be read"):
        Key.from_file(tmp_path / "nothing")


def test_ids_that_are_fractions_and_persons_that_do_not_exist_are_refused() -> None:
    with pytest.raises(InputError, match="'patient_id' has the type Float64"):
        replaced(patient_id=[1.5])
    with pytest.raises(UsageError, match="Choices: patient, provider, household"):
        ct.pseudonymise(pl.DataFrame({"a": ["1"]}), key=SECRET, columns={"a": "dog"})  # type: ignore[dict-item]
