"""The tables of a plan's page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from continuity.privacy import ProtectedTable
from continuity.reports.grids import Cell, Grid, Kind, class_name, number
from continuity.reports.method import two_columns
from continuity.reports.plan_content import MOST_ROWS, PanelPlan, shown_providers
from continuity.reports.plan_text import price
from continuity.reports.protected import refuse_unprotected
from continuity.reports.rows import Row
from continuity.reports.wording import Words

_PROVIDERS: Final[Mapping[str, Kind]] = {
    "n_patients_before": "count",
    "n_patients_after": "count",
    "work_before": "count",
    "work_after": "count",
    "fill_before": "share",
    "fill_after": "share",
    "n_kept": "count",
    "n_left": "count",
    "n_joined": "count",
}
_UNITS: Final[Mapping[str, Kind]] = {
    "n_patients": "count",
    "n_moved": "count",
    "cost": "decimal",
    "lower_bound": "decimal",
    "gap": "share",
    "tolerance": "share",
    "worst_outside_band": "share",
}
_CURVE: Final[Mapping[str, Kind]] = {
    "n_moved": "count",
    "share_moved": "share",
    "share_visits_kept": "share",
    "smallest_load": "share",
    "largest_load": "share",
}
_SCENARIOS: Final[Mapping[str, Kind]] = {
    "n_moved": "count",
    "n_leaver": "count",
    "n_balance": "count",
    "n_balance_more": "count",
    "share_visits_kept": "share",
    "smallest_load": "share",
    "largest_load": "share",
    "worst_outside_band": "share",
}


def providers_grid(plan: PanelPlan, words: Words, *, everyone: bool = False) -> Grid:
    """Give each provider's list before and after: patients, work, work over share, who stays, leaves and joins."""
    rows = with_fill(plan.providers if everyone else shown_providers(plan.providers))
    names = ("provider_id", "unit_id") if plan.units.height > 1 else ("provider_id",)
    return _grid("plan.providers", names, _PROVIDERS, rows, words)


def with_fill(providers: pl.DataFrame) -> pl.DataFrame:
    """Add work_before, work_after and both over the target."""
    return providers.with_columns(
        work_before="load_before",
        work_after="load_after",
        fill_before=pl.col("load_before") / pl.col("target"),
        fill_after=pl.col("load_after") / pl.col("target"),
    )


def units_grid(plan: PanelPlan, words: Words, *, everyone: bool = False) -> Grid | None:
    """Give each unit's moves and proof; None where there is one unit, which the page is about."""
    units = plan.units
    if units.height < 2:
        return None
    rows = units if everyone else units.sort("n_moved", descending=True).head(MOST_ROWS).sort("unit_id")
    return _grid("plan.units", ("unit_id",), _UNITS, rows, words)


def curve_grid(plan: PanelPlan, words: Words) -> Grid:
    """Give what each tolerance asks for; one that cannot be met says so."""
    heads = (("plan.tolerance", True), *((f"plan.{name}", True) for name in _CURVE))
    rows = []
    for row in plan.summary["curve"]:
        cells = [_cell(row[name], kind, words, missing="plan.infeasible") for name, kind in _CURVE.items()]
        rows.append((Cell(f"±{words.style.share(row['tolerance'], 1)}", "share", row["tolerance"]), *cells))
    return Grid(words("plan.curve_title"), tuple((words(key), is_n) for key, is_n in heads), tuple(rows))


def scenarios_grid(plan: PanelPlan, words: Words) -> Grid:
    """Put today and the scenarios side by side."""
    rows = pl.DataFrame(plan.summary["scenarios"], infer_schema_length=None)
    today = pl.col("scenario").replace({"today": words("plan.today")})
    return _grid("plan.scenarios_title", ("scenario",), _SCENARIOS, rows.with_columns(today), words)


def simulation_grid(plan: PanelPlan, words: Words) -> Grid:
    """Put what is simulated under today's lists beside the plan, each with its interval."""
    rows = [
        (
            Cell(words(f"plan_measure.{measure}")),
            *(_simulated(row, name, words) for name in ("today", "plan")),
        )
        for row in plan.summary["simulation"]["rows"]
        for measure in [row["measure"]]
    ]
    heads = (("plan.measure", False), ("plan.simulated_today", True), ("plan.simulated_plan", True))
    return Grid(words("plan.simulation_title"), tuple((words(key), is_n) for key, is_n in heads), tuple(rows))


def _simulated(row: Mapping[str, Any], name: str, words: Words) -> Cell:
    if row[f"{name}_estimate"] is None:
        return Cell(words("reason.missing"))
    style, measure = words.style, str(row["measure"])
    numbers = [row[f"{name}_{part}"] for part in ("estimate", "ci_low", "ci_high")]
    if measure.startswith(("share", "overflow")):
        estimate, low, high = (style.share(value, 1) for value in numbers)
        low = low.removesuffix(style.percent)
    else:
        estimate, low, high = (style.decimals(value, 1 if measure.endswith("days") else 2) for value in numbers)
    return Cell(f"{estimate} ({low}–{high})", "decimal", float(numbers[0]))


