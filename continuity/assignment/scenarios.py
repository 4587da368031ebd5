"""What if: a doctor leaves, joins, works part-time, a list is capped, demand grows, a team is split.

Each scenario is one call, or one line of a scenario file. All are planned alike, moving as few patients as can be, and
stand side by side with the plan of today, so that what a change asks for can be told from what balance asks for anyway.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity.assignment.attribution_visits import canonical
from continuity.assignment.plan import Plan, assign
from continuity.errors import InputError, UsageError, listing

FEWEST_MOVES: Final = 1_000.0
"""A move costs more than any patient's visits: as few move as can be, and then those who lose least."""
TODAY: Final = "today"


@dataclass(frozen=True)
class Tables:
    """The three tables that a scenario changes.

    Parameters
    ----------
    patients, providers, visits : polars.DataFrame
        Canonical.
    """

    patients: pl.DataFrame
    providers: pl.DataFrame
    visits: pl.DataFrame

    def row_of(self, provider: Any) -> pl.Expr:
        """Give the expression that finds a provider.

        Raises
        ------
        InputError
            There is no such provider.
        """
        is_text = self.providers["provider_id"].dtype == pl.String
        try:
            wanted = str(provider) if is_text else int(provider)
        except ValueError:
            wanted = -1
        found = pl.col("provider_id") == wanted
        if self.providers.filter(found).is_empty():
            raise InputError(
                f"The scenario names the provider {provider!r}, who is not in the providers.",
                next_step="Correct the name.",
            )
        return found

    def with_providers(self, *columns: pl.Expr) -> "Tables":
        """Give the tables with columns of the providers changed."""
        return replace(self, providers=self.providers.with_columns(*columns))


Change = Callable[[Tables], Tables]


def leaves(provider: Any) -> Change:
    """Say that a provider leaves: fte 0.

    Examples
    --------
    >>> callable(leaves("D000001"))
    True
    """
    return works(provider, 0.0)


def works(provider: Any, fte: float) -> Change:
    """Say that a provider works another share of full time."""

    def change(tables: Tables) -> Tables:
        fte_now = pl.when(tables.row_of(provider)).then(float(fte)).otherwise(pl.col("fte"))
        return tables.with_providers(fte_now.alias("fte"))

    return change


def joins(provider: Any, unit: Any = None, fte: float = 1.0, team: Any = None, role: str = "doctor") -> Change:
    """Say that a new provider joins a unit (may be left out where there is one)."""

    def change(tables: Tables) -> Tables:
        known = tables.providers
        if str(provider) in known["provider_id"].cast(pl.String):
            raise UsageError(f"The provider {provider!r}, who would join, is in the providers already.")
        named = {"provider_id": provider, "unit_id": unit, "team_id": team, "role": role, "fte": float(fte)}
        if "unit_id" in known.columns:
            named["unit_id"] = _only(known["unit_id"]) if unit is None else _one_of(known["unit_id"], unit, "unit")
        row = {name: value for name, value in named.items() if name in known.columns}
        new = pl.DataFrame([row]).cast({name: known.schema[name] for name in row})
        return replace(tables, providers=pl.concat([known, new], how="diagonal"))

    return change


def capped(provider: Any, patients: int) -> Change:
    """Say that a list may hold no more patients than this.

    Raises
    ------
    UsageError
        The number is below 0.
    """
    if not 0 <= patients < 1e9:
        raise UsageError(f"A list cannot hold {patients:g} patients.", allowed="Allowed: 0 or more.")

    def change(tables: Tables) -> Tables:
        before = pl.col("max_patients") if "max_patients" in tables.providers.columns else pl.lit(None, pl.Int64)
        cap = pl.when(tables.row_of(provider)).then(int(patients)).otherwise(before)
        return tables.with_providers(cap.cast(pl.Int64).alias("max_patients"))

    return change


def demand(percent: float, unit: Any = None) -> Change:
    """Say that everybody's workload, or that of a unit, grows by so many per cent.

    Shares do not change when all grow alike; what does is the work per full-time provider.
    """

    def change(tables: Tables) -> Tables:
        if "workload" not in tables.patients.columns:
            raise InputError("A scenario of demand needs a column 'workload' of the patients.")
        grown = pl.col("workload") * (1 + float(percent) / 100)
        if unit is not None:
            grown = pl.when(pl.col("unit_id").cast(pl.String) == str(unit)).then(grown).otherwise(pl.col("workload"))
        return replace(tables, patients=tables.patients.with_columns(grown.alias("workload")))

    return change


def split(team: Any, *providers: Any) -> Change:
    """Say that a team is split in two: the providers named become a unit of their own, and their lists go with them.

    The patients of a list stay in the half that their provider is in; those without a list stay in the first half.

    Raises
    ------
    UsageError
        No provider is named.
    """
    if not providers:
        raise UsageError("A split names no provider.", allowed="Allowed: split TEAM ID ID ..., who leave the team.")

    def change(tables: Tables) -> Tables:
        if "team_id" in tables.providers.columns:
            _one_of(tables.providers["team_id"], team, "team")
        new = f"{team} (2)"
        found = pl.any_horizontal(*[tables.row_of(provider) for provider in providers])
        staff = tables.providers.with_columns(
            pl.when(found).then(pl.lit(new)).otherwise(pl.col(name).cast(pl.String)).alias(name)
            for name in ("unit_id", "team_id")
            if name in tables.providers.columns
        )
        theirs = staff.filter(unit_id=new)["provider_id"]
        with_them = pl.col("listed_provider_id").is_in(theirs.implode()).fill_null(value=False)
        unit = pl.when(with_them).then(pl.lit(new)).otherwise(pl.col("unit_id").cast(pl.String))
        return replace(tables, providers=staff, patients=tables.patients.with_columns(unit.alias("unit_id")))

    return change


