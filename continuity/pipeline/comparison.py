"""Groups beside one another, adjusted and protected."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from continuity.evaluation.aggregate import Measured
from continuity.evaluation.cells import sizes
from continuity.evaluation.comparison.groups import VISITS, compare
from continuity.evaluation.groups import members
from continuity.evaluation.rollout.effects import Effects
from continuity.metrics.engine.prepare import Sources
from continuity.pipeline.evaluate_job import EvaluateJob
from continuity.pipeline.summary import groups_of
from continuity.privacy import Limits, ProtectedTable, protect
from continuity.privacy.rounding import coarse

_WINDOW: Final = ("window_start", "window_end")
_CELL: Final = ("term", "group", "event_time")
_ACROSS: Final = ("between_sd", "q_p_value", "lowest", "highest", "n_outside_998")
_OWN: Final = ("mean", "visits")
"""What the patients of a group say by themselves; every other term is computed with those of the other groups."""


def compared(sources: Sources, measured: Measured, job: EvaluateJob) -> tuple[ProtectedTable, dict[str, Any]]:
    """Compare the groups of each column of `by` that may be shown, and protect them together.

    What is computed across groups is about those that are shown: else a hidden one could be solved from it.
    """
    placed = _placed(sources, measured, job)
    every = {column: _compare(placed, column, job) for column in job.by}
    sized = {column: _sized(found.frame, placed, measured, column, job) for column, found in every.items()}
    hidden = _hidden(sized, placed, job)
    parts, comparisons = [], {}
    for column, found in every.items():
        here = sized[column].join(hidden, on=["group", "event_time"], how="left", nulls_equal=True)
        apart = pl.col("event_time").is_not_null() | pl.col("_hides").is_not_null() | pl.col("term").is_in(_OWN)
        names = here.filter(pl.col("event_time").is_null() & pl.col("_hides").is_not_null())["group"]
        shown = placed.filter(~_name(column).is_in(names.implode()))
        last = here.filter(pl.col("event_time").is_null()).select(_WINDOW).unique()
        among = _among_shown(shown, last, found, column, job)
        across = _sized(among.frame, shown, measured, column, job).filter(
            pl.col("event_time").is_null() & ~pl.col("term").is_in(_OWN)
        )
        # Without providers a cell is hidden, whatever else stands behind it.
        n_providers = pl.when(pl.col("_hides").is_null()).then("n_providers").otherwise(0)
        parts += [here.filter(apart).with_columns(n_providers=n_providers).drop("_hides"), across]
        comparisons[column] = among.summary
    table = protect(
        pl.concat(parts, how="diagonal_relaxed").drop(_WINDOW),
        name="effects",
        keys=_CELL,
        margins=[_CELL],  # the sums over groups are looked at in `_hidden`
        limits=job.limits,
    )
    shown_ends = {column: _with_ends(found, table.frame, column, job.limits) for column, found in comparisons.items()}
    return table, {"index": job.key, "adjust": list(job.adjust), "comparisons": shown_ends}


def _placed(sources: Sources, measured: Measured, job: EvaluateJob) -> pl.DataFrame:
    needed = list(dict.fromkeys([*job.by, *(name for name in job.adjust if name != VISITS)]))
    rows = measured.per_patient.drop(needed, strict=False)
    placed = rows.join(groups_of(sources, needed, rows), on="patient_id", how="left")
    if "unit_id" not in placed.columns and members(sources, "unit_id") is not None:
        placed = placed.join(groups_of(sources, ["unit_id"], rows), on="patient_id", how="left")
    return placed


def _compare(placed: pl.DataFrame, column: str, job: EvaluateJob) -> Effects:
    return compare(placed, column, job.key, adjust=[name for name in job.adjust if name != column])


def _sized(
    frame: pl.DataFrame, placed: pl.DataFrame, measured: Measured, column: str, job: EvaluateJob
) -> pl.DataFrame:
    """Name the groups by their column, and join the window and the providers behind each."""
    behind = _providers(placed.drop_nulls((column, job.key)), measured.pairs, column)
    times = pl.col("event_time").fill_null(0)
    joined = frame.with_columns(_back=times).join(behind, on=["group", "_back"], how="left").drop("_back")
    return joined.with_columns(group=pl.format("{}={}", pl.lit(column), "group"))


def _hidden(sized: Mapping[str, pl.DataFrame], placed: pl.DataFrame, job: EvaluateJob) -> pl.DataFrame:
    """Name the groups that may not be shown, by window: group, event_time, _hides.

    Groups of one column add up to everybody; where each group of a column lies in one of another (teams in units),
    they add up to that one too, and those of a hidden one are hidden.
    """
    found: dict[str, pl.DataFrame] = {}
    columns = sorted(sized, key=lambda column: (placed[column].n_unique(), column))
    for at, column in enumerate(columns):
        cells = sized[column].filter(term="mean").with_columns(_above=pl.lit(None, pl.String))
        above = next((wider for wider in reversed(columns[:at]) if _lies_in(placed, column, wider)), None)
        if above is not None:
            wider = placed.select(group=_name(column), _above=_name(above)).drop_nulls().unique()
            cells = cells.drop("_above").join(wider, on="group", how="left")
            over = found[above].rename({"group": "_above"})
            cells = cells.join(over, on=["_above", "event_time"], how="left", nulls_equal=True)
            n_providers = pl.when(pl.col("_hides").is_null()).then("n_providers").otherwise(0)
            cells = cells.with_columns(n_providers=n_providers)
        found[column] = _judged(cells, job.limits)
    return pl.concat(found.values())


def _judged(cells: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    margins: Sequence[Sequence[str]] = [_WINDOW] + [["_above", *_WINDOW]] * bool(cells["_above"].count())
    sizes_only = cells.select("group", *_WINDOW, "_above", "n_patients", "n_providers", "share_largest_provider")
    table = protect(sizes_only, name="groups", keys=("group", *_WINDOW), margins=margins, limits=limits)
    hidden = table.frame.filter(undefined_reason="suppressed").select("group", *_WINDOW, _hides=True)
    named = cells.select("group", "event_time", *_WINDOW).join(hidden, on=["group", *_WINDOW], nulls_equal=True)
    return named.drop(_WINDOW)


def _name(column: str) -> pl.Expr:
    return pl.format("{}={}", pl.lit(column), pl.col(column))


def _lies_in(placed: pl.DataFrame, column: str, wider: str) -> bool:
    """Tell whether all patients of each group of a column are in one group of a wider one."""
    pairs = placed.drop_nulls(column).select(column, wider).unique()
    return pairs.height == pairs[column].n_unique()


def _among_shown(shown: pl.DataFrame, last: pl.DataFrame, every: Effects, column: str, job: EvaluateJob) -> Effects:
    """Compare the groups that are shown; of a single one nothing is said but what it says by itself."""
    counted = shown.drop_nulls((column, job.key))
    n_compared = counted.join(last, on=_WINDOW, how="semi")[column].n_unique()
    if n_compared < 2:
        nothing = every.frame.clear()
        return Effects(nothing, {**every.summary, **dict.fromkeys(_ACROSS), "n_groups_compared": n_compared})
    among = _compare(shown, column, job)
    said = {name: among.summary[name] for name in _ACROSS}
    return Effects(among.frame, {**every.summary, **said, "n_groups_compared": n_compared})


def _with_ends(found: Mapping[str, Any], effects: pl.DataFrame, column: str, limits: Limits) -> dict[str, Any]:
    """Take the lowest and the highest mean as they are shown, of groups that are held against the funnel."""
    last = effects.filter(pl.col("event_time").is_null(), pl.col("group").str.starts_with(f"{column}="))
    judged = last.filter(term="funnel_998").drop_nulls("ci_low").select("group")
    rows = last.filter(term="mean").join(judged, on="group", how="semi").drop_nulls("estimate")
    means = rows["estimate"]
    if means.len() < 2:
        return {**found, **dict.fromkeys(_ACROSS)}
    fewest = min(rows["n_patients"].drop_nulls().to_list(), default=None)
    p = found["q_p_value"] if limits.round_to == 1 else round(found["q_p_value"], 2)
    sd = coarse(found["between_sd"], fewest, limits)
    return {**found, "between_sd": sd, "q_p_value": p, "lowest": means.min(), "highest": means.max()}


def _providers(rows: pl.DataFrame, pairs: pl.DataFrame, column: str) -> pl.DataFrame:
    """Give how many providers stand behind each group in each window, numbered back from the last: 0, -1, ..."""
    windows = rows.select(_WINDOW).unique().sort(*_WINDOW, descending=True).with_row_index("_n")
    back = windows.select(*_WINDOW, _back=-pl.col("_n").cast(pl.Int64))
    members = rows.select("patient_id", column, *_WINDOW)
    found = sizes(pairs, members, [column, *_WINDOW])
    every = members.select(column, *_WINDOW).unique().join(back, on=_WINDOW)
    joined = every.join(found, on=[column, *_WINDOW], how="left")
    sized = (*_WINDOW, "_back", pl.col("n_providers").fill_null(0), "share_largest_provider")
    return joined.select(*sized, group=pl.col(column).cast(pl.String))
