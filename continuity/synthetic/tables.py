"""The three tables that belong together."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Synthetic:
    """A synthetic population in the form of the canonical tables.

    Parameters
    ----------
    visits, patients, providers : polars.DataFrame
        See `continuity.schema`.
    """

    visits: pl.DataFrame
    patients: pl.DataFrame
    providers: pl.DataFrame
