"""The regressions of a study of outcomes: arrays in, coefficients with a robust covariance out."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from continuity.errors import UsageError
from continuity.evaluation.outcomes.result import OutcomeModel

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
CONFIDENCE: Final = 0.95
_LOG_ALPHA: Final = (-10.0, 4.0)


@dataclass(frozen=True)
class Fitted:
    """A fitted regression.

    Parameters
    ----------
    params : numpy.ndarray of float64, shape (k,)
    cov : numpy.ndarray of float64, shape (k, k)
        Robust to the variance and to likeness within clusters.
    freedom : int or None
        Degrees of freedom of Student's t: clusters less one; None takes the normal.
    further : dict
        What else the model has, such as alpha.
    """

    params: Floats
    cov: Floats
    freedom: int | None
    further: dict[str, float]

    def contrast(self, row: Floats) -> dict[str, float | None]:
        """Give a weighted sum of coefficients with its interval; without weights it is the reference, 0."""
        from scipy.special import ndtri, stdtrit

        if not np.any(row):
            return {"estimate": 0.0, "std_error": None, "ci_low": None, "ci_high": None}
        upper = (1 + CONFIDENCE) / 2
        z = float(ndtri(upper) if self.freedom is None else stdtrit(self.freedom, upper))
        estimate, error = float(row @ self.params), float(np.sqrt(row @ self.cov @ row))
        return {
            "estimate": estimate,
            "std_error": error,
            "ci_low": estimate - z * error,
            "ci_high": estimate + z * error,
        }

    def p_value(self, places: slice) -> float:
        """Test that the coefficients at `places` are all 0, by Wald's statistic."""
        from scipy.special import chdtrc, fdtrc

        b, v = self.params[places], self.cov[places, places]
        wald = float(b @ np.linalg.solve(v, b))
        if self.freedom is None:
            return float(chdtrc(len(b), wald))
        return float(fdtrc(len(b), self.freedom, wald / len(b)))


@dataclass(frozen=True)
class Followed:
    """What a model is fitted to, one row per patient and landmark.

    Parameters
    ----------
    y : numpy.ndarray, shape (n,)
        Events, costs, or for Cox whether the time ends with the event.
    x : numpy.ndarray, shape (n, k)
        Without a constant.
    entry, exit : numpy.ndarray, shape (n,)
        Years since the first landmark.
    clusters : numpy.ndarray of int64, shape (n,)
    by_unit : bool
        Whether the clusters are so few that Student's t with clusters less one is needed.
    """

    y: Floats
    x: Floats
    entry: Floats
    exit: Floats
    clusters: Whole
    by_unit: bool

    @property
    def freedom(self) -> int | None:
        return len(np.unique(self.clusters)) - 1 if self.by_unit else None


def fit(model: OutcomeModel, data: Followed) -> Fitted:
    """Fit a model of y on x over the time from entry to exit.

    Raises
    ------
    UsageError
        statsmodels is not installed, or the model finds no solution.
    """
    sm, x = _statsmodels(), data.x
    with _spoken(model):
        spread = x.std(axis=0)
        _refuse_unless(bool((spread > 0).all()) and np.linalg.matrix_rank((x - x.mean(axis=0)) / spread) == x.shape[1])
        if model == "cox":
            return _cox(sm, data)
        constant, offset = np.column_stack([x, np.ones(len(x))]), np.log(data.exit - data.entry)
        errors = {"cov_type": "cluster", "cov_kwds": {"groups": data.clusters, "use_correction": True}}
        if model == "negative_binomial":
            return _negative_binomial(sm, data, constant, offset, errors)
        families = sm.families
        family = families.Poisson() if model == "poisson" else families.Gamma(link=families.links.Log())
        found = sm.GLM(data.y, constant, family=family, offset=offset).fit(maxiter=200, **errors)
        _refuse_unless(bool(found.converged))
        return Fitted(np.asarray(found.params), np.asarray(found.cov_params()), data.freedom, {})


class _NoSolutionError(Exception):
    pass


def _refuse_unless(solved: bool) -> None:
    if not solved:
        raise _NoSolutionError


