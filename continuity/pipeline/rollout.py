"""The effect of a roll-out for everybody and for groups, and its disclosure control."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl

from continuity.errors import ContinuityError
from continuity.evaluation.aggregate import Measured
from continuity.evaluation.comparison.groups import refuse_identifiers
from continuity.evaluation.rollout.effects import Effects
from continuity.evaluation.rollout.event_study import event_study
from continuity.evaluation.rollout.its import interrupted_time_series
from continuity.metrics.engine.prepare import Sources
from continuity.pipeline.evaluate_job import EvaluateJob
from continuity.pipeline.summary import groups_of
from continuity.privacy import ProtectedTable, protect

_KEYS: Final = ("term", "group", "event_time")
ESTIMATORS: Final[Mapping[str, Callable[..., Effects]]] = {"event-study": event_study, "its": interrupted_time_series}

_EFFECT: Final = ("att", "std_error", "ci_low", "ci_high")
_P: Final = ("p_value", "pretrend_p", "placebo_units_p")


def rollout_effects(
    sources: Sources, measured: Measured, rollout: pl.DataFrame, job: EvaluateJob
) -> tuple[Effects, dict[str, dict[str, str]]]:
    """Estimate for everybody, then for each group of `by`; name the groups whose design has no answer.

    With the effects come two things that summary.json says: why each group is left out, in a sentence and in a word.
    """
    units = groups_of(sources, ["unit_id"], measured.per_patient)
    rows = measured.per_patient.drop("unit_id", strict=False).join(units, on="patient_id", how="left")
    by = {
        column: rows.join(groups_of(sources, [column], measured.per_patient), on="patient_id").drop_nulls(column)
        for column in job.by
    }
    for column, known in by.items():  # a group that is left out is named, so the name must not be a person's
        refuse_identifiers(column, known[column].n_unique(), known["patient_id"].n_unique())
    estimate = ESTIMATORS[job.design]
    whole = estimate(rows, rollout, job.key)
    parts, why, codes = [whole.frame], {}, {}
    for column, known in by.items():
        ordered = known.sort(column).with_columns(pl.col(column).cast(pl.String))
        for (group,), own in ordered.group_by(column, maintain_order=True):
            name = f"{column}={group}"
            try:
                parts.append(estimate(own, rollout, job.key).frame.with_columns(group=_named(name)))
            except ContinuityError as error:
                why[name], codes[name] = error.what, error.reason
    left_out = {"groups_left_out": why, "groups_left_out_reasons": codes}
    return Effects(pl.concat(parts), whole.summary), left_out


def _named(name: str) -> pl.Expr:
    """Put the name of a group before that of the unit, where the row is about one."""
    own = pl.col("group")
    return pl.when(own.is_null()).then(pl.lit(name)).otherwise(pl.format("{}, {}", pl.lit(name), own))


def protected_effects(frame: pl.DataFrame, sources: Sources, measured: Measured, job: EvaluateJob) -> ProtectedTable:
    """Judge a row by its patients and, where it is about one unit, by how many providers work there.

    The mean of a time series is hidden where it would tell the one hidden effect of a unit.
    """
    frame = frame.with_columns(_no_patients=_tells_of_few(frame, job))
    units = groups_of(sources, ["unit_id"], measured.per_patient)
    known = measured.pairs.filter(pl.col("actor").is_not_null()).join(units, on="patient_id")
    per_unit = known.group_by(pl.col("unit_id").cast(pl.String)).agg(n_providers=pl.col("actor").n_unique())
    staff: Mapping[str, int] = dict(per_unit.iter_rows())
    if job.design == "event-study":
        judged = frame.with_columns(n_providers=pl.lit(known["actor"].n_unique(), pl.Int64))
        return protect(judged, name="effects", keys=_KEYS, limits=job.limits)
    unit, is_mean = pl.col("group").str.split(", ").list.last(), pl.col("term") == "att"
    reached = frame.filter(~is_mean).select(unit).to_series()
    behind = known.filter(pl.col("unit_id").cast(pl.String).is_in(reached.implode()))["actor"].n_unique()
    providers = unit.replace_strict(staff, default=0, return_dtype=pl.Int64)
    judged = frame.with_columns(n_providers=pl.when(is_mean).then(behind).otherwise(providers))
    alone = protect(judged, name="effects", keys=_KEYS, limits=job.limits).frame.filter(term="effect")
    hidden = pl.col("undefined_reason").eq_missing(pl.lit("suppressed")).sum()
    by_part = alone.group_by(group=pl.col("group").str.extract(r"^(.*), ")).agg((hidden == 1) | (hidden == pl.len()))
    tells = dict(by_part.iter_rows())
    of_mean = pl.col("group").replace_strict(tells, default=True, return_dtype=pl.Boolean)
    held = judged.with_columns(n_providers=pl.when(is_mean & of_mean).then(0).otherwise("n_providers"))
    return protect(held, name="effects", keys=_KEYS, limits=job.limits)


def _tells_of_few(frame: pl.DataFrame, job: EvaluateJob) -> pl.Series:
    """Tell which rows may not say their patients, because those of others less these are a few.

    What everybody has more than the groups of a column is a group that is left out or hidden; what the mean has more
    than one time is who came at other times alone.
    """
    few = job.limits.min_patients
    n, group = pl.col("n_patients"), pl.col("group")
    part = group.str.extract("^(" + "|".join(map(re.escape, job.by)) + ")=") if job.by else pl.lit(None, pl.String)
    unit = pl.lit(None, pl.String)
    if job.design == "its":
        unit = pl.when(part.is_null()).then(group).otherwise(group.str.extract("^.*, (.*)$"))
    rows = frame.select("term", "group", "event_time", n, _part=part, _unit=unit).with_row_index("row")
    shown = rows.filter(n >= few)
    cell = ["term", "event_time", "_unit"]
    groups = shown.filter(pl.col("_part").is_not_null()).group_by(*cell, "_part").agg(_sum=n.sum())
    rest = groups.join(shown.filter(pl.col("_part").is_null()), on=cell, nulls_equal=True)
    told = rest.filter((n != pl.col("_sum")) & ((n - pl.col("_sum")).abs() < few))["_part"].unique()
    means = shown.filter(term="att").select("group", _all=n)
    apart = pl.col("_all") - n
    once = shown.join(means, on="group", nulls_equal=True).filter((apart != 0) & (apart < few))["row"]
    return rows.select(
        pl.col("_part").is_in(told.implode()).fill_null(value=False) | pl.col("row").is_in(once.implode())
    ).to_series()


def as_protected(summary: Mapping[str, Any], table: ProtectedTable) -> dict[str, Any]:
    """Hide the mean effect where its row is hidden, and round it as its row is rounded."""
    overall = table.frame.filter(pl.col("term") == "att", pl.col("group").is_null())
    hidden = overall["undefined_reason"].eq_missing(pl.Series(["suppressed"])).any()
    found = {name: None if hidden and name in (*_EFFECT, *_P) else value for name, value in summary.items()}
    if hidden or table.limits.round_to == 1 or overall.height != 1:
        return found
    told: dict[str, Any] = overall.select(pl.col("estimate").alias("att"), *_EFFECT[1:]).row(0, named=True)
    return {**found, **{name: told[name] for name in _EFFECT if name in found}, **_two_digits(found)}


def _two_digits(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give a p value with two decimals: with the effect, exact, it would tell the exact error."""
    return {name: found[name] if found[name] is None else round(found[name], 2) for name in _P if name in found}
