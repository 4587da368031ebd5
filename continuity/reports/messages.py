"""What the numbers say, in sentences and key figures, built from protected numbers only."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from continuity.reports.content import ReportContent
from continuity.reports.grids import Kind, number_range, place
from continuity.reports.rows import OWN_SHARE, Row, headline_index, leading_roles, level_of, rows_of, shown_row
from continuity.reports.wording import Words

# THL, Sotkanet: indicator, year and level of the whole country. Context only, never a limit or a target.
_COUNTRY_INDICATOR: Final = "5502"
_COUNTRY_YEAR: Final = "2025"
_COUNTRY_LEVEL: Final = 0.29


@dataclass(frozen=True)
class Tile:
    """One key figure.

    Parameters
    ----------
    label, value, note : str
    """

    label: str
    value: str
    note: str


def sentences(content: ReportContent, words: Words) -> tuple[str, ...]:
    """Say what a manager should remember: how often visits go to the same person, and how units differ.

    Parameters
    ----------
    content : ReportContent
    words : Words

    Returns
    -------
    tuple of str
        At most two sentences; none where the Bice-Boxerman index, which they explain, was not computed.
    """
    if headline_index(content) != "coc":
        return ()
    role = leading_roles(content)[0]
    whole = shown_row(content.tables["whole"], role=role, index="coc")
    if whole is None:
        return (words("summary.pairs_hidden"),)
    first = _pairs(content, role, _in_hundred(whole["estimate"], words), words)
    return tuple(filter(None, (first, _units(content, role, words))))


def context(content: ReportContent, words: Words) -> str:
    """Give the published level of the country with its limits, where the same thing is reported."""
    comparable = headline_index(content) == "coc" and level_of(content) == "provider"
    if not comparable or "doctor" not in leading_roles(content):
        return ""
    level = words.style.decimals(_COUNTRY_LEVEL)
    return words("summary.context", level=level, year=_COUNTRY_YEAR, indicator=_COUNTRY_INDICATOR)


def tiles(content: ReportContent, words: Words) -> tuple[Tile, ...]:
    """Give the key figures: the index by role, the share of the named professional, and the patients behind them.

    Parameters
    ----------
    content : ReportContent
    words : Words

    Returns
    -------
    tuple of Tile
        A suppressed figure stays, with the word.
    """
    index, roles = headline_index(content), leading_roles(content)
    found: list[Tile | None] = [_index_tile(content, role, index, words) for role in roles]
    own_roles = (*roles, "all") if len(roles) > 1 else roles
    own = (_own_tile(content, role, words) for role in own_roles)
    found.append(next(filter(None, own), None))
    found.append(_patients_tile(content, index, words))
    return tuple(tile for tile in found if tile is not None)


def _pairs(content: ReportContent, role: str, pairs: str, words: Words) -> str:
    level = level_of(content)
    if level != "provider":
        return words(f"summary.pairs_{level}", role=words(f"role.{role}"), pairs=pairs)
    own = shown_row(content.tables["whole"], role=role, index=OWN_SHARE)
    if own is None or own["estimate"] == 0:
        return words(f"summary.pairs_{role}", pairs=pairs)
    return words(f"summary.pairs_own_{role}", pairs=pairs, share=words.style.share(own["estimate"]))


def _units(content: ReportContent, role: str, words: Words) -> str:
    units = rows_of(content.tables.get("unit"), role=role, index="coc")
    if units.height < 2:
        return ""
    shown = units.filter(pl.col("estimate").is_not_null()).sort("estimate")
    if shown.height < 2:
        return words("summary.units_one")
    low, high = shown.row(0, named=True), shown.row(-1, named=True)
    apart = low["ci_high"] is not None and high["ci_low"] is not None and low["ci_high"] < high["ci_low"]
    return words(
        "summary.units_apart" if apart else "summary.units_close",
        low=_in_hundred(low["estimate"], words),
        high=_in_hundred(high["estimate"], words),
        lowest=_unit_name(low, words),
        highest=_unit_name(high, words),
    )


def _unit_name(row: Row, words: Words) -> str:
    return place({"unit_id": row["unit_id"]}, words)


def _in_hundred(share: float, words: Words) -> str:
    return words.style.count(100 * share)


def _interval(row: Row, kind: Kind, words: Words) -> str:
    if row["ci_low"] is None or row["ci_high"] is None:
        return words("reason.missing")
    interval = number_range(row["ci_low"], row["ci_high"], kind, words)
    return interval.replace("–", "\u2060–\u2060")  # a narrow tile must not break a range in two


def _index_tile(content: ReportContent, role: str, index: str, words: Words) -> Tile:
    label = words(f"tile.coc_{role}")
    row = shown_row(content.tables["whole"], role=role, index=index)
    if row is None:
        return Tile(label, words("reason.suppressed"), "")
    note = words("tile.index_note", interval=_interval(row, "decimal", words))
    return Tile(label, words.style.decimals(row["estimate"]), note)


def _own_tile(content: ReportContent, role: str, words: Words) -> Tile | None:
    row = shown_row(content.tables["whole"], role=role, index=OWN_SHARE)
    if row is None or row["estimate"] == 0:
        return None
    note = words("tile.share_note", interval=_interval(row, "share", words))
    return Tile(words(f"tile.own_{role}"), words.style.share(row["estimate"]), note)


def _patients_tile(content: ReportContent, index: str, words: Words) -> Tile | None:
    row = shown_row(content.tables["whole"], role="all", index=index)
    if row is None:
        return None
    note = words("tile.patients_note", visits=words.style.count(row["n_visits"]))
    return Tile(words("tile.patients"), words.style.count(row["n_patients"]), note)
