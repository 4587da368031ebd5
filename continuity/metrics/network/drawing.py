"""A picture of a unit's sharing network."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError
from continuity.metrics.network.communities import numbered_graph
from continuity.metrics.network.sharing import Sharing
from continuity.schema import conform
from continuity.vocabulary import Language, words

if TYPE_CHECKING:
    import altair as alt

_WORDS: Final = {
    "en": {"team": "Team", "shared": "Shared patients", "provider": "Provider", "none": "no team"},
    "fi": {"team": "Tiimi", "shared": "Yhteisiä potilaita", "provider": "Ammattilainen", "none": "ei tiimiä"},
    "sv": {"team": "Team", "shared": "Gemensamma patienter", "provider": "Yrkesperson", "none": "inget team"},
}
_LINE: Final = "#9fb0b7"
_INK: Final = "#1b2a30"


def draw(
    sharing: Sharing,
    *,
    unit: Any,
    providers: Any = None,
    show_ids: bool = False,
    min_shared: int = 5,
    seed: int = 1,
    language: Language = "en",
) -> "alt.LayerChart":
    """Draw who shares patients with whom in a unit.

    Parameters
    ----------
    sharing : Sharing
    unit : str or int
        The unit_id whose providers are drawn.
    providers : frame, optional
        Canonical providers with unit_id and, for the colours, team_id; without it, what `sharing` knows.
    show_ids : bool
        Providers are persons: by default they have neutral numbers, dealt at random, and the chart holds no id.
    min_shared : int
        Pairs who share fewer patients are not drawn: a line is not to tell of a few persons.
    seed : int
        Of the places and the numbers; the same seed gives the same picture, whatever the order of the rows.
    language : {"en", "fi", "sv"}

    Returns
    -------
    altair.LayerChart
        A mark per provider, coloured and shaped by the team on paper; the wider a line, the more shared patients.
        Providers who share many patients lie near each other.

    Raises
    ------
    UsageError
        No provider belongs to the unit.
    InputError
        Nothing says the units of the providers.

    Examples
    --------
    >>> from continuity.metrics.network import sharing
    >>> visits = pl.DataFrame({"patient_id": [1, 1, 2, 2], "provider_id": ["A", "B", "A", "B"], "unit_id": ["U"] * 4})
    >>> chart = draw(sharing(visits.with_columns(visit_at=pl.date(2025, 1, 1))), unit="U", min_shared=1)
    >>> chart.to_dict()["layer"][0]["mark"]["type"]
    'rule'
    """
    import altair as alt

    if language not in words(Language):
        raise UsageError.unknown_choice("language", language, words(Language))
    said = _WORDS[language]
    dots, lines = _picture(sharing, _members(sharing, unit, providers), said, min_shared, seed, show_ids=show_ids)
    x, y = (alt.X("x:Q", axis=None), alt.Y("y:Q", axis=None))
    width = alt.StrokeWidth("n_shared:Q", title=said["shared"], scale=alt.Scale(range=[0.5, 8], zero=True))
    team = alt.Color("team:N", title=said["team"], scale=alt.Scale(scheme="tableau10"), sort=None)
    shape = alt.Shape("team:N", title=said["team"], sort=None)  # for those who do not tell the colours apart
    edges = alt.Chart(lines).mark_rule(color=_LINE, opacity=0.5)
    nodes = alt.Chart(dots).encode(x=x, y=y)
    layers = alt.layer(
        edges.encode(x=x, y=y, x2="x2:Q", y2="y2:Q", strokeWidth=width),
        nodes.mark_point(size=220, filled=True, opacity=1).encode(color=team, shape=shape),
        nodes.mark_text(dy=-16, color=_INK, fontSize=11).encode(text="label:N"),
    )
    chart: alt.LayerChart = layers.properties(width=560, height=420).configure_view(stroke=None)
    return chart


def _members(sharing: Sharing, unit: Any, providers: Any) -> pl.DataFrame:
    """Give the providers of the unit: their places in the network and their teams."""
    nodes = sharing.nodes.with_row_index("place")
    if providers is not None:
        staff = conform(edge.lazily(providers)[0], "providers", where="providers").collect()
        staff = staff.with_columns(pl.col("provider_id").cast(nodes.schema["provider_id"], strict=False))
        staff = staff.select(name for name in ("provider_id", "team_id", "unit_id") if name in staff.columns)
        one_each = staff.sort(staff.columns).unique("provider_id", keep="first", maintain_order=True)
        known = [name for name in one_each.columns[1:] if name in nodes.columns]
        nodes = nodes.drop(known).join(one_each, on="provider_id", how="left", maintain_order="left")
    if "unit_id" not in nodes.columns:
        raise InputError.missing_columns(["unit_id"], nodes.columns, "the providers")
    found = nodes.filter(pl.col("unit_id").cast(pl.String) == str(unit))
    if not found.height:
        raise UsageError("No provider of the network belongs to the unit asked for.")
    team = pl.col("team_id").cast(pl.String) if "team_id" in found.columns else pl.lit(None, pl.String)
    return found.select("place", "provider_id", team=team)


def _picture(
    sharing: Sharing, members: pl.DataFrame, said: dict[str, str], min_shared: int, seed: int, *, show_ids: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    import networkx as nx

    places = members["place"].to_list()
    inside = numbered_graph(sharing.within(places), min_shared)
    spots = nx.spring_layout(inside, seed=seed, weight="weight")
    at = pl.DataFrame(np.array([spots[n] for n in range(len(places))]), schema=["x", "y"], orient="row")
    numbers = np.random.default_rng(seed).permutation(len(places)) + 1
    labels = (
        members["provider_id"].cast(pl.String).to_list() if show_ids else [f"{said['provider']} {n}" for n in numbers]
    )
    dots = at.with_columns(label=pl.Series(labels), team=members["team"].fill_null(said["none"]))
    one, other = ([edge[side] for edge in inside.edges()] for side in (0, 1))
    ends = at[other].rename({"x": "x2", "y": "y2"})
    weights = pl.Series("n_shared", [weight for *_, weight in inside.edges(data="weight")], dtype=pl.Int64)
    # Drawn in the order of the labels: the order of the rows must not tell what the labels do not.
    return dots.sort("label"), pl.concat([at[one], ends, weights.to_frame()], how="horizontal").sort(
        "x", "y", "x2", "y2"
    )
