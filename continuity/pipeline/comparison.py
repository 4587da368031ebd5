"""Groups beside one another, adjusted and protected."""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from continuity.evaluation.aggregate import Measured
from continuity.evaluation.cells import sizes
from continuity.evaluation.comparison.groups import VISITS, compare
from continuity.evaluation.groups import members
from continuity.metrics.engine.prepare import Sources
from continuity.pipeline.evaluate_job import EvaluateJob
from continuity.pipeline.summary import groups_of
from continuity.privacy import ProtectedTable, protect

_WINDOW: Final = ("window_start", "window_end")


def compared(sources: Sources, measured: Measured, job: EvaluateJob) -> tuple[ProtectedTable, dict[str, Any]]:
    """Compare the groups of each column of `by`, and protect them together.

    Groups of one column add up to everybody, so a single hidden one takes another with it.
    """
    parts, comparisons = [], {}
    wanted = [name for name in job.adjust if name != VISITS]
    for column in job.by:
        needed = list(dict.fromkeys([column, *wanted]))
        rows = measured.per_patient.drop(needed, strict=False)
        placed = rows.join(groups_of(sources, needed, rows), on="patient_id", how="left")
        if "unit_id" not in placed.columns and members(sources, "unit_id") is not None:
            placed = placed.join(groups_of(sources, ["unit_id"], rows), on="patient_id", how="left")
        adjust = [name for name in job.adjust if name != column]
        found = compare(placed, column, job.key, adjust=adjust)
        behind = _providers(placed, measured.pairs, column)
        times = pl.col("event_time").fill_null(0)
        joined = found.frame.with_columns(_back=times).join(behind, on=["group", "_back"], how="left").drop("_back")
        parts.append(joined.with_columns(_by=pl.lit(column), group=pl.format("{}={}", pl.lit(column), "group")))
        comparisons[column] = found.summary
    table = protect(
        pl.concat(parts),
        name="effects",
        keys=("term", "group", "event_time"),
        margins=[["term", "_by", "event_time"]],
        same_patients=["group", "event_time"],
        limits=job.limits,
    )
    shown = {column: _of_shown(found, table.frame, column) for column, found in comparisons.items()}
    return table, {"index": job.key, "adjust": list(job.adjust), "comparisons": shown}


def _of_shown(found: Mapping[str, Any], effects: pl.DataFrame, column: str) -> dict[str, Any]:
    """Take the lowest and the highest mean from groups that are shown: one of a hidden group would be its number."""
    last = effects.filter(pl.col("event_time").is_null(), pl.col("group").str.starts_with(f"{column}="))
    judged = last.filter(term="funnel_998").drop_nulls("ci_low").select("group")
    means = last.filter(term="mean").join(judged, on="group", how="semi")["estimate"].drop_nulls()
    if means.len() < 2:
        return {**found, **dict.fromkeys(("between_sd", "q_p_value", "lowest", "highest", "n_outside_998"))}
    return {**found, "lowest": means.min(), "highest": means.max()}


def _providers(rows: pl.DataFrame, pairs: pl.DataFrame, column: str) -> pl.DataFrame:
    """Give how many providers stand behind each group in each window, numbered back from the last: 0, -1, ..."""
    windows = rows.select(_WINDOW).unique().sort(*_WINDOW, descending=True).with_row_index("_n")
    back = windows.select(*_WINDOW, _back=-pl.col("_n").cast(pl.Int64))
    members = rows.drop_nulls(column).select("patient_id", column, *_WINDOW)
    found = sizes(pairs, members, [column, *_WINDOW]).join(back, on=_WINDOW)
    return found.select("_back", "n_providers", "share_largest_provider", group=pl.col(column).cast(pl.String))
