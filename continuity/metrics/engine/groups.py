"""Indices of groups: lists, providers, units and periods, each a ratio of two sums over patients."""

from collections.abc import Sequence
from functools import reduce
from typing import Final

import polars as pl

from continuity.errors import UsageError
from continuity.metrics.engine import symbols
from continuity.metrics.engine import windows as w
from continuity.metrics.engine.allowed import refuse
from continuity.metrics.engine.prepare import Sources, prepared
from continuity.metrics.engine.registry import Index, Sums
from continuity.metrics.engine.rows import ROWS, Job, groups, lists
from continuity.metrics.engine.rules import Rules
from continuity.metrics.engine.statistics import SCENARIOS, Scenario, resolve
from continuity.vocabulary import Grain, OutputFormat, words

THRESHOLD: Final = 0.7
_COUNTS: Final = ("n_patients", "n_undefined", "n_visits")


def check_grains(chosen: Sequence[Index], grain: Grain, rules: Rules, threshold: float = THRESHOLD) -> None:
    """Refuse a grain that does not exist, or that an index or a rule does not have.

    Raises
    ------
    UsageError
    """
    if grain not in words(Grain):
        raise UsageError.unknown_choice("grain", grain, words(Grain))
    for entry in chosen:
        if grain not in entry.grains:
            named = f"mean_{entry.key}" if entry.grains == ("patient",) else ""
            raise UsageError(
                f"{entry.key} has no grain {grain}.",
                allowed=f"Its grains: {', '.join(entry.grains)}.",
                next_step=f"For lists, units and periods there is {named}." if named else "",
            )
        own = entry.sums is not None and entry.sums.of == "provider_visits"
        if rules.level != "provider" and (grain == "provider" or own):
            raise UsageError(f"{entry.key} by {grain} is about persons.", allowed="Allowed: level provider.")
    if grain != "patient" and rules.person != "patient":
        raise UsageError(f"Households have no grain {grain}.", allowed="Allowed: grain patient, or person patient.")
    if not 0 <= threshold <= 1:
        raise UsageError("The threshold lies outside its range.", allowed="Allowed: a number from 0 to 1.")


def groups_of(
    sources: Sources,
    chosen: Sequence[Index],
    rules: Rules,
    spans: Sequence[w.Window] | None,
    grain: Grain,
    *,
    output: OutputFormat = "wide",
    threshold: float = THRESHOLD,
) -> pl.LazyFrame:
    """Give the table of `compute` at the grain of a group, from canonical lazy frames and parsed choices."""
    check_grains(chosen, grain, rules, threshold)
    refuse(chosen, sources, rules, spans)
    job, scenarios = Job(sources, rules, spans, grain), SCENARIOS[rules.unknown_provider]
    if grain == "list":
        lists(sources)
    parts = []
    for of in dict.fromkeys(_sums(entry).of for entry in chosen):
        entries = [entry for entry in chosen if _sums(entry).of == of]
        rows = ROWS[of](job, entries).with_columns(threshold=pl.lit(threshold))
        parts.append(_summed(_with_terms(rows, entries, rules, scenarios), entries, scenarios, job))
    table = _joined(parts, groups(job, prepared(sources, rules, spans)), job.by)
    finished = table.with_columns(expr for entry in chosen for expr in (*_ratios(entry, scenarios), _why(entry))).sort(
        job.by, nulls_last=True
    )
    return (_wide if output == "wide" else _long)(finished, chosen, scenarios, job.by)


def _sums(entry: Index) -> Sums:
    if entry.sums is None:
        raise UsageError(f"{entry.key} is an index of patients.", next_step=f"For groups there is mean_{entry.key}.")
    return entry.sums


def _with_terms(
    rows: pl.LazyFrame, entries: Sequence[Index], rules: Rules, scenarios: Sequence[Scenario]
) -> pl.LazyFrame:
    """Add what is summed: for every index whether the patient counts, and the terms above and below the line."""
    names = frozenset(rows.collect_schema().names())
    for scenario in scenarios:
        if "n_known" in names:
            rows = rows.with_columns(**resolve(scenario, names))
        for entry in entries:
            rows = rows.with_columns(_counts(entry, rules).alias(f"{entry.key}@counts"))
            counts = pl.col(f"{entry.key}@counts")
            rows = rows.with_columns(
                pl.when(counts).then(entry.value).otherwise(0).alias(f"{entry.key}@{scenario}"),
                pl.when(counts).then(_sums(entry).below).otherwise(0).alias(f"{entry.key}@below"),
            )
    return rows


