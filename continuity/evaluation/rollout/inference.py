"""How sure an effect is, with the unit as the cluster: jackknife, its degrees of freedom, and a wild bootstrap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from continuity.evaluation.rollout.panel import Floats, Panel

CONFIDENCE: Final = 0.95
_WEBB: Final = np.sqrt(np.array([0.5, 1.0, 1.5]))

Weights = Callable[[Panel], Mapping[str, Floats]]


@dataclass(frozen=True)
class Uncertain:
    """An estimate with its uncertainty.

    Parameters
    ----------
    estimate : float
    std_error : float or None
        None where the estimate rests on one unit.
    freedom : float or None
        Degrees of freedom of Student's t.
    """

    estimate: float
    std_error: float | None
    freedom: float | None

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float | None, float | None]:
        """Give the two-sided interval."""
        from scipy.special import stdtrit

        if self.std_error is None or self.freedom is None:
            return None, None
        half = float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.std_error
        return self.estimate - half, self.estimate + half

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect; None without a standard error."""
        from scipy.special import stdtr

        if not self.std_error or self.freedom is None:
            return None
        return float(2 * stdtr(self.freedom, -abs(self.estimate) / self.std_error))


@dataclass(frozen=True)
class Jackknife:
    """Estimates, and the weights of the same estimates without each unit in turn.

    Parameters
    ----------
    full : dict of str to numpy.ndarray
        Weights over the cells, by effect.
    without : dict of str to numpy.ndarray
        One row of weights per unit left out; an effect that one unit alone carries is absent.
    """

    full: Mapping[str, Floats]
    without: Mapping[str, Floats]

    @classmethod
    def of(cls, panel: Panel, weights: Weights) -> "Jackknife":
        """Compute the weights with all units and without each."""
        full = weights(panel)
        rows: dict[str, list[Floats]] = {name: [] for name in full}
        for unit in range(panel.n_units):
            kept = panel.unit != unit
            part = weights(panel.keep(kept))
            for name in full:
                if name in part:
                    row = np.zeros(len(panel.value))
                    row[kept] = part[name]
                    rows[name].append(row)
        return cls(full, {name: np.stack(found) for name, found in rows.items() if len(found) == panel.n_units})

    def spread(self, name: str) -> Floats:
        """Give the matrix B with variance |B y|^2: the centred rows without each unit, scaled.

        References
        ----------
        The cluster jackknife CV3: MacKinnon, Nielsen & Webb 2023, J Appl Econom 38:671, doi:10.1002/jae.2969.
        """
        rows = self.without[name]
        return np.asarray(np.sqrt((len(rows) - 1) / len(rows)) * (rows - rows.mean(axis=0)))

    def uncertain(self, panel: Panel, name: str) -> Uncertain:
        """Give an effect with its jackknife standard error and Satterthwaite degrees of freedom.

        References
        ----------
        Degrees of freedom under independent errors of variance 1 / weight: Bell & McCaffrey 2002; Imbens & Kolesar
        2016, Rev Econ Stat 98:701, doi:10.1162/REST_a_00552.
        """
        estimate = float(self.full[name] @ panel.value)
        if name not in self.without:
            return Uncertain(estimate, None, None)
        spread = self.spread(name)
        error = float(np.sqrt(((spread @ panel.value) ** 2).sum()))
        gram = (spread / panel.weight) @ spread.T
        return Uncertain(estimate, error, float(np.trace(gram) ** 2 / (gram**2).sum()))


