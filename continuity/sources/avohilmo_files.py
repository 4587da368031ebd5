"""The files of an Avohilmo extract: which are main tables, which satellites, and both in one form.

Extracts differ by the year and by who delivers them: column names, typed datetimes or Finnish text, CSV or Parquet.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from continuity.errors import InputError
from continuity.sources import files, plain
from continuity.sources.avohilmo_codes import NAMES
from continuity.sources.base import ReadOptions

_SATELLITES: Final = {"ICPC2": "ICPC2_DIAG", "ICD10": "ICD10_DIAG", "TOIMENPIDE": "TOIMP"}
_DENTAL: Final = "SUU_TOIMP"
_IDS: Final = ("patient_id", "visit_id", "provider_id", "unit", "producer", "home")
_MOMENTS: Final = ("visit_at", "contacted_at", "assessed_at")
_FORMS: Final = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%d.%m.%Y")
_SEED: Final = 24
_SAMPLE: Final = 10_000
_FIRST: Final = datetime(1000, 1, 1)  # an earlier year was written with two digits
NO_PROVIDER: Final = (
    "Ask the register's keeper for KAYNTI_TOTEUTTAJA, the Terhikki number of who carried out the visit; it is "
    "delivered pseudonymised as skaynti_toteuttaja. Without it no index of continuity with a provider exists."
)


def main_tables(path: str | Path) -> list[Path]:
    """Give the files of a path, glob or folder that hold visits: those with a start and a service or contact type.

    Raises
    ------
    InputError
        There is no such file.
    """
    return [file for file in files.find(path) if _is_main(column_names(file, ReadOptions()))]


def satellites(mains: Sequence[Path]) -> dict[str, list[Path]]:
    """Give the satellite files beside the main tables, by the column that they add."""
    found: dict[str, list[Path]] = {}
    for file in sorted({file for main in mains for file in main.parent.iterdir() if file not in mains}):
        stem = file.stem.upper()
        for column, mark in _SATELLITES.items():
            if mark in stem and _DENTAL not in stem and file.suffix.lower() in files.SUFFIXES:
                found.setdefault(column, []).append(file)
    return found


def column_names(path: Path, options: ReadOptions) -> list[str]:
    """Give the names of a file's columns, and none where it cannot be read."""
    try:
        if path.suffix.lower() in files.TEXT:
            return plain.header(path, options)
        return files.scan([path], options).collect_schema().names()
    except (InputError, OSError):
        return []


def _is_main(names: Iterable[str]) -> bool:
    lower = {name.lower() for name in names}
    return "kaynti_alkoi" in lower and bool(lower & {"kaynti_palvelumuoto", "kaynti_yhteystapa"})


def open_main(path: Path, options: ReadOptions) -> pl.LazyFrame:
    """Open a main table with the columns of `NAMES` that it has.

    Besides, ``<moment>_bad`` where a time cannot be read, and two hashes that tell whether two rows are the same.

    Raises
    ------
    InputError
        The file cannot be read, or lacks a person, a start, or the id of the professional.
    """
    found = column_names(path, options)
    chosen = _choose(found, options)
    missing = [NAMES[key][0].upper() for key in ("patient_id", "visit_at") if key not in chosen]
    if missing:
        raise InputError.missing_columns(missing, found, f"{path.name} (source avohilmo)")
    if "provider_id" not in chosen:
        raise InputError(
            f"{path.name} has no column with the id of the professional.",
            allowed=f"Looked for: {', '.join(NAMES['provider_id'])}, in upper or lower case.",
            next_step=NO_PROVIDER,
        )
    frame = _scan(path, options, list(chosen.values())).rename(
        {name: key for key, name in chosen.items()}, strict=False
    )
    return _normalised(frame, options, path.name)


def _choose(found: Sequence[str], options: ReadOptions) -> dict[str, str]:
    """Give the column of the file for each key: the one that the user maps, else the first known name."""
    by_lower = {name.lower(): name for name in reversed(found)}
    known = {key: next((by_lower[n] for n in names if n in by_lower), None) for key, names in NAMES.items()}
    canonical = {"unit_id": "unit", "care_type": "service"}
    mapped = {canonical.get(key, key): name for key, name in options.columns.items() if name in found}
    return {key: name for key, name in (known | mapped).items() if name is not None and key in NAMES}


def _scan(path: Path, options: ReadOptions, names: Sequence[str]) -> pl.LazyFrame:
    if path.suffix.lower() in files.TEXT:
        return plain.scan(path, options, names, [name for name in names if name.lower() in NAMES["cancelled_why"]])
    return files.scan([path], options).select(names)


