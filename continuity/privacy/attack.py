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
    """Hidden cells that are tied together by sums, some of which are too well known.

    Parameters
    ----------
    cells : array of int
        Those whose smallest and greatest possible values lie too close together.
    groups : tuple of arrays of int
        The groups that hold one of these cells.
    others : tuple of arrays of int
        The further groups that hold a cell tied to them.
    """

    cells: Rows
    groups: tuple[Rows, ...]
    others: tuple[Rows, ...]


def exposed(sums: Sums, hidden: npt.NDArray[np.bool_], least: float) -> Iterator[Exposed]:
    """Find the hidden cells that are known to less than a width of `least`.

    Parameters
    ----------
    sums : Sums
    hidden : array of bool, shape (n_cells,)
    least : float

    Yields
    ------
    Exposed
        One for each set of tied cells in which a cell is exposed. Sets within a single group are left out: there two
        hidden cells which together hold `least` are enough.

    Notes
    -----
    Whoever knows the sums knows that the hidden cells lie among the solutions y >= 0 of A y = A x. Linear programming
    gives the least and the greatest value of a cell among them (Fischetti & Salazar 2001, Management Science
    47:1008); each solution is a table that cannot be ruled out, so that one serves for all cells that it moves.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    with_hidden = [rows for rows in sums.groups if hidden[rows].any()]
    members = [rows[hidden[rows]] for rows in with_hidden]
    if not members:
        return
    signs = [_signs(sums, rows)[hidden[rows]] for rows in with_hidden]
    group = np.repeat(np.arange(len(members)), [cells.size for cells in members])
    shape = (len(members), sums.sizes.size)
    equations = csr_array((np.concatenate(signs), (group, np.concatenate(members))), shape=shape)
    _, label = connected_components(abs(equations).T @ abs(equations), directed=False)
    group_label = np.array([label[cells[0]] for cells in members])
    for one in np.unique(group_label):
        lines = np.flatnonzero(group_label == one)
        cells = np.flatnonzero((label == one) & hidden)
        if lines.size < 2:
            continue
        narrow = cells[_widths(equations[lines][:, cells], sums.sizes[cells], least) < least - _TOLERANCE]
        if narrow.size:
            holds = [bool(np.isin(members[line], narrow).any()) for line in lines]
            yield Exposed(
                narrow,
                tuple(with_hidden[line] for line, own in zip(lines, holds, strict=True) if own),
                tuple(with_hidden[line] for line, own in zip(lines, holds, strict=True) if not own),
            )


def _signs(sums: Sums, rows: Rows) -> npt.NDArray[np.float64]:
    """Give -1 for totals among their parts, 1 otherwise."""
    totals = sums.totals[rows]
    return np.where(totals & ~totals.all(), -1.0, 1.0)


def _widths(equations: Any, sizes: npt.NDArray[np.float64], least: float) -> npt.NDArray[np.float64]:
    """Give how far each cell can move while every sum stays; not looked into once it is `least`."""
    from scipy.optimize import linprog

    reach = _REACH * least
    bounds = np.column_stack([-np.minimum(sizes, reach), np.full(sizes.size, reach)])
    still = np.zeros(equations.shape[0])
    down, up = np.zeros(sizes.size), np.zeros(sizes.size)
    for cell in range(sizes.size):
        for sign in (-1.0, 1.0):
            if up[cell] - down[cell] >= least:
                break
            objective = np.zeros(sizes.size)
            objective[cell] = sign
            found = linprog(objective, A_eq=equations, b_eq=still, bounds=bounds, method="highs")
            if found.status == 0:
                down, up = np.minimum(down, found.x), np.maximum(up, found.x)
    return up - down