def joint_p_value(panel: Panel, jackknife: Jackknife) -> float | None:
    """Test that all effects are 0 at once; None where there is none to test.

    A Wald statistic with the jackknife variance, referred to Hotelling's T squared with the least of the effects'
    degrees of freedom.

    References
    ----------
    Tipton & Pustejovsky 2015, J Educ Behav Stat 40:604, doi:10.3102/1076998615606099.
    """
    from scipy.special import fdtrc

    names = [name for name in jackknife.full if name in jackknife.without]
    if not names:
        return None
    found = [jackknife.uncertain(panel, name) for name in names]
    estimates = np.array([effect.estimate for effect in found])
    spread = np.stack([jackknife.spread(name) @ panel.value for name in names])
    freedom, q = min(effect.freedom or 0.0 for effect in found), len(names)
    if freedom - q + 1 <= 0:
        return None
    wald = float(estimates @ np.linalg.pinv(spread @ spread.T, hermitian=True) @ estimates)
    return float(fdtrc(q, freedom - q + 1, (freedom - q + 1) / (freedom * q) * wald))


@dataclass(frozen=True)
class WildBootstrap:
    """A wild cluster bootstrap of the t statistic under the hypothesis, for few units.

    Everything is linear in the values, and a hypothesis takes a multiple of `treated` from them, so that the drawn
    statistics of all hypotheses follow from those of the values and those of `treated`.

    Parameters
    ----------
    estimate, spread : tuple of two numpy.ndarray
        The effect (replicates) and the parts of its standard error (units, replicates) in the drawn values, and in
        `treated` drawn alike; the first replicate is the data themselves.
    around : Uncertain
        The effect in the data.

    References
    ----------
    Cameron, Gelbach & Miller 2008, Rev Econ Stat 90:414, doi:10.1162/rest.90.3.414; six-point weights: Webb 2023,
    Can J Econ 56:839, doi:10.1111/caje.12661.
    """

    estimate: tuple[Floats, Floats]
    spread: tuple[Floats, Floats]
    around: Uncertain

    @classmethod
    def of(
        cls, panel: Panel, jackknife: Jackknife, name: str, *, replicates: int = 1999, seed: int = 0
    ) -> "WildBootstrap":
        """Draw the residuals of each unit with one random sign and size a unit."""
        full, spread = jackknife.full[name], jackknife.spread(name)
        signs = np.random.default_rng(seed).choice(np.r_[-_WEBB, _WEBB], (panel.n_units, replicates))[panel.unit]
        drawn = []
        for value in (panel.value, panel.treated.astype(float)):
            fitted = _two_way(panel, value)
            drawn.append(np.column_stack([value, fitted[:, None] + (value - fitted)[:, None] * signs]))
        values, treated = drawn
        return cls(
            (full @ values, full @ treated), (spread @ values, spread @ treated), jackknife.uncertain(panel, name)
        )

    def p_value(self, hypothesis: float = 0.0) -> float:
        """Give the share of statistics, the observed one among them, at least as far from 0 as the observed one."""
        estimate = self.estimate[0] - hypothesis * self.estimate[1]
        error = np.sqrt(((self.spread[0] - hypothesis * self.spread[1]) ** 2).sum(axis=0))
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.abs(estimate) / error
        return float((statistic >= statistic[0] * (1 - 1e-12)).mean())

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Give the effects that the test does not reject, found by bisection from the estimate outwards."""
        step = 4 * (self.around.std_error or 0.0)
        return self._edge(-step, 1 - confidence), self._edge(step, 1 - confidence)

    def _edge(self, step: float, rejected_below: float) -> float:
        inside, outside = self.around.estimate, self.around.estimate + step
        for _ in range(20):
            if self.p_value(outside) < rejected_below:
                break
            inside, outside = outside, outside + 2 * (outside - inside)
        for _ in range(40):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if self.p_value(middle) < rejected_below else (middle, outside)
        return (inside + outside) / 2


def _two_way(panel: Panel, value: Floats) -> Floats:
    """Fit unit and window to all cells: the model under the hypothesis."""
    x = np.hstack([np.eye(panel.n_units)[panel.unit], np.eye(panel.n_windows)[panel.window]])
    root = np.sqrt(panel.weight)
    coefficients, *_ = np.linalg.lstsq(x * root[:, None], value * root, rcond=None)
    return np.asarray(x @ coefficients)
