"""Read text as what the canonical columns hold: dates of several forms, numbers, yes and no.

A text that cannot be read is counted and refused, never turned into a silent null, and never shown.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from continuity.errors import InputError
from continuity.schema import READABLE, Column, TableName

_DATES: Final = ("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%d/%m/%Y")
_CLOCKS: Final = (" %H:%M:%S%.f", " %H:%M", "T%H:%M:%S%.f", "T%H:%M", " %H.%M", " %H.%M.%S")
_ZONED: Final = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z")
_LOCAL: Final = (*(date + clock for date in _DATES for clock in _CLOCKS), *_DATES)
_HAS_ZONE: Final = r"\d[ T]?\d{2}:\d{2}.*(?:Z|[+-]\d{2}(?::?\d{2})?)$"
_FIRST_YEAR: Final = 1000  # an earlier one was written with two digits
_TRUE: Final = ("true", "1", "yes", "y", "kyllä", "k", "ja", "t")
_FALSE: Final = ("false", "0", "no", "n", "ei", "e", "nej", "f")
_SAMPLE: Final = 10_000

_ALLOWED: Final[Mapping[str, str]] = {
    "datetime": (
        "dates that exist, such as 2025-01-31, 2025-01-31 14:05, 31.1.2025 14:05 or 2025-01-31T14:05:00Z, "
        "all with a time zone or all without"
    ),
    "date": "dates that exist, such as 2025-01-31 or 31.1.2025",
    "integer": "whole numbers",
    "number": "numbers such as 0.8 or 0,8",
    "boolean": "true or false, 1 or 0, yes or no",
}


def typed(
    frame: pl.LazyFrame, table: TableName, *, where: str, time_zone: str, date_format: str | None = None
) -> pl.LazyFrame:
    """Parse the text columns of a table that must hold something else, after one pass that proves they can be read.

    Parameters
    ----------
    frame : polars.LazyFrame
        With canonical column names; columns that have a type already keep it, and times with a zone are shown in ours.
    table : {"visits", "patients", "providers"}
    where : str
        Names the input in an error.
    time_zone : str
        Zone in which times that carry a zone are shown.
    date_format : str, optional
        The only form of dates that is tried.

    Returns
    -------
    polars.LazyFrame
        Times with a zone become Datetime of `time_zone`, others stay without a zone. Blank text is null.

    Raises
    ------
    InputError
        A column holds text that cannot be read; the message counts the rows and shows none.
    """
    schema = frame.collect_schema()
    columns = READABLE[table]
    for name, dtype in schema.items():
        if name in columns and columns[name].kind == "datetime" and isinstance(dtype, pl.Datetime) and dtype.time_zone:
            frame = frame.with_columns(pl.col(name).dt.convert_time_zone(time_zone))
    _refuse_fractions(frame, schema, columns, where)
    texts = [n for n in schema.names() if n in columns and schema[n] == pl.String and columns[n].kind != "id"]
    if not texts:
        return frame
    sample = frame.select(texts).head(_SAMPLE).collect()
    parsers = _parsers(sample, texts, columns, time_zone, date_format)
    failed = [name for name, n in _failures(frame, parsers).items() if n]
    if failed:  # a form of date may first occur late in the file
        zoned = frame.select(pl.col(failed).str.strip_chars().str.contains(_HAS_ZONE).any()).collect(engine="streaming")
        parsers |= _parsers(zoned, failed, columns, time_zone, date_format)
        _refuse_unreadable(frame, parsers, columns, where)
    return frame.with_columns(parser.alias(name) for name, parser in parsers.items())


def _refuse_fractions(frame: pl.LazyFrame, schema: pl.Schema, columns: Mapping[str, Column], where: str) -> None:
    floats = [n for n, dtype in schema.items() if n in columns and columns[n].kind == "integer" and dtype.is_float()]
    if not floats:
        return
    broken = pl.col(floats).is_infinite() | (pl.col(floats).is_finite() & (pl.col(floats) % 1 != 0))
    for name, n in frame.select(broken.sum()).collect(engine="streaming").row(0, named=True).items():
        if n:
            raise InputError(
                f"Column '{name}' of {where}: {n:,} {'row holds a number' if n == 1 else 'rows hold numbers'} "
                "that are not whole.",
                allowed=f"Allowed: {_ALLOWED['integer']}, or blank.",
                next_step="Correct the column.",
            )


def _text(name: str) -> pl.Expr:
    stripped = pl.col(name).str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _parsers(
    sample: pl.DataFrame,
    texts: Sequence[str],
    columns: Mapping[str, Column],
    time_zone: str,
    date_format: str | None,
) -> dict[str, pl.Expr]:
    """Make the parsers from a sample of the texts or, in the second round, from whether any has a time zone."""
    parsers = {}
    for name in texts:
        kind = columns[name].kind
        if kind in ("datetime", "date"):
            parsers[name] = _dates(name, sample[name], time_zone, date_format)
            if kind == "date":
                parsers[name] = parsers[name].dt.date()
        else:
            parsers[name] = _plain(name, kind)
    return parsers


def _plain(name: str, kind: str) -> pl.Expr:
    text = _text(name)
    if kind == "integer":
        return text.str.replace(r"[.,]0+$", "").cast(pl.Int64, strict=False)
    if kind == "number":
        number = text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number)
    if kind == "boolean":
        lower = text.str.to_lowercase()
        return pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
    if kind == "texts":
        return text.str.replace_all(r"\s*[|;,]\s*", "|").str.split("|")
    return text


def _dates(name: str, seen: pl.Series, time_zone: str, date_format: str | None) -> pl.Expr:
    """Read local or zoned times; forms that no value of the sample has are not tried, which is what makes it quick."""
    if date_format is not None:
        return _read(name, [date_format], time_zone if "%z" in date_format or "%#z" in date_format else None)
    if seen.dtype == pl.Boolean:
        return _read(name, _ZONED if seen.any() else _LOCAL, time_zone if seen.any() else None)
    stripped = seen.drop_nulls().str.strip_chars()
    zoned = bool(stripped.str.contains(_HAS_ZONE).any())
    forms = _ZONED if zoned else _LOCAL
    forms = tuple(form for form in forms if stripped.str.to_datetime(form, strict=False).is_not_null().any()) or forms
    return _read(name, forms, time_zone if zoned else None)


def _read(name: str, forms: Sequence[str], time_zone: str | None) -> pl.Expr:
    moment = pl.coalesce(_text(name).str.to_datetime(form, strict=False, time_unit="us") for form in forms)
    moment = pl.when(moment.dt.year() >= _FIRST_YEAR).then(moment)
    return moment if time_zone is None else moment.dt.convert_time_zone(time_zone)


def _failures(frame: pl.LazyFrame, parsers: Mapping[str, pl.Expr]) -> dict[str, int]:
    counted = frame.select(
        (_text(name).is_not_null() & parser.is_null()).sum().alias(name) for name, parser in parsers.items()
    )
    return counted.collect(engine="streaming").row(0, named=True)


def _refuse_unreadable(
    frame: pl.LazyFrame, parsers: Mapping[str, pl.Expr], columns: Mapping[str, Column], where: str
) -> None:
    for name, n in _failures(frame, parsers).items():
        if n == 0:
            continue
        bad = _text(name).is_not_null() & parsers[name].is_null()
        first = frame.select(bad.alias("bad")).with_row_index("row").filter("bad").head(1).collect()["row"].item()
        rows = "1 row holds" if n == 1 else f"{n:,} rows hold"
        kind = columns[name].kind
        raise InputError(
            f"Column '{name}' of {where}: {rows} a text that cannot be read (the first is data row {first + 1:,}).",
            allowed=f"Allowed: {_ALLOWED[kind]}, or blank.",
            next_step="Correct the file" + (", or name the form with --date-format." if "date" in kind else "."),
        )
