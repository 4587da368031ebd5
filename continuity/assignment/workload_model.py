"""The estimator of yearly workload, by the conventions of scikit-learn. Importing this file imports scikit-learn."""

from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import KFold
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from continuity.assignment.workload_table import BAND_STARTS

Method = Literal["boosting", "poisson"]
Floats = npt.NDArray[np.float64]

_QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.97)


class WorkloadModel(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Expected visits (or minutes) a year of a person, from a count, its exposure and features.

    Parameters
    ----------
    method : {"boosting", "poisson"}
        Gradient boosting of trees with the Poisson loss, or Poisson regression on piecewise linear features.
    band_feature : str
        The feature whose bands are calibrated; data without a feature of that name are calibrated as a whole.
    band_starts : tuple of float
        Where bands start, the first excepted.
    n_folds : int
        Folds of the out-of-fold forecasts that the calibration is made from; 1 calibrates nothing.
    prior : float
        Weight of "no correction" in a band, in visits: bands of few visits stay as they are. Our own choice.
    random_state : int
        Seed of the folds and of the trees.

    Attributes
    ----------
    model_ : fitted regressor
    factors_ : ndarray of shape (n_bands + 1,)
        What the forecasts of each band are multiplied by; the last is for an unknown band.
    n_features_in_, feature_names_in_ : see scikit-learn

    Notes
    -----
    A count y over an exposure e is fitted as the rate y / e with the weight e, which is the Poisson model with the
    offset log e. The factor of a band is ``(sum of y + prior) / (sum of out-of-fold forecasts + prior)``. Missing
    features (NaN) are allowed. No forecast is negative.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> age = rng.uniform(0, 90, 4000)
    >>> exposure = rng.uniform(0.5, 1, 4000)
    >>> y = rng.poisson((1 + age / 45) * exposure)
    >>> model = WorkloadModel("poisson").fit(age[:, None], y, exposure=exposure)
    >>> model.predict([[45.0]]).round(1)
    array([2.])
    """

    def __init__(
        self,
        method: Method = "boosting",
        *,
        band_feature: str = "age",
        band_starts: tuple[float, ...] = BAND_STARTS[1:],
        n_folds: int = 3,
        prior: float = 25.0,
        random_state: int = 0,
    ) -> None:
        self.method = method
        self.band_feature = band_feature
        self.band_starts = band_starts
        self.n_folds = n_folds
        self.prior = prior
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.positive_only = True
        return tags

    def fit(self, X: Any, y: Any, exposure: Any = None) -> Self:  # noqa: N803 # scikit-learn's names
        """Learn the yearly rate.

        Parameters
        ----------
        X : array or frame of shape (n, n_features)
            NaN where not known.
        y : array of shape (n,)
            Visits (or minutes) during the exposure; 0 or more.
        exposure : array of shape (n,), optional
            Years observed, above 0; 1 for everyone by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A parameter, y or exposure outside what is allowed, as scikit-learn's estimators do.
        """
        if self.method not in ("boosting", "poisson"):
            raise ValueError(f"method cannot be {self.method!r}. Choices: boosting, poisson.")
        X, y = validate_data(  # noqa: N806
            self, X, y, ensure_all_finite="allow-nan", y_numeric=True, dtype=np.float64, ensure_min_samples=2
        )
        years = _exposure(exposure, X)
        if (y < 0).any() or y.sum() == 0:
            raise ValueError("y must be 0 or more, and not 0 for everyone.")
        # Sums over several threads differ in their last digit, and a tree may then split elsewhere.
        with threadpool_limits(1, user_api="openmp"):
            self.model_ = self._regressor().fit(X, y / years, sample_weight=years)
            self.factors_ = self._calibration(X, y, years)
        return self

    def predict(self, X: Any, exposure: Any = None) -> Floats:  # noqa: N803
        """Give the expected visits a year, or during the exposure where one is given.

        Parameters
        ----------
        X : array or frame of shape (n, n_features)
        exposure : array of shape (n,), optional
            Years.

        Returns
        -------
        ndarray of shape (n,)
            Float64, above 0.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", dtype=np.float64)  # noqa: N806
        yearly: Floats = self.model_.predict(X) * self.factors_[self._band(X)]
        return yearly if exposure is None else yearly * _exposure(exposure, X)

    def _regressor(self) -> Any:
        if self.method == "poisson":
            return _PiecewisePoisson()
        return HistGradientBoostingRegressor(
            loss="poisson",
            learning_rate=0.08,
            max_iter=100,
            max_leaf_nodes=12,
            min_samples_leaf=30,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=self.random_state,
        )

    def _band(self, X: Floats) -> npt.NDArray[np.int64]:  # noqa: N803
        """Give the band of each row; the last for those whose band is not known, or all when there are no bands."""
        names = list(getattr(self, "feature_names_in_", []))
        if self.band_feature not in names:
            return np.full(len(X), len(self.band_starts) + 1)
        value = X[:, names.index(self.band_feature)]
        place = np.searchsorted(np.asarray(self.band_starts), value, side="right")
        return np.where(np.isnan(value), len(self.band_starts) + 1, place).astype(np.int64)

    def _calibration(self, X: Floats, y: Floats, years: Floats) -> Floats:  # noqa: N803
        n_bands = len(self.band_starts) + 2
        if self.n_folds < 2 or len(X) < 2 * self.n_folds:
            return np.ones(n_bands)
        forecast = np.zeros(len(X))
        for train, test in KFold(self.n_folds, shuffle=True, random_state=self.random_state).split(X):
            if y[train].sum() > 0:
                part = clone(self.model_).fit(X[train], y[train] / years[train], sample_weight=years[train])
                forecast[test] = part.predict(X[test]) * years[test]
        band = self._band(X)
        seen = np.bincount(band, y, n_bands) + self.prior
        factors: Floats = seen / (np.bincount(band, forecast, n_bands) + self.prior)
        return factors


class _PiecewisePoisson(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Poisson regression on hinges at quantiles of each feature, with a flag where the feature is not known."""

    def fit(self, X: Floats, y: Floats, sample_weight: Floats) -> Self:  # noqa: N803
        self.middle_ = np.array([_mean(column) for column in X.T])
        filled = np.where(np.isnan(X), self.middle_, X)
        self.knots_ = [np.unique(np.quantile(column, _QUANTILES)) for column in filled.T]
        basis = self._basis(X)
        self.center_, self.scale_ = basis.mean(axis=0), basis.std(axis=0)
        self.varies_ = self.scale_ > 1e-9
        self.mean_ = float(np.average(y, weights=sample_weight))
        if self.varies_.any():
            self.regression_ = PoissonRegressor(alpha=1e-4, solver="newton-cholesky", max_iter=100)
            self.regression_.fit(self._scaled(basis), y, sample_weight=sample_weight)
        return self

    def predict(self, X: Floats) -> Floats:  # noqa: N803
        if not self.varies_.any():
            return np.full(len(X), self.mean_)
        found: Floats = self.regression_.predict(self._scaled(self._basis(X)))
        return found

    def _scaled(self, basis: Floats) -> Floats:
        kept = self.varies_
        scaled: Floats = (basis[:, kept] - self.center_[kept]) / self.scale_[kept]
        return scaled

    def _basis(self, X: Floats) -> Floats:  # noqa: N803
        missing = np.isnan(X)
        filled = np.where(missing, self.middle_, X)
        columns = [missing.astype(np.float64)]
        for column, knots in zip(filled.T, self.knots_, strict=True):
            inside = np.clip(column, knots[0], knots[-1])  # beyond the outermost knots a line would run away
            columns.append(np.column_stack([inside, *[np.maximum(inside - knot, 0.0) for knot in knots[1:-1]]]))
        return np.column_stack(columns)


def _mean(column: Floats) -> float:
    known = column[~np.isnan(column)]
    return float(known.mean()) if known.size else 0.0


def _exposure(exposure: Any, X: Floats) -> Floats:  # noqa: N803
    if exposure is None:
        return np.ones(len(X))
    years: Floats = check_array(exposure, ensure_2d=False, dtype=np.float64)
    check_consistent_length(X, years)
    if (years <= 0).any():
        raise ValueError("exposure must be above 0; leave out who was not observed.")
    return years
