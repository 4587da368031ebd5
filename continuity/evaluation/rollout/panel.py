"""Cells of unit and window, before and after the roll-out reached the unit; designs without an answer are refused."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from continuity.errors import InputError, UsageError

FEWEST_UNITS: Final = 4
FEWEST_TREATED: Final = 2
_SINGLE: Final = "For a single unit take --design its (in Python: continuity.interrupted_time_series)."

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Panel:
    """The cells of a staggered design, one per unit and window, in the order of units and windows.

    Parameters
    ----------
    frame : polars.DataFrame
        unit_id, window_start, window_end, n_patients and whatever else came with the cells.
    unit, window : numpy.ndarray of int64
        The place of each cell's unit among the units in order, and of its window.
    value, weight : numpy.ndarray of float64
        The mean of the index, and what the cell counts for.
    treated : numpy.ndarray of bool
        Whether the whole window lies after the start of the roll-out in the unit; otherwise it lies before it.
    event_time : numpy.ndarray of float64
        Windows since the first whole one (0, 1, ...), or until it (-1 is the last before); NaN for units that the
        roll-out does not reach within the data.
    left_out : dict of str to int
        Cells left out, by reason.
    """

    frame: pl.DataFrame
    unit: Whole
    window: Whole
    value: Floats
    weight: Floats
    treated: npt.NDArray[np.bool_]
    event_time: Floats
    left_out: dict[str, int]

    @property
    def n_units(self) -> int:
        return int(self.unit.max()) + 1

    @property
    def n_windows(self) -> int:
        return int(self.window.max()) + 1

    def keep(self, mask: npt.NDArray[np.bool_]) -> "Panel":
        """Give the panel of some cells; units and windows keep their places."""
        return replace(
            self,
            frame=self.frame.filter(pl.Series(mask)),
            unit=self.unit[mask],
            window=self.window[mask],
            value=self.value[mask],
            weight=self.weight[mask],
            treated=self.treated[mask],
            event_time=self.event_time[mask],
        )


def panel_of(cells: pl.DataFrame, rollout: pl.DataFrame, *, equal_units: bool = False) -> Panel:
    """Arrange cells by what the roll-out had done when their window lay.

    Parameters
    ----------
    cells : polars.DataFrame
        unit_id, window_start, window_end, value (null: undefined), n_patients.
    rollout : polars.DataFrame
        unit_id, starts_at (null: never).
    equal_units : bool
        Whether each cell counts once; otherwise it counts for its patients.

    Raises
    ------
    InputError
        The roll-out table lacks a column or a unit, or names a unit twice.
    UsageError
        The design cannot answer: one window, fewer than four units or two treated ones, nobody to compare with.
    """
    starts = _starts(rollout)
    known = cells.join(starts, on="unit_id", how="left", nulls_equal=False).sort("unit_id", "window_start")
    without = known.filter(pl.col("_has_row").is_null())["unit_id"].n_unique()
    if without:
        raise InputError(
            f"{without} units with visits have no row in the roll-out table.",
            allowed="Needed: one row per unit, with an empty starts_at where the roll-out never came.",
            next_step="Add them, or leave their patients out.",
        )
    left_out = {"undefined": known["value"].null_count()}
    known = known.filter(pl.col("value").is_not_null())
    start, begin, end = pl.col("starts_at"), pl.col("window_start"), pl.col("window_end")
    after, before = (begin >= start).fill_null(value=False), (end <= start).fill_null(value=True)
    left_out["in_transition"] = known.select((~after & ~before).sum()).item()
    known = known.with_columns(_treated=after).filter(after | before)
    _refuse_single_window(known)
    known = _with_event_time(known)
    panel = Panel(
        frame=known.drop("_has_row", "_treated", "_event_time"),
        unit=_places(known["unit_id"]),
        window=_places(known["window_start"]),
        value=known["value"].cast(pl.Float64).to_numpy(),
        weight=np.ones(known.height) if equal_units else known["n_patients"].cast(pl.Float64).to_numpy(),
        treated=known["_treated"].to_numpy(),
        event_time=known["_event_time"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        left_out=left_out,
    )
    return refuse_designs_without_answer(panel)


def refuse_designs_without_answer(panel: Panel) -> Panel:
    """Give the panel back, or the error that says what its design lacks.

    Raises
    ------
    UsageError
    """
    n_treated = len(set(panel.unit[panel.treated]))
    windows_with = {kind: set(panel.window[panel.treated == kind]) for kind in (True, False)}
    if not n_treated:
        raise UsageError(
            "The roll-out reaches no unit within the windows.",
            reason="not_reached",
            next_step="Let the windows reach past the first starts_at, or check the dates of the roll-out table.",
        )
    if panel.n_units < FEWEST_UNITS:
        raise UsageError(
            f"{panel.n_units} units are too few clusters to say how sure an effect is.",
            reason="few_units",
            allowed=f"Needed: {FEWEST_UNITS} or more units, better 20.",
            next_step=_SINGLE,
        )
    if n_treated < FEWEST_TREATED:
        raise UsageError(
            "The roll-out reaches one unit only, so its effect cannot be told from that unit's own luck.",
            reason="one_reached",
            next_step=_SINGLE,
        )
    if not windows_with[True] & windows_with[False]:
        raise UsageError(
            "There is nobody to compare with: no window holds both units with and units without the roll-out.",
            reason="nobody_to_compare",
            allowed="Needed: units that start later or never (empty starts_at).",
            next_step=_SINGLE,
        )
    return panel


def _refuse_single_window(known: pl.DataFrame) -> None:
    if known["window_start"].n_unique() < 2:
        raise UsageError(
            "There is one period only, so before and after cannot be told apart.",
            reason="one_period",
            next_step="Give --window START:END with --every and --period, such as --every 3mo --period 3mo.",
        )


def _starts(rollout: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in ("unit_id", "starts_at") if name not in rollout.columns]
    if missing:
        raise InputError.missing_columns(missing, rollout.columns, "the roll-out table")
    twice = rollout.height - rollout["unit_id"].n_unique()
    if twice:
        raise InputError(
            f"{twice} rows of the roll-out table name a unit that another row names.",
            allowed="Needed: one row per unit.",
        )
    return rollout.select("unit_id", pl.col("starts_at").cast(pl.Datetime("us")), _has_row=pl.lit(value=True))


def _with_event_time(known: pl.DataFrame) -> pl.DataFrame:
    """Count the windows on from the first whole one after a unit's start, and back from the last one before it."""
    order = pl.col("window_start").rank("dense").cast(pl.Int64)
    placed = known.with_columns(_order=order)
    spans = placed.select("window_start", "window_end", "_order").unique()
    started = placed.select("unit_id", "starts_at").unique().drop_nulls().join(spans, how="cross")
    first = pl.col("_order").filter(pl.col("window_start") >= pl.col("starts_at")).min()
    last = pl.col("_order").filter(pl.col("window_end") <= pl.col("starts_at")).max()
    bounds = started.group_by("unit_id").agg(_first=first, _last=last)
    reached = pl.col("_treated").any().over("unit_id")
    since = pl.when("_treated").then(pl.col("_order") - pl.col("_first"))
    until = pl.when(reached).then(pl.col("_order") - pl.col("_last") - 1)
    joined = placed.join(bounds, on="unit_id", how="left", maintain_order="left")
    return joined.with_columns(_event_time=since.fill_null(until)).drop("_order", "_first", "_last")


def _places(column: pl.Series) -> Any:
    return (column.rank("dense").cast(pl.Int64) - 1).to_numpy()
