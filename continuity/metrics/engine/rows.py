"""Of what an index of groups takes its sums: statistics of patients, of visits by provider, or of follow-up visits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from continuity.errors import InputError
from continuity.metrics.engine.members import members, units_of_providers
from continuity.metrics.engine.path import statistics_of
from continuity.metrics.engine.prepare import KEYS, Sources, one_per, prepared, windowed
from continuity.metrics.engine.registry import Index
from continuity.metrics.engine.rules import Rules
from continuity.metrics.engine.statistics import COUNTED
from continuity.metrics.engine.windows import Window, with_windows
from continuity.vocabulary import Grain

GROUP_COLUMN: Final[Mapping[Grain, str]] = {
    "list": "listed_provider_id",
    "provider": "provider_id",
    "unit": "unit_id",
}
GIVEN: Final = frozenset({"threshold", "holds_list", "n_follow_ups", "n_same_as_previous"})
"""What the rows hold besides the statistics that the engine counts per patient."""


@dataclass(frozen=True)
class Job:
    """What the sums are taken from, and for whom."""

    sources: Sources
    rules: Rules
    spans: Sequence[Window] | None
    grain: Grain

    @property
    def by(self) -> list[str]:
        """The columns that name a group in a window."""
        return [*([GROUP_COLUMN[self.grain]] if self.grain in GROUP_COLUMN else []), "window_start", "window_end"]


def of_patients(job: Job, entries: Sequence[Index]) -> pl.LazyFrame:
    """Give the statistics of every patient and window, with the group of the patient."""
    needs = frozenset().union(*(entry.needs for entry in entries)) - COUNTED - GIVEN
    return _with_group(statistics_of(job.sources, job.rules, job.spans, needs), job)


def of_provider_visits(job: Job, entries: Sequence[Index]) -> pl.LazyFrame:  # noqa: ARG001 # one signature for all
    """Give the visits of every patient to every known provider: n_visits, n_listed, holds_list."""
    visits = prepared(job.sources, job.rules, job.spans, with_listed=True)
    known = visits.filter(pl.col("actor").is_not_null())
    pairs = known.group_by(*KEYS, "actor").agg(
        n_visits=pl.len().cast(pl.Int64), n_listed=pl.col("to_listed").sum().cast(pl.Int64)
    )
    rows = with_windows(pairs, visits, job.spans).rename({"actor": "provider_id"})
    begins = lists(job.sources).group_by("listed_provider_id").agg(pl.col("list_from").min())
    rows = rows.join(begins, left_on="provider_id", right_on="listed_provider_id", how="left")
    rows = rows.with_columns(holds_list=_begun().fill_null(value=False)).drop("list_from")
    return rows.join(_provider_units(job), on="provider_id", how="left") if job.grain == "unit" else rows


def of_follow_ups(job: Job, entries: Sequence[Index]) -> pl.LazyFrame:  # noqa: ARG001 # one signature for all
    """Give each patient's follow-up visits in each window, and those to the provider of the visit before.

    The visit before may lie before the window. Visits at one moment have no order: the exact mean over their orders is
    sum_i n_di (n_di - 1) / n_d inside a moment and sum_i (n_di / n_d) (n_d'i / n_d') from the moment before it.
    """
    visits = prepared(job.sources, job.rules, None)
    windows = prepared(job.sources, job.rules, job.spans)
    moments = _moments(visits, job.rules).drop("window_id")
    rows = windowed(moments, job.spans)
    counts = rows.group_by(*KEYS).agg(
        n_visits=pl.col("n_d").sum(),
        n_follow_ups=pl.col("n_follow_ups").sum(),
        n_same_as_previous=pl.col("same").sort().cum_sum().last(),
    )
    return _with_group(with_windows(counts, windows, job.spans), job)


ROWS: Final[Mapping[str, Callable[[Job, Sequence[Index]], pl.LazyFrame]]] = {
    "patients": of_patients,
    "provider_visits": of_provider_visits,
    "follow_ups": of_follow_ups,
}


def _moments(visits: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """Give one row per moment of a patient: how many visits, how many of them follow one, and the expected same."""
    order = ["visit_at", *(["visit_id"] if rules.tie_order == "visit_id" else [])]
    if rules.unknown_provider == "drop":
        visits = visits.filter(pl.col("actor").is_not_null())
    nulls_are_one = rules.unknown_provider == "one_group"
    numbered = visits.sort("patient_id", *order).with_columns(moment=pl.struct("patient_id", *order).rle_id())
    n_di, n_d = pl.col("n_di"), pl.col("n_d")
    lines = numbered.group_by("patient_id", "window_id", "moment", "actor").agg(
        n_di=pl.len().cast(pl.Int64), local=pl.col("local").min()
    )
    actor = pl.col("actor")
    met = actor.eq_missing(actor.shift()) if nulls_are_one else actor == actor.shift()
    follows = (
        (pl.col("patient_id") == pl.col("patient_id").shift())
        & met
        & (pl.col("moment") == pl.col("moment").shift() + 1)
    ).fill_null(value=False)
    counts = pl.lit(value=True) if nulls_are_one else actor.is_not_null()
    inside = pl.when(counts).then(n_di * (n_di - 1) / n_d).otherwise(0.0)
    between = pl.when(follows).then(n_di * n_di.shift() / (n_d * n_d.shift())).otherwise(0.0)
    sized = lines.with_columns(n_d=n_di.sum().over("moment")).sort("patient_id", "actor", "moment")
    summed = (
        sized.with_columns(same=inside + between)
        .group_by("patient_id", "window_id", "moment")
        .agg(pl.col("local").min(), pl.col("n_d").first(), pl.col("same").sort().cum_sum().last())
    )
    first = pl.col("moment") == pl.col("moment").min().over("patient_id")
    return summed.with_columns(n_follow_ups=pl.col("n_d") - first.cast(pl.Int64))


def lists(sources: Sources) -> pl.LazyFrame:
    """Give the list of each patient: patient_id, listed_provider_id, list_from (null: from the beginning).

    Raises
    ------
    InputError
        No table of patients says with whom a patient is listed.
    """
    patients = sources.patients
    if patients is None or "listed_provider_id" not in patients.collect_schema():
        raise InputError(
            "No table of patients says with whom a patient is listed.",
            allowed="Needed: patients with the column listed_provider_id.",
            next_step="Give --patients FILE (in Python: patients=frame).",
        )
    timed = "listed_from" in patients.collect_schema()
    begin = pl.col("listed_from") if timed else pl.lit(None, pl.Date)
    found = patients.select("patient_id", "listed_provider_id", list_from=begin.fill_null(pl.date(1, 1, 1)))
    return one_per(found, "patient_id")


def _begun() -> pl.Expr:
    """Tell whether a list has begun before the window ends."""
    return pl.col("list_from").cast(pl.Datetime("us")) < pl.col("window_end")


def _with_group(rows: pl.LazyFrame, job: Job) -> pl.LazyFrame:
    if job.grain == "list":
        listed = rows.join(lists(job.sources), on="patient_id", how="left")
        return listed.with_columns(listed_provider_id=pl.when(_begun()).then(pl.col("listed_provider_id")))
    if job.grain == "unit":
        return rows.join(_patient_units(job), on="patient_id", how="left")
    return rows.join(_usual(job), on=KEYS, how="left") if job.grain == "provider" else rows


def _usual(job: Job) -> pl.LazyFrame:
    """Give the provider whom a patient saw most; of several the one of the longest span, the latest, the first name."""
    known = prepared(job.sources, job.rules, job.spans).filter(pl.col("actor").is_not_null())
    at, last = pl.col("visit_at"), pl.col("last")
    seen = known.group_by(*KEYS, "actor").agg(n=pl.len().cast(pl.Int64), last=at.max(), span=at.max() - at.min())
    ranked = pl.col("actor").sort_by(
        pl.col("n"), pl.col("span"), last, pl.col("actor"), descending=[True] * 3 + [False]
    )
    return seen.group_by(*KEYS).agg(provider_id=ranked.first())


def _patient_units(job: Job) -> pl.LazyFrame:
    found = members(job.sources, "unit_id")
    if found is None:
        raise _no_unit("patient", "the patients or the visits")
    return found[0]


def _provider_units(job: Job) -> pl.LazyFrame:
    found = units_of_providers(job.sources)
    if found is None:
        raise _no_unit("provider", "the providers or the visits")
    return found


def _no_unit(who: str, where: str) -> InputError:
    return InputError(
        f"Nothing says to which unit a {who} belongs, and grain unit needs it.",
        allowed=f"Needed: the column unit_id in {where}.",
        next_step="Map the column with --columns, or give the table that has it.",
    )


def groups(job: Job, visits: pl.LazyFrame) -> pl.LazyFrame | None:
    """Give the groups that have a row even without visits: every window of a period, every list that has begun."""
    numbers = pl.LazyFrame({"window_id": range(len(job.spans or [0]))}, schema={"window_id": pl.Int64})
    spans = with_windows(numbers, visits, job.spans).drop("window_id")
    if job.grain == "period":
        return spans
    patients = job.sources.patients
    has_lists = patients is not None and "listed_provider_id" in patients.collect_schema()
    if job.grain == "unit" or not has_lists:
        return None
    found = (
        lists(job.sources)
        .drop_nulls("listed_provider_id")
        .group_by("listed_provider_id")
        .agg(pl.col("list_from").min())
    )
    begun = found.join(spans, how="cross").filter(_begun())
    return begun.rename({"listed_provider_id": GROUP_COLUMN[job.grain]}).select(job.by)
