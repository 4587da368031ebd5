"""What can be worked out about hidden cells from the sums that are known: the attack that suppression must survive."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_REACH = 4  # no cell is moved further than this many times the width asked for, which keeps the numbers small
_TOLERANCE = 1e-6  # of the solver

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Sums:
    """Cells, and the groups of them whose sums are known.

    Parameters
    ----------
    sizes : array of float, shape (n_cells,)
        Never negative.
    totals : array of bool, shape (n_cells,)
        Cells which are the sum of the others of a group, where the group holds others.
    groups : sequence of arrays of int
        The cells of each group.
    """

    sizes: npt.NDArray[np.float64]
    totals: npt.NDArray[np.bool_]
    groups: Sequence[Rows]


@dataclass(frozen=True)
class Exposed:
    """A hidden cell that is too well known.

    Parameters
    ----------
    groups : tuple of arrays of int
        The groups that hold it.
    others : tuple of arrays of int
        The further groups that hold a hidden cell tied to it by sums.
    """

    groups: tuple[Rows, ...]
    others: tuple[Rows, ...]


class Attack:
    """The search for hidden cells that are known to less than a width of `least`.

    Parameters
    ----------
    sums : Sums
    least : float

    Notes
    -----
    Whoever knows the sums knows that the hidden cells lie among the solutions y >= 0 of A y = A x. Linear programming
    gives the least and the greatest value of a cell among them (Fischetti & Salazar 2001, Management Science
    47:1008). Each solution is a table that cannot be ruled out: it serves for all cells that it moves, and it stays
    one when more cells are hidden. So what was found safe is not looked at again.
    """

    def __init__(self, sums: Sums, least: float) -> None:
        self._sums, self._least = sums, least
        self._down, self._up = np.zeros(sums.sizes.size), np.zeros(sums.sizes.size)

    def exposed(self, hidden: npt.NDArray[np.bool_]) -> Iterator[Exposed]:
        """Find an exposed cell in each set of hidden cells that are tied together.

        Parameters
        ----------
        hidden : array of bool, shape (n_cells,)
            Those hidden before, and more.

        Yields
        ------
        Exposed
            At most one for each set. Sets within a single group are left out: there two hidden cells which together
            hold `least` are enough.
        """
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        with_hidden = [rows for rows in self._sums.groups if hidden[rows].any()]
        members = [rows[hidden[rows]] for rows in with_hidden]
        if not members:
            return
        signs = [_signs(self._sums, rows)[hidden[rows]] for rows in with_hidden]
        group = np.repeat(np.arange(len(members)), [cells.size for cells in members])
        shape = (len(members), hidden.size)
        equations = csr_array((np.concatenate(signs), (group, np.concatenate(members))), shape=shape)
        _, label = connected_components(abs(equations).T @ abs(equations), directed=False)
        group_label = np.array([label[cells[0]] for cells in members])
        unsafe = hidden & (self._up - self._down < self._least - _TOLERANCE)
        for one in np.unique(label[unsafe]):
            lines = np.flatnonzero(group_label == one)
            cells = np.flatnonzero((label == one) & hidden)
            if lines.size > 1 and (cell := self._first_exposed(equations[lines][:, cells], cells)) is not None:
                own = [bool((members[line] == cell).any()) for line in lines]
                yield Exposed(
                    tuple(with_hidden[line] for line, is_own in zip(lines, own, strict=True) if is_own),
                    tuple(with_hidden[line] for line, is_own in zip(lines, own, strict=True) if not is_own),
                )

    def _first_exposed(self, equations: Any, cells: Rows) -> int | None:
        """Move the cells as far as their sums allow, one after the other; stop at one that hardly moves."""
        from scipy.optimize import linprog

        sizes, reach = self._sums.sizes[cells], _REACH * self._least
        bounds = np.column_stack([-np.minimum(sizes, reach), np.full(sizes.size, reach)])
        still = np.zeros(equations.shape[0])
        for place, cell in enumerate(cells):
            for sign in (-1.0, 1.0):
                if self._up[cell] - self._down[cell] >= self._least - _TOLERANCE:
                    break
                objective = np.zeros(sizes.size)
                objective[place] = sign
                found = linprog(objective, A_eq=equations, b_eq=still, bounds=bounds, method="highs")
                if found.status == 0:
                    self._down[cells] = np.minimum(self._down[cells], found.x)
                    self._up[cells] = np.maximum(self._up[cells], found.x)
            if self._up[cell] - self._down[cell] < self._least - _TOLERANCE:
                return int(cell)
        return None


def _signs(sums: Sums, rows: Rows) -> npt.NDArray[np.float64]:
    """Give -1 for totals among their parts, 1 otherwise."""
    totals = sums.totals[rows]
    return np.where(totals & ~totals.all(), -1.0, 1.0)
