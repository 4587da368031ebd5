"""The effect of a staggered roll-out: an event study that is right when effects differ between units and over time."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError
from continuity.evaluation.estimators import in_order
from continuity.evaluation.rollout.effects import Effects, table
from continuity.evaluation.rollout.imputation import ATT, effect_masks, lead_weights, n_leads, weights
from continuity.evaluation.rollout.inference import Jackknife, Uncertain, WildBootstrap, joint_p_value
from continuity.evaluation.rollout.panel import Panel, panel_of
from continuity.vocabulary import words

FEW: Final = 5.0
"""Degrees of freedom below which the interval comes from the wild bootstrap: our own choice."""

Weighting = Literal["patients", "units"]
_WINDOW: Final = ("window_start", "window_end")


def event_study(
    per_patient: Any,
    rollout: Any,
    index: str,
    *,
    patients: Any = None,
    weighting: Weighting = "patients",
    placebo_units: int = 499,
    seed: int = 0,
) -> Effects:
    """Estimate what a roll-out that reached units at different times did to an index.

    Parameters
    ----------
    per_patient : frame
        What `continuity.compute` gave, wide, in two or more windows; with unit_id, or with `patients`.
    rollout : frame
        One row per unit: unit_id and starts_at (Date or Datetime; null: never).
    index : str
        A column of `per_patient`.
    patients : frame, optional
        Canonical patients, for unit_id.
    weighting : {"patients", "units"}
        Whether each patient or each unit counts the same in the average effect.
    placebo_units : int
        How often the starts are dealt out to other units at random, for the placebo test; 0 leaves it out.
    seed : int
        Of the bootstrap and of the placebo.

    Returns
    -------
    Effects
        Terms: ``att``, the average effect over all reached patients and windows; ``effect`` by windows since the
        start (0 is the first whole window); ``lead``, differences before the start, which should be 0; ``placebo``,
        the effect of a start moved two windows earlier, in the data before the true one.

    Raises
    ------
    InputError
        A column is missing, or units have no row in the roll-out table.
    UsageError
        The design cannot answer: one window, no unit without the roll-out, fewer than four units.

    Notes
    -----
    Windows in which a unit starts belong to neither side and are left out. Standard errors are of a jackknife of
    units, so that patients and windows of one unit may be alike; below 5 degrees of freedom the interval is of a
    wild cluster bootstrap. A causal reading needs parallel trends: without the roll-out the units would have moved
    alike, whatever their level. `pretrend_p` tests that before the start only.

    References
    ----------
    Borusyak, Jaravel & Spiess 2024, Rev Econ Stud 91:3253, doi:10.1093/restud/rdae007. MacKinnon, Nielsen & Webb
    2023, J Appl Econom 38:671, doi:10.1002/jae.2969.

    Examples
    --------
    >>> from datetime import datetime
    >>> rows = [(f"{u}{p}", u, datetime(2025, m, 1), datetime(2025, m + 1, 1), 0.3 + 0.1 * (u < "C" and m > 3))
    ...         for u in "ABCDEF" for p in range(9) for m in range(1, 7)]
    >>> frame = pl.DataFrame(rows, orient="row",
    ...                      schema=["patient_id", "unit_id", "window_start", "window_end", "coc"])
    >>> starts = pl.DataFrame({"unit_id": list("ABCDEF"), "starts_at": [datetime(2025, 4, 1)] * 2 + [None] * 4})
    >>> round(event_study(frame, starts, "coc", placebo_units=0).summary["att"], 6)
    0.1
    """
    if weighting not in words(Weighting):
        raise UsageError.unknown_choice("weighting", weighting, words(Weighting))
    rows = rows_of(per_patient, index, patients)
    cells = cells_of(rows)
    starts = edge.lazily(rollout)[0].collect()
    panel = panel_of(cells, starts, equal_units=weighting == "units")
    effects = Jackknife.of(panel, lambda part: weights(part, effect_masks(part)))
    if ATT not in effects.full:
        raise UsageError(
            "No effect can be told: no treated window of a unit has both that unit before and others beside it.",
            reason="not_identified",
            allowed="Needed: windows before each start, and units that start later or never.",
        )
    leads = Jackknife.of(panel, lambda part: lead_weights(part, n_leads(panel)))
    wild = _wild(panel, effects, seed)
    att = effects.uncertain(panel, ATT)
    low, high = att.interval() if wild is None else wild.interval()
    found = [_row(panel, rows, "att", panel.treated, att) | {"ci_low": low, "ci_high": high}]
    for name, mask in effect_masks(panel).items():
        if name in effects.full and name != ATT:
            found.append(_row(panel, rows, "effect", mask, effects.uncertain(panel, name)) | {"event_time": int(name)})
    for name in leads.full:
        mask = ~panel.treated & (panel.event_time == int(name))
        found.append(_row(panel, rows, "lead", mask, leads.uncertain(panel, name)) | {"event_time": int(name)})
    found += _placebo_dates(panel, rows)
    said = {
        "index": index,
        "att": att.estimate,
        "std_error": att.std_error,
        "ci_low": low,
        "ci_high": high,
        "p_value": att.p_value if wild is None else wild.p_value(),
        "pretrend_p": joint_p_value(panel, leads),
        "placebo_units_p": _placebo_units(panel, effects, placebo_units, seed) if placebo_units else None,
        "n_clusters": panel.n_units,
        "n_units_reached": len(set(panel.unit[panel.treated])),
        "n_windows": panel.n_windows,
        "degrees_of_freedom": att.freedom,
        "method": "imputation (Borusyak, Jaravel and Spiess 2024); "
        + ("wild cluster bootstrap" if wild else "cluster jackknife, t with Satterthwaite degrees of freedom"),
        "weighting": weighting,
        "cells_left_out": panel.left_out,
    }
    return Effects(table(found), said)


def rows_of(per_patient: Any, index: str, patients: Any) -> pl.DataFrame:
    """Give patient_id, unit_id, the window and the value of the index, one row per patient and window with a value."""
    frame = edge.lazily(per_patient)[0]
    names = frame.collect_schema().names()
    if "unit_id" not in names and patients is not None:
        people = edge.lazily(patients)[0]
        known = people.collect_schema().names()
        if "unit_id" not in known:
            raise InputError.missing_columns(["unit_id"], known, "the patients")
        frame = frame.join(people.select("patient_id", "unit_id").unique("patient_id"), on="patient_id", how="left")
        names = [*names, "unit_id"]
    missing = [name for name in ("patient_id", "unit_id", *_WINDOW, index) if name not in names]
    if missing:
        raise InputError.missing_columns(missing, names, "the indices of patients")
    chosen = frame.select("patient_id", "unit_id", *_WINDOW, value=pl.col(index).cast(pl.Float64))
    return chosen.drop_nulls(("unit_id", "value")).collect()


def cells_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the mean of the index and the number of patients for each unit and window."""
    return rows.group_by("unit_id", *_WINDOW).agg(
        value=in_order(pl.col("value")).mean(), n_patients=pl.len().cast(pl.Int64)
    )