KINDS: Final[Mapping[str, Callable[..., Change]]] = {
    "leaves": leaves,
    "works": works,
    "joins": joins,
    "capped": capped,
    "demand": demand,
    "split": split,
}


def read_scenarios(path: Path) -> dict[str, Change]:
    """Read a scenario file: one line each, such as ``leaves D000007`` or ``joins NEW U0001 0.8``; # begins a remark.

    Returns
    -------
    dict
        The change of each line, by the line.

    Raises
    ------
    UsageError
        A line that names no scenario, or with too few or too many words.
    """
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        kind, *words = line.partition("#")[0].split() or [""]
        if not kind:
            continue
        if kind not in KINDS:
            raise UsageError.unknown_choice(f"Line {number} of {path.name}", kind, KINDS)
        try:
            numbers = {"works": (1,), "joins": (2,), "capped": (1,), "demand": (0,)}.get(kind, ())
            found[" ".join([kind, *words])] = KINDS[kind](
                *[float(word) if at in numbers else word for at, word in enumerate(words)]
            )
        except (TypeError, ValueError):
            raise UsageError(
                f"Line {number} of {path.name} cannot be read.",
                allowed="Allowed: leaves ID; works ID FTE; joins ID UNIT FTE; capped ID N; demand PERCENT; "
                "split TEAM ID ID ...",
            ) from None
    return found


def compare(
    patients: Any,
    providers: Any,
    visits: Any,
    scenarios: Mapping[str, Change | Iterable[Change]],
    *,
    move_cost: float = FEWEST_MOVES,
    **choices: Any,
) -> tuple[pl.DataFrame, dict[str, Plan]]:
    """Plan today and each scenario, and put them side by side.

    Parameters
    ----------
    patients, providers, visits : frame
    scenarios : mapping of str to change(s)
        By name: what `leaves`, `joins`, `works`, `capped`, `demand` or `split` give, or several of them.
    move_cost : float
        By default so much that as few as can be move.
    **choices
        Further parameters of `continuity.assign`.

    Returns
    -------
    tuple of (polars.DataFrame, dict)
        One row per scenario, ``today`` first: n_moved and its parts (n_leaver: their provider leaves; n_known_better;
        n_balance: the bands need it; n_balance_more: how many more than today), n_new, share_visits_kept, cost,
        lower_bound, gap, worst_outside_band, largest_load, smallest_load (over target), work_per_fte. And the plans, by
        name.

    Raises
    ------
    InputError, InfeasibleError, UsageError
        As `continuity.assign`; or a provider that is not there.

    Examples
    --------
    >>> from continuity.synthetic import Setting, generate
    >>> made = generate(Setting(n_patients=300, seed=1))
    >>> doctor = made.providers.filter(role="doctor")["provider_id"][0]
    >>> what_if = {"one leaves": leaves(doctor)}
    >>> table, plans = compare(made.patients, made.providers, made.visits, what_if, tolerance=0.3)
    >>> table["scenario"].to_list()
    ['today', 'one leaves']
    """
    base = Tables(*_collected(patients, providers, visits))
    if TODAY in scenarios:
        raise UsageError(f"A scenario cannot be named {TODAY!r}: that is the plan without a change.")
    plans = {}
    for name, changes in {TODAY: (), **scenarios}.items():
        tables = base
        for change in [changes] if callable(changes) else changes:
            tables = change(tables)
        plans[name] = assign(tables.patients, tables.providers, tables.visits, move_cost=move_cost, **choices)
    rows = pl.DataFrame([_row(name, plan) for name, plan in plans.items()])
    return rows.with_columns(n_balance_more=pl.col("n_balance") - pl.col("n_balance").first()), plans


def _row(name: str, plan: Plan) -> dict[str, Any]:
    reasons, summary = plan.summary["reasons"], plan.summary
    fill = plan.providers["load_after"] / plan.providers["target"]
    balance = sum(reasons.get(code, 0) for code in ("list_full", "balance", "with_household", "drawn"))
    kept = ("share_visits_kept", "cost", "lower_bound", "gap", "worst_outside_band")
    return {
        "scenario": name,
        "n_moved": summary["n_moved"],
        "n_leaver": sum(reasons.get(code, 0) for code in ("leaver", "unknown_doctor", "other_unit")),
        "n_known_better": reasons.get("knows_better", 0),
        "n_balance": balance,
        "n_new": sum(n for code, n in reasons.items() if code.startswith("new_")),
        **{key: summary[key] for key in kept},
        "largest_load": fill.max(),
        "smallest_load": fill.min(),
        "work_per_fte": float(plan.providers["load_after"].sum()) / float(plan.providers["fte"].sum()),
    }


def _collected(patients: Any, providers: Any, visits: Any) -> list[pl.DataFrame]:
    frames = (canonical(patients, "patients"), canonical(providers, "providers"), canonical(visits, "visits"))
    found = [frame.collect(engine="streaming") for frame in frames]
    if "fte" not in found[1].columns:
        found[1] = found[1].with_columns(fte=pl.lit(1.0))
    return found


def _one_of(values: pl.Series, wanted: Any, what: str) -> Any:
    """Give the unit or team that is named, as the providers write it."""
    known = {str(value): value for value in values.drop_nulls().unique().sort()}
    if str(wanted) not in known:
        raise UsageError.unknown_choice(f"The scenario's {what}", str(wanted), known)
    return known[str(wanted)]


def _only(values: pl.Series) -> Any:
    distinct = values.drop_nulls().unique().sort().to_list()
    if len(distinct) != 1:
        raise UsageError(
            "The scenario does not say which unit the new provider joins.",
            allowed=f"Units: {listing([str(value) for value in distinct])}.",
        )
    return distinct[0]
