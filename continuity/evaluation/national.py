"""The national figures to stand beside one's own: files of the public statistics service Sotkanet, read offline."""

import json
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity import edge
from continuity.errors import InputError

SCHEMA: Final = {
    "area_code": pl.String,
    "area_name": pl.String,
    "year": pl.Int64,
    "national": pl.Float64,
}
COUNTRY: Final = "FI"
BREAK_YEAR: Final = 2023
"""Responsibility moved from municipalities to wellbeing services counties on 1 January 2023."""


def read_sotkanet(path: str | Path, *, regions: str | Path | None = None) -> pl.DataFrame:
    r"""Read an indicator of Sotkanet, such as 5502, continuity of doctor visits in primary care.

    Parameters
    ----------
    path : path
        A CSV with the columns region_code, region_name_fi and one column a year; or the JSON of the service's
        interface, rows of indicator, region, year and value.
    regions : path, optional
        For JSON: the service's list of regions, which gives the codes and names of the region numbers.

    Returns
    -------
    polars.DataFrame
        area_code (``FI`` for the country, else two digits as in the national county code), area_name, year (Int64),
        national (Float64); figures that are not published are left out.

    Raises
    ------
    InputError
        The file is neither, or holds something that is no number.

    References
    ----------
    https://sotkanet.fi/sotkanet/fi/metadata/indicators/5502

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "5502.csv"
    ...     _ = file.write_text("region_code,region_name_fi,2023,2024\nHVA-01,Itä-Uusimaa,0.33,\n", encoding="utf-8")
    ...     read_sotkanet(file).rows()
    [('01', 'Itä-Uusimaa', 2023, 0.33)]
    """
    place = Path(path)
    if not place.is_file():
        raise InputError(f"There is no file {place.name}.", next_step="Save the indicator from the service first.")
    found = _from_json(place, regions) if place.suffix.lower() == ".json" else _from_csv(place)
    return found.drop_nulls("national").sort("area_code", "year")


def beside_national(table: Any, national: pl.DataFrame, year: int) -> Any:
    """Put the national figures beside one's own estimates by area.

    Parameters
    ----------
    table : frame
        With area_code and estimate, as `continuity.summarise` gives by area; codes with or without a leading zero.
    national : polars.DataFrame
        From `read_sotkanet`.
    year : int

    Returns
    -------
    frame of the kind of `table`
        With national, country and difference (estimate less national; null where nothing is published).

    Notes
    -----
    The published figures have two decimals, so a difference below 0.01 is rounding; the rules of the official
    statistic are not public in full, so levels can differ. Between 2022 and 2023 the series has a break.

    Examples
    --------
    >>> own = pl.DataFrame({"area_code": ["1"], "estimate": [0.30]})
    >>> national = pl.DataFrame({"area_code": ["01", "FI"], "area_name": ["Itä-Uusimaa", "Koko maa"],
    ...                          "year": [2024, 2024], "national": [0.31, 0.28]})
    >>> beside_national(own, national, 2024).row(0)
    ('1', 0.3, 0.31, 0.28, -0.010000000000000009)
    """
    lazy, restore = edge.lazily(table)
    names = lazy.collect_schema().names()
    missing = [name for name in ("area_code", "estimate") if name not in names]
    if missing:
        raise InputError.missing_columns(missing, names, "the table of areas")
    of_year = national.filter(year=year)
    if of_year.is_empty():
        known = sorted(national["year"].unique())
        raise InputError(f"The national figures have no year {year}.", allowed=f"Years: {known[0]} to {known[-1]}.")
    country = of_year.filter(area_code=COUNTRY)["national"]
    code = pl.col("area_code").cast(pl.String).str.zfill(2)
    joined = lazy.with_columns(_code=code).join(
        of_year.lazy().select("national", _code="area_code"), on="_code", how="left", maintain_order="left"
    )
    return restore(
        joined.drop("_code").with_columns(
            country=pl.lit(country[0] if country.len() else None, pl.Float64),
            difference=pl.col("estimate") - pl.col("national"),
        )
    )


def _from_csv(place: Path) -> pl.DataFrame:
    try:
        wide = pl.read_csv(place, infer_schema=False)
    except pl.exceptions.PolarsError:
        raise InputError(f"{place.name} is no CSV file that can be read.") from None
    years = [name for name in wide.columns if name.isdigit() and len(name) == 4]
    if not years or {"region_code", "region_name_fi"} - set(wide.columns):
        raise InputError.missing_columns(["region_code", "region_name_fi", "2024"], wide.columns, place.name)
    long = wide.unpivot(years, index=["region_code", "region_name_fi"], variable_name="year")
    value = pl.col("value").str.strip_chars().str.replace(",", ".", literal=True)
    return _checked(
        long.select(
            area_code=_code(pl.col("region_code")),
            area_name="region_name_fi",
            year=pl.col("year").cast(pl.Int64),
            text=pl.when(value != "").then(value),
        ),
        place,
    )


def _from_json(place: Path, regions: str | Path | None) -> pl.DataFrame:
    rows = _load(place)
    named = {} if regions is None else {row["id"]: row for row in _load(Path(regions))}
    table = [
        (
            str(named.get(row["region"], {}).get("code", row["region"])),
            named.get(row["region"], {}).get("title", {}).get("fi"),
            int(row["year"]),
            None if row.get("value") is None else str(row["value"]),
        )
        for row in rows
        if row.get("gender", "total") == "total"
    ]
    schema = {"area_code": pl.String, "area_name": pl.String, "year": pl.Int64, "text": pl.String}
    frame = pl.DataFrame(table, schema, orient="row")
    return _checked(frame.with_columns(area_code=_code(pl.col("area_code"))), place)


def _load(place: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{place.name} is no JSON file that can be read.") from None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise InputError(f"{place.name} is no list of rows.", allowed="Needed: the JSON of the service as it came.")
    return found


def _code(code: pl.Expr) -> pl.Expr:
    """Give the two digits of a county; the country has the code FI or, among the service's regions, 358."""
    plain = code.str.strip_chars().str.strip_prefix("HVA-")
    return pl.when(plain.is_in([COUNTRY, "358"])).then(pl.lit(COUNTRY)).otherwise(plain.str.zfill(2))


def _checked(frame: pl.DataFrame, place: Path) -> pl.DataFrame:
    number = pl.col("text").cast(pl.Float64, strict=False)
    bad = frame.select((pl.col("text").is_not_null() & ~number.is_finite().fill_null(value=False)).sum()).item()
    if bad:
        raise InputError(f"{bad} figures of {place.name} are no numbers.", allowed="Allowed: such as 0.29, or blank.")
    return frame.select("area_code", "area_name", "year", national=number).cast(dict(SCHEMA))  # type: ignore[arg-type]
