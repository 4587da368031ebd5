"""The methods of an evaluation as paragraphs that can be pasted into a paper, with citation keys and the references."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final

import polars as pl

from continuity.metrics import index
from continuity.privacy import ProtectedTable
from continuity.reports import breaks
from continuity.reports.breaks import Break, Period
from continuity.reports.findings import between, signed
from continuity.reports.labels import index_label
from continuity.reports.paragraph import (
    Reference,
    bracketed,
    cited,
    entries,
    filters_of,
    release,
    rules_text,
)
from continuity.reports.protected import refuse_unprotected
from continuity.reports.wording import Words

_KEYS: Final = re.compile(r"@([a-z]+\d{4})")


def evaluation_paragraphs(table: ProtectedTable, said: Mapping[str, Any], method: str, words: Words) -> tuple[str, ...]:
    """Write the methods: the data, the computation, the design with its number, and protection with the software.

    Parameters
    ----------
    table : ProtectedTable
        ``effects``.
    said : mapping
        What summary.json holds.
    method : str
        The sentences about the design.
    words : Words

    Returns
    -------
    tuple of str
        Paragraphs of whole sentences. Citations are keys in brackets, as Pandoc and Quarto read them.
    """
    refuse_unprotected({"effects": table})
    parameters = said["parameters"]
    keys = cited(index(said["index"]).source)
    outcome = words("evaluation.text_index", index=index_label(said["index"], words), keys=bracketed(keys))
    computed = (outcome, rules_text(parameters, said["time_zone"], words))
    design = (method, *_design(table, said, words))
    last = release(table.limits, said["versions"], said["input"]["sha256"], words)
    return tuple(" ".join(part) for part in (_data(said, words), computed, design, last))


def evaluation_references(paragraphs: tuple[str, ...]) -> tuple[Reference, ...]:
    """Give the entries that the paragraphs cite, in the order of their keys."""
    return entries({key for text in paragraphs for key in _KEYS.findall(text)})


def periods_in(windows: Any) -> list[Period]:
    """Read windows as summary.json has them; none where one lies within another, as a break has no one place then."""
    periods = [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in windows]
    nested = any(start == later or end >= last for (start, end), (later, last) in pairwise(periods))
    return [] if nested else periods


def breaks_in(said: Mapping[str, Any]) -> tuple[Break, ...]:
    """Read the breaks as summary.json has them."""
    return tuple(Break(date.fromisoformat(one["date"]), one["text"]) for one in said["breaks"])


def _data(said: Mapping[str, Any], words: Words) -> Iterator[str]:
    windows = said["windows"]
    start, end = (datetime.fromisoformat(moment).date() for moment in (windows[0][0], max(end for _, end in windows)))
    yield words("paragraph.data_hidden", period=words.style.period(start, end))
    if len(windows) > 1:
        yield words("evaluation.text_windows", n=words.style.count(len(windows)))
    yield from filters_of(said["parameters"], words)


def _design(table: ProtectedTable, said: Mapping[str, Any], words: Words) -> Iterator[str]:
    if said["design"] == "compare":
        groups = (f"{words.of_code('group', by)} ({words.style.count(n['n_groups'])})" for by, n in _compared(said))
        yield words("evaluation.text_compared", groups=", ".join(groups))
    else:
        yield from _reached(table, said, words)
    named = breaks_in(said)
    if named:
        shown = breaks.inside(named, periods_in(said["windows"]) or _whole(said))
        yield words("evaluation.text_breaks", breaks=breaks.named(named, shown, words))


def _compared(said: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return list(said["comparisons"].items())


def _whole(said: Mapping[str, Any]) -> list[Period]:
    """Give two halves of the time between the first and the last window, for overlapping windows."""
    ends = [datetime.fromisoformat(moment) for window in said["windows"] for moment in window]
    middle = min(ends) + (max(ends) - min(ends)) / 2
    return [(min(ends), middle), (middle, max(ends))]


def _reached(table: ProtectedTable, said: Mapping[str, Any], words: Words) -> Iterator[str]:
    """Say how many units and patients stand behind the mean effect, and the effect, as the tables have them."""
    count = words.style.count
    rows = table.frame.filter(pl.col("term") == "att", pl.col("group").is_null())
    if said["design"] == "event-study":
        patients = None if rows.is_empty() else rows["n_patients"].item()
        yield words(
            "evaluation.text_reached",
            units=count(said["n_clusters"]),
            reached=count(said["n_units_reached"]),
            patients=words("reason.suppressed") if patients is None else count(patients),
        )
    else:
        yield words("evaluation.text_alone", units=count(said["n_clusters"]))
    if said["att"] is not None and said["ci_low"] is not None:
        interval = between(said["ci_low"], said["ci_high"], words)
        yield words("evaluation.text_result", effect=signed(said["att"], words), interval=interval)