def reasons_grid(plan: PanelPlan, words: Words) -> Grid:
    """Count the patients by reason, most first."""
    n = plan.summary["n_patients"]
    ordered = sorted(plan.summary["reasons"].items(), key=lambda one: (-one[1], one[0]))
    rows = [
        (
            Cell(words.of_code("move", code)),
            Cell(words(f"move_meaning.{code}")),
            _cell(count, "count", words),
            _cell(count / n, "share", words),
        )
        for code, count in ordered
    ]
    heads = (("plan.reason", False), ("plan.meaning", False), ("plan.n_patients", True), ("plan.share", True))
    return Grid(words("plan.reasons_title"), tuple((words(key), is_n) for key, is_n in heads), tuple(rows))


def prices_grid(plan: PanelPlan, words: Words) -> Grid:
    """Say for each provider what their time is worth, dearest first."""
    rows = shown_providers(plan.providers).sort("price", "provider_id", descending=[True, False])
    pairs = [(str(one), price(value, words)) for one, value in rows.select("provider_id", "price").iter_rows()]
    return two_columns(words("plan.price_title"), ("plan.provider_id", "plan.price"), pairs, words)


def fairness_grid(table: ProtectedTable, words: Words) -> Grid:
    """Give who moves by group; the share is taken from the protected parts."""
    refuse_unprotected({"fairness": table})
    rows = []
    for row in table.frame.sort("by", "group", nulls_last=True).iter_rows(named=True):
        n, moved = row["n_patients"], row["n_moved"]
        share = None if n is None or moved is None else moved / n
        cells: list[tuple[float | None, Kind]] = [(n, "count"), (moved, "count"), (share, "share")]
        hidden = "reason.suppressed"
        rows.append(
            (
                Cell(words.of_code("group", row["by"])),
                Cell(_group(row["group"], words)),
                *(_cell(value, kind, words, missing=hidden) for value, kind in cells),
            )
        )
    keys = (("plan.by", False), ("column.group", False), ("plan.n_patients", True))
    heads = (*keys, ("plan.n_moved", True), ("plan.share_moved", True))
    return Grid(words("plan.fairness_title"), tuple((words(key), is_n) for key, is_n in heads), tuple(rows))


def chronic_grid(table: ProtectedTable, words: Words) -> Grid:
    """Give the chronically ill on each list before and after."""
    refuse_unprotected({"chronic": table})
    hidden = "reason.suppressed"
    rows = tuple(
        (
            Cell(str(row["provider_id"])),
            *(_cell(row[name], "count", words, missing=hidden) for name in ("n_chronic_before", "n_chronic_after")),
        )
        for row in table.frame.iter_rows(named=True)
    )
    keys = (("plan.provider_id", False), ("plan.n_chronic_before", True), ("plan.n_chronic_after", True))
    return Grid(words("plan.chronic_title"), tuple((words(key), is_n) for key, is_n in keys), rows)


def counts_grid(plan: PanelPlan, words: Words) -> Grid:
    """Give what was left out or treated."""
    pairs = [(words.of_code("plan_count", name), words.style.count(n)) for name, n in plan.summary["counts"].items()]
    return two_columns(words("plan.counts_title"), ("plan.count_what", "plan.n_patients_or_visits"), pairs, words)


def rules_grid(plan: PanelPlan, words: Words) -> Grid:
    """Give every parameter with its choice."""
    pairs = [
        (words.of_code("plan_parameter", name), _choice(value, words))
        for name, value in plan.summary["parameters"].items()
    ]
    return two_columns(words("method.rules_title"), ("method.rule", "method.choice"), pairs, words)


def versions_grid(plan: PanelPlan, words: Words) -> Grid:
    """Give the versions that made the plan, and the fingerprint of the data."""
    pairs = (*plan.summary["versions"].items(), (words("method.fingerprint"), plan.summary["input_fingerprint"]))
    return two_columns(words("method.versions_title"), ("method.component", "method.version"), pairs, words)


def _grid(title: str, names: Sequence[str], kinds: Mapping[str, Kind], rows: pl.DataFrame, words: Words) -> Grid:
    heads = [*((words(f"plan.{name}"), False) for name in names), *((words(f"plan.{name}"), True) for name in kinds)]
    made = tuple(_row(row, names, kinds.items(), words) for row in rows.iter_rows(named=True))
    return Grid(words(title), tuple(heads), made)


def _row(row: Row, names: Sequence[str], kinds: Iterable[tuple[str, Kind]], words: Words) -> tuple[Cell, ...]:
    return (*(Cell(str(row[name])) for name in names), *(_cell(row[name], kind, words) for name, kind in kinds))


def _cell(value: Any, kind: Kind, words: Words, *, missing: str = "reason.missing") -> Cell:
    if value is None:
        return Cell(words(missing))
    return Cell(number(value, kind, words), kind, float(value))


def _group(code: str | None, words: Words) -> str:
    return words("plan_group.missing") if code is None else words.of_code("plan_group", class_name(code, words))


def _choice(value: Any, words: Words) -> str:
    if value is None or isinstance(value, bool):
        return words(f"plan_value.{str(value).lower()}")
    if isinstance(value, float):
        return words.style.decimals(value, 3).rstrip("0").rstrip(words.style.decimal)
    return words.of_code("plan_value", str(value))
