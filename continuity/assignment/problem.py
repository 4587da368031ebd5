"""The problem of one unit as arrays: what each choice costs, what each patient weighs, and the bands to be kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def totals(place: Integers, amount: Floats, n: int) -> Floats:
    """Sum amounts by place, (n,)."""
    sums: Floats = np.bincount(place, amount, n).astype(np.float64)
    return sums


@dataclass(frozen=True)
class Bands:
    """Sums over patients that must lie between two edges: the work of a provider, of a team, the chronic of a provider.

    Parameters
    ----------
    feature : array (n_bands,)
        Which feature of the patients is summed; 0 is the workload.
    member : array (n_bands, n_providers)
        Which providers stand in the band.
    low, high : array (n_bands,)
        The edges, both allowed.
    steps : tuple of (width, price), each an array (n_bands,)
        Where a band gives way: how wide each step beyond either edge is, and what one unit in it costs, prices rising.
        None: the band is hard.
    """

    feature: Integers
    member: NDArray[np.bool_]
    low: Floats
    high: Floats
    steps: tuple[tuple[Floats, Floats], ...] = ()

    @property
    def n(self) -> int:
        """The number of bands."""
        return self.feature.size

    @property
    def n_features(self) -> int:
        """The number of features that bands sum over."""
        return int(self.feature.max()) + 1

    def prices_of_providers(self, prices: Floats) -> Floats:
        """Sum the prices of the bands that each provider stands in, (n_features, n_providers)."""
        return np.stack(
            [(prices[self.feature == f, None] * self.member[self.feature == f]).sum(axis=0) for f in self._features()]
        )

    def loads(self, features: Floats, choice: Integers) -> Floats:
        """Give the sum of each band when items (columns of `features`) go to the providers of `choice`."""
        m = self.member.shape[1]
        return self.sums([totals(choice, feature, m) for feature in features])

    def sums(self, per_provider: Sequence[Floats]) -> Floats:
        """Sum loads of providers, one array per feature, over each band's providers."""
        table = np.stack(list(per_provider))
        sums: Floats = (self.member * table[self.feature]).sum(axis=1)
        return sums

    @property
    def reach(self) -> Floats:
        """How far beyond its edges each band can give way, (n_bands,)."""
        return np.sum([width for width, _ in self.steps], axis=0) if self.steps else np.zeros(self.n)

    def penalty(self, sums: Floats) -> float:
        """Give what the sums outside the bands cost by the steps."""
        left, total = np.abs(self.outside(sums)), 0.0
        for width, price in self.steps:
            total += float((np.minimum(left, width) * price).sum())
            left = np.maximum(left - width, 0.0)
        return total

    def edges(self, prices: Floats) -> Floats:
        """Give what each band is worth at these prices: what is subtracted in the dual, (n_bands,)."""
        worth: Floats = np.maximum(prices, 0) * self.high - np.maximum(-prices, 0) * self.low
        for width, price in self.steps:
            worth = worth + width * np.maximum(np.abs(prices) - price, 0)
        return worth

    def outside(self, sums: Floats) -> Floats:
        """Say by how much each band is left: above 0 over its upper edge, below 0 under its lower one."""
        return np.maximum(sums - self.high, 0) - np.maximum(self.low - sums, 0)

    def between(self, of_providers: Floats) -> Floats:
        """Turn second derivatives in prices of providers (feature, feature, provider, provider) into those of bands."""
        result = np.zeros((self.n, self.n))
        for f in self._features():
            rows = self.feature == f
            for g in range(f + 1):
                columns = self.feature == g
                block = self.member[rows].astype(float) @ of_providers[f, g] @ self.member[columns].T.astype(float)
                result[np.ix_(rows, columns)] = block
                result[np.ix_(columns, rows)] = block.T
        return result

    def _features(self) -> range:
        return range(self.n_features)


@dataclass(frozen=True)
class Problem:
    """One unit. An item is a patient, or a household kept together.

    Parameters
    ----------
    cost : array (n_providers, n_items)
        What each choice costs; infinite where the provider is not eligible. Each item has an eligible provider.
    features : array (n_features, n_items)
        What the bands sum; row 0 is the workload, at least 0.
    bands : Bands
    """

    cost: Floats
    features: Floats
    bands: Bands

    @property
    def workload(self) -> Floats:
        """Expected work a year of each item, (n_items,)."""
        work: Floats = self.features[0]
        return work

    def cost_of(self, choice: Integers) -> float:
        """Give the cost of a plan."""
        return float(self.cost[choice, np.arange(choice.size)].sum())
