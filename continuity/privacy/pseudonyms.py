"""Ids of persons become keyed pseudonyms: under one key a person has the same one in every table and extract."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import polars as pl

from continuity.edge import lazily
from continuity.errors import InputError, UsageError
from continuity.privacy import codes
from continuity.privacy.keys import Key
from continuity.schema import TableName, conform
from continuity.sources import Count, Tables

Person = Literal["patient", "provider", "household"]
PERSONS: Final[Mapping[str, Person]] = {
    "patient_id": "patient",
    "household_id": "household",
    "provider_id": "provider",
    "listed_provider_id": "provider",
}
"""Columns that hold ids of persons. Providers are employees, and have pseudonyms of their own: a doctor who is also a
patient is not found by comparing the two."""
_RAW, _NEW = "__raw", "__pseudonym"
_DERIVED_FROM: Final = 6  # characters of a patient's id below which a visit's id may hold it by chance


def pseudonymise(frame: Any, *, key: str | bytes | Key, columns: Mapping[str, Person] = PERSONS) -> Any:
    """Replace ids of persons by keyed pseudonyms, and personal identity codes in any other text.

    Parameters
    ----------
    frame : polars, pandas or pyarrow frame, DuckDB relation
    key : str, bytes or Key
        At least 16 bytes. Whoever has the key and a list of ids can tell who is who.
    columns : mapping of str to {"patient", "provider", "household"}
        The columns that hold ids, and of whom; those that are absent are passed over.

    Returns
    -------
    frame of the same kind
        One row per row of `frame`, the columns in their order; ids are String, null stays null. Identity codes inside
        texts and lists of texts are replaced by the pseudonym of that patient.

    Raises
    ------
    UsageError
        The key is too short, or there is no such kind of person.
    InputError
        A column of ids is neither text nor whole numbers.

    Notes
    -----
    The first 128 bits of HMAC-SHA-256(key, "patient:" + id), as 32 letters: the hexadecimal digits 0 to f written as
    b c d f g h j k l m n p q r s t. Before, an identity code is written without spaces, in capitals, with a plain
    hyphen; a whole number is its decimal digits; other text loses the white space around it.

    References
    ----------
    RFC 2104 (HMAC); docs/decisions/0016-pseudonyms-at-the-door.md.

    Examples
    --------
    >>> frame = pl.DataFrame({"patient_id": ["010190-999K", "010190-999k "], "note": ["x", "010190-999K called"]})
    >>> pseudonymise(frame, key="a secret of the house")["patient_id"].n_unique()
    1
    """
    secret = key if isinstance(key, Key) else Key(key)
    for person in columns.values():
        if person not in get_args(Person):
            raise UsageError.unknown_choice("The person of a column", person, get_args(Person))
    lazy, restore = lazily(frame, columns)
    ids = known_ids([lazy], columns, secret)
    return restore(_without_codes(_replaced(lazy, columns, ids), columns, secret)[0])


@dataclass(frozen=True)
class Ids:
    """The pseudonyms of the ids that occur, by kind of person; of patients with an identity code also what it says.

    Parameters
    ----------
    of : mapping of str to polars.DataFrame
        One row per id as it was written: __raw, __pseudonym.
    patients : polars.DataFrame
        One row per patient with an identity code: patient_id (the pseudonym), birth_year, sex.
    """

    of: Mapping[str, pl.DataFrame]
    patients: pl.DataFrame


def of_tables(tables: Tables, key: Key) -> Tables:
    """Replace the ids of persons in the canonical tables of a source; birth year and sex are derived from codes first.

    Returns
    -------
    Tables
        `patients` gets a birth year and a sex where it has none and the code tells them; where there is no such table
        and ids are codes, it is made.
    """
    present = tables.present()
    ids = known_ids(present.values(), PERSONS, key)
    counts = [
        Count("visits", f"{person} ids replaced by pseudonyms", frame[_NEW].n_unique())
        for person, frame in ids.of.items()
    ]
    replaced: dict[TableName, pl.LazyFrame] = {}
    for name, table in present.items():
        unlinked, told = (_unlinked(table), _n_linked(table)) if name == "visits" else (table, 0)
        frame, found = _without_codes(_replaced(unlinked, PERSONS, ids), PERSONS, key)
        replaced[name] = frame
        if told:
            counts.append(Count(name, "column 'visit_id' made blank: it holds the patient's id", told))
        counts += [Count(name, f"column '{column}': identity codes replaced", n) for column, n in found.items()]
    if not ids.patients.is_empty():
        replaced["patients"] = _told(replaced.get("patients"), ids.patients.lazy())
    return tables.with_tables(**replaced).with_counts(counts)


def known_ids(frames: Iterable[pl.LazyFrame], columns: Mapping[str, Person], key: Key) -> Ids:
    """Find the ids of all frames, each once, and make their pseudonyms."""
    found: dict[Person, list[pl.LazyFrame]] = {}
    for frame in frames:
        schema = frame.collect_schema()
        for name, person in columns.items():
            if name in schema:
                found.setdefault(person, []).append(frame.select(_as_text(name, schema[name]).alias(_RAW)))
    made = {person: _pseudonyms(parts, person, key) for person, parts in found.items()}
    patients = made["patient"].drop_nulls("__code") if "patient" in made else pl.DataFrame({"__code": []})
    return Ids({person: frame.select(_RAW, _NEW) for person, frame in made.items()}, _told_by_codes(patients))


def _told_by_codes(patients: pl.DataFrame) -> pl.DataFrame:
    if patients.is_empty():
        return pl.DataFrame()
    code = pl.col("__code")
    told = patients.select(pl.col(_NEW).alias("patient_id"), birth_year=codes.birth_year(code), sex=codes.sex(code))
    return told.unique().sort("patient_id")


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_integer() or dtype in (pl.String, pl.Null) or isinstance(dtype, pl.Categorical | pl.Enum):
        return pl.col(name).cast(pl.String)
    raise InputError(
        f"Column '{name}' has the type {dtype}.",
        allowed="Ids must be text or whole numbers: other types lose digits.",
        next_step="Write the ids as text and try again.",
    )


def _pseudonyms(parts: list[pl.LazyFrame], person: Person, key: Key) -> pl.DataFrame:
    """Give one row per id as written: __raw, __code (of an identity code, else null), __pseudonym."""
    raw = pl.concat([part.unique() for part in parts]).unique().collect(engine="streaming")
    raw = raw.filter(pl.col(_RAW).str.strip_chars() != "")
    raw = raw.with_columns(__code=codes.first_code(pl.col(_RAW)))
    texts = raw.select(pl.coalesce("__code", pl.col(_RAW).str.strip_chars())).to_series().to_list()
    return raw.with_columns(pl.Series(_NEW, key.pseudonyms(texts, person), dtype=pl.String))


def _replaced(frame: pl.LazyFrame, columns: Mapping[str, Person], ids: Ids) -> pl.LazyFrame:
    schema = frame.collect_schema()
    for name in [name for name in columns if name in schema]:
        with_text = frame.with_columns(_as_text(name, schema[name]).alias(_RAW))
        joined = with_text.join(ids.of[columns[name]].lazy(), on=_RAW, how="left", maintain_order="left")
        frame = joined.select(pl.col(_NEW).alias(n) if n == name else pl.col(n) for n in schema.names())
    return frame


def _without_codes(frame: pl.LazyFrame, columns: Mapping[str, Person], key: Key) -> tuple[pl.LazyFrame, dict[str, int]]:
    """Replace the identity codes inside other texts by the patient's pseudonym; count the rows of each column."""
    schema = frame.collect_schema()
    texts = {n: flat for n, dtype in schema.items() if n not in columns and (flat := _flat(dtype)) is not None}
    if not texts:
        return frame, {}
    held = [flat(pl.col(n)).filter(codes.holds_code(flat(pl.col(n)))) for n, flat in texts.items()]
    found = frame.select(expr.implode() for expr in held).collect(engine="streaming")
    counts = {name: len(found[name][0]) for name in found.columns if len(found[name][0])}
    for name in counts:
        old = found[name][0].unique().to_list()
        mentioned = sorted({code for text in old for code in codes.codes_of(text)})
        pseudonym = dict(zip(mentioned, key.pseudonyms(mentioned, "patient"), strict=True))
        new = [codes.codes_replaced(text, pseudonym) for text in old]
        is_list = isinstance(schema[name], pl.List)
        inner = (pl.element() if is_list else pl.col(name).cast(pl.String)).replace(old, new)
        frame = frame.with_columns(pl.col(name).list.eval(inner) if is_list else inner)
    return frame, counts


