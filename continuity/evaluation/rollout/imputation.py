"""The imputation estimator: what treated cells would have been without the roll-out, from the cells it had not reached.

Every estimate is a weighted sum of the cells' values. `weights` gives those sums, so that dropping a unit, resampling
residuals and moving the roll-out to other units are all the same few lines of linear algebra.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from continuity.evaluation.rollout.panel import Floats, Panel

ATT: Final = "att"
MOST_LEADS: Final = 5
_TOLERANCE: Final = 1e-8


def effect_masks(panel: Panel) -> dict[str, npt.NDArray[np.bool_]]:
    """Give the treated cells of each effect: of all (``att``) and by windows since the start (``0``, ``1``, ...)."""
    treated = panel.treated
    times = sorted({int(e) for e in panel.event_time[treated]})
    return {ATT: treated} | {str(e): treated & (panel.event_time == e) for e in times}


def n_leads(panel: Panel) -> int:
    """Give how many windows before the start can be tested: each seen in two units, with an earlier one to compare."""
    before = ~panel.treated & ~np.isnan(panel.event_time)
    found = 0
    for lead in range(1, MOST_LEADS + 1):
        at, earlier = before & (panel.event_time == -lead), before & (panel.event_time < -lead)
        units = set(panel.unit[at]) & set(panel.unit[earlier])
        if len(units) < 2 or len(units) - 1 <= lead:
            break
        found = lead
    return found


def weights(panel: Panel, masks: Mapping[str, npt.NDArray[np.bool_]]) -> dict[str, Floats]:
    """Give for each effect the weights whose sum over the cells' values is its estimate.

    Parameters
    ----------
    panel : Panel
    masks : mapping of str to numpy.ndarray of bool
        The treated cells that an effect averages; cells whose counterfactual is not identified are left out.

    Returns
    -------
    dict of str to numpy.ndarray
        One weight per cell; an effect without an identified cell is absent.

    Notes
    -----
    The model of an untreated cell is y = unit + window + error, fitted by weighted least squares to untreated cells
    only; an effect is the weighted mean of y minus the model over its treated cells. With effects that differ between
    units and grow with time, this stays an average of effects, which a two-way regression is not.

    References
    ----------
    Borusyak, Jaravel & Spiess 2024, Rev Econ Stud 91:3253, doi:10.1093/restud/rdae007.
    """
    design = _design(panel)
    untreated = ~panel.treated
    x0, w0 = design[untreated], panel.weight[untreated]
    inverse = _inverse((x0 * w0[:, None]).T @ x0)
    projection = inverse @ ((x0 * w0[:, None]).T @ x0)
    identified = np.abs(design - design @ projection).max(axis=1) < _TOLERANCE
    found = {}
    for name, mask in masks.items():
        share = np.where(mask & identified, panel.weight, 0.0)
        if share.sum() > 0:
            share /= share.sum()
            row = share.copy()
            row[untreated] = -(x0 * w0[:, None]) @ (inverse @ (design.T @ share))
            found[name] = row
    return found


def lead_weights(panel: Panel, leads: int) -> dict[str, Floats]:
    """Give the weights of the differences in the last windows before the start, from untreated cells alone.

    The reference are all earlier untreated windows. Under parallel trends every difference is 0.

    References
    ----------
    Borusyak, Jaravel & Spiess 2024, section 4.4.
    """
    untreated = ~panel.treated
    dummies = np.equal.outer(panel.event_time, -np.arange(1.0, leads + 1)).astype(float)
    x = np.hstack([dummies, _design(panel)])[untreated]
    w = panel.weight[untreated]
    gram = (x * w[:, None]).T @ x
    inverse = _inverse(gram)
    identified = np.abs(np.eye(len(gram))[:leads] - (inverse @ gram)[:leads]).max(axis=1) < _TOLERANCE
    rows = {}
    for lead in range(leads):
        if identified[lead]:
            row = np.zeros(len(panel.value))
            row[untreated] = (x * w[:, None]) @ inverse[lead]
            rows[str(-(lead + 1))] = row
    return rows


def _design(panel: Panel) -> Floats:
    units = np.eye(panel.n_units)[panel.unit]
    windows = np.eye(panel.n_windows)[panel.window]
    return np.hstack([units, windows])


def _inverse(gram: Floats) -> Floats:
    """Invert where it can be inverted: units and windows share a constant, so one direction at least is empty."""
    scale = float(np.trace(gram)) / len(gram)
    return np.asarray(np.linalg.pinv(gram / scale, rcond=1e-10, hermitian=True) / scale)
