"""An attacker who knows every published number and every sum: integer programming over the numbers that are hidden.

Written without the package: equations in, the least and the greatest possible value of a hidden count out.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import LinearConstraint, milp

Row = Mapping[str, Any]


class Attacker:
    """Collects linear equations on counts, which are whole numbers from 0 to `greatest`."""

    def __init__(self, greatest: int) -> None:
        self.greatest = greatest
        self.names: dict[Hashable, int] = {}
        self.equations: list[tuple[dict[int, float], float]] = []

    def learn(self, terms: Iterable[tuple[float, Hashable]], value: float) -> None:
        """Add the equation: the sum of coefficient x count is `value`."""
        row: dict[int, float] = defaultdict(float)
        for coefficient, name in terms:
            row[self.names.setdefault(name, len(self.names))] += coefficient
        self.equations.append((row, value))

    def range_of(self, name: Hashable) -> tuple[int, int]:
        """Give the least and the greatest value that contradict nothing."""
        column = self.names[name]
        # What is a sum of known numbers is known; what is tied to nothing is free. Only tied columns matter.
        tied, rows = {column}, set()
        grown = True
        while grown:
            new = {i for i, (row, _) in enumerate(self.equations) if i not in rows and tied & row.keys()}
            rows |= new
            tied |= {c for i in new for c in self.equations[i][0]}
            grown = bool(new)
        order = {c: k for k, c in enumerate(sorted(tied))}
        matrix = np.zeros((len(rows), len(order)))
        values = np.zeros(len(rows))
        for line, i in enumerate(sorted(rows)):
            row, values[line] = self.equations[i]
            for c, coefficient in row.items():
                matrix[line, order[c]] = coefficient
        ends = []
        for sign in (1, -1):
            objective = np.zeros(len(order))
            objective[order[column]] = sign
            found = milp(
                objective,
                constraints=LinearConstraint(matrix, values, values) if len(rows) else None,
                bounds=(0, self.greatest),
                integrality=np.ones(len(order)),
            )
            assert found.status == 0, "the published numbers contradict each other"
            ends.append(round(sign * found.fun))
        return ends[0], ends[1]


def by(rows: Sequence[Row], columns: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Group rows by the values of columns, null like any other."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[c] for c in columns)].append(row)
    return groups


def name_of(row: Row, keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[k] for k in keys)


def know_sums(  # noqa: PLR0917 # the attacker and what there is to learn
    attacker: Attacker,
    truth: Sequence[Row],
    shown: Mapping[tuple[Any, ...], int | None],
    keys: Sequence[str],
    margins: Sequence[Sequence[str]],
    count: str,
    is_total: Callable[[Row], bool] = lambda row: False,
) -> None:
    """Teach the attacker the true sum of each group, or that the total of a group is the sum of its parts."""
    for margin in margins:
        for group in by(truth, margin).values():
            totals = [is_total(row) for row in group]
            mixed = any(totals) and not all(totals)
            terms, value = [], 0.0
            for row, total in zip(group, totals, strict=True):
                sign = -1 if mixed and total else 1
                name, known = name_of(row, keys), shown[name_of(row, keys)]
                if known is None:
                    terms.append((sign, (count, name)))
                    value += sign * row[count]
                # A shown count cancels against its own part of the sum.
            if terms:
                attacker.learn(terms, value)


def could_still_hide(
    truth: Sequence[Row], hidden: set[tuple[Any, ...]], keys: Sequence[str], margins: Sequence[Sequence[str]]
) -> set[tuple[Any, ...]]:
    """Give the hidden cells that share sums, near or far, with a shown cell: those that suppression must protect.

    Where every cell that is tied to a hidden one is hidden too, a table can do no more: its sums are another table's.
    """
    groups = [{name_of(row, keys) for row in group} for margin in margins for group in by(truth, margin).values()]
    helped: set[tuple[Any, ...]] = set()
    for cell in hidden:
        tied, reach = {cell}, set()
        grown = True
        while grown:
            size = len(tied)
            for group in groups:
                if tied & group:
                    reach |= group
                    tied |= group & hidden
            grown = len(tied) > size
        if reach - hidden:
            helped.add(cell)
    return helped
