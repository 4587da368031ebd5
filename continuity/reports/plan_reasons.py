"""One line for each patient that says why, with the numbers behind it, as a Polars expression."""

from collections.abc import Mapping
from functools import reduce
from string import Formatter
from typing import Final

import polars as pl

from continuity.reports.wording import Words
from continuity.vocabulary import MoveReason
from continuity.vocabulary import words as words_in

BLANKS: Final[Mapping[str, str]] = {"to": "provider_id", "from": "previous_provider_id"}
"""The ids that a line may name; its other blanks are `full`, `seen` and `before`."""


def reason_line(words: Words) -> pl.Expr:
    """Give the line of each row of a plan's assignments.

    Parameters
    ----------
    words : Words

    Returns
    -------
    polars.Expr
        String; null where the reason is not one of `vocabulary.MoveReason`.

    Examples
    --------
    >>> from continuity.reports.wording import words_of
    >>> rows = pl.DataFrame({
    ...     "reason": ["list_full"], "provider_id": ["B"], "previous_provider_id": ["A"], "previous_fill": [1.18],
    ...     "n_visits": [4], "n_visits_with_provider": [2], "n_visits_with_previous": [1],
    ... })
    >>> rows.select(reason_line(words_of("en"))).item()
    'Panel A held 118% of its share of work. Of those movable, this patient loses least: A 1/4 visits, B 2/4 visits.'
    """
    parts = {
        **{blank: pl.col(column).cast(pl.String).fill_null("–") for blank, column in BLANKS.items()},
        "full": _per_cent(pl.col("previous_fill"), words),
        "seen": _visits("n_visits_with_provider", words),
        "before": _visits("n_visits_with_previous", words),
    }
    lines = [
        (pl.col("reason") == code, _filled(words.texts[f"move_line.{code}"], parts)) for code in words_in(MoveReason)
    ]
    nothing: pl.Expr = pl.lit(None, pl.String)
    return reduce(lambda rest, one: pl.when(one[0]).then(one[1]).otherwise(rest), lines, nothing).alias("reason_line")


def _visits(column: str, words: Words) -> pl.Expr:
    """Say how many of the visits in the look-back were with somebody."""
    said = _filled(words.texts["plan.visits_of"], {"n": _text(column), "all": _text("n_visits")})
    return pl.when(pl.col("n_visits") == 0).then(pl.lit(words("plan.visits_none"))).otherwise(said)


def _text(column: str) -> pl.Expr:
    return pl.col(column).fill_null(0).cast(pl.Int64).cast(pl.String)


def _per_cent(share: pl.Expr, words: Words) -> pl.Expr:
    whole = (100 * share).round(0).cast(pl.Int64).cast(pl.String)
    return pl.concat_str(whole, pl.lit(words.style.percent)).fill_null("–")


def _filled(text: str, parts: Mapping[str, pl.Expr]) -> pl.Expr:
    """Fill the blanks of a sentence, such as ``{to}``, with expressions."""
    pieces: list[pl.Expr] = []
    for before, blank, _, _ in Formatter().parse(text):
        if before:
            pieces.append(pl.lit(before))
        if blank is not None:
            pieces.append(parts[blank])
    return pl.concat_str(pieces)
