"""The third next available appointment, from snapshots of the appointment book."""

from typing import Any, Final

import polars as pl

from continuity import edge
from continuity.errors import InputError

MOST_DAYS: Final = 182
_NEEDED: Final = ("snapshot_at", "unit_id", "provider_id", "role", "slot_at", "free")


def third_next(book: Any) -> Any:
    """Give the days until the third free slot, by unit and role: the median over providers.

    Parameters
    ----------
    book : frame
        One row per slot of a provider: snapshot_at (Datetime), unit_id, provider_id, role, slot_at (Datetime; after
        the snapshot), free (Boolean). A provider without slots after the snapshot has one row with a null slot_at.

    Returns
    -------
    frame of the kind of `book`
        snapshot_at, unit_id, role, n_providers, n_few_slots (providers with fewer than three free slots), t3_days
        (Float64; 182 at most).

    Raises
    ------
    InputError
        A column is missing.

    Notes
    -----
    Calendar days. A provider with fewer than three free slots counts with 182 days, the greatest value of the national
    figure; what it does then is not published, so this is our own choice and such providers are counted.

    References
    ----------
    THL, T3: the median over professionals of the third bookable non-urgent slot.

    Examples
    --------
    >>> from datetime import datetime
    >>> slots = [("A", 2), ("A", 3), ("A", 9), ("B", 5)]
    >>> rows = [(datetime(2025, 1, 1), "U", who, "doctor", datetime(2025, 1, 1 + d), True) for who, d in slots]
    >>> names = ["snapshot_at", "unit_id", "provider_id", "role", "slot_at", "free"]
    >>> book = pl.DataFrame(rows, orient="row", schema=names)
    >>> third_next(book).select("n_providers", "n_few_slots", "t3_days").row(0)
    (2, 1, 95.5)
    """
    lazy, restore = edge.lazily(book)
    each = by_provider(lazy)
    summed = each.group_by("snapshot_at", "unit_id", "role").agg(
        n_providers=pl.len().cast(pl.Int64),
        n_few_slots=pl.col("few_slots").sum().cast(pl.Int64),
        t3_days=pl.col("t3_days").median(),
    )
    return restore(summed.sort("snapshot_at", "unit_id", "role"))


def by_provider(book: pl.LazyFrame) -> pl.LazyFrame:
    """Give the days until the third free slot of each provider: personal data of employees, never for publication."""
    names = book.collect_schema().names()
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise InputError.missing_columns(missing, names, "the appointment book")
    slot, snapshot = pl.col("slot_at"), pl.col("snapshot_at")
    open_slot = pl.col("free").fill_null(value=False) & (slot >= snapshot)
    third = slot.filter(open_slot).sort().get(2, null_on_oob=True)
    days = (pl.col("third").dt.date() - snapshot.dt.date()).dt.total_days()
    grouped = book.group_by("snapshot_at", "unit_id", "role", "provider_id").agg(third=third)
    return grouped.with_columns(
        t3_days=days.fill_null(MOST_DAYS).clip(upper_bound=MOST_DAYS).cast(pl.Float64),
        few_slots=pl.col("third").is_null(),
    ).drop("third")


def own_third_next(book: Any, patients: Any) -> Any:
    """Give the days until the third free slot of the patients' own provider: mean over patients, by unit and snapshot.

    Returns
    -------
    frame of the kind of `book`
        snapshot_at, unit_id (of the provider), n_patients (listed with a provider of the book), own_t3_days.

    Examples
    --------
    >>> from datetime import datetime
    >>> slots = [("A", 2), ("A", 3), ("A", 9)]
    >>> rows = [(datetime(2025, 1, 1), "U", who, "doctor", datetime(2025, 1, 1 + d), True) for who, d in slots]
    >>> names = ["snapshot_at", "unit_id", "provider_id", "role", "slot_at", "free"]
    >>> book = pl.DataFrame(rows, orient="row", schema=names)
    >>> own_third_next(book, pl.DataFrame({"patient_id": [1, 2], "listed_provider_id": ["A", None]})).row(0)[2:]
    (1, 9.0)
    """
    lazy, restore = edge.lazily(book)
    lists = edge.lazily(patients)[0].select("patient_id", provider_id="listed_provider_id").unique("patient_id")
    joined = lists.drop_nulls().join(by_provider(lazy), on="provider_id")
    summed = joined.group_by("snapshot_at", "unit_id").agg(
        n_patients=pl.len().cast(pl.Int64), own_t3_days=pl.col("t3_days").sort().slice(0).mean()
    )
    return restore(summed.sort("snapshot_at", "unit_id"))