def _counts(entry: Index, rules: Rules) -> pl.Expr:
    least = rules.min_visits if _sums(entry).min_visits_apply else 1
    conditions = [condition.fill_null(value=False) for condition, _ in entry.undefined]
    return reduce(lambda left, condition: left & ~condition, conditions, max(least, 1) <= symbols.N)


def _summed(rows: pl.LazyFrame, entries: Sequence[Index], scenarios: Sequence[Scenario], job: Job) -> pl.LazyFrame:
    schema = rows.collect_schema()
    sums = []
    for entry in entries:
        counts, patient = pl.col(f"{entry.key}@counts"), pl.col("patient_id")
        sums += [
            *[_sum(f"{entry.key}@{term}", schema) for term in (*scenarios, "below")],
            patient.filter(counts).n_unique().cast(pl.Int64).alias(f"{entry.key}@n_patients"),
            (patient.n_unique() - patient.filter(counts).n_unique()).cast(pl.Int64).alias(f"{entry.key}@n_undefined"),
            symbols.N.filter(counts).sum().cast(pl.Int64).alias(f"{entry.key}@n_visits"),
        ]
    grouped = rows.group_by(job.by).agg(sums)
    # A patient of no unit is shown, as a unit without a name; nobody is seen most by, or listed with, no provider.
    return grouped if job.grain in ("unit", "period") else grouped.drop_nulls(job.by[:1])


def _sum(name: str, schema: pl.Schema) -> pl.Expr:
    """Sum exactly: whole numbers as they are, fractions in the order of size, whatever the order of the rows.

    The last cumulative sum, because Polars leaves out a sort in front of a plain sum.
    """
    column = pl.col(name)
    return column.sort().cum_sum().last().alias(name) if schema[name].is_float() else column.sum()


def _joined(parts: Sequence[pl.LazyFrame], every: pl.LazyFrame | None, by: Sequence[str]) -> pl.LazyFrame:
    keys = pl.concat([*[part.select(by) for part in parts], *([] if every is None else [every])]).unique()
    return reduce(lambda table, part: table.join(part, on=by, how="left", nulls_equal=True), parts, keys)


def _ratios(entry: Index, scenarios: Sequence[Scenario]) -> list[pl.Expr]:
    below = pl.col(f"{entry.key}@below")
    return [
        pl.when(below > 0).then(pl.col(f"{entry.key}@{scenario}") / below).alias(f"{entry.key}@{scenario}")
        for scenario in scenarios
    ]


def _why(entry: Index) -> pl.Expr:
    sums, below = _sums(entry), pl.col(f"{entry.key}@below")
    return (
        pl.when(below.is_null())
        .then(pl.lit(sums.without_rows))
        .when(below == 0)
        .then(pl.lit(sums.empty))
        .alias(f"{entry.key}@reason")
    )


def _values(entry: Index, scenarios: Sequence[Scenario], name: str) -> list[pl.Expr]:
    values = [pl.col(f"{entry.key}@{scenario}") for scenario in scenarios]
    if len(values) == 1:
        return [values[0].alias(name)]
    return [pl.min_horizontal(values).alias(f"{name}_low"), pl.max_horizontal(values).alias(f"{name}_high")]


def _count(entry: Index, name: str) -> pl.Expr:
    return pl.col(f"{entry.key}@{name}").fill_null(0)


def _wide(
    table: pl.LazyFrame, chosen: Sequence[Index], scenarios: Sequence[Scenario], by: Sequence[str]
) -> pl.LazyFrame:
    reasons = [pl.col(f"{entry.key}@reason") for entry in chosen]
    counts = {name: [_count(entry, name) for entry in chosen] for name in _COUNTS}
    return table.select(
        *by,
        n_patients=pl.max_horizontal(counts["n_patients"]),
        n_undefined=pl.min_horizontal(counts["n_undefined"]),
        n_visits=pl.max_horizontal(counts["n_visits"]),
        **{value.meta.output_name(): value for entry in chosen for value in _values(entry, scenarios, entry.key)},
        undefined_reason=pl.when(pl.all_horizontal(r.is_not_null() for r in reasons)).then(pl.coalesce(reasons)),
    )


def _long(
    table: pl.LazyFrame, chosen: Sequence[Index], scenarios: Sequence[Scenario], by: Sequence[str]
) -> pl.LazyFrame:
    parts = [
        table.select(
            *by,
            *[_count(entry, name).alias(name) for name in _COUNTS],
            pl.lit(entry.key).alias("index"),
            *_values(entry, scenarios, "value"),
            pl.col(f"{entry.key}@reason").alias("undefined_reason"),
        )
        for entry in chosen
    ]
    return pl.concat(parts).sort(*by, "index", nulls_last=True)
