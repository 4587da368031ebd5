"""Comparisons and effects of a roll-out: from visits to protected effects and a page."""

import hashlib
from pathlib import Path
from typing import Any

import polars as pl

from continuity import quality, reports
from continuity.errors import UsageError
from continuity.evaluation.aggregate import Measured
from continuity.metrics.engine.prepare import Sources
from continuity.pipeline.comparison import compared
from continuity.pipeline.evaluate_job import EvaluateJob
from continuity.pipeline.inputs import Inputs, Progress, as_sources, quietly, refuse_nothing, watched
from continuity.pipeline.measure import measure
from continuity.pipeline.previous import read_earlier, run_beside
from continuity.pipeline.report import critical
from continuity.pipeline.rollout import as_protected, protected_effects, rollout_effects
from continuity.pipeline.summary import refuse_single
from continuity.privacy import ProtectedTable
from continuity.reports import Evaluation, windows_of
from continuity.sources import tables as tables_source


@watched
def evaluate(inputs: Inputs, directory: Path, job: EvaluateJob, progress: Progress = quietly) -> dict[str, Any]:
    """Estimate effects, protect them, and write effects.parquet, summary.json, evaluation.html and the manifest.

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
    ProtectionError
        Together with an earlier run, the numbers would tell about a few patients or visits.
    """
    _refuse(job)
    earlier = read_earlier(job.earlier)
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
    table, found = _estimated(sources, measured, rollout, job)
    progress("write")
    asked = {"by": list(job.by), "adjust": list(job.adjust), "rollout_sha256": _digest(rollout)}
    run = run_beside(
        inputs,
        earlier,
        [table],
        reports.words_of(job.language),
        command="evaluate",
        windows=windows_of(measured.per_patient),
        indices=[job.key],
        parameters=job.rules.as_parameters(),
        choices={"design": job.design, **asked},
        limits=job.limits,
    )
    said = found | {
        "design": job.design,
        "by": list(job.by),
        "n_suppressed": table.n_suppressed,
        "parameters": dict(run.parameters),
        "time_zone": inputs.options.time_zone,
        "windows": [[moment.isoformat() for moment in window] for window in run.windows],
        "breaks": [{"date": one.day.isoformat(), "text": one.text} for one in job.breaks],
        "input": {"name": inputs.name, "sha256": run.input["sha256"]},
        "versions": dict(run.versions),
        "created_on": run.created_on.isoformat(),
    }
    inputs.refuse_changed()
    page = reports.write_evaluation(Evaluation(table, said, verdict, run), directory, language=job.language)
    return said | {"page": str(page), "earlier_runs": list(run.earlier)}


def _estimated(
    sources: Sources, measured: Measured, rollout: pl.DataFrame | None, job: EvaluateJob
) -> tuple[ProtectedTable, dict[str, Any]]:
    if rollout is None:
        return compared(sources, measured, job)
    effects, left_out = rollout_effects(sources, measured, rollout, job)
    table = protected_effects(effects.frame, sources, measured, job)
    return table, as_protected(effects.summary, table) | left_out


def _digest(rollout: pl.DataFrame | None) -> str | None:
    return None if rollout is None else hashlib.sha256(rollout.sort(rollout.columns).write_csv().encode()).hexdigest()


def _refuse(job: EvaluateJob) -> None:
    """Refuse a job that lacks what its design needs."""
    refuse_single(job.by)
    refuse_single(job.adjust, "--adjust")
    if job.design == "compare":
        if not job.by:
            raise UsageError("A comparison needs groups.", allowed="Such as --by unit_id --by age_band.")
    elif job.rollout is None:
        raise UsageError(
            f"--design {job.design} needs to know when the roll-out reached each unit.",
            allowed="Needed: --rollout FILE with the columns unit_id and starts_at (empty: never).",
        )
