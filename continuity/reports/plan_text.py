"""The sentences and tiles of a plan: what changes, what it costs, and how surely it is the best."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from continuity.reports.plan_content import PanelPlan
from continuity.reports.rows import ends
from continuity.reports.wording import Words

LEAVING: Final = ("leaver", "unknown_doctor", "other_unit")
BALANCE: Final = ("list_full", "balance", "with_household", "drawn")
PER_PRICE: Final = 10
"""Units of work that a price is told for: one visit a year is too small to picture."""


@dataclass(frozen=True)
class Tile:
    """One large number with its name and what it means."""

    label: str
    value: str
    note: str


def answer(plan: PanelPlan, words: Words) -> tuple[str, ...]:
    """Say who changes and why, how even the work becomes, and how good the plan is at least."""
    said, style = plan.summary, words.style
    reasons = said["reasons"]
    n, moved = said["n_patients"], said["n_moved"]
    new = sum(count for code, count in reasons.items() if code.startswith("new_"))
    counts = {
        "leaving": sum(reasons.get(code, 0) for code in LEAVING),
        "balance": sum(reasons.get(code, 0) for code in BALANCE),
        "known": reasons.get("knows_better", 0),
    }
    return (
        words(
            "plan.changes",
            n=style.count(n),
            moved=style.count(moved),
            share=style.share(moved / n, 1),
            kept=style.count(n - moved - new),
            new=style.count(new),
        ),
        words("plan.why", **{name: style.count(count) for name, count in counts.items()}),
        proof(said, words),
    )


def proof(said: Mapping[str, Any], words: Words) -> str:
    """Say cost, bound and gap in one line."""
    style = words.style
    gap = said["gap"]
    return words(
        "plan.proof",
        cost=style.decimals(said["cost"] + said["penalty"], 1),
        bound=style.decimals(said["lower_bound"], 1),
        gap="–" if gap is None else style.share(gap, 3),
    )


def balance(plan: PanelPlan, words: Words) -> tuple[str, ...]:
    """Say how far the lists are from their shares, before and after, and whether all are within what is allowed."""
    said, style, tolerance = plan.summary, words.style, plan.summary["parameters"]["tolerance"]
    found = [
        words(
            "plan.spread",
            before=_spread(plan, "load_before", words),
            after=_spread(plan, "load_after", words),
            band=_range(1 - tolerance, 1 + tolerance, words),
        )
    ]
    worst = said["worst_outside_band"]
    found.append(words("plan.all_inside") if not worst else words("plan.outside", worst=style.share(worst, 2)))
    if said["n_units_widened"]:
        found.append(words("plan.widened", n=style.count(said["n_units_widened"])))
    if said["n_units_penalised"]:
        penalty = style.decimals(said["penalty"], 1)
        found.append(words("plan.penalised", n=style.count(said["n_units_penalised"]), penalty=penalty))
    return tuple(found)


def tiles(plan: PanelPlan, words: Words) -> tuple[Tile, ...]:
    """Give the four numbers that a manager looks for."""
    said, style = plan.summary, words.style
    n, moved = said["n_patients"], said["n_moved"]
    kept, now = (_share(said[key], words) for key in ("share_visits_kept", "share_visits_with_previous"))
    return (
        Tile(
            words("plan.tile_moved"), style.count(moved), words("plan.tile_moved_note", share=style.share(moved / n, 1))
        ),
        Tile(words("plan.tile_kept"), kept, words("plan.tile_kept_note", now=now)),
        Tile(
            words("plan.tile_loads"),
            _spread(plan, "load_after", words),
            words("plan.tile_loads_note", now=_spread(plan, "load_before", words)),
        ),
        Tile(
            words("plan.tile_gap"),
            "–" if said["gap"] is None else style.share(said["gap"], 3),
            words("plan.tile_gap_note"),
        ),
    )


def price(value: float, words: Words) -> str:
    """Say what one more unit of a provider's work is worth, or that nothing presses."""
    worth = PER_PRICE * abs(value)
    if round(worth, 1) == 0:
        return words("plan.price_none")
    key = "plan.price_wanted" if value > 0 else "plan.price_filled"
    return words(key, work=words.style.count(PER_PRICE), worth=words.style.decimals(worth, 1))


def stability(plan: PanelPlan, words: Words) -> str:
    """Say whether the plan would stand with workloads estimated anew; nothing where it was not tried."""
    found = plan.summary.get("stability")
    if not found:
        return ""
    return words(
        "plan.stability",
        n=words.style.count(found["n"]),
        spread=words.style.share(found["spread"]),
        same=words.style.share(found["share_same_least"], 1),
        worst=words.style.share(found["worst_outside_band"], 1),
    )


def _share(value: float | None, words: Words) -> str:
    return "–" if value is None else words.style.share(value, 1)


def _spread(plan: PanelPlan, load: str, words: Words) -> str:
    fill = plan.providers[load] / plan.providers["target"]
    return _range(*ends(fill), words)


def _range(low: float, high: float, words: Words) -> str:
    first = words.style.share(low).removesuffix(words.style.percent)
    return f"{first}–{words.style.share(high)}"
