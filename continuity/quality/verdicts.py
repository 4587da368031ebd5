"""Verdicts of the everyday expectations, from one pass over a view: rows counted batch by batch, keys kept and sorted.

The rules of a verdict are those of Great Expectations, which is not imported here.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from continuity.quality.conditions import MAPS, Rows
from continuity.quality.forms import PLAIN, ROW_COUNT
from continuity.quality.groups import GROUP_TESTS, GroupCounts
from continuity.quality.repeats import Keys, n_alone, run_lengths
from continuity.quality.results import Engine
from continuity.quality.suites import Expectation

_BATCH: Final = 1_000_000  # rows read at a time: the flags of a batch are counted while the next is read


@dataclass(frozen=True)
class Outcome:
    """What one expectation came to: see the fields of the same names in `Finding`."""

    success: bool
    n_rows: int | None
    n_unexpected: int | None
    share_unexpected: float | None
    observed: float | None
    engine: Engine
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pass:
    """What one pass over a view found.

    Parameters
    ----------
    n_rows : int
    n_true : mapping
        For each flag, the rows where it is true.
    keys : mapping
        For each key, those that are not null, in any order.
    """

    n_rows: int
    n_true: Mapping[str, int]
    keys: dict[str, list[Keys]]

    def taken(self, name: str) -> Keys:
        """Give the keys of one name in one array, and let go of each batch as soon as it is in there."""
        pieces = self.keys.pop(name)
        end = sum(piece.size for piece in pieces)
        keys = np.empty(end, np.uint64)
        while pieces:
            piece = pieces.pop()
            keys[end - piece.size : end] = piece
            end -= piece.size
        return keys


def evaluate(
    frame: pl.LazyFrame, expectations: Sequence[Expectation], counted: Iterable[str] = ()
) -> tuple[dict[str, Outcome], dict[str, NDArray[np.int64]]]:
    """Evaluate plain expectations on one view.

    Parameters
    ----------
    frame : polars.LazyFrame
        The view.
    expectations : sequence of Expectation
        Those that `forms.is_plain` and `coverage.covers` say yes to.
    counted : iterable of str
        Columns of `frame` that hold keys: how often each occurs is counted in the same pass.

    Returns
    -------
    tuple of (dict, dict)
        One `Outcome` for each expectation's key; for each counted column, the counts of its different keys.
    """
    schema = frame.collect_schema()
    mapped = {e.key: question for e in expectations if (question := _question(e)) is not None}
    rows = {question: MAPS[metric](json.loads(given), schema) for question in set(mapped.values())
            for metric, given in [question]}  # fmt: skip
    named = {question: str(number) for number, question in enumerate(sorted(rows))}
    found = _passed(frame, {named[question]: each for question, each in rows.items()}, counted)
    lengths = {name: run_lengths(found.taken(name)) for name in counted}
    counts = {question: _counts(named[question], each, found) for question, each in rows.items()}
    groups = _groups(frame, [e for e in expectations if e.type in GROUP_TESTS])
    outcomes = {
        e.key: _of_groups(groups[e.key]) if e.type in GROUP_TESTS
        else _of_row_count(e, found.n_rows) if e.type == ROW_COUNT
        else _of_rows(e, found.n_rows, *counts[mapped[e.key]])
        for e in expectations
    }  # fmt: skip
    return outcomes, lengths


def _arguments(expectation: Expectation) -> dict[str, Any]:
    return {**PLAIN[expectation.type].defaults, **expectation.kwargs}


def _question(expectation: Expectation) -> tuple[str, str] | None:
    """Give what is asked of the rows: expectations that differ in ``mostly`` alone ask the same."""
    metric = PLAIN[expectation.type].metric
    given = {name: value for name, value in _arguments(expectation).items() if name != "mostly"}
    return None if metric is None else (metric, json.dumps(given, sort_keys=True))


def _passed(frame: pl.LazyFrame, rows: Mapping[str, Rows], counted: Iterable[str]) -> Pass:
    """Read a view once."""
    flags = {f"kept {name}": each.kept for name, each in rows.items() if each.kept is not None}
    flags |= {f"off {name}": each.unexpected for name, each in rows.items() if each.unexpected is not None}
    keys = {f"key {name}": each.key for name, each in rows.items() if each.key is not None}
    keys |= {name: pl.col(name) for name in counted}
    if not flags and not keys:
        return Pass(int(frame.select(pl.len()).collect(engine="streaming").item()), {}, {})
    n_rows, n_true = 0, dict.fromkeys(flags, 0)
    pieces: dict[str, list[Keys]] = {name: [] for name in keys}
    for batch in frame.select(**flags, **keys).collect_batches(chunk_size=_BATCH, maintain_order=False):
        n_rows += batch.height
        for name in flags:
            n_true[name] += int(batch[name].sum())
        for name in keys:
            # A chunk is taken as it is; a column of several would be copied.
            pieces[name] += [chunk.to_numpy() for chunk in batch[name].drop_nulls().get_chunks()]
    return Pass(n_rows, n_true, pieces)


def _counts(name: str, rows: Rows, found: Pass) -> tuple[int, int]:
    """Give how many rows are looked at, and how many of them are unexpected."""
    kept = found.n_rows if rows.kept is None else found.n_true[f"kept {name}"]
    if rows.unexpected is not None:
        return kept, found.n_true[f"off {name}"]
    return kept, kept - n_alone(found.taken(f"key {name}"))


def _groups(frame: pl.LazyFrame, expectations: Sequence[Expectation]) -> dict[str, GroupCounts]:
    """Count groups, in one pass of their own; what two expectations need alike is grouped once."""
    asked = {e.key: _grouping(e) for e in expectations}
    frames = {asked[e.key]: GROUP_TESTS[e.type].reduce(frame, _arguments(e)) for e in expectations}
    collected = pl.collect_all(list(frames.values()), engine="streaming") if frames else []
    answers = dict(zip(frames, collected, strict=True))
    return {e.key: GROUP_TESTS[e.type].judge(answers[asked[e.key]], _arguments(e)) for e in expectations}


def _grouping(expectation: Expectation) -> tuple[str, str]:
    limits = GROUP_TESTS[expectation.type].limit_keys
    given = {name: value for name, value in _arguments(expectation).items() if name not in limits}
    return expectation.type, json.dumps(given, sort_keys=True)


def _of_rows(expectation: Expectation, n_rows: int, kept: int, off: int) -> Outcome:
    success = kept == 0 or (kept - off) / kept >= expectation.kwargs.get("mostly", 1)
    return Outcome(success, n_rows, off, off / kept if kept else None, None, "polars")


def _of_row_count(expectation: Expectation, n_rows: int) -> Outcome:
    least, most = expectation.kwargs.get("min_value", 0), expectation.kwargs.get("max_value", n_rows)
    return Outcome(least <= n_rows <= most, None, None, None, float(n_rows), "polars")


def _of_groups(counts: GroupCounts) -> Outcome:
    n, off = counts.n_groups, counts.n_unexpected
    return Outcome(off == 0, n, off, off / n if n else None, None, "polars", counts.where)
