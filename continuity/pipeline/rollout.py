"""The effect of a roll-out for everybody and for groups, and its disclosure control."""

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

ESTIMATORS: Final[Mapping[str, Callable[..., Effects]]] = {"event-study": event_study, "its": interrupted_time_series}


def rollout_effects(
    sources: Sources, measured: Measured, rollout: pl.DataFrame, job: EvaluateJob
) -> tuple[Effects, dict[str, str]]:
    """Estimate for everybody, then for each group of `by`; name the groups whose design has no answer."""
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
    parts, left_out = [whole.frame], {}
    for column, known in by.items():
        ordered = known.sort(column).with_columns(pl.col(column).cast(pl.String))
        for (group,), own in ordered.group_by(column, maintain_order=True):
            name = f"{column}={group}"
            try:
                parts.append(estimate(own, rollout, job.key).frame.with_columns(group=_named(name)))
            except ContinuityError as error:
                left_out[name] = error.what
    return Effects(pl.concat(parts), whole.summary), left_out


def _named(name: str) -> pl.Expr:
    """Put the name of a group before that of the unit, where the row is about one."""
    own = pl.col("group")
    return pl.when(own.is_null()).then(pl.lit(name)).otherwise(pl.format("{}, {}", pl.lit(name), own))


def protected_effects(frame: pl.DataFrame, sources: Sources, measured: Measured, job: EvaluateJob) -> ProtectedTable:
    """Judge a row by its patients and, where it is about one unit, by how many providers work there."""
    units = groups_of(sources, ["unit_id"], measured.per_patient)
    known = measured.pairs.filter(pl.col("actor").is_not_null()).join(units, on="patient_id")
    per_unit = known.group_by(pl.col("unit_id").cast(pl.String)).agg(n_providers=pl.col("actor").n_unique())
    staff: Mapping[str, int] = dict(per_unit.iter_rows())
    everybody = known["actor"].n_unique()
    if job.design == "its":
        unit = pl.col("group").str.split(", ").list.last()
        providers = unit.replace_strict(staff, default=0, return_dtype=pl.Int64)
    else:
        providers = pl.lit(everybody, pl.Int64)
    judged = frame.with_columns(n_providers=providers)
    return protect(judged, name="effects", keys=("term", "group", "event_time"), limits=job.limits)


def as_protected(summary: Mapping[str, Any], table: ProtectedTable) -> dict[str, Any]:
    """Hide the mean effect where its row is hidden, or where it would tell the one hidden effect of a unit."""
    rows = table.frame.with_columns(hidden=pl.col("undefined_reason").eq_missing(pl.lit("suppressed")))
    overall = rows.filter(pl.col("term") == "att", pl.col("group").is_null())
    units = rows.filter((pl.col("term") == "effect") & pl.col("event_time").is_null())  # of the design its
    hidden = overall["hidden"].any() or (not units.is_empty() and units["hidden"].sum() in (1, units.height))
    told = ("att", "std_error", "ci_low", "ci_high", "p_value", "pretrend_p", "placebo_units_p")
    return {name: None if hidden and name in told else value for name, value in summary.items()}