def _wild(panel: Panel, jackknife: Jackknife, seed: int) -> WildBootstrap | None:
    """Give the bootstrap of the average effect where Student's t would rest on too few units."""
    att = jackknife.uncertain(panel, ATT)
    if att.freedom is None or att.freedom >= FEW or not att.std_error:
        return None
    return WildBootstrap.of(panel, jackknife, ATT, seed=seed)


def _row(panel: Panel, rows: pl.DataFrame, term: str, mask: npt.NDArray[np.bool_], effect: Uncertain) -> dict[str, Any]:
    """Give a row of `Effects`, with the units and patients of the cells in `mask`."""
    cells = panel.frame.filter(pl.Series(mask)).select("unit_id", *_WINDOW)
    low, high = effect.interval()
    return {
        "term": term,
        "estimate": effect.estimate,
        "std_error": effect.std_error,
        "ci_low": low,
        "ci_high": high,
        "n_units": cells["unit_id"].n_unique(),
        "n_patients": rows.join(cells, on=["unit_id", *_WINDOW], how="semi")["patient_id"].n_unique(),
    }


def _placebo_dates(panel: Panel, rows: pl.DataFrame, earlier: int = 2) -> list[dict[str, Any]]:
    """Move every start two windows back, within the windows before it: an effect there is none of the roll-out's."""
    before = panel.keep(~panel.treated)
    moved = before.event_time >= -earlier
    if len(set(before.unit[moved])) < 2 or moved.all():
        return []
    shifted = replace(before, treated=moved)
    jackknife = Jackknife.of(shifted, lambda part: weights(part, {ATT: part.treated}))
    if ATT not in jackknife.full:
        return []
    effect = jackknife.uncertain(shifted, ATT)
    return [_row(shifted, rows, "placebo", moved, effect) | {"event_time": -earlier}]


def _placebo_units(panel: Panel, jackknife: Jackknife, times: int, seed: int) -> float:
    """Deal the starts out to other units: give how often the effect is as far from 0 as the true one."""
    observed = abs(float(jackknife.full[ATT] @ panel.value))
    rng = np.random.default_rng(seed)
    first = np.full(panel.n_units, np.inf)
    np.minimum.at(first, panel.unit[panel.treated], panel.window[panel.treated])
    extreme = tried = 0
    for _ in range(times):
        dealt = rng.permutation(first)[panel.unit]
        moved = replace(panel, treated=panel.window >= dealt)
        found = weights(moved, {ATT: moved.treated})
        if ATT in found:
            tried += 1
            extreme += abs(float(found[ATT] @ panel.value)) >= observed * (1 - 1e-12)
    return (1 + extreme) / (1 + tried)


def overlapping(bounds: Sequence[tuple[Any, Any]]) -> bool:
    """Tell whether windows share time."""
    ordered = sorted(bounds)
    return any(start < end for (_, end), (start, _) in pairwise(ordered))
