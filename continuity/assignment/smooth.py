"""The smoothed dual and its derivatives, block by block so that each block stays in the processor's cache."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from continuity.assignment.problem import Bands

Floats = NDArray[np.float64]
_BLOCK: Final = 2_048


@dataclass(frozen=True)
class Smooth:
    """The function to be minimised: -D with a softmin for the choices and a hyperbola for the kink of each band.

    Each item's softmin has a softness of its own, in units of cost; a band's kink has `temperature`, in units of price.

    Parameters
    ----------
    cost : array (n_providers, n_items)
    features : array (n_features, n_items)
    softness : array (n_items,)
    settled : array (n_bands,)
        The sums of the items that are left out because their choice is settled.
    bands : Bands
    temperature : float
    """

    cost: Floats
    features: Floats
    softness: Floats
    settled: Floats
    bands: Bands
    temperature: float

    def value(self, prices: Floats) -> float:
        """Give the value at these prices."""
        table, total = self.bands.prices_of_providers(prices), 0.0
        for part in self._parts():
            least, score = self._scores(table, part)
            total -= float(self.softness[part] @ (least - np.log(score.sum(axis=0))))
        return total + self._edges(prices) - float(self.settled @ prices)

    def slopes(self, prices: Floats) -> tuple[float, Floats, Floats]:
        """Give the value, the gradient (n_bands,) and the second derivatives (n_bands, n_bands)."""
        table, total = self.bands.prices_of_providers(prices), 0.0
        n_features, m = self.features.shape[0], self.cost.shape[0]
        loads = np.zeros((n_features, m))
        between = np.zeros((n_features, n_features, m, m))
        for part in self._parts():
            least, share = self._scores(table, part)
            sums = share.sum(axis=0)
            total -= float(self.softness[part] @ (least - np.log(sums)))
            share /= sums
            block = self.features[:, part]
            loads += block @ share.T
            for f in range(n_features):
                for g in range(f + 1):
                    weighted = share * (block[f] * block[g] / self.softness[part])
                    between[f, g] -= weighted @ share.T
                    between[f, g][np.diag_indices(m)] += weighted.sum(axis=1)
        root = np.hypot(prices, self.temperature)
        mid, half = (self.bands.high + self.bands.low) / 2, (self.bands.high - self.bands.low) / 2
        slope = mid + half * prices / root - self.bands.sums(list(loads)) - self.settled
        curve = self.bands.between(between)
        curve[np.diag_indices_from(curve)] += half * self.temperature**2 / root**3
        for width, price in self.bands.steps:
            for sign in (1.0, -1.0):  # beyond the upper edge, and below the lower one
                over = sign * prices - price
                root = np.hypot(over, self.temperature)
                slope += sign * width * (1 + over / root) / 2
                curve[np.diag_indices_from(curve)] += width * self.temperature**2 / root**3 / 2
        return total + self._edges(prices) - float(self.settled @ prices), slope, curve

    def _parts(self) -> list[slice]:
        return [slice(start, start + _BLOCK) for start in range(0, self.softness.size, _BLOCK)]

    def _scores(self, table: Floats, part: slice) -> tuple[Floats, Floats]:
        """Give the least reduced cost over softness of each item, and exp(least - reduced)."""
        soft = self.softness[part]
        score = self.cost[:, part] + table[0][:, None] * self.features[0, part]
        for price, feature in zip(table[1:], self.features[1:, part], strict=True):
            score += price[:, None] * feature
        score /= soft
        least = score.min(axis=0)
        np.subtract(least, score, out=score)
        np.exp(score, out=score)
        return least, score

    def _edges(self, prices: Floats) -> float:
        mid, half = (self.bands.high + self.bands.low) / 2, (self.bands.high - self.bands.low) / 2
        total = float((mid * prices + half * np.hypot(prices, self.temperature)).sum())
        for width, price in self.bands.steps:
            for over in (prices - price, -prices - price):
                total += float((width * (over + np.hypot(over, self.temperature)) / 2).sum())
        return total


def minimise(target: Smooth, prices: Floats, *, accuracy: float, steps: int = 14) -> Floats:
    """Minimise by Newton's method with a line search, until loads are right within `accuracy` of the mean band edge."""
    bands, near = target.bands, accuracy * float(np.abs(target.bands.high).mean())
    for _ in range(steps):
        value, slope, curve = target.slopes(prices)
        if float(np.abs(slope).max()) < near:
            break
        ridge = 1e-10 * np.trace(curve) / bands.n + 1e-12
        step = -np.linalg.solve(curve + ridge * np.eye(bands.n), slope)
        decrease = float(slope @ step)
        # Beyond some widths of the smoothing the second derivatives say nothing.
        length = min(1.0, 30 * target.temperature / max(float(np.abs(step).max()), 1e-300))
        while length > 1e-4 and target.value(prices + length * step) > value + 1e-4 * length * decrease:
            length /= 3
        prices = prices + length * step
    return prices
