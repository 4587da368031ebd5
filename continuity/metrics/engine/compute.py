"""Indices per patient and window, from visits to the finished table."""

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import polars as pl

from continuity import edge
from continuity.errors import UsageError
from continuity.metrics.engine import prepare, symbols
from continuity.metrics.engine import windows as w
from continuity.metrics.engine.allowed import refuse
from continuity.metrics.engine.groups import THRESHOLD, check_grains, groups_of
from continuity.metrics.engine.path import statistics_of
from continuity.metrics.engine.registry import Index, index
from continuity.metrics.engine.rules import RuleOptions, Rules
from continuity.metrics.engine.statistics import COUNTED, SCENARIOS, Scenario, resolve
from continuity.schema import conform
from continuity.vocabulary import Grain, OutputFormat, Reason, words

_REASONS = pl.Enum(words(Reason))  # a byte a row, where text would be sixteen
_LEADING = ("patient_id", "window_start", "window_end", "n_visits", "n_providers")


def compute(
    visits: Any,
    indices: str | Iterable[str],
    *,
    grain: Grain = "patient",
    window: w.WindowLike | Sequence[w.WindowLike] | None = None,
    every: str | None = None,
    period: str | None = None,
    patients: Any = None,
    providers: Any = None,
    preset: str | None = None,
    threshold: float = THRESHOLD,
    format: OutputFormat = "wide",  # the word that the command line uses too
    **rules: Unpack[RuleOptions],
) -> Any:
    """Give continuity indices, one row per patient and window, or per group and window.

    Parameters
    ----------
    visits : frame
        Canonical visits: patient_id, visit_at, provider_id and what the rules need. Polars (lazy or eager), pandas,
        pyarrow or a DuckDB relation.
    indices : str or iterable of str
        Keys of `continuity.catalogue`, such as ``["upc", "coc", "secon"]``; for groups also ``"mean_<key>"`` and
        ``"visit_weighted_<key>"`` of any index of patients.
    grain : {"patient", "list", "provider", "unit", "period"}
        Of whom a row speaks: a patient, the patients listed with a provider, a provider, the patients of a unit, or
        all patients of the window. Rows about providers are personal data of employees.
    window : tuple of two moments, or a sequence of such tuples, optional
        Half-open windows in local time; ``("2025-01-01", "2026-01-01")`` is the year 2025. Without one, the window
        is the days from the first to the last visit that the filters keep.
    every, period : str, optional
        Rolling windows inside `window`, as Polars durations: ``every="1mo", period="12mo"``.
    patients : frame, optional
        Canonical patients; needed by indices about the listed provider, by ``grain="list"`` and by
        ``person="household"``.
    providers : frame, optional
        Canonical providers; needed when the visits do not hold the role, team or unit that a rule asks for.
    preset : str, optional
        A named bundle of rules; rules given here override it.
    threshold : float
        From which value on a patient counts in ``coc_at_least``.
    format : {"wide", "long"}
        One column per index, or one row per index with its own reason.
    **rules
        The rules of `continuity.Rules`: level, unknown_provider, unknown_codes, same_day, tie_order, min_visits
        (default 3), role, contact_mode, urgency, care_type; and for single indices person, lookback, data_from,
        cover_days, visit_weights.

    Returns
    -------
    frame of the kind of `visits`
        Lazy in, lazy out. Sorted by patient_id and window. Wide: patient_id, window_start, window_end, n_visits
        (Int64, the visits that count), n_providers (Int64; with bounds the fewest), one Float64 column per key (null
        where undefined; with ``unknown_provider="bounds"`` ``<key>_low`` and ``<key>_high``), undefined_reason where
        every index of the row is null. Long: one row per index with index, value (or value_low, value_high) and
        undefined_reason. Patients without any visit in the window have no row. With ``person="household"`` a row is
        about a household and begins with household_id.

        For groups: listed_provider_id, provider_id or unit_id (none for a period), window_start, window_end, then
        n_patients (who count), n_undefined (who do not) and n_visits (of those who count), in Int64; wide, these are
        of the index that counts most. A unit without a name holds the patients of no known unit. Every window of a
        period and every list that has begun has a row.

    Raises
    ------
    UsageError
        An index, rule, preset or window that does not exist; or an index with a look-back, and no data before any
        window (the first day of the data is read for that at once, unless ``data_from`` says it).
    InputError
        A column that the canonical form or a rule needs is missing.

    Notes
    -----
    An index is null with the reason ``no_visits`` when no visit counts, ``below_min_visits`` below the minimum asked
    for, and the reason of its own where the mathematics gives no value.

    References
    ----------
    Each index names its source: ``continuity.index(key).source``.

    Examples
    --------
    >>> import polars as pl
    >>> import continuity as ct
    >>> visits = pl.DataFrame({
    ...     "patient_id": ["P1"] * 3 + ["P2"],
    ...     "provider_id": ["A", "A", "B", "A"],
    ...     "visit_at": ["2025-01-05", "2025-02-05", "2025-03-05", "2025-01-09"],
    ... }).with_columns(pl.col("visit_at").str.to_datetime())
    >>> ct.compute(visits, ["coc", "secon"], min_visits=2).select("patient_id", "coc", "secon", "undefined_reason")
    shape: (2, 4)
    ┌────────────┬──────────┬───────┬──────────────────┐
    │ patient_id ┆ coc      ┆ secon ┆ undefined_reason │
    │ ---        ┆ ---      ┆ ---   ┆ ---              │
    │ str        ┆ f64      ┆ f64   ┆ str              │
    ╞════════════╪══════════╪═══════╪══════════════════╡
    │ P1         ┆ 0.333333 ┆ 0.5   ┆ null             │
    │ P2         ┆ null     ┆ null  ┆ below_min_visits │
    └────────────┴──────────┴───────┴──────────────────┘
    """
    chosen = [index(key) for key in ([indices] if isinstance(indices, str) else dict.fromkeys(indices))]
    if not chosen:
        raise UsageError("No index was asked for.", next_step="Name at least one, such as coc.")
    if format not in words(OutputFormat):
        raise UsageError.unknown_choice("format", format, words(OutputFormat))
    asked, spans = Rules.of(preset, **rules), w.windows(window, every, period)
    check_grains(chosen, grain, asked, threshold)
    lazy, restore = edge.lazily(visits)
    sources = prepare.Sources(
        conform(lazy, "visits", where="visits"),
        _table(patients, "patients"),
        _table(providers, "providers"),
    )
    if grain != "patient":
        return restore(groups_of(sources, chosen, asked, spans, grain, output=format, threshold=threshold))
    return restore(indices_of(sources, chosen, asked, spans, format, now=not isinstance(visits, pl.LazyFrame)))


