"""The wellbeing services counties as a grid of tiles: one tile each, about where it lies, all of one size."""

from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from continuity.reports.wording import Words

_FILE: Final = Path(__file__).parent / "counties.csv"
_CODE: Final = r"^(?:HVA-?)?(\d{1,2})$"


@cache
def layout() -> pl.DataFrame:
    """Give the place of each county on the grid: code (two digits), column, row, and its name in fi, sv and en."""
    return pl.read_csv(_FILE, schema_overrides={"code": pl.String})


def county_code(column: str = "area_code") -> pl.Expr:
    """Give the national code of two digits; null for what is none of the counties, Helsinki and Åland."""
    code = pl.col(column).cast(pl.String).str.extract(_CODE).str.zfill(2)
    return pl.when(code.is_in(layout()["code"].to_list())).then(code)


def area_name(code: object, words: Words) -> str:
    """Name a county with its code, or give the code alone where it is no county's.

    Examples
    --------
    >>> from continuity.reports.wording import words_of
    >>> area_name("8", words_of("fi")), area_name("A01", words_of("fi"))
    ('Pirkanmaa (08)', 'A01')
    """
    if code is None:
        return words("unknown.area_code")
    known = pl.DataFrame({"area_code": [str(code)]}).select(code=county_code()).join(layout(), on="code")
    return f"{known[words.language].item()} ({known['code'].item()})" if known.height else str(code)
