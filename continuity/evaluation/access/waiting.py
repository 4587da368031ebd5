"""Waiting from the assessment of need to the visit, by own and other provider."""

from typing import Any, Final

import polars as pl

from continuity import edge
from continuity.errors import InputError
from continuity.evaluation.access.guarantee import care_guarantee

WITHIN: Final = {"share_within_7_days": "7d", "share_within_14_days": "14d", "share_within_3_months": "3mo"}
_NEEDED: Final = ("patient_id", "visit_at", "assessed_at")


def waiting_times(visits: Any, by: str | None = None, *, patients: Any = None) -> Any:
    """Give how long patients waited from the assessment of need to a non-urgent visit.

    Parameters
    ----------
    visits : frame
        Canonical visits with assessed_at; where urgency is known only planned visits count.
    by : str, optional
        A column of the visits: unit_id, provider_role, ...
    patients : frame, optional
        Canonical patients: with birth_year the share within the care guarantee (age is then known to the year: who
        may be 22 or 23 counts as 22), with listed_provider_id the wait by own and other provider.

    Returns
    -------
    frame of the kind of `visits`
        One row per group, and per ``seen_by`` (``own``, ``other``; null: all) where lists are known: n_patients,
        n_visits (with an assessment before them), n_without_assessment, n_negative (visit before the assessment, left
        out), share_assessed (0-1), median_days, p90_days, share_within_7_days, share_within_14_days,
        share_within_3_months, share_within_guarantee (null without birth years).

    Raises
    ------
    InputError
        The visits have no assessed_at.

    Notes
    -----
    Visits that took place only: who never got one is missing from every such figure, so share_assessed stands beside.
    Days are calendar days.

    References
    ----------
    THL, waiting times of primary care: from HOIDONTARVE_AJANKOHTA to KAYNTI_ALKOI.

    Examples
    --------
    >>> from datetime import datetime
    >>> frame = pl.DataFrame({"patient_id": [1, 2, 3], "visit_at": [datetime(2025, 3, d) for d in (4, 10, 30)],
    ...                       "assessed_at": [datetime(2025, 3, 3), datetime(2025, 3, 3), None]})
    >>> waiting_times(frame).select("n_visits", "median_days", "share_within_7_days").row(0)
    (2, 4.0, 1.0)
    """
    lazy, restore = edge.lazily(visits)
    names = lazy.collect_schema().names()
    missing = [name for name in (*_NEEDED, *([by] if by else [])) if name not in names]
    if missing:
        raise InputError.missing_columns(missing, names, "the visits")
    planned = lazy.filter(pl.col("urgency").ne_missing("acute")) if "urgency" in names else lazy
    people = _people(patients)
    joined = planned.join(people, on="patient_id", how="left") if people is not None else planned
    known = joined.collect_schema().names()
    if "listed_provider_id" in known:
        own = pl.col("provider_id").cast(pl.String) == pl.col("listed_provider_id").cast(pl.String)
        joined = joined.with_columns(seen_by=pl.when(own).then(pl.lit("own")).when(~own).then(pl.lit("other")))
    parts = [_summed(joined, [by] if by else [], known)]
    if "listed_provider_id" in known:
        each = _summed(joined.drop_nulls("seen_by"), [*([by] if by else []), "seen_by"], known)
        parts = [parts[0].with_columns(seen_by=pl.lit(None, pl.String)), each]
    keys = [*([by] if by else []), *(["seen_by"] if len(parts) > 1 else [])]
    table = pl.concat(parts, how="diagonal")
    return restore(table.select(*keys, pl.exclude(keys)).sort(keys, nulls_last=False) if keys else table)


def _people(patients: Any) -> pl.LazyFrame | None:
    if patients is None:
        return None
    frame = edge.lazily(patients)[0]
    names = frame.collect_schema().names()
    wanted = [name for name in ("birth_year", "listed_provider_id") if name in names]
    return frame.select("patient_id", *wanted).unique("patient_id") if wanted else None


def _summed(rows: pl.LazyFrame, keys: list[str], known: list[str]) -> pl.LazyFrame:
    assessed, seen = pl.col("assessed_at").dt.date(), pl.col("visit_at").dt.date()
    days = (seen - assessed).dt.total_days()
    waited = days.filter(days >= 0)
    # The last day of the birth year: of two possible ages the younger, for whom the limit is the shorter one.
    born = pl.date(pl.col("birth_year"), 12, 31) if "birth_year" in known else pl.lit(None, pl.Date)
    until = care_guarantee(assessed, born)
    within = {name: (seen <= assessed.dt.offset_by(limit)).filter(days >= 0).mean() for name, limit in WITHIN.items()}
    n_visits = (days >= 0).sum().cast(pl.Int64)
    return (
        (rows.group_by(keys) if keys else rows.group_by(pl.lit(0).alias("_all")))
        .agg(
            n_patients=pl.col("patient_id").filter(days >= 0).n_unique().cast(pl.Int64),
            n_visits=n_visits,
            n_without_assessment=days.is_null().sum().cast(pl.Int64),
            n_negative=(days < 0).sum().cast(pl.Int64),
            share_assessed=days.is_not_null().mean(),
            median_days=waited.median(),
            p90_days=waited.quantile(0.9, "linear"),
            **within,
            share_within_guarantee=(seen <= until).filter(days >= 0).mean(),
        )
        .drop("_all", strict=False)
    )
