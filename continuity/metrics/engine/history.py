"""What lies before a window: the visits of the look-back, and for whom the data reach back far enough."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from continuity.metrics.engine.prepare import KEYS, Sources, households, one_per, prepared
from continuity.metrics.engine.rules import Rules
from continuity.metrics.engine.windows import Window, with_windows

if TYPE_CHECKING:
    from continuity.metrics.engine.further import Job

DAY = pl.col("local").dt.date()


def with_history(job: "Job", back: str) -> pl.LazyFrame:
    """Give the visits of each window and those of the days before it, with `inside`, window_start and window_end.

    The look-back is a window of its own: filters and the same-day rule apply to it apart.

    Parameters
    ----------
    job : Job
    back : str
        How many days before the window are wanted, as a duration such as ``"365d"``.
    """
    inside = job.visits()
    rows = inside.with_columns(inside=pl.lit(value=True))
    if job.spans is not None:
        before = [Window(_days_before(span.start, back), span.start) for span in job.spans]
        past = prepared(job.sources, job.rules, before)
        rows = pl.concat([rows, past.with_columns(inside=pl.lit(value=False))])
    return with_windows(rows, inside, job.spans)


def _days_before(moment: datetime, back: str) -> datetime:
    found: datetime = pl.Series([moment]).dt.truncate("1d").dt.offset_by(f"-{back}").item()
    return found


def patients_of(job: "Job") -> pl.LazyFrame:
    """Give each patient and window with a visit, once, with window_start and window_end."""
    visits = job.visits()
    return with_windows(visits.select(*KEYS).unique(), visits, job.spans)


def known(visits: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """Keep the visits that count: those without a known provider are nothing where they shall be dropped."""
    return visits.filter(pl.col("actor").is_not_null()) if rules.unknown_provider == "drop" else visits


def as_taken(visits: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """Keep the visits that count, with `actor` and `alone` naming the provider: two columns, because ids stay ids.

    An unknown provider is nobody, a new one each time, or one for all, as the rule says.
    """
    if rules.unknown_provider != "each_distinct":
        return known(visits, rules).with_columns(alone=pl.lit(0, pl.UInt32))
    numbered = visits.with_row_index("alone")
    return numbered.with_columns(alone=pl.when(pl.col("actor").is_null()).then("alone").otherwise(0))


def first_day(sources: Sources, rules: Rules) -> pl.LazyFrame:
    """Give the day since which the data hold every visit, as a row with data_from: as told, else the first visit's."""
    if rules.data_from is not None:
        return pl.LazyFrame({"data_from": [rules.data_from]})
    visits = sources.visits.drop_nulls(["patient_id", "visit_at"])
    return visits.select(data_from=pl.col("visit_at").dt.replace_time_zone(None).dt.date().min())


def enrolment(sources: Sources, rules: Rules) -> pl.LazyFrame | None:
    """Give since when and until when a patient is observed, or None where no table says it.

    Returns
    -------
    polars.LazyFrame or None
        patient_id, enrolled_from, enrolled_to (the first day not observed); null: without a limit. A household is
        observed while any of its patients is.
    """
    patients = sources.patients
    names = set() if patients is None else set(patients.collect_schema().names())
    if patients is None or not names & {"enrolled_from", "enrolled_to"}:
        return None
    both = ("enrolled_from", "enrolled_to")
    columns = [pl.col(name) if name in names else pl.lit(None, pl.Date).alias(name) for name in both]
    found = one_per(patients.select("patient_id", *columns), "patient_id")
    if rules.person == "patient":
        return found
    of_homes = found.join(households(sources), on="patient_id").drop("patient_id").drop_nulls("household_id")
    start, end = pl.col("enrolled_from"), pl.col("enrolled_to")
    return (
        of_homes.group_by("household_id")
        .agg(
            pl.when(start.is_not_null().all()).then(start.min()),
            pl.when(end.is_not_null().all()).then(end.max()),
        )
        .rename({"household_id": "patient_id"})
    )


def with_observation(rows: pl.LazyFrame, job: "Job") -> pl.LazyFrame:
    """Add data_from, enrolled_from and enrolled_to to rows of patients."""
    rows = rows.join(first_day(job.sources, job.rules), how="cross", maintain_order="left")
    enrolled = enrolment(job.sources, job.rules)
    if enrolled is None:
        return rows.with_columns(enrolled_from=pl.lit(None, pl.Date), enrolled_to=pl.lit(None, pl.Date))
    return rows.join(enrolled, on="patient_id", how="left")


def reaches(since: pl.Expr) -> pl.Expr:
    """Tell whether a patient was observed, and the data are there, since a day."""
    enrolled = (pl.col("enrolled_from") <= since).fill_null(value=True)
    return (pl.col("data_from") <= since).fill_null(value=False) & enrolled


def earliest(moments: Sequence[datetime], back: str) -> pl.Series:
    """Give the day on which the time before each moment starts."""
    return pl.Series([_days_before(moment, back) for moment in moments], dtype=pl.Datetime("us")).dt.date()
