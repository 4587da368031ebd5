"""Figures of access: waiting beside continuity, and how long patients waited."""

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError
from continuity.plot.patients import canvas_of
from continuity.privacy import protect
from continuity.reports.charts import ACCENT, ACCENT_SOFT, INK, LINE, Canvas, finish
from continuity.reports.charts_more import beside
from continuity.reports.label_places import cut
from continuity.reports.wording import words_of
from continuity.vocabulary import Language, words

if TYPE_CHECKING:
    import altair as alt

_WORDS: Final = {
    "en": {"days": "Days waited: median (dot) to 90th percentile; %: within 14 days", "own": "own", "other": "other"},
    "fi": {"days": "Odotettu vrk: mediaani (piste) – 90. prosenttipiste; %: 14 vrk:ssa", "own": "oma", "other": "muu"},
    "sv": {
        "days": "Dygns väntan: median (punkt) till 90:e percentilen; %: inom 14 dygn",
        "own": "egen",
        "other": "annan",
    },
}
_FEWEST_FOR_MEDIAN: Final = 10  # five patients lie on each side of it
_FEWEST_FOR_P90: Final = 50
_ROW: Final = 28
_FEWEST_POINTS: Final = 2


def access(
    waits: Any, means: Any, *, by: str = "unit_id", index: str = "coc", width: int = 560, language: Language = "en"
) -> "alt.LayerChart":
    """Draw each group by its continuity and by the share of its visits that came within 14 days.

    Parameters
    ----------
    waits : frame
        What `continuity.waiting_times` gave by `by`.
    means : frame
        What `continuity.summarise` gave by `by`.
    by, index : str
        The column of groups in both, and the index in `means`.
    width : int
        In pixels.
    language : {"fi", "sv", "en"}

    Returns
    -------
    altair.LayerChart
        Dashed lines are medians of the groups. Groups of fewer than five patients, and those that would tell them,
        are left out.

    Raises
    ------
    InputError
        A frame lacks a column.
    UsageError
        Fewer than two groups may be drawn.

    Examples
    --------
    >>> waits = pl.DataFrame({"unit_id": ["U", "V"], "n_patients": [90, 80], "n_visits": [190, 160],
    ...                       "share_within_14_days": [0.6, 0.7]})
    >>> means = pl.DataFrame({"unit_id": ["U", "V"], "index": "coc", "n_patients": [90, 80], "estimate": [0.3, 0.4]})
    >>> [layer["mark"]["type"] for layer in access(waits, means).to_dict()["layer"]]
    ['rule', 'rule', 'point', 'text']
    """
    _known(language)
    waited = _whole(waits, [by, "n_patients", "n_visits", "share_within_14_days"], "the waiting times")
    found = edge.lazily(means)[0].collect()
    _refuse_lacking(found, [by, "index", "n_patients", "estimate"], "the means")
    found = found.filter(pl.col("index") == index).drop_nulls(by)
    shown = protect(found.select(by, "n_patients", "estimate"), name="figure", keys=(by,), margins=[[]]).frame.select(
        by, "estimate"
    )
    within = protect(waited, name="figure", keys=(by,), margins=[[]], counts=("share_within_14_days",)).frame.select(
        by, "share_within_14_days"
    )
    both = shown.join(within, on=by).drop_nulls()
    if both.height < _FEWEST_POINTS:
        raise _nothing()
    return beside(both.with_columns(name=pl.col(by).cast(pl.String)), canvas=canvas_of(width, language, index))


