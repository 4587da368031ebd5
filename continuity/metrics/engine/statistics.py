"""From visits to sufficient statistics: one row per patient and window, from which every index is a formula.

This is the plain path: group-bys of Polars, written to be read. Any faster path must give the same numbers.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final, Literal

import polars as pl

from continuity.metrics.engine.prepare import KEYS
from continuity.metrics.engine.rules import Rules
from continuity.vocabulary import TieOrder

Scenario = Literal["drop", "each_distinct", "one_group", "to_usual"]
"""What the unknown visits are taken for; ``to_usual`` gives them all to the provider seen most."""

SCENARIOS: Final[Mapping[str, tuple[Scenario, ...]]] = {
    "drop": ("drop",),
    "each_distinct": ("each_distinct",),
    "one_group": ("one_group",),
    "bounds": ("each_distinct", "to_usual"),
}
LISTED: Final = frozenset({"n_listed", "n_while_listed"})
NETWORK: Final = frozenset({"shared_pairs", "n_provider_pairs"})  # of known providers only, whatever the scenario
COUNTED: Final = frozenset({"n_known", "n_unknown"})  # always there, whatever is needed


def statistics(visits: pl.LazyFrame, needs: AbstractSet[str], rules: Rules) -> pl.LazyFrame:
    """Count what was seen, known and unknown providers apart, so that every rule for the unknown can follow.

    Parameters
    ----------
    visits : polars.LazyFrame
        As `prepared` gives them: patient_id, window_id, actor (null: unknown), visit_at.
    needs : set of str
        Statistics that the chosen indices use; those not needed are not computed.
    rules : Rules

    Returns
    -------
    polars.LazyFrame
        One row per patient and window: n_known, n_unknown, k_known, m_known, sum_squares_known and, where needed,
        n_known_to_listed, n_known_while_listed, n_unknown_while_listed, n_log2_n_known and the same_* of
        `_same_pairs`. Counts are Int64: the square of a UInt32 count wraps.
    """
    counts = _counts(visits, with_listed=bool(needs & LISTED), with_logs="sum_n_log2_n" in needs)
    if "same_pairs" not in needs:
        return counts
    for scenario in SCENARIOS[rules.unknown_provider]:
        pairs = _same_pairs(visits, scenario, rules.tie_order)
        counts = counts.join(pairs, on=KEYS, how="left").with_columns(pl.col(f"same_{scenario}").fill_null(0.0))
    return counts


def _counts(visits: pl.LazyFrame, *, with_listed: bool, with_logs: bool) -> pl.LazyFrame:
    known, n = pl.col("actor").is_not_null(), pl.col("n")
    flags = ["while_listed", "to_listed"] if with_listed else []
    per_actor = visits.group_by(*KEYS, "actor").agg(
        pl.len().cast(pl.Int64).alias("n"), *[pl.col(flag).sum().cast(pl.Int64) for flag in flags]
    )
    listed = {
        "n_known_to_listed": pl.col("to_listed").sum(),
        "n_known_while_listed": pl.col("while_listed").filter(known).sum(),
        "n_unknown_while_listed": pl.col("while_listed").filter(~known).sum(),
    }
    # In order of size, so that the last digit does not depend on the names; see `_expected_same_pairs`.
    logs = {"n_log2_n_known": _n_log2_n(n.filter(known).sort()).cum_sum().last().fill_null(0.0)}
    return per_actor.group_by(*KEYS).agg(
        n_known=n.filter(known).sum(),
        n_unknown=n.filter(~known).sum(),
        k_known=known.sum().cast(pl.Int64),
        m_known=n.filter(known).max().fill_null(0),
        sum_squares_known=(n * n).filter(known).sum(),
        **(listed if with_listed else {}),
        **(logs if with_logs else {}),
    )


def _n_log2_n(n: pl.Expr) -> pl.Expr:
    return pl.when(n > 1).then(n * n.log(2)).otherwise(0.0)


def resolve(scenario: Scenario, columns: AbstractSet[str]) -> dict[str, pl.Expr]:
    """Give the symbols of the formulas, with the unknown visits taken for what the scenario says.

    Parameters
    ----------
    scenario : {"drop", "each_distinct", "one_group", "to_usual"}
    columns : set of str
        The columns that `statistics` gave.

    Returns
    -------
    dict of str to polars.Expr
        n_visits, n_providers, n_usual, sum_squares and, where their parts are there, sum_n_log2_n, same_pairs,
        n_listed, n_while_listed, n_provider_pairs.
    """
    n, u = pl.col("n_known"), pl.col("n_unknown")
    k, m, s = pl.col("k_known"), pl.col("m_known"), pl.col("sum_squares_known")
    any_unknown = (u > 0).cast(pl.Int64)
    symbols: dict[Scenario, tuple[pl.Expr, ...]] = {
        "drop": (n, k, m, s),
        "each_distinct": (n + u, k + u, pl.max_horizontal(m, any_unknown), s + u),
        "one_group": (n + u, k + any_unknown, pl.max_horizontal(m, u), s + u * u),
        "to_usual": (n + u, pl.max_horizontal(k, any_unknown), m + u, s - m * m + (m + u) * (m + u)),
    }
    found = dict(zip(("n_visits", "n_providers", "n_usual", "sum_squares"), symbols[scenario], strict=True))
    if f"same_{scenario}" in columns:
        found["same_pairs"] = pl.col(f"same_{scenario}")
    if "n_log2_n_known" in columns:
        logs = pl.col("n_log2_n_known")
        found["sum_n_log2_n"] = {
            "drop": logs,
            "each_distinct": logs,
            "one_group": logs + _n_log2_n(u),
            "to_usual": logs - _n_log2_n(m) + _n_log2_n(m + u),
        }[scenario]
    if "n_known_to_listed" in columns:
        missed = pl.col("n_unknown_while_listed")
        found["n_listed"] = pl.col("n_known_to_listed") + (missed if scenario == "to_usual" else 0)
        found["n_while_listed"] = pl.col("n_known_while_listed") + (0 if scenario == "drop" else missed)
    if "shared_pairs" in columns:
        found["n_provider_pairs"] = k * (k - 1) // 2
    return found


def _same_pairs(visits: pl.LazyFrame, scenario: Scenario, tie_order: TieOrder) -> pl.LazyFrame:
    """Count successive visits to the same provider per patient and window, as ``same_<scenario>``."""
    name = f"same_{scenario}"
    if scenario == "to_usual":
        # Filling each unknown visit with the provider before it (at the head: after it) breaks no pair of successive
        # known visits and adds one equal pair per unknown visit, whatever the order: no filling gives more.
        known = _same_pairs(visits, "drop", tie_order).rename({"same_drop": "same"})
        sizes = visits.group_by(*KEYS).agg(
            u=pl.col("actor").is_null().sum().cast(pl.Float64), n=pl.col("actor").count().cast(pl.Float64)
        )
        filled = pl.when(pl.col("n") > 0).then(pl.col("u") + pl.col("same").fill_null(0.0)).otherwise(pl.col("u") - 1)
        return sizes.join(known, on=KEYS, how="left").select(*KEYS, filled.alias(name))
    if scenario == "drop":
        visits = visits.filter(pl.col("actor").is_not_null())
    nulls_are_one = scenario == "one_group"
    if tie_order == "visit_id":  # visits whose ids are missing or equal still share a moment
        moment = pl.struct("visit_at", "visit_id").rle_id()
        visits = visits.sort(*KEYS, "visit_at", "visit_id").with_columns(visit_at=moment)
    ordered = _neighbours(visits, nulls_are_one=nulls_are_one)
    # Most patients never have two visits at one moment: for them successive rows are successive visits. The closed
    # form of the expectation is taken for the others only.
    tied = ordered.filter(pl.col("tied")).select(KEYS).unique()
    plain = (
        ordered.join(tied, on=KEYS, how="anti").group_by(*KEYS).agg(pl.col("same").sum().cast(pl.Float64).alias(name))
    )
    expected = _expected_same_pairs(visits.join(tied, on=KEYS, how="semi"), nulls_are_one=nulls_are_one)
    return pl.concat([plain, expected.rename({"same_pairs": name})])


def _neighbours(visits: pl.LazyFrame, *, nulls_are_one: bool) -> pl.LazyFrame:
    """Put the visits in order and compare each with the one before."""
    same_patient = pl.all_horizontal(pl.col(key) == pl.col(key).shift() for key in KEYS)
    return (
        visits.sort(*KEYS, "visit_at")
        .with_columns(
            same=(same_patient & _equal("actor", nulls_are_one=nulls_are_one)).fill_null(value=False),
            tied=(same_patient & (pl.col("visit_at") == pl.col("visit_at").shift())).fill_null(value=False),
        )
        .select(*KEYS, "same", "tied")
    )


def _equal(column: str, *, nulls_are_one: bool) -> pl.Expr:
    before = pl.col(column).shift()
    return pl.col(column).eq_missing(before) if nulls_are_one else pl.col(column) == before


def _expected_same_pairs(visits: pl.LazyFrame, *, nulls_are_one: bool) -> pl.LazyFrame:
    """Give the exact mean, over all orders of visits at the same moment, of the number of equal successive visits.

    With n_d visits at moment d, n_di of them to provider i: inside a moment sum_i n_di (n_di - 1) / n_d, between
    successive moments d and d' sum_i (n_di / n_d) (n_d'i / n_d').
    """
    n_di, n_d = pl.col("n_di"), pl.col("n_d")
    lines = visits.group_by(*KEYS, "visit_at", "actor").agg(n_di=pl.len().cast(pl.Int64))
    moments = lines.with_columns(
        n_d=n_di.sum().over(*KEYS, "visit_at"), moment=pl.col("visit_at").rank("dense").cast(pl.Int64).over(KEYS)
    )
    follows = pl.all_horizontal(
        *[pl.col(key) == pl.col(key).shift() for key in KEYS],
        _equal("actor", nulls_are_one=nulls_are_one),
        pl.col("moment") == pl.col("moment").shift() + 1,
    ).fill_null(value=False)
    counts = pl.lit(value=True) if nulls_are_one else pl.col("actor").is_not_null()
    inside = pl.when(counts).then(n_di * (n_di - 1) / n_d).otherwise(0.0)
    between = pl.when(follows).then(n_di * n_di.shift() / (n_d * n_d.shift())).otherwise(0.0)
    ordered = moments.sort(*KEYS, "actor", "moment").with_columns(inside=inside, between=between)
    # A sum of fractions depends on its order in the last digit: sorted, it is the same whatever the providers are
    # called. It is written as the last cumulative sum because Polars leaves out a sort in front of a plain sum.
    parts = pl.col("inside") + pl.col("between")
    return ordered.group_by(*KEYS).agg(same_pairs=parts.sort().cum_sum().last())
