"""How much of the difference between groups is real: the variance between them, shrinkage, funnel limits and ranks."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Z_95: Final = 1.959963984540054
Z_998: Final = 3.0902323061678132
_DRAWS: Final = 4000


@dataclass(frozen=True)
class Spread:
    """The model of the true means of groups: mean and variance between them.

    Parameters
    ----------
    mean : float
        Precision-weighted mean of the groups.
    between : float
        Variance of the true means, 0 or more.
    q : float
        Sum of squared standardised differences, which is about the number of groups less one without true differences.
    """

    mean: float
    between: float
    q: float

    @classmethod
    def of(cls, estimate: Floats, error: Floats) -> "Spread":
        """Estimate the variance between groups by Paule and Mandel's equation, Q(between) = groups - 1.

        References
        ----------
        Paule & Mandel 1982, J Res Natl Bur Stand 87:377, doi:10.6028/jres.087.022.
        """
        from scipy.optimize import brentq

        n = len(estimate)

        def excess(between: float) -> float:
            w = 1 / (error**2 + between)
            return float((w * (estimate - (w @ estimate) / w.sum()) ** 2).sum() - (n - 1))

        q = excess(0.0) + n - 1
        top = 4 * float(estimate.var()) + float((error**2).max()) + 1e-12
        between = float(brentq(excess, 0.0, top, xtol=1e-14)) if n > 1 and excess(0.0) > 0 else 0.0
        w = 1 / (error**2 + between)
        return cls(float(w @ estimate / w.sum()), between, q)

    def reliability(self, error: Floats) -> Floats:
        """Give the share of the variance of a group's mean that is of true differences.

        References
        ----------
        Adams 2009, The Reliability of Provider Profiling, RAND TR-653.
        """
        return np.asarray(self.between / (self.between + error**2))

    def shrunk(self, estimate: Floats, error: Floats) -> tuple[Floats, Floats]:
        """Give the empirical-Bayes estimates and their standard errors.

        References
        ----------
        Howley & Gibberd 2003, Int J Qual Health Care 15:319; doi:10.1093/intqhc/mzg059.
        """
        trust = self.reliability(error)
        return self.mean + trust * (estimate - self.mean), np.sqrt(trust) * error

    def limits(self, error: Floats, z: float) -> tuple[Floats, Floats]:
        """Give funnel limits with the variance between groups added.

        References
        ----------
        Additive overdispersion: Spiegelhalter 2005, Qual Saf Health Care 14:347, doi:10.1136/qshc.2005.013755.
        """
        half = z * np.sqrt(error**2 + self.between)
        return self.mean - half, self.mean + half

    def q_p_value(self, n: int) -> float | None:
        """Test whether the groups differ by more than chance; None for one group."""
        from scipy.special import chdtrc

        return float(chdtrc(n - 1, self.q)) if n > 1 else None


def ranks(estimate: Floats, error: Floats, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Give the median rank of each group and its 95 % interval; rank 1 is the highest.

    Notes
    -----
    Ranks of draws from the empirical-Bayes distributions of the true means.

    References
    ----------
    Goldstein & Spiegelhalter 1996, J R Stat Soc A 159:385, doi:10.2307/2983325.
    """
    mean, spread = Spread.of(estimate, error).shrunk(estimate, error)
    drawn = np.random.default_rng(seed).normal(mean, np.maximum(spread, 1e-12), (_DRAWS, len(estimate)))
    order = (-drawn).argsort(axis=1).argsort(axis=1) + 1
    low, middle, high = np.quantile(order, (0.025, 0.5, 0.975), axis=0, method="inverted_cdf")
    return middle.astype(float), low.astype(float), high.astype(float)


def unit_error(spread_within: Floats, n: Floats) -> Floats:
    """Give the standard error of each group from the pooled variance within groups, so that limits follow n alone."""
    pooled = float((spread_within**2 * (n - 1)).sum() / max((n - 1).sum(), 1))
    return np.asarray(np.sqrt(pooled / n))