def waiting(waits: Any, *, by: str | None = None, width: int = 560, language: Language = "en") -> "alt.LayerChart":
    """Draw how long patients of each group waited: the median, the 90th percentile, and the share within 14 days.

    Parameters
    ----------
    waits : frame
        What `continuity.waiting_times` gave.
    by : str, optional
        The column of groups; by default ``seen_by``, own and other provider.
    width, language
        As in `access`.

    Returns
    -------
    altair.LayerChart
        A row per group, the shortest wait first. A median needs ten patients and a 90th percentile fifty.

    Raises
    ------
    InputError
        The frame lacks a column.
    UsageError
        No group may be drawn.

    Examples
    --------
    >>> waits = pl.DataFrame({"seen_by": ["own", "other"], "n_patients": [90, 80], "n_visits": [190, 160],
    ...                       "median_days": [4.0, 9.0], "p90_days": [21.0, 30.0], "share_within_14_days": [0.6, 0.7]})
    >>> rows = next(iter(waiting(waits).to_dict()["datasets"].values()))
    >>> [(row["name"], row["median_days"], row["shown"]) for row in rows]
    [('own', 4.0, '60%'), ('other', 9.0, '70%')]
    """
    import altair as alt

    said, own = words_of(_known(language)), _WORDS[language]
    column = by or "seen_by"
    needed = [column, "n_patients", "n_visits", "median_days", "p90_days", "share_within_14_days"]
    rows = _whole(waits, needed, "the waiting times")
    enough = pl.col("n_patients")
    rows = rows.with_columns(
        median_days=pl.when(enough >= _FEWEST_FOR_MEDIAN).then("median_days"),
        p90_days=pl.when(enough >= _FEWEST_FOR_P90).then("p90_days"),
    )
    held = protect(rows, name="figure", keys=(column,), margins=[[]], counts=("share_within_14_days",)).frame
    drawn = held.drop_nulls("median_days").sort("median_days", column)
    if drawn.is_empty():
        raise _nothing()
    canvas = Canvas(width, said)
    shares = ["" if value is None else said.style.share(value) for value in drawn["share_within_14_days"]]
    name = pl.col(column).cast(pl.String).replace(own) if column == "seen_by" else pl.col(column).cast(pl.String)
    data = drawn.with_row_index("position").select(
        "position", "median_days", end=pl.coalesce("p90_days", "median_days"), name=cut(name, canvas.n_letters),
        shown=pl.Series(shares, dtype=pl.String),
    )  # fmt: skip
    base = alt.Chart(data).encode(y=alt.Y("position:O", axis=None))
    x: Any = alt.X("median_days:Q", title=own["days"], axis=alt.Axis(tickCount=canvas.n_ticks))
    layers = [
        base.mark_rule(color=LINE),
        base.mark_rule(strokeWidth=3, color=ACCENT_SOFT, strokeCap="round").encode(x=x, x2="end:Q"),
        base.mark_point(size=80, filled=True, color=ACCENT, opacity=1).encode(x="median_days:Q"),
        base.mark_text(align="right", color=INK).encode(x=alt.value(-10), text="name:N"),
        base.mark_text(align="left", dx=8, color=INK).encode(x="end:Q", text="shown:N"),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=_ROW * data.height + 70)


def _whole(waits: Any, needed: list[str], where: str) -> pl.DataFrame:
    """Give the rows of groups; those of own and other provider only where they are the groups."""
    frame = edge.lazily(waits)[0].collect()
    _refuse_lacking(frame, needed, where)
    if "seen_by" in frame.columns and "seen_by" not in needed:
        frame = frame.filter(pl.col("seen_by").is_null())
    rows = frame.drop_nulls(needed[0]).select(needed)
    if rows[needed[0]].is_duplicated().any():
        raise UsageError(f"A group of '{needed[0]}' stands in the table more than once.")
    return rows


def _refuse_lacking(frame: pl.DataFrame, needed: list[str], where: str) -> None:
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError.missing_columns(missing, frame.columns, where)


def _known(language: Language) -> Language:
    if language not in words(Language):
        raise UsageError.unknown_choice("language", language, words(Language))
    return language


def _nothing() -> UsageError:
    return UsageError(
        "There is nothing to draw: too few groups may be shown.",
        allowed="Groups need five patients with a wait, a median ten.",
        next_step="Take what continuity.waiting_times gives for larger groups.",
    )
