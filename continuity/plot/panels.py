"""The figure of a panel plan: each provider's work before and after, and the band."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from continuity.assignment import Plan
from continuity.errors import UsageError
from continuity.reports.charts import ACCENT, ACCENT_SOFT, INK, LINE, MUTED, Canvas, finish
from continuity.reports.wording import words_of
from continuity.vocabulary import Language, words

if TYPE_CHECKING:
    import altair as alt

_WORDS: Final = {
    "en": {"axis": "Work, share of the target (ring: before, dot: after)", "provider": "Provider"},
    "fi": {"axis": "Työ, osuus tavoitteesta (rengas: ennen, piste: jälkeen)", "provider": "Ammattilainen"},
    "sv": {"axis": "Arbete, andel av målet (ring: före, punkt: efter)", "provider": "Yrkesperson"},
}
_FEWEST: Final = 5
_MOST_ROWS: Final = 60
_ROW: Final = 24


def loads(
    plan: Plan,
    *,
    unit: Any = None,
    show_ids: bool = False,
    seed: int = 1,
    width: int = 560,
    language: Language = "en",
) -> "alt.LayerChart":
    """Draw the work of each provider before and after a plan, beside the band that was asked for.

    Parameters
    ----------
    plan : Plan
    unit : str or int, optional
        The unit_id whose providers are drawn; by default all.
    show_ids : bool
        Providers are persons: by default they have neutral numbers, dealt at random within a unit.
    seed : int
        Of the numbers.
    width : int
        In pixels.
    language : {"fi", "sv", "en"}

    Returns
    -------
    altair.LayerChart
        A row per provider, by unit; a list of one to four patients has no ring or no dot.

    Raises
    ------
    UsageError
        No provider belongs to the unit, or there are more than 60 rows, which nobody reads.

    Examples
    --------
    >>> from datetime import datetime
    >>> from continuity import assign
    >>> patients = pl.DataFrame({"patient_id": range(20), "listed_provider_id": ["A"] * 20, "workload": 2.0})
    >>> providers = pl.DataFrame({"provider_id": ["A", "B"], "fte": [1.0, 1.0]})
    >>> visits = pl.DataFrame({"patient_id": [1], "provider_id": ["A"], "visit_at": [datetime(2025, 1, 1)]})
    >>> chart = loads(assign(patients, providers, visits)).to_dict()
    >>> sorted(row["after"] for row in next(iter(chart["datasets"].values())))
    [1.0, 1.0]
    """
    import altair as alt

    if language not in words(Language):
        raise UsageError.unknown_choice("language", language, words(Language))
    said = _WORDS[language]
    canvas = Canvas(width, words_of(language))
    data = _rows(plan.providers, unit, said["provider"], seed, show_ids=show_ids)
    base = alt.Chart(data).encode(y=alt.Y("position:O", axis=None))
    axis = alt.Axis(format=".0%", tickCount=canvas.n_ticks)
    x: Any = alt.X("low:Q", title=said["axis"], axis=axis, scale=alt.Scale(zero=False))
    layers = [
        base.mark_rule(color=LINE),
        base.mark_rule(strokeWidth=10, color=ACCENT_SOFT, opacity=0.6).encode(x=x, x2="high:Q"),
        base.mark_point(size=80, filled=False, color=MUTED, opacity=1, strokeWidth=2).encode(x="before:Q"),
        base.mark_point(size=80, filled=True, color=ACCENT, opacity=1).encode(x="after:Q"),
        base.mark_text(align="right", color=INK).encode(x=alt.value(-10), text="name:N"),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=_ROW * data.height + 70)


def _rows(providers: pl.DataFrame, unit: Any, word: str, seed: int, *, show_ids: bool) -> pl.DataFrame:
    found = providers.sort("unit_id", "provider_id")
    if unit is not None:
        found = found.filter(pl.col("unit_id").cast(pl.String) == str(unit))
    if not 0 < found.height <= _MOST_ROWS:
        raise UsageError(
            f"The figure would have {found.height} rows.",
            allowed=f"Allowed: 1 to {_MOST_ROWS}.",
            next_step="Name one unit of the plan: unit=...",
        )
    dealt = pl.Series(np.random.default_rng(seed).permutation(found.height))
    numbered = found.with_columns(_dealt=dealt).sort("unit_id", "_dealt")
    number = pl.int_range(1, pl.len() + 1).over("unit_id")
    label = pl.col("provider_id").cast(pl.String) if show_ids else pl.format("{} {}", pl.lit(word), number)
    place = pl.format("{} · ", pl.col("unit_id")) if found["unit_id"].n_unique() > 1 else pl.lit("")
    shares = {
        when: pl.when(~pl.col(f"n_patients_{when}").is_between(1, _FEWEST - 1)).then(
            pl.col(f"load_{when}") / pl.col("target")
        )
        for when in ("before", "after")
    }
    ends = {end: pl.col(end) / pl.col("target") for end in ("low", "high")}
    return numbered.select(pl.int_range(pl.len()).alias("position"), name=pl.concat_str(place, label), **shares, **ends)