def _flat(dtype: pl.DataType) -> Callable[[pl.Expr], pl.Expr] | None:
    """Tell how a column becomes one text per value, or None where it holds no text."""
    if dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        return lambda expr: expr.cast(pl.String)
    if dtype == pl.List(pl.String):
        return lambda expr: expr.list.explode(empty_as_null=False)
    return None


def _holds_patient(frame: pl.LazyFrame) -> pl.Expr | None:
    """Tell where a visit's id is made from its patient's: such as P0123456-7."""
    schema = frame.collect_schema()
    if "visit_id" not in schema or "patient_id" not in schema:
        return None
    patient, visit = pl.col("patient_id").cast(pl.String).str.strip_chars(), pl.col("visit_id").cast(pl.String)
    is_long = patient.str.len_chars() >= _DERIVED_FROM
    return (is_long & ~codes.holds_code(patient) & visit.str.contains(patient, literal=True)).fill_null(value=False)


def _n_linked(frame: pl.LazyFrame) -> int:
    holds = _holds_patient(frame)
    return 0 if holds is None else int(frame.select(holds.sum()).collect(engine="streaming").item())


def _unlinked(frame: pl.LazyFrame) -> pl.LazyFrame:
    holds = _holds_patient(frame)
    return frame if holds is None else frame.with_columns(visit_id=pl.when(~holds).then("visit_id"))


def _told(patients: pl.LazyFrame | None, told: pl.LazyFrame) -> pl.LazyFrame:
    """Put the birth year and the sex that codes tell where a patient has none."""
    if patients is None:
        return conform(told, "patients")
    names = patients.collect_schema().names()
    joined = patients.join(told, on="patient_id", how="left", suffix="__told", maintain_order="left")
    for name in ("birth_year", "sex"):
        if name in names:
            own = pl.when(pl.col(name) != "unknown").then(name) if name == "sex" else pl.col(name)
            joined = joined.with_columns(pl.coalesce(own, f"{name}__told", name).alias(name)).drop(f"{name}__told")
    return conform(joined, "patients")
