"""Where dirt is planted, and the few ways in which tables are changed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import polars as pl

from continuity.synthetic.setting import Setting
from continuity.synthetic.tables import Synthetic

MOMENTS: Final = ("visit_at", "contacted_at", "assessed_at")


@dataclass(frozen=True)
class Spot:
    """Where dirt is planted: the setting, the number of the block, and random numbers of its own."""

    setting: Setting
    block: int
    rng: np.random.Generator

    def some(self, n: int, share: float) -> pl.Series:
        """Mark a share of `n` rows, at least one where there are any."""
        marked = self.rng.random(n) < share
        marked[self.rng.integers(n) if n else slice(0)] = True
        return pl.Series("marked", marked, dtype=pl.Boolean)


Planting: TypeAlias = Callable[[Synthetic, Spot], Synthetic]


def change(tables: Synthetic, marked: pl.Series, **values: pl.Expr | pl.Series) -> Synthetic:
    """Put new values into the marked visits."""
    changed = [pl.when(marked).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()]
    return replace(tables, visits=tables.visits.with_columns(changed))


def shift(by: pl.Expr) -> dict[str, pl.Expr]:
    """Move a visit and what came before it by the same time."""
    return {name: pl.col(name) + by for name in MOMENTS}


def append(tables: Synthetic, rows: pl.DataFrame) -> Synthetic:
    return replace(tables, visits=pl.concat([tables.visits, rows.select(tables.visits.columns)]))


def change_patients(tables: Synthetic, marked: pl.Series, **values: pl.Expr) -> Synthetic:
    """Put new values into the marked patients."""
    changed = [pl.when(marked).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()]
    return replace(tables, patients=tables.patients.with_columns(changed))


def change_provider(tables: Synthetic, number: int, **values: pl.Expr) -> Synthetic:
    """Put new values into one row of the table of providers."""
    is_it = pl.int_range(pl.len()) == number
    changed = [pl.when(is_it).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()]
    return replace(tables, providers=tables.providers.with_columns(changed))


def among(can: pl.Series, spot: Spot, share: float) -> pl.Series:
    """Mark a share of the rows that can be marked, at least one of them where there are any."""
    rows = np.flatnonzero(can.fill_null(value=False).to_numpy())
    marked = np.zeros(can.len(), dtype=np.bool_)
    marked[rows[spot.some(rows.size, share).to_numpy()]] = True
    return pl.Series("marked", marked, dtype=pl.Boolean)
