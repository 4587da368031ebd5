"""The age-sex table: the shape of demand where the history of visits is too short to learn from.

Doctor consultations a person in Norway, 2023 (Statistics Norway, SSB, statistikk/allmennlegetjenesten). Age and sex are
published apart; that they multiply is our own choice. Finland uses less, so the shape is kept and the level scaled.
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

BAND_STARTS: Final = (0, 6, 16, 20, 30, 50, 67, 80, 90)
MEAN_BY_BAND: Final = (1.9, 1.4, 2.4, 2.6, 3.2, 3.5, 3.9, 4.8, 3.5)
# k solves (1 + mean/k)^-k = share without a consultation: panels of the same table
DISPERSION_BY_BAND: Final = (1.04, 0.97, 1.18, 0.69, 0.70, 0.90, 1.35, 1.16, 0.53)
MEAN_BY_SEX: Final[Mapping[str, float]] = {"male": 2.4, "female": 3.6}
MEAN_ALL: Final = 3.0
DISPERSION_ALL: Final = 0.84
FINNISH_LEVEL: Final = 1.2 / MEAN_ALL  # about 1.2 public doctor visits a resident in 2022 (THL)


def band_label(place: int) -> str:
    """Give the name of an age band by its place, such as ``16-19``.

    Examples
    --------
    >>> band_label(2), band_label(8)
    ('16-19', '90+')
    """
    low = BAND_STARTS[place]
    return f"{low}+" if place + 1 == len(BAND_STARTS) else f"{low}-{BAND_STARTS[place + 1] - 1}"


def band_of(age: pl.Expr) -> pl.Expr:
    """Give the place of the age band, null where the age is; below 0 counts as the first."""
    return pl.sum_horizontal(*[(age >= low).cast(pl.Int64) for low in BAND_STARTS[1:]], ignore_nulls=False)


def by_band(values: tuple[float, ...], age: pl.Expr, unknown: float) -> pl.Expr:
    """Give the value of the age band, and another where the age is not known."""
    return pl.lit(pl.Series(values, dtype=pl.Float64)).gather(band_of(age)).fill_null(unknown)


def age_sex_rate(age: pl.Expr, sex: pl.Expr) -> pl.Expr:
    """Give consultations a year by age and sex at Norway's level; the mean where either is not known.

    Examples
    --------
    >>> people = pl.DataFrame({"age": [40, None], "sex": ["female", "male"]})
    >>> people.select(rate=age_sex_rate(pl.col("age"), pl.col("sex")).round(2))["rate"].to_list()
    [3.84, 2.4]
    """
    factor = pl.lit(1.0)
    for word, mean in MEAN_BY_SEX.items():
        factor = pl.when(sex == word).then(mean / MEAN_ALL).otherwise(factor)
    return by_band(MEAN_BY_BAND, age, MEAN_ALL) * factor
