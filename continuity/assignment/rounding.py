"""From prices to a plan: each item whole to one provider, within the bands.

At the best prices nearly every item has one best choice; the others are tied and may go to several. Tied items are
placed from the heaviest to the lightest, each where most room is left, so that loads come as near to those of the
relaxed problem as the lightest items are light. What still lies outside a band, or could cost less, is then moved one
by one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from continuity.assignment.prices import Prices, reduced_costs
from continuity.assignment.problem import Bands, Floats, Integers, Problem

_TIE: Final = 7.0
"""Smoothings within which choices are ties: exp(-7) is one in a thousand."""
_PASSES: Final = 6

Flags = NDArray[np.bool_]
_Summed = list[tuple[int, Floats]]
"""Bands, each with the feature of the items that it sums."""


def rounded(problem: Problem, prices: Prices) -> Integers:
    """Give a plan near the relaxed optimum: the provider of each item, (n_items,).

    Parameters
    ----------
    problem : Problem
        Its items stand in an order that does not depend on the input's.
    prices : Prices
    """
    reduced = reduced_costs(problem.cost, problem.features, prices.per_provider)
    choice = reduced.argmin(axis=0)
    tied = reduced <= reduced.min(axis=0) + _TIE * prices.softness
    several = np.flatnonzero(tied.sum(axis=0) > 1)
    quotas = np.clip(_relaxed(problem, prices, reduced, tied), problem.bands.low, problem.bands.high)
    choice = place(problem, choice, tied, several, quotas)
    return Mover(problem, reduced, choice).finish()


def relaxed_sums(problem: Problem, prices: Prices) -> Floats:
    """Give the sum of each band in the relaxed problem, (n_bands,), as far out as the band gives way."""
    reduced = reduced_costs(problem.cost, problem.features, prices.per_provider)
    tied = reduced <= reduced.min(axis=0) + _TIE * prices.softness
    bands = problem.bands
    return np.clip(_relaxed(problem, prices, reduced, tied), bands.low - bands.reach, bands.high + bands.reach)


def _relaxed(problem: Problem, prices: Prices, reduced: Floats, tied: Flags) -> Floats:
    """Give the sum that each band should come to: that of the relaxed problem, still to be put inside the band.

    A band with a price is full (or at its lower edge) in the relaxed problem: complementary slackness.
    """
    bands, choice = problem.bands, reduced.argmin(axis=0)
    several = np.flatnonzero(tied.sum(axis=0) > 1)
    above = reduced[:, several] - reduced[:, several].min(axis=0)
    share = tied[:, several] * np.exp(-above / prices.softness[several])
    share /= share.sum(axis=0)
    alone = np.ones(choice.size, bool)
    alone[several] = False
    sums = bands.loads(problem.features[:, alone], choice[alone])
    return sums + bands.sums([(share * feature[several]).sum(axis=1) for feature in problem.features])


def place(problem: Problem, choice: Integers, tied: Flags, several: Integers, quotas: Floats) -> Integers:
    """Place items, heaviest first, where the squared distance from the quotas falls most.

    Parameters
    ----------
    problem : Problem
    choice : array (n_items,)
        Where all other items are.
    tied : array (n_providers, n_items)
        Which providers each item may go to.
    several : array
        The items to be placed.
    quotas : array (n_bands,)
        What each band should come to.
    """
    bands, features = problem.bands, problem.features
    choice = choice.copy()
    alone = np.ones(choice.size, bool)
    alone[several] = False
    weight = 1.0 / np.maximum(_scales(problem), 1e-300) ** 2
    away = (bands.loads(features[:, alone], choice[alone]) - quotas) * weight
    push = bands.prices_of_providers(away)
    own = bands.prices_of_providers(weight)
    of_provider = [np.flatnonzero(bands.member[:, j]) for j in range(bands.member.shape[1])]
    order = several[np.argsort(-features[0, several], kind="stable")]
    used = range(features.shape[0])
    for item in order:
        open_ = np.flatnonzero(tied[:, item])
        a = features[:, item]
        worse = sum(a[f] * (2 * push[f, open_] + a[f] * own[f, open_]) for f in used)
        j = open_[np.argmin(worse)]
        choice[item] = j
        for q in of_provider[j]:
            f = bands.feature[q]
            push[f, bands.member[q]] += a[f] * weight[q]
    return choice


def _scales(problem: Problem) -> Floats:
    """Give the usual size of one item in each band, so that bands of different features can be compared."""
    mean = problem.features.mean(axis=1) if problem.features.shape[1] else np.ones(problem.features.shape[0])
    return np.asarray(mean[problem.bands.feature])


class Mover:
    """Moves items one by one: first into the bands, then to where they cost less.

    Parameters
    ----------
    problem : Problem
    reduced : array (n_providers, n_items)
        Costs with prices, by which moves into a band are chosen.
    choice : array (n_items,)
        The plan to begin with.
    """

    def __init__(self, problem: Problem, reduced: Floats, choice: Integers) -> None:
        self.problem, self.reduced, self.choice = problem, reduced, choice.copy()
        self.bands: Bands = problem.bands
        self.sums = self.bands.loads(problem.features, choice)
        self.scale = np.maximum(_scales(problem), 1e-300)
        # Sums of many numbers carry rounding errors: what is over an edge by less is at the edge.
        self.slack = 1e-9 * np.maximum(np.abs(self.bands.high), 1.0)
        # Millions of tries are made one by one: lists and a memory of pairs make each ten times cheaper than arrays.
        self.floor = (self.bands.low - self.slack).tolist()
        self.ceiling = (self.bands.high + self.slack).tolist()
        self._between: dict[tuple[int, int], tuple[_Summed, _Summed]] = {}

    def finish(self) -> Integers:
        """Give the plan after all moves that help."""
        self.repair()
        self.improve()
        return self.choice

    def outside(self) -> Floats:
        """Say by how much each band is left, in usual items; at an edge is inside."""
        out = self.bands.outside(self.sums)
        return np.where(np.abs(out) > self.slack, out, 0.0) / self.scale

    def repair(self) -> None:
        """Move items out of what is too full and into what is too empty, at the least cost for what it mends."""
        stuck = np.zeros(self.bands.n, bool)
        for _ in range(20 * self.bands.n + 200):
            out = np.where(stuck, 0.0, self.outside())
            q = int(np.abs(out).argmax())
            if out[q] == 0:
                return
            move = self._best_mend(q, over=out[q] > 0)
            if move is None:
                stuck[q] = True
            else:
                self._move(*move)
                stuck[:] = False

    def _best_mend(self, q: int, *, over: bool) -> tuple[int, int] | None:
        inside, outside = np.flatnonzero(self.bands.member[q]), np.flatnonzero(~self.bands.member[q])
        best, best_rate = None, np.inf
        for j in inside if over else outside:
            items = np.flatnonzero(self.choice == j)
            for k in outside if over else inside:
                mends = self._mends(items, int(j), int(k))
                rise = self.reduced[k, items] - self.reduced[j, items]
                good = (mends > 1e-9) & np.isfinite(rise)
                if not good.any():
                    continue
                rate = np.where(good, np.where(rise > 0, rise / np.maximum(mends, 1e-12), rise * mends), np.inf)
                at = int(rate.argmin())
                if rate[at] < best_rate:
                    best, best_rate = (int(items[at]), int(k)), float(rate[at])
        return best

    def _mends(self, items: Integers, j: int, k: int) -> Floats:
        """Say how much less (in usual items) lies outside all bands when each item alone goes from j to k."""
        total = np.zeros(items.size)
        for q in np.flatnonzero(self.bands.member[:, j] != self.bands.member[:, k]):
            amount = self.problem.features[self.bands.feature[q], items]
            after = self.sums[q] + (amount if self.bands.member[q, k] else -amount)
            low, high, now = self.bands.low[q], self.bands.high[q], self.sums[q]
            before = max(now - high, low - now, 0.0)
            total += (before - np.maximum(np.maximum(after - high, low - after), 0.0)) / self.scale[q]
        return total

    def _move(self, item: int, k: int) -> None:
        left, joined = self._changed(int(self.choice[item]), k)
        for q, feature in left:
            self.sums[q] -= feature[item]
        for q, feature in joined:
            self.sums[q] += feature[item]
        self.choice[item] = k

    def _fits(self, item: int, k: int) -> bool:
        left, joined = self._changed(int(self.choice[item]), k)
        too_few = (q for q, feature in left if self.sums[q] - feature[item] < self.floor[q] and feature[item] > 0)
        too_many = (q for q, feature in joined if self.sums[q] + feature[item] > self.ceiling[q] and feature[item] > 0)
        return next(too_few, None) is None and next(too_many, None) is None

    def _changed(self, j: int, k: int) -> tuple[_Summed, _Summed]:
        """Give the bands that an item leaves and joins by going from j to k, each with the feature that it sums."""
        found = self._between.get((j, k))
        if found is None:
            here, there = self.bands.member[:, j], self.bands.member[:, k]
            features, of_band = self.problem.features, self.bands.feature
            left, joined = (
                [(int(q), features[of_band[q]]) for q in np.flatnonzero(only)]
                for only in (here & ~there, there & ~here)
            )
            found = self._between[j, k] = (left, joined)
        return found

    def stay(self, moves: Floats) -> Integers:
        """Take back every move that saves nothing, while the bands allow: of plans that cost the same, fewer change.

        Parameters
        ----------
        moves : array (n_providers, n_items)
            How many patients each choice moves.

        Returns
        -------
        array (n_items,)
            The plan.
        """
        cost, items = self.problem.cost, np.arange(self.choice.size)
        for _ in range(_PASSES):
            saved = moves[self.choice, items] - moves
            k, i = np.nonzero((saved > 0) & (cost <= cost[self.choice, items]))
            before = self.choice.copy()
            for at in np.lexsort((k, i, self.problem.workload[i], -saved[k, i])).tolist():
                item, provider = int(i[at]), int(k[at])
                if self.choice[item] == before[item] and self._fits(item, provider):
                    self._move(item, provider)
            if (self.choice == before).all():
                break
        return self.choice

    def improve(self, moves: Floats | None = None, cap: float = np.inf) -> Integers:
        """Move items to where they cost less, the largest gain for its work first, while the bands allow.

        Parameters
        ----------
        moves : array (n_providers, n_items), optional
            How many patients each choice moves.
        cap : float
            No more than this may be moved in all.

        Returns
        -------
        array (n_items,)
            The plan.
        """
        cost, items = self.problem.cost, np.arange(self.choice.size)
        moves = np.zeros_like(cost) if moves is None else moves
        work = np.maximum(self.problem.workload, 1e-9)
        left = cap - float(moves[self.choice, items].sum())
        for _ in range(_PASSES):
            gain = cost[self.choice, items] - cost
            k, i = np.nonzero(gain > 1e-9)
            weight = np.where(moves[k, i] > moves[self.choice[i], i], 1.0, work[i]) if np.isfinite(cap) else work[i]
            order = np.lexsort((k, i, -gain[k, i] / weight))
            moved = 0
            for provider, item in zip(k[order].tolist(), i[order].tolist(), strict=True):
                more = float(moves[provider, item] - moves[self.choice[item], item])
                better = cost[self.choice[item], item] - cost[provider, item] > 1e-9
                if better and more <= left and self._fits(item, provider):
                    self._move(item, provider)
                    left -= more
                    moved += 1
            if not moved:
                break
        return self.choice