def _table(frame: Any, name: Any) -> pl.LazyFrame | None:
    return None if frame is None else conform(edge.lazily(frame)[0], name, where=name)


def indices_of(
    sources: prepare.Sources,
    chosen: Sequence[Index],
    rules: Rules,
    spans: Sequence[w.Window] | None,
    output: OutputFormat = "wide",
    *,
    also: Sequence[str] = (),
    now: bool = False,
) -> pl.LazyFrame:
    """Give the table of `compute` from canonical lazy frames and parsed choices.

    `also` names sufficient statistics that the table shall hold besides, for estimates that weigh by them; `now` says
    that the caller is about to collect.
    """
    check_grains(chosen, "patient", rules)
    refuse(chosen, sources, rules, spans)
    needs = frozenset(also).union(*(entry.needs for entry in chosen)) - COUNTED
    # Sorted while it is narrow; every step after this keeps the order, and windows are numbered in the order of time.
    order = ["patient_id", "window_id"] if spans is not None and len(spans) > 1 else ["patient_id"]
    table = statistics_of(sources, rules, spans, needs, now=now).sort(order)
    counted = frozenset(table.collect_schema().names())
    scenarios = SCENARIOS[rules.unknown_provider]
    for scenario in scenarios:
        table = table.with_columns(**resolve(scenario, counted))
        table = table.with_columns(expr for entry in chosen for expr in _evaluated(entry, rules, scenario))
    finished = (_wide if output == "wide" else _long)(table, chosen, scenarios, also)
    return finished if rules.person == "patient" else finished.rename({"patient_id": "household_id"})


def _evaluated(entry: Index, rules: Rules, scenario: Scenario) -> tuple[pl.Expr, pl.Expr]:
    """Give the value of an index, null where it is undefined, and the reason why it is."""
    n = symbols.N
    reason = pl.when(n == 0).then(_code("no_visits")).when(n < rules.min_visits).then(_code("below_min_visits"))
    for condition, code in entry.undefined:
        reason = reason.when(condition).then(_code(code))
    why = reason.otherwise(None)
    value = pl.when(why.is_null()).then(entry.value.cast(pl.Float64))
    return value.alias(_column(entry, scenario)), why.alias(_column(entry, "reason"))


def _code(reason: Reason) -> pl.Expr:
    return pl.lit(reason, dtype=_REASONS)


def _column(entry: Index, part: str) -> str:
    return f"{entry.key}@{part}"


def _values(entry: Index, scenarios: Sequence[Scenario], name: str) -> list[pl.Expr]:
    """Give the value of an index, or its least and greatest where the unknown visits leave it open."""
    values = [pl.col(_column(entry, scenario)) for scenario in scenarios]
    if len(values) == 1:
        return [values[0].alias(name)]
    return [pl.min_horizontal(values).alias(f"{name}_low"), pl.max_horizontal(values).alias(f"{name}_high")]


def _wide(
    table: pl.LazyFrame, chosen: Sequence[Index], scenarios: Sequence[Scenario], also: Sequence[str]
) -> pl.LazyFrame:
    reasons = [pl.col(_column(entry, "reason")) for entry in chosen]
    every_null = pl.all_horizontal(reason.is_not_null() for reason in reasons)
    return table.select(
        *_LEADING,
        *also,
        *[value for entry in chosen for value in _values(entry, scenarios, entry.key)],
        undefined_reason=pl.when(every_null).then(pl.coalesce(reasons)).cast(pl.String),
    )


def _long(
    table: pl.LazyFrame, chosen: Sequence[Index], scenarios: Sequence[Scenario], also: Sequence[str]
) -> pl.LazyFrame:
    parts = [
        table.select(
            *_LEADING,
            *also,
            pl.lit(entry.key).alias("index"),
            *_values(entry, scenarios, "value"),
            pl.col(_column(entry, "reason")).cast(pl.String).alias("undefined_reason"),
        )
        for entry in chosen
    ]
    return pl.concat(parts).sort("patient_id", "window_start", "window_end", "index")