@contextmanager
def _spoken(model: str) -> Iterator[None]:
    """Put our own words in the place of a solver's.

    Raises
    ------
    UsageError
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except (_NoSolutionError, np.linalg.LinAlgError, ValueError, FloatingPointError):
        raise UsageError(
            f"The model {model!r} finds no solution on these rows.",
            allowed="Usual causes: a covariate that another one gives, a category with no event, hardly any events.",
            next_step="Take fewer covariates or wider classes, or model='poisson', whose errors are robust.",
        ) from None


def _statsmodels() -> Any:
    try:
        import statsmodels.api as sm
    except ImportError:
        raise UsageError(
            "Models of outcomes need the package statsmodels, which is not installed.",
            next_step="Install it with: pip install 'continuity[statistics]'",
        ) from None
    return sm


def _negative_binomial(sm: Any, data: Followed, x: Floats, offset: Floats, errors: dict[str, Any]) -> Fitted:
    """Fit with the alpha of the highest profile likelihood; alpha and the coefficients are orthogonal.

    References
    ----------
    Lawless 1987, Can J Stat 15:209, doi:10.2307/3314912.
    """
    from scipy.optimize import minimize_scalar

    def at(log_alpha: float) -> Any:
        family = sm.families.NegativeBinomial(alpha=float(np.exp(log_alpha)))
        return sm.GLM(data.y, x, family=family, offset=offset)

    best = minimize_scalar(lambda a: -at(a).fit(maxiter=200).llf, bounds=_LOG_ALPHA, method="bounded")
    found = at(best.x).fit(maxiter=200, **errors)
    _refuse_unless(bool(found.converged) and bool(best.success))
    return Fitted(
        np.asarray(found.params), np.asarray(found.cov_params()), data.freedom, {"alpha": float(np.exp(best.x))}
    )


def _cox(sm: Any, data: Followed) -> Fitted:
    late = bool((data.entry > 0).any())
    model = sm.PHReg(data.exit, data.x, status=data.y, entry=data.entry if late else None, ties="breslow")
    params = np.asarray(model.fit(method="newton", maxiter=100).params)
    bread = np.linalg.inv(-np.asarray(model.hessian(params)))
    _refuse_unless(bool(np.isfinite(params).all()) and float(np.abs(bread @ model.score(params)).max()) < 1e-4)
    scores = score_residuals(params, data)
    places = np.unique(data.clusters, return_inverse=True)[1]
    n = int(places.max()) + 1
    summed = np.stack([np.bincount(places, column, n) for column in scores.T], axis=1)
    return Fitted(params, bread @ (summed.T @ summed) @ bread * n / (n - 1), data.freedom, {})


def score_residuals(params: Floats, data: Followed) -> Floats:
    """Give what each row adds to the score of a Cox model with Breslow's ties, as numpy.ndarray of shape (n, k).

    Notes
    -----
    L_i = d_i (x_i - xbar(t_i)) - exp(x_i'b) integral over i's time at risk of (x_i - xbar(u)) dLambda(u).
    statsmodels has the same by a loop over times and persons, which takes hours for a county.

    References
    ----------
    Lin & Wei 1989, J Am Stat Assoc 84:1074, doi:10.1080/01621459.1989.10478874.
    """
    y, x, entry, exit = data.y, data.x, data.entry, data.exit
    centred: Floats = x - x.mean(axis=0)
    risk = np.exp(centred @ params)
    times = np.unique(exit[y > 0])
    weighted = np.column_stack([risk, risk[:, None] * centred])

    def at_or_after(moments: Floats) -> Floats:
        """Sum over the rows whose moment lies at or after each time of an event."""
        order = np.argsort(moments, kind="stable")
        tail = np.vstack([np.cumsum(weighted[order][::-1], axis=0)[::-1], np.zeros(weighted.shape[1])])
        return np.asarray(tail[np.searchsorted(moments[order], times)])

    sums = at_or_after(exit) - at_or_after(entry)
    mean = sums[:, 1:] / sums[:, :1]
    events = np.bincount(np.searchsorted(times, exit[y > 0]), minlength=len(times))
    step = events / sums[:, 0]
    hazard = np.append(0.0, np.cumsum(step))
    drift = np.vstack([np.zeros(x.shape[1]), np.cumsum(mean * step[:, None], axis=0)])
    last, first = np.searchsorted(times, exit, side="right"), np.searchsorted(times, entry, side="right")
    residual: Floats = -risk[:, None] * (
        centred * (hazard[last] - hazard[first])[:, None] - (drift[last] - drift[first])
    )
    dead = np.flatnonzero(y > 0)
    residual[dead] += centred[dead] - mean[np.searchsorted(times, exit[dead])]
    return residual
