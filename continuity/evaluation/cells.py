"""The sizes of cells that disclosure control judges, and the tables that count patients by class."""

from collections.abc import Sequence
from typing import Final

import polars as pl

VISIT_CLASSES: Final = ((1, "1"), (2, "2"), (3, "3"), (4, "4"), (5, "5-6"), (7, "7-9"), (10, "10-14"), (15, "15+"))
VALUE_CLASSES: Final = (
    ("0", 0.0, 0.0),
    ("0-0.25", 0.0, 0.25),
    ("0.25-0.5", 0.25, 0.5),
    ("0.5-0.75", 0.5, 0.75),
    ("0.75-1", 0.75, 1.0),
    ("1", 1.0, 1.0),
)


def sizes(pairs: pl.DataFrame, members: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Give what stands behind each cell besides its patients: how many providers, and how large the largest.

    Parameters
    ----------
    pairs : polars.DataFrame
        patient_id, window_start, window_end, actor (null: unknown), n: visits of each patient to each provider.
    members : polars.DataFrame
        patient_id and the columns of `by`, one row per patient who counts.
    by : sequence of str
        At least one column.

    Returns
    -------
    polars.DataFrame
        `by`, n_providers (Int64), share_largest_provider (0-1); no row for a cell whose providers are all unknown.
    """
    known = pairs.filter(pl.col("actor").is_not_null())
    shared = [
        name
        for name in ("patient_id", "window_start", "window_end")
        if name in members.columns and name in pairs.columns
    ]
    per_actor = members.join(known, on=shared, how="inner").group_by(*by, "actor").agg(pl.col("n").sum())
    return per_actor.group_by(list(by)).agg(
        n_providers=pl.len().cast(pl.Int64), share_largest_provider=pl.col("n").max() / pl.col("n").sum()
    )


def visit_class() -> pl.Expr:
    """Give the class of a number of visits, such as ``"5-6"``."""
    expr = pl.lit(VISIT_CLASSES[0][1])
    for least, name in VISIT_CLASSES[1:]:
        expr = pl.when(pl.col("n_visits") >= least).then(pl.lit(name)).otherwise(expr)
    return expr


def distribution(per_patient: pl.DataFrame, key: str) -> pl.DataFrame:
    """Count patients by class of an index; the values 0 and 1, where many patients lie, have classes of their own.

    Returns
    -------
    polars.DataFrame
        One row per class of `VALUE_CLASSES`, in their order: value_class, value_from, value_to, n_patients (Int64).
    """
    value = pl.col(key)
    rows = []
    for name, least, greatest in VALUE_CLASSES:
        inside = (
            value == least
            if least == greatest
            else (value > least if least == 0 else value >= least) & (value < greatest)
        )
        n = per_patient.select(inside.fill_null(value=False).sum().cast(pl.Int64)).item()
        rows.append({"value_class": name, "value_from": least, "value_to": greatest, "n_patients": n})
    return pl.DataFrame(rows)
