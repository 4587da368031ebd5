"""Statistics of days: providers met before, gaps, spans, time covered, time listed. See `further` for what a way is."""

from typing import TYPE_CHECKING, Final

import polars as pl

from continuity.metrics.engine import history
from continuity.metrics.engine.history import DAY
from continuity.metrics.engine.prepare import KEYS, one_per

if TYPE_CHECKING:
    from continuity.metrics.engine.further import Job

TWO_YEARS: Final = 730
"""Days that an unbroken follow-up looks at, up to the end of the window."""
START, END = pl.col("window_start"), pl.col("window_end")


def met_before(job: "Job") -> pl.LazyFrame:
    """Count the visits to a provider whom the patient saw at most the look-back before.

    Of n visits at one moment to one provider, n - 1 have another before them in every order.
    """
    back = job.rules.lookback
    visits = history.known(history.with_history(job, back), job.rules)
    one_group = job.rules.unknown_provider == "one_group"
    before, actor = pl.col("actor").shift(), pl.col("actor")
    same_actor = actor.eq_missing(before) if one_group else actor == before
    same = pl.all_horizontal(*[pl.col(key) == pl.col(key).shift() for key in KEYS], same_actor)
    met = (same & (DAY.shift() >= DAY.dt.offset_by(f"-{back}"))).fill_null(value=False)
    ordered = visits.sort(*KEYS, "actor", "visit_at").with_columns(met=met)
    counts = ordered.filter("inside").group_by(*KEYS).agg(n_met_before=pl.col("met").sum().cast(pl.Int64))
    rows = history.with_observation(history.patients_of(job), job).join(counts, on=KEYS, how="left")
    observed = history.reaches(START.dt.date().dt.offset_by(f"-{back}"))
    return rows.select(*KEYS, n_met_before=pl.when(observed).then(pl.col("n_met_before").fill_null(0)))


def longest_gap(job: "Job") -> pl.LazyFrame:
    """Give, of the provider with the least, the longest interval without a visit in the two years before the end."""
    since = END.dt.offset_by(f"-{TWO_YEARS}d")
    visits = history.with_history(job, f"{TWO_YEARS}d").filter(pl.col("local") >= since)
    if job.rules.unknown_provider != "one_group":  # single visits leave gaps of more than a year
        visits = visits.filter(pl.col("actor").is_not_null())
    day = pl.col("day")
    days = visits.select(*KEYS, "actor", day=(DAY - since.dt.date()).dt.total_days())
    edges = (day.min(), TWO_YEARS - day.max())
    gaps = days.group_by(*KEYS, "actor").agg(gap=pl.max_horizontal(day.sort().diff().max(), *edges))
    least = gaps.group_by(*KEYS).agg(longest_gap=pl.col("gap").min())
    rows = history.with_observation(history.patients_of(job), job).join(least, on=KEYS, how="left")
    gap = pl.col("longest_gap").fill_null(TWO_YEARS)
    return rows.select(*KEYS, longest_gap=pl.when(history.reaches(since.dt.date())).then(gap))


def covered_time(job: "Job") -> pl.LazyFrame:
    """Measure how much of the window lies at most `cover_days` after a visit, and how much is observed."""
    cover = f"{job.rules.cover_days or 0}d"
    visits = history.known(history.with_history(job, cover), job.rules)
    days = visits.select(*KEYS, day=DAY.cast(pl.Datetime("us"))).unique()
    rows = history.with_observation(history.patients_of(job), job)
    end = pl.min_horizontal(END, pl.col("enrolled_to").cast(pl.Datetime("us")))
    bounded = days.join(rows.with_columns(end=end), on=KEYS).sort(*KEYS, "day")
    until = pl.col("day").dt.offset_by(cover)
    before = until.shift().over(KEYS)  # days follow each other and cover equally long: the one before ends first
    since = pl.max_horizontal("day", before, START)
    lengths = bounded.with_columns(length=(pl.min_horizontal(until, "end") - since).dt.total_microseconds())
    covered = lengths.group_by(*KEYS).agg(covered=pl.col("length").clip(lower_bound=0).sum())
    observed = (end - START).dt.total_microseconds().clip(lower_bound=0)
    reaches = history.reaches(START.dt.date().dt.offset_by(f"-{cover}"))
    return rows.join(covered, on=KEYS, how="left").select(
        *KEYS, covered_time=pl.when(reaches).then(pl.col("covered").fill_null(0)), observed_time=observed
    )


def gaps(job: "Job") -> pl.LazyFrame:
    """Sum the intervals between successive days with a visit, and their squares, in whole days."""
    days = history.known(job.visits(), job.rules).select(*KEYS, day=DAY).unique().sort(*KEYS, "day")
    gap = pl.col("gap")
    between = days.with_columns(gap=pl.col("day").diff().over(KEYS).dt.total_days())
    return between.group_by(*KEYS).agg(
        n_gaps=gap.count().cast(pl.Int64), sum_gaps=gap.sum(), sum_squared_gaps=(gap * gap).sum()
    )


def usual_span(job: "Job") -> pl.LazyFrame:
    """Give the days between the first and last visit to the usual provider: most visits, longest span, seen last."""
    at = pl.col("visit_at")
    seen = (
        history.as_taken(job.visits(), job.rules)
        .group_by(*KEYS, "actor", "alone")
        .agg(
            n=pl.len().cast(pl.Int64),
            span=at.max() - at.min(),
            last=at.max(),
            days=(DAY.max() - DAY.min()).dt.total_days(),
        )
    )
    ranked = pl.col("days").sort_by("n", "span", "last", descending=True)
    return seen.group_by(*KEYS).agg(usual_span=ranked.first())


def time_listed(job: "Job") -> pl.LazyFrame:
    """Count the whole months that a patient has been listed with the provider of the end of the window."""
    patients = job.sources.patients
    if patients is None:  # `allowed` has refused it
        raise ValueError("no patients")
    lists = one_per(patients.select("patient_id", "listed_provider_id", "listed_from"), "patient_id")
    rows = history.patients_of(job).join(lists, on="patient_id", how="left")
    start, end = pl.col("listed_from"), END.dt.date()
    listed = pl.col("listed_provider_id").is_not_null() & (start <= end).fill_null(value=True)
    months = 12 * (end.dt.year() - start.dt.year()).cast(pl.Int64) + end.dt.month() - start.dt.month()
    whole = months - (end.dt.day() < start.dt.day()).cast(pl.Int64)
    return rows.select(*KEYS, is_listed=listed, months_listed=whole.cast(pl.Int64))
