"""Age bands: how often people of an age see a doctor, and how many of them there are.

Mean and dispersion are Norway's 2023 (Statistics Norway, SSB, https://www.ssb.no/helse/helsetjenester/statistikk/allmennlegetjenesten;
the dispersion k solves (1 + mean/k)^-k = share without a consultation). The shares of the population are rounded
by us to look like Finland in the 2020s and the chronic conditions are our own guess: both are there to give tables
a plausible shape, not to be cited.
"""

from typing import Final, NamedTuple

import numpy as np

from continuity.synthetic.arrays import Floats, Ints, draw


class AgeBand(NamedTuple):
    """One age band of the model.

    Parameters
    ----------
    low, high : int
        First and last age, in whole years.
    pct_population : float
        Share of the population, in per cent.
    mean_visits : float
        Doctor consultations a person and year in Norway.
    dispersion : float
        k of the negative binomial: variance = mean + mean² / k.
    mean_chronic : float
        Chronic conditions a person.
    """

    low: int
    high: int
    pct_population: float
    mean_visits: float
    dispersion: float
    mean_chronic: float


BANDS: Final = (
    AgeBand(0, 5, 5.0, 1.9, 1.04, 0.03),
    AgeBand(6, 15, 10.9, 1.4, 0.97, 0.08),
    AgeBand(16, 19, 4.5, 2.4, 1.18, 0.12),
    AgeBand(20, 29, 11.7, 2.6, 0.69, 0.15),
    AgeBand(30, 49, 25.5, 3.2, 0.70, 0.35),
    AgeBand(50, 66, 21.3, 3.5, 0.90, 0.90),
    AgeBand(67, 79, 15.0, 3.9, 1.35, 1.60),
    AgeBand(80, 89, 5.2, 4.8, 1.16, 2.30),
    AgeBand(90, 99, 0.9, 3.5, 0.53, 2.30),
)

_TABLE: Final[Floats] = np.array(BANDS, dtype=np.float64)
MEAN_VISITS: Final[Floats] = _TABLE[:, 3]
DISPERSION: Final[Floats] = _TABLE[:, 4]
MEAN_CHRONIC: Final[Floats] = _TABLE[:, 5]


def draw_ages(rng: np.random.Generator, n: int) -> Ints:
    """Draw ages: the band by its share of the population, then every year of the band alike."""
    width = [band.high - band.low + 1 for band in BANDS]
    return draw(rng, np.repeat(_TABLE[:, 2] / width, width), n)


def band_of(age: Ints) -> Ints:
    """Give the position in `BANDS` of each age."""
    lows = np.array([band.low for band in BANDS])
    return (np.searchsorted(lows, age, side="right") - 1).astype(np.int64)
