"""The canonical tables: which columns exist, what they hold, and how a frame is brought to that form.

Every source is mapped onto these tables and everything after the sources may rely on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

from continuity import vocabulary as v
from continuity.errors import InputError, listing

Kind = Literal["id", "datetime", "date", "word", "text", "integer", "number", "boolean", "texts"]
TableName = Literal["visits", "patients", "providers", "rollout"]

_DTYPES: Final[Mapping[Kind, pl.DataType]] = {
    "datetime": pl.Datetime("us"),
    "date": pl.Date(),
    "word": pl.String(),
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "texts": pl.List(pl.String()),
}


@dataclass(frozen=True)
class Column:
    """One canonical column.

    Parameters
    ----------
    kind : str
        What the column holds. ``id`` is text or a whole number, kept as it came; ``datetime`` keeps its time zone where
        it has one; ``word`` is one of `words`.
    required : bool
        Whether a frame without the column is refused.
    words : tuple of str
        The allowed words of a ``word`` column.
    """

    kind: Kind
    required: bool = False
    words: tuple[str, ...] = field(default=())

    def accepts(self, dtype: pl.DataType) -> bool:
        """Tell whether a column of this dtype already has the canonical form."""
        if self.kind == "id":
            return dtype == pl.String or dtype.is_integer()
        if self.kind == "datetime":
            return isinstance(dtype, pl.Datetime)
        return dtype == _DTYPES[self.kind]


def _word(kind: object) -> Column:
    return Column("word", words=v.words(kind))


VISITS: Final[Mapping[str, Column]] = {
    "patient_id": Column("id", required=True),
    "visit_at": Column("datetime", required=True),
    "provider_id": Column("id", required=True),
    "visit_id": Column("id"),
    "provider_role": _word(v.Role),
    "team_id": Column("id"),
    "unit_id": Column("id"),
    "area_code": Column("id"),
    "contact_mode": _word(v.ContactMode),
    "urgency": _word(v.Urgency),
    "care_type": Column("text"),
    "reason_codes": Column("texts"),
    "contacted_at": Column("datetime"),
    "assessed_at": Column("datetime"),
}

PATIENTS: Final[Mapping[str, Column]] = {
    "patient_id": Column("id", required=True),
    "birth_year": Column("integer"),
    "sex": _word(v.Sex),
    "language": Column("text"),
    "unit_id": Column("id"),
    "area_code": Column("id"),
    "household_id": Column("id"),
    "listed_provider_id": Column("id"),
    "listed_from": Column("date"),
    "is_own_choice": Column("boolean"),
    "is_household_free": Column("boolean"),
    "is_chronic": Column("boolean"),
    "n_chronic": Column("integer"),
    "workload": Column("number"),
    "enrolled_from": Column("date"),
    "enrolled_to": Column("date"),
    "latitude": Column("number"),
    "longitude": Column("number"),
}

PROVIDERS: Final[Mapping[str, Column]] = {
    "provider_id": Column("id", required=True),
    "role": _word(v.Role),
    "team_id": Column("id"),
    "unit_id": Column("id"),
    "fte": Column("number"),
    "languages": Column("texts"),
    "active_from": Column("date"),
    "active_to": Column("date"),
    "accepts_new": Column("boolean"),
    "max_patients": Column("integer"),
    "latitude": Column("number"),
    "longitude": Column("number"),
}

TABLES: Final[Mapping[TableName, Mapping[str, Column]]] = {
    "visits": VISITS,
    "patients": PATIENTS,
    "providers": PROVIDERS,
}

ROLLOUT: Final[Mapping[str, Column]] = {
    "unit_id": Column("id", required=True),
    "starts_at": Column("datetime", required=True),
}

READABLE: Final[Mapping[TableName, Mapping[str, Column]]] = {**TABLES, "rollout": ROLLOUT}
"""The canonical tables, and those that go with one job: when a roll-out reached each unit (null: never)."""


def conform(frame: pl.LazyFrame, table: TableName, *, where: str = "the frame") -> pl.LazyFrame:
    """Bring a typed frame to the canonical form of a table: its columns only, in their order and dtypes.

    Text that must be parsed (dates and numbers of a CSV) is the sources' work; here columns already have a type.

    Parameters
    ----------
    frame : polars.LazyFrame
        Columns by their canonical names; further columns are left out.
    table : {"visits", "patients", "providers"}
    where : str
        Names the input in an error.

    Returns
    -------
    polars.LazyFrame
        Lazy; only the schema of `frame` is resolved. Id columns keep their dtype; text ids that are blank become null.

    Raises
    ------
    InputError
        A required column is missing, or a column has a dtype that cannot hold what the contract asks.

    Examples
    --------
    >>> frame = pl.LazyFrame({"provider_id": ["A", " "], "role": ["doctor", "nurse"], "shoe_size": [41, 42]})
    >>> conform(frame, "providers").collect()["provider_id"].to_list()
    ['A', None]
    """
    schema = frame.collect_schema()
    columns = READABLE[table]
    missing = [name for name, column in columns.items() if column.required and name not in schema]
    if missing:
        raise InputError.missing_columns(missing, list(schema.names()), where)
    return frame.select(
        _canonical(name, column, schema[name], where) for name, column in columns.items() if name in schema
    )


def _canonical(name: str, column: Column, dtype: pl.DataType, where: str) -> pl.Expr:
    if column.kind == "id":
        return _canonical_id(pl.col(name), dtype, name, where)
    if column.kind == "number" and dtype.is_float():
        return pl.col(name).cast(pl.Float64).fill_nan(None)
    if column.accepts(dtype):
        return pl.col(name)
    if not _converts(column.kind, dtype):
        raise InputError(
            f"Column '{name}' of {where} has the type {dtype}.",
            allowed=f"Allowed: {_allowed(column)}.",
            next_step="Convert the column, or map another one with --columns.",
        )
    if column.kind == "date" and dtype != pl.Null:
        return pl.col(name).dt.date()
    # Whole numbers with gaps come as floats from pandas: not strict, for NaN becomes null; sources refuse fractions.
    return pl.col(name).cast(_DTYPES[column.kind], strict=False)


def _converts(kind: Kind, dtype: pl.DataType) -> bool:
    """Tell whether a dtype holds a kind in another form, so that a cast keeps every value."""
    if dtype == pl.Null:
        return True
    return {
        "datetime": dtype == pl.Date,
        "date": isinstance(dtype, pl.Datetime),
        "word": _is_category(dtype),
        "text": _is_category(dtype),
        "integer": dtype.is_numeric(),
        "number": dtype.is_numeric(),
    }.get(kind, False)


def _canonical_id(expr: pl.Expr, dtype: pl.DataType, name: str, where: str) -> pl.Expr:
    if dtype == pl.Null or _is_category(dtype):
        expr, dtype = expr.cast(pl.String), pl.String()
    if dtype == pl.String:
        return expr.map_batches(_without_blanks, return_dtype=pl.String(), is_elementwise=True).alias(name)
    if dtype.is_integer():
        return expr
    raise InputError(
        f"Column '{name}' of {where} has the type {dtype}.",
        allowed="Ids must be text or whole numbers: other types lose digits.",
        next_step="Write the ids as text and try again.",
    )


def _without_blanks(ids: pl.Series) -> pl.Series:
    # Stripping takes longer than all else that is done to ids, and a text that begins with a visible ASCII character
    # is not blank: it is enough to compare where all do.
    if ((ids >= "!") & (ids < "\x7f")).all():
        return ids
    return ids.set(ids.str.strip_chars() == "", None)


def _is_category(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Categorical | pl.Enum)


def _allowed(column: Column) -> str:
    if column.words:
        return listing(column.words)
    return {"datetime": "dates or datetimes", "texts": "a list of texts"}.get(column.kind, f"{column.kind}s")


_AGE_BANDS: Final = ((0, "0-17"), (18, "18-44"), (45, "45-64"), (65, "65-74"), (75, "75+"))


def age_band(age: pl.Expr) -> pl.Expr:
    """Give the age band of an age in years, as every table of groups has it; null where the age is null or below 0.

    Examples
    --------
    >>> pl.select(age_band(pl.lit(17)), other=age_band(pl.lit(90))).row(0)
    ('0-17', '75+')
    """
    band = pl.lit(None, pl.String)
    for least, name in _AGE_BANDS:
        band = pl.when(age >= least).then(pl.lit(name)).otherwise(band)
    return band
