"""The page of a plan: what changes and why, what it does to each list, what balance costs, and how it was made."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any, Final

import polars as pl

from continuity.reports.charts import Canvas
from continuity.reports.findings import Picture, Section, picture
from continuity.reports.plan_book import book_note, n_in_book
from continuity.reports.plan_charts import amounts, curve, shifts
from continuity.reports.plan_content import MOST_ROWS, PanelPlan, shown_providers
from continuity.reports.plan_grids import (
    chronic_grid,
    counts_grid,
    curve_grid,
    fairness_grid,
    prices_grid,
    providers_grid,
    reasons_grid,
    rules_grid,
    scenarios_grid,
    simulation_grid,
    units_grid,
    versions_grid,
)
from continuity.reports.plan_text import answer, balance, stability, tiles
from continuity.reports.rendering import render
from continuity.reports.wording import Words

Draw = Callable[[Canvas], Mapping[str, Any]]
_WHOLE: Final = 760
_HALF: Final = 540
FIGURES: Final = ("loads", "patients", "work", "moves", "curve")


def plan_page(plan: PanelPlan, words: Words) -> str:
    """Make the whole page.

    Parameters
    ----------
    plan : PanelPlan
    words : Words

    Returns
    -------
    str
        HTML that stands alone.
    """
    said, drawn = plan.summary, dict(_pictures(plan, words))
    return render(
        "plan.html",
        words,
        input_name=said["input"],
        version=said["versions"].get("continuity", ""),
        created_on=words.style.day(plan.created_on),
        day=words.style.day(date.fromisoformat(said["parameters"]["as_of"][:10])),
        answer=answer(plan, words),
        balance=balance(plan, words),
        tiles=tiles(plan, words),
        pictures=drawn,
        some=_some(plan, words),
        book="" if n_in_book(said) == said["n_patients"] else book_note(plan, words),
        sections=tuple(_sections(plan, drawn, words)),
        stability=stability(plan, words),
        counts=counts_grid(plan, words),
        rules=rules_grid(plan, words),
        versions=versions_grid(plan, words),
    )


def drawings(plan: PanelPlan, words: Words) -> dict[str, tuple[str, Draw]]:
    """Give the title of each figure and how it is drawn; what has no numbers has no figure."""
    found: dict[str, tuple[str, Draw]] = {}
    for name, rows in _shifts(plan, words).items():
        form = ".0%" if name == "loads" else ",.0f"
        draw = partial(shifts, rows, title=words(f"plan.axis_{name}"), number_format=form)
        found[name] = (words(f"plan.figure_{name}"), draw)
    moves = _moves(plan, words)
    if moves.height:
        found["moves"] = (words("plan.figure_moves"), partial(amounts, moves, title=words("plan.n_patients")))
    met = [row for row in plan.summary.get("curve", ()) if row["n_moved"] is not None]
    if len(met) > 1:
        found["curve"] = (words("plan.figure_curve"), partial(curve, _curve(met, plan, words)))
    return found


def _pictures(plan: PanelPlan, words: Words) -> Iterator[tuple[str, Picture]]:
    for name, (title, draw) in drawings(plan, words).items():
        width = _HALF if name in ("patients", "work") else _WHOLE
        yield name, picture(title, words(f"plan.lead_{name}"), draw, key=name, words=words, width=width)


def _sections(plan: PanelPlan, drawn: Mapping[str, Picture], words: Words) -> Iterator[tuple[str, Section]]:
    """Give the parts between the picture of the loads and the method, each with the id of its heading."""
    reasons = reasons_grid(plan, words)
    yield "moves", Section(words("plan.figure_moves"), words("plan.lead_moves"), drawn.get("moves"), reasons)
    yield "prices", Section(words("plan.price_title"), words("plan.price_lead"), None, prices_grid(plan, words))
    if "curve" in plan.summary:
        title, lead = words("plan.figure_curve"), words("plan.lead_curve")
        yield "curve", Section(title, lead, drawn.get("curve"), curve_grid(plan, words))
    fairness = fairness_grid(plan.fairness, words)
    yield "fairness", Section(words("plan.fairness_title"), words("plan.fairness_lead"), None, fairness)
    if plan.chronic is not None:
        chronic = chronic_grid(plan.chronic, words)
        yield "chronic", Section(words("plan.chronic_title"), words("plan.chronic_lead"), None, chronic)
    if plan.summary.get("scenarios"):
        scenarios = scenarios_grid(plan, words)
        yield "scenarios", Section(words("plan.scenarios_title"), words("plan.scenarios_lead"), None, scenarios)
    if plan.summary.get("simulation"):
        lead = words("plan.simulation_lead", n=words.style.count(plan.summary["simulation"]["years"]))
        yield "simulation", Section(words("plan.simulation_title"), lead, None, simulation_grid(plan, words))
    yield "providers", Section(words("plan.providers"), words("plan.providers_lead"), None, providers_grid(plan, words))
    units = units_grid(plan, words)
    if units is not None:
        yield "units", Section(words("plan.units"), words("plan.units_lead"), None, units)


def _shifts(plan: PanelPlan, words: Words) -> dict[str, pl.DataFrame]:
    """Give what the three figures of lists draw, the fullest list of today first in each."""
    rows = shown_providers(plan.providers).sort(pl.col("load_before") / pl.col("target"), descending=True)
    target, none = pl.col("target"), pl.lit(None, pl.Float64)
    columns = {
        "loads": [pl.col(name) / target for name in ("load_before", "load_after", "low", "high")],
        "patients": [pl.col("n_patients_before"), pl.col("n_patients_after"), none, none],
        "work": [pl.col("load_before"), pl.col("load_after"), pl.col("low"), pl.col("high")],
    }
    made = {}
    for name, (before, after, low, high) in columns.items():
        frame = rows.select(
            name=pl.col("provider_id").cast(pl.String),
            before=before.cast(pl.Float64),
            after=after.cast(pl.Float64),
            low=low,
            high=high,
        )
        write = words.style.share if name == "loads" else words.style.count
        made[name] = frame.with_columns(shown=pl.Series([write(value) for value in frame["after"]], dtype=pl.String))
    return made


def _moves(plan: PanelPlan, words: Words) -> pl.DataFrame:
    """Count the patients who change or get a first list, by reason, most first."""
    stay = ("kept", "own_choice")
    found = sorted(((-n, code) for code, n in plan.summary["reasons"].items() if code not in stay and n))
    names = [words.of_code("move", code) for _, code in found]
    shown = [words.style.count(-n) for n, _ in found]
    return pl.DataFrame(
        {"name": names, "n": [-n for n, _ in found], "shown": shown},
        schema={"name": pl.String, "n": pl.Int64, "shown": pl.String},
    )


def _curve(met: list[dict[str, float]], plan: PanelPlan, words: Words) -> pl.DataFrame:
    asked = plan.summary["parameters"]["tolerance"]
    rows = pl.DataFrame(met, infer_schema_length=None).select("tolerance", "n_moved")
    shown = [words.style.count(n) for n in rows["n_moved"]]
    return rows.with_columns(is_asked=pl.col("tolerance") == asked, shown=pl.Series(shown, dtype=pl.String))


def _some(plan: PanelPlan, words: Words) -> str:
    """Say that the page does not show every provider, where it does not."""
    n = len(plan.summary["providers"])
    if n <= MOST_ROWS:
        return ""
    return words("plan.some", shown=words.style.count(MOST_ROWS), n=words.style.count(n))
