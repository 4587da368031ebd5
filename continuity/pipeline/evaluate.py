"""Comparisons and effects of a roll-out: from visits to protected effects and a page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity import quality, reports
from continuity.errors import ContinuityError, UsageError
from continuity.evaluation.aggregate import Measured
from continuity.evaluation.rollout.effects import Effects
from continuity.evaluation.rollout.event_study import event_study
from continuity.evaluation.rollout.its import interrupted_time_series
from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.windows import Window
from continuity.pipeline.inputs import Inputs, Progress, as_sources, quietly, refuse_nothing, versions
from continuity.pipeline.measure import measure
from continuity.pipeline.report import critical
from continuity.pipeline.summary import groups_of, refuse_single
from continuity.privacy import Limits, ProtectedTable, protect
from continuity.reports import Evaluation
from continuity.sources import tables as tables_source
from continuity.vocabulary import Design, Language

_ESTIMATORS: Final[Mapping[str, Callable[..., Effects]]] = {"event-study": event_study, "its": interrupted_time_series}


@dataclass(frozen=True)
class EvaluateJob:
    """What an evaluation shall answer.

    Parameters
    ----------
    design : {"event-study", "its"}
    key : str
        The index.
    by : sequence of str
        Columns whose groups get effects of their own besides that of everybody.
    rollout : path
        A table unit_id, starts_at.
    rules : Rules
    spans : sequence of Window or None
    limits : Limits
    language : {"fi", "sv", "en"}
    """

    design: Design
    key: str
    by: Sequence[str]
    rollout: str | None
    rules: Rules
    spans: Sequence[Window] | None
    limits: Limits
    language: Language


def evaluate(inputs: Inputs, directory: Path, job: EvaluateJob, progress: Progress = quietly) -> dict[str, Any]:
    """Estimate effects, protect them, and write effects.parquet, summary.json and evaluation.html.

    Returns
    -------
    dict
        What summary.json holds, and where the page is.

    Raises
    ------
    InputError
        The input cannot be read, or lacks units.
    UsageError
        The design cannot answer.
    QualityError
        A critical expectation failed.
    """
    refuse_single(job.by)
    if job.rollout is None:
        raise UsageError(
            f"--design {job.design} needs to know when the roll-out reached each unit.",
            allowed="Needed: --rollout FILE with the columns unit_id and starts_at (empty: never).",
        )
    inputs.refuse_output([directory / "evaluation.html"])
    progress("read")
    tables, rollout = inputs.read(), tables_source.read_table(job.rollout, "rollout", inputs.options).collect()
    progress("check")
    verdict = quality.check(tables.present())
    if not verdict.passed:
        raise critical(verdict, inputs, None)
    sources = as_sources(tables)
    progress("compute")
    measured = measure(sources, [job.key], job.rules, job.spans)
    if measured.per_patient.is_empty():
        refuse_nothing(sources, job.rules, job.spans, inputs.name)
    effects, left_out = _effects(sources, measured, rollout, job)
    progress("protect")
    table = _protected(effects.frame, sources, measured, job)
    progress("write")
    said = _as_protected(effects.summary, table) | {
        "design": job.design,
        "by": list(job.by),
        "groups_left_out": left_out,
        "n_suppressed": table.n_suppressed,
        "parameters": job.rules.as_parameters(),
        "input": {"name": inputs.name, "sha256": inputs.fingerprint()},
        "versions": versions(),
        "created_on": datetime.now(tz=UTC).date().isoformat(),
    }
    page = reports.write_evaluation(Evaluation(table, said, verdict), directory, language=job.language)
    return said | {"page": str(page)}


def _effects(
    sources: Sources, measured: Measured, rollout: pl.DataFrame, job: EvaluateJob
) -> tuple[Effects, dict[str, str]]:
    """Estimate for everybody, then for each group of `by`; name the groups whose design has no answer."""
    units = groups_of(sources, ["unit_id"], measured.per_patient)
    rows = measured.per_patient.drop("unit_id", strict=False).join(units, on="patient_id", how="left")
    estimate = _ESTIMATORS[job.design]
    whole = estimate(rows, rollout, job.key)
    parts, left_out = [whole.frame], {}
    for column in job.by:
        placed = rows.join(groups_of(sources, [column], measured.per_patient), on="patient_id", how="left")
        for (group,), own in placed.drop_nulls(column).sort(column).group_by(column, maintain_order=True):
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


def _protected(frame: pl.DataFrame, sources: Sources, measured: Measured, job: EvaluateJob) -> ProtectedTable:
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


def _as_protected(summary: Mapping[str, Any], table: ProtectedTable) -> dict[str, Any]:
    """Hide the mean effect where its row is hidden, or where it would tell the one hidden effect of a unit."""
    rows = table.frame.with_columns(hidden=pl.col("undefined_reason").eq_missing(pl.lit("suppressed")))
    overall = rows.filter(pl.col("term") == "att", pl.col("group").is_null())
    units = rows.filter((pl.col("term") == "effect") & pl.col("event_time").is_null())  # of the design its
    hidden = overall["hidden"].any() or (not units.is_empty() and units["hidden"].sum() in (1, units.height))
    told = ("att", "std_error", "ci_low", "ci_high", "p_value", "pretrend_p", "placebo_units_p")
    return {name: None if hidden and name in told else value for name, value in summary.items()}
