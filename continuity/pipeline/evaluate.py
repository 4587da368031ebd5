"""Comparisons and effects of a roll-out: from visits to protected effects and a page."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from continuity import quality, reports
from continuity.errors import UsageError
from continuity.pipeline.comparison import compared
from continuity.pipeline.evaluate_job import EvaluateJob
from continuity.pipeline.inputs import Inputs, Progress, as_sources, quietly, refuse_nothing, versions, watched
from continuity.pipeline.measure import measure
from continuity.pipeline.report import critical
from continuity.pipeline.rollout import as_protected, protected_effects, rollout_effects
from continuity.pipeline.summary import refuse_single
from continuity.reports import Evaluation
from continuity.sources import tables as tables_source


@watched
def evaluate(inputs: Inputs, directory: Path, job: EvaluateJob, progress: Progress = quietly) -> dict[str, Any]:
    """Estimate effects, protect them, and write effects.parquet, summary.json and evaluation.html.

    Returns
    -------
    dict
        What summary.json holds, and where the page is.

    Raises
    ------
    InputError
        The input cannot be read, changed meanwhile, or lacks units.
    UsageError
        The design cannot answer.
    QualityError
        A critical expectation failed.
    """
    _refuse(job)
    inputs.refuse_output([directory / "evaluation.html"])
    progress("read")
    tables = inputs.read()
    rollout = (
        None if job.rollout is None else tables_source.read_table(job.rollout, "rollout", inputs.options).collect()
    )
    progress("check")
    verdict = quality.check(tables.present())
    if not verdict.passed:
        raise critical(verdict, inputs, None)
    sources = as_sources(tables)
    progress("compute")
    measured = measure(sources, [job.key], job.rules, job.spans)
    if measured.per_patient.is_empty():
        refuse_nothing(sources, job.rules, job.spans, inputs.name)
    if rollout is None:
        table, found = compared(sources, measured, job)
    else:
        effects, left_out = rollout_effects(sources, measured, rollout, job)
        table = protected_effects(effects.frame, sources, measured, job)
        found = as_protected(effects.summary, table) | {"groups_left_out": left_out}
    progress("write")
    said = found | {
        "design": job.design,
        "by": list(job.by),
        "n_suppressed": table.n_suppressed,
        "parameters": job.rules.as_parameters(),
        "time_zone": inputs.options.time_zone,
        "windows": [[moment.isoformat() for moment in window] for window in _windows(measured.per_patient)],
        "breaks": [{"date": one.day.isoformat(), "text": one.text} for one in job.breaks],
        "input": {"name": inputs.name, "sha256": inputs.fingerprint()},
        "versions": versions(),
        "created_on": datetime.now(tz=UTC).date().isoformat(),
    }
    inputs.refuse_changed()
    page = reports.write_evaluation(Evaluation(table, said, verdict), directory, language=job.language)
    return said | {"page": str(page)}


def _windows(per_patient: pl.DataFrame) -> list[tuple[datetime, datetime]]:
    return per_patient.select("window_start", "window_end").unique().sort("window_start", "window_end").rows()


def _refuse(job: EvaluateJob) -> None:
    """Refuse a job that lacks what its design needs."""
    refuse_single([*job.by, *job.adjust])
    if job.design == "compare":
        if not job.by:
            raise UsageError("A comparison needs groups.", allowed="Such as --by unit_id --by age_band.")
    elif job.rollout is None:
        raise UsageError(
            f"--design {job.design} needs to know when the roll-out reached each unit.",
            allowed="Needed: --rollout FILE with the columns unit_id and starts_at (empty: never).",
        )
