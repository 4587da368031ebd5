"""The methods of a report as paragraphs that can be pasted into a paper, with citation keys and the references."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from continuity.metrics import index
from continuity.privacy import Limits
from continuity.reports import breaks
from continuity.reports.content import ReportContent
from continuity.reports.labels import index_label
from continuity.reports.method import choice_of
from continuity.reports.rows import OWN_SHARE, periods_of, rows_of
from continuity.reports.wording import Words

_FILE: Final = Path(__file__).parent / "references.csv"
_OF_ADJUSTMENT: Final = ("muller2014", "paule1982", "howley2003", "spiegelhalter2005", "goldstein1996")
_FILTERS: Final = ("role", "contact_mode", "urgency", "care_type")
_SLICC: Final = "10.3399/bjgp19X701813"
_SHORT: Final = 12  # letters of the fingerprint; the whole stands in the table of versions


@dataclass(frozen=True)
class Reference:
    """One entry of the list of references: its key, as in docs/references.bib, and its text."""

    key: str
    text: str


@cache
def _known() -> pl.DataFrame:
    return pl.read_csv(_FILE)


def cited(source: str) -> tuple[str, ...]:
    """Give the citation keys that a source of the catalogue names.

    Examples
    --------
    >>> cited("Bice & Boxerman 1977, doi:10.1097/00005650-197704000-00010")
    ('bice1977',)
    """
    named = _known().drop_nulls("found_as").rows()
    found = [(source.find(form), key) for key, form, _ in named if form in source]
    return tuple(key for _, key in sorted(found))


def paragraphs(content: ReportContent, words: Words) -> tuple[str, ...]:
    """Write the methods: the data, the computation, the groups, and protection with the software.

    Parameters
    ----------
    content : ReportContent
    words : Words

    Returns
    -------
    tuple of str
        Paragraphs of whole sentences. Citations are keys in brackets, as Pandoc and Quarto read them.
    """
    method = content.method
    last = release(content.tables["whole"].limits, method.versions, method.input_fingerprint, words)
    parts = (_data(content, words), _computation(content, words), _groups(content, words), last)
    return tuple(filter(None, (" ".join(part) for part in parts)))


def references(content: ReportContent) -> tuple[Reference, ...]:
    """Give the entries that the paragraphs cite, in the order of their keys."""
    keys = {key for name in content.method.indices for key in cited(index(name).source)}
    if _has_own_share(content):
        keys |= set(cited(_SLICC))
    if "adjusted" in content.tables:
        keys |= set(_OF_ADJUSTMENT)
    return entries(keys)


def entries(keys: Collection[str]) -> tuple[Reference, ...]:
    """Give the entries of the list of references with these keys, in their order."""
    return tuple(Reference(key, text) for key, _, text in _known().sort("key").rows() if key in keys)


def _data(content: ReportContent, words: Words) -> Iterator[str]:
    method = content.method
    period = words.style.period(method.window_start, method.window_end)
    steps = {row["step"]: row for row in rows_of(content.tables.get("flow")).iter_rows(named=True)}
    read, used = steps.get("read", {}), steps.get("used", {})
    counts = (read.get("n_visits"), used.get("n_visits"), used.get("n_patients"))
    shown = [words.style.count(count) for count in counts if count is not None]
    if len(shown) < len(counts):
        yield words("paragraph.data_hidden", period=period)
    else:
        texts = dict(zip(("read", "used", "patients"), shown, strict=True))
        yield words("paragraph.data", period=period, **texts)
    yield from filters_of(method.parameters, words)


def filters_of(parameters: Mapping[str, str], words: Words) -> Iterator[str]:
    """Say which visits were kept, where not all were."""
    kept = {name: parameters[name] for name in _FILTERS if parameters.get(name, "") not in ("", "all")}
    if kept:
        texts = (f"{words.of_code('parameter', name)}: {choice_of(value, words)}" for name, value in kept.items())
        yield words("paragraph.filters", filters="; ".join(texts))


def _computation(content: ReportContent, words: Words) -> Iterator[str]:
    method = content.method
    named = [(index_label(key, words), cited(index(key).source)) for key in method.indices]
    if _has_own_share(content):
        named.append((index_label(OWN_SHARE, words), cited(_SLICC)))
    texts = (f"{label}{bracketed(keys)}" for label, keys in named)
    yield words("paragraph.indices", indices="; ".join(texts))
    yield rules_text(method.parameters, method.time_zone, words)
    yield words("paragraph.interval")


def rules_text(parameters: Mapping[str, str], time_zone: str, words: Words) -> str:
    """Say by which rules visits became an index."""
    chosen = {name: choice_of(parameters.get(name, ""), words) for name in ("level", "same_day", "unknown_provider")}
    return words("paragraph.rules", min_visits=parameters.get("min_visits", "–"), time_zone=time_zone, **chosen)


def _groups(content: ReportContent, words: Words) -> Iterator[str]:
    method, tables = content.method, content.tables
    rules = {"unit_rule": choice_of(method.unit_rule, words), "team_rule": choice_of(method.team_rule, words)}
    if "unit" in tables:
        yield words("paragraph.groups", **rules)
    if "adjusted" in tables:
        yield words("paragraph.adjusted", columns=choice_of(method.parameters.get("adjusted_for", ""), words))
    if "trend" in tables:
        yield words("paragraph.trend")
    if method.breaks:
        shown = breaks.inside(method.breaks, periods_of(content))
        yield words("paragraph.breaks", breaks=breaks.named(method.breaks, shown, words))
    if "access" in tables:
        yield words("paragraph.access")


def release(limits: Limits, versions: Mapping[str, str], fingerprint: str, words: Words) -> tuple[str, ...]:
    """Say what was suppressed, and with which software on which data the numbers were made."""
    count = words.style.count
    protection = words(
        "paragraph.protection",
        patients=count(limits.min_patients),
        visits=count(limits.min_visits),
        providers=count(limits.min_providers),
        share=words.style.share(limits.max_provider_share),
    )
    software = words(
        "paragraph.software",
        version=versions.get("continuity", "–"),
        others=", ".join(f"{name} {version}" for name, version in versions.items() if name != "continuity"),
        fingerprint=re.sub(r"\s", "", fingerprint)[:_SHORT],
    )
    return protection, software


def _has_own_share(content: ReportContent) -> bool:
    return not rows_of(content.tables["whole"], index=OWN_SHARE).is_empty()


def bracketed(keys: tuple[str, ...]) -> str:
    """Write citation keys as Pandoc and Quarto read them, after a space; nothing where there are none."""
    return f" [{'; '.join(f'@{key}' for key in keys)}]" if keys else ""
