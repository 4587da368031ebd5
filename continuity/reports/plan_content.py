"""What the pages of a plan are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from continuity.privacy import ProtectedTable
from continuity.reports.protected import refuse_unprotected

MOST_ROWS = 60
"""Providers and units on the page; more are a scroll that nobody reads, and stand in the workbook."""


@dataclass(frozen=True)
class PanelPlan:
    """A plan that is to be shown.

    Parameters
    ----------
    summary : mapping
        What summary.json holds; with ``curve`` (one row per tolerance), ``stability`` and ``scenarios`` where they were
        asked for.
    assignments : pathlib.Path
        A Parquet file with one row per patient.
    fairness : ProtectedTable
        by, group, n_patients, n_moved.
    chronic : ProtectedTable or None
        provider_id, n_patients, n_chronic_before, n_chronic_after of the providers that are shown; None where nobody is
        known to be chronically ill.
    created_on : datetime.date
    """

    summary: Mapping[str, Any]
    assignments: Path
    fairness: ProtectedTable
    chronic: ProtectedTable | None
    created_on: date

    def __post_init__(self) -> None:
        refuse_unprotected({"fairness": self.fairness} | ({} if self.chronic is None else {"chronic": self.chronic}))

    @property
    def providers(self) -> pl.DataFrame:
        """One row per provider who can have patients, by unit and id."""
        return pl.DataFrame(self.summary["providers"], infer_schema_length=None).sort("unit_id", "provider_id")

    @property
    def units(self) -> pl.DataFrame:
        """One row per unit."""
        return pl.DataFrame(self.summary["units"], infer_schema_length=None).sort("unit_id")


def shown_providers(providers: pl.DataFrame) -> pl.DataFrame:
    """Give the providers that the page shows: all, or those whose lists are furthest from their share today."""
    if providers.height <= MOST_ROWS:
        return providers
    away = (pl.col("load_before") / pl.col("target") - 1).abs()
    furthest = providers.sort(away, pl.col("provider_id").cast(pl.String), descending=[True, False])
    return furthest.head(MOST_ROWS).sort("unit_id", "provider_id")