def _normalised(frame: pl.LazyFrame, options: ReadOptions, where: str) -> pl.LazyFrame:
    schema = frame.collect_schema()
    with files.readable(where):
        texts = [name for name in _MOMENTS if schema.get(name) == pl.String]
        sample = frame.select(texts).head(_SAMPLE).collect() if texts else pl.DataFrame()
    # A seed for each column, so that two columns with their values exchanged do not sum to the same.
    whole = pl.sum_horizontal(pl.col(name).hash(_SEED + place) for place, name in enumerate(sorted(schema), 1))
    expressions: dict[str, pl.Expr] = {"whole": whole, "person": pl.col("patient_id").hash(_SEED)}
    moments: dict[str, pl.Expr] = {}
    for name, dtype in schema.items():
        if name in _IDS:
            expressions[name] = pl.col(name) if dtype.is_integer() else pl.col(name).cast(pl.String)
        elif name in _MOMENTS:
            moments[name] = _moment(name, dtype, sample, options)
        else:
            expressions[name] = pl.col(name).cast(pl.String).str.strip_chars()
    # Three steps, because Polars would strip and parse a time twice for two columns that are made of it in one.
    raw = [_stripped(name, schema[name]).alias(f"{name}_bad") for name in moments]
    bad = [_is_bad(name, schema[name]).alias(f"{name}_bad") for name in moments]
    return frame.select(*raw, **expressions).with_columns(**moments).with_columns(bad)


def _stripped(name: str, dtype: pl.DataType) -> pl.Expr:
    return pl.col(name).str.strip_chars() if dtype == pl.String else pl.col(name)


def _moment(name: str, dtype: pl.DataType, sample: pl.DataFrame, options: ReadOptions) -> pl.Expr:
    text = pl.col(f"{name}_bad")
    if dtype != pl.String:
        if not isinstance(dtype, pl.Datetime | pl.Date | pl.Null):
            raise InputError(
                f"Column {NAMES[name][0].upper()} has the type {dtype}.", allowed="Allowed: datetimes, or text."
            )
        return text.cast(pl.Datetime("us"))
    seen = sample[name].str.strip_chars()
    forms = [form for form in _FORMS if seen.str.to_datetime(form, strict=False).is_not_null().any()] or _FORMS[:1]
    forms = [options.date_format] if options.date_format else forms
    read = pl.coalesce(text.str.to_datetime(form, strict=False, time_unit="us", cache=False) for form in forms)
    return pl.when(read >= pl.lit(_FIRST)).then(read)


def _is_bad(name: str, dtype: pl.DataType) -> pl.Expr:
    """Tell where a text, which stands in the column that gives way to the answer, was not read."""
    if dtype != pl.String:
        return pl.lit(value=False)
    text = pl.col(f"{name}_bad")
    return pl.col(name).is_null() & (text != "").fill_null(value=False)


def open_mains(paths: Sequence[Path], options: ReadOptions) -> pl.LazyFrame:
    """Open the main tables of all years as one frame; ids are text where the files do not agree.

    Raises
    ------
    InputError
        As `open_main`.
    """
    frames = [open_main(path, options) for path in paths]
    schemas = [frame.collect_schema() for frame in frames]
    mixed = [name for name in _IDS if len({schema[name] for schema in schemas if name in schema}) > 1]
    return pl.concat([_with_text(frame, mixed) for frame in frames], how="diagonal") if len(frames) > 1 else frames[0]


def _with_text(frame: pl.LazyFrame, names: Iterable[str]) -> pl.LazyFrame:
    there = frame.collect_schema()
    return frame.with_columns(pl.col(name).cast(pl.String) for name in names if name in there)


def open_satellite(paths: Sequence[Path], column: str, options: ReadOptions) -> pl.LazyFrame:
    """Open satellite files as visit_id, order and code, as text.

    Raises
    ------
    InputError
        A file lacks the visit's id or the code.
    """
    frames = []
    for path in paths:
        found = column_names(path, options)
        by_lower = {name.lower(): name for name in reversed(found)}
        key = next((by_lower[name] for name in NAMES["visit_id"] if name in by_lower), None)
        code, order = by_lower.get(column.lower()), by_lower.get("jarjestys")
        if key is None or code is None:
            raise InputError.missing_columns(["AVOHILMO_ID" if key is None else column], found, path.name)
        frame = _scan(path, options, [name for name in (key, code, order) if name is not None])
        place, text = (
            pl.lit(None, pl.String) if name is None else pl.col(name).cast(pl.String).str.strip_chars()
            for name in (order, code)
        )
        rows = frame.select(visit_id=pl.col(key).cast(pl.String), order=place.cast(pl.Int64, strict=False), code=text)
        frames.append(rows.filter(pl.col("code") != ""))
    return pl.concat(frames)
