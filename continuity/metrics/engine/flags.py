"""Flags of single visits: own, known, same as before, and how much of what came before was with the same provider."""

from collections.abc import Sequence
from typing import Any, Final, Unpack

import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError
from continuity.metrics.engine import history, prepare
from continuity.metrics.engine import windows as w
from continuity.metrics.engine.history import DAY
from continuity.metrics.engine.rules import FILTER_COLUMNS, RuleOptions, Rules
from continuity.schema import conform

FLAGS: Final = ("is_own", "is_known", "same_as_previous", "prior_visits", "prior_share")


def flag_visits(
    visits: Any,
    *,
    window: w.WindowLike | None = None,
    patients: Any = None,
    providers: Any = None,
    preset: str | None = None,
    **rules: Unpack[RuleOptions],
) -> Any:
    """Give the visits with what each says about continuity.

    Parameters
    ----------
    visits, window, patients, providers, preset, **rules
        As in `continuity.compute`, with one window at most. `lookback` and `data_from` say how far back a provider is
        known. ``tie_order="visit_id"`` gives visits at one moment an order; `min_visits` plays no part.

    Returns
    -------
    frame of the kind of `visits`
        Lazy in, lazy out. One row per visit that counts and lies in the window, sorted by patient_id and visit_at;
        visits to unknown providers are left out, and earlier ones are no visit before. The columns of the visits that
        are canonical, then

        is_own (Boolean)
            To the listed provider; null while nobody is listed, and where no table says who is.
        is_known (Boolean)
            To a provider seen in the look-back: ``prior_visits > 0``.
        same_as_previous (Boolean)
            To the provider of the visit before; null where visits at one moment leave open which that is.
        prior_visits (Int64)
            Earlier visits to the provider in the look-back.
        prior_share (Float64)
            Their share in all earlier visits in the look-back; null without any.

        A visit at the same moment is not earlier. A patient's first visit has only is_own; where the data do not hold
        the whole look-back, is_known, prior_visits and prior_share are null.

    Raises
    ------
    UsageError
        A rule or window that does not exist, or a rule that flags do not have: unknown_provider other than drop,
        person other than patient.
    InputError
        A column that the canonical form or a rule needs is missing.

    Notes
    -----
    prior_visits and prior_share are own definitions.

    References
    ----------
    Visit-based measures, each visit with the same weight: Eriksson & Mattsson 1983, Med Care 21:858-875.

    Examples
    --------
    >>> import polars as pl
    >>> import continuity as ct
    >>> visits = pl.DataFrame({
    ...     "patient_id": ["P"] * 3,
    ...     "provider_id": ["A", "B", "A"],
    ...     "visit_at": ["2025-01-05", "2025-02-05", "2025-03-05"],
    ... }).with_columns(pl.col("visit_at").str.to_datetime())
    >>> flagged = ct.flag_visits(visits, data_from="2024-01-01")
    >>> flagged.select("provider_id", "is_known", "same_as_previous", "prior_visits", "prior_share").rows()
    [('A', None, None, None, None), ('B', False, False, 0, 0.0), ('A', True, False, 1, 0.5)]
    """
    asked, spans = Rules.of(preset, **rules), w.windows(window)
    if asked.unknown_provider != "drop" or asked.person != "patient":
        raise UsageError("Flags are about visits of a patient to a known provider.", allowed="Allowed: drop, patient.")
    if spans is not None and len(spans) > 1:
        raise UsageError("Flags are for one window.", next_step="Leave the windows out, and divide the rows by them.")
    lazy, restore = edge.lazily(visits)
    tables = {"patients": patients, "providers": providers}
    sources = prepare.Sources(
        conform(lazy, "visits", where="visits"),
        **{
            name: None if table is None else conform(edge.lazily(table)[0], name, where=name)  # type: ignore[arg-type]
            for name, table in tables.items()
        },
    )
    return restore(flags_of(sources, asked, spans))


def flags_of(sources: prepare.Sources, rules: Rules, spans: Sequence[w.Window] | None) -> pl.LazyFrame:
    """Give the table of `flag_visits` from canonical lazy frames and parsed choices."""
    visits = _in_order(_counted(sources, rules), rules)
    rows = visits.join(history.first_day(sources, rules), how="cross")
    rows = _with_previous(_with_prior(rows.with_columns(since=DAY.dt.offset_by(f"-{rules.lookback}")), visits), visits)
    prior, every = pl.col("n_prior"), pl.col("n_every")
    later = pl.col("moment") > 1
    reaches = later & (pl.col("data_from") <= pl.col("since"))
    same, candidates = pl.col("n_same_before"), pl.col("n_before")
    sure = later & ((same == 0) | (same == candidates))
    flagged = rows.with_columns(
        is_own=pl.when("while_listed").then("to_listed"),
        is_known=pl.when(reaches).then(prior > 0),
        same_as_previous=pl.when(sure).then(same > 0),
        prior_visits=pl.when(reaches).then(prior),
        prior_share=pl.when(reaches & (every > 0)).then(prior / every),
    )
    shown = flagged if spans is None else w.assign(flagged.drop("window_id"), spans)
    names = sources.visits.collect_schema().names()
    order = [name for name in ("patient_id", "visit_at", "provider_id", "visit_id") if name in names]
    return shown.sort(order).select(*names, *FLAGS)


def _counted(sources: prepare.Sources, rules: Rules) -> pl.LazyFrame:
    """Give all visits to known providers that count, with their columns, while_listed and to_listed."""
    patients = sources.patients
    with_listed = patients is not None and "listed_provider_id" in patients.collect_schema()
    visits = prepare.base(sources, rules, with_listed=with_listed)
    if not with_listed:
        visits = visits.with_columns(while_listed=pl.lit(value=False), to_listed=pl.lit(value=False))
    for rule in FILTER_COLUMNS:
        visits = prepare.filtered(visits, rule, rules)
    known = prepare.windowed(visits.filter(pl.col("actor").is_not_null()), None)
    single = [name for name, dtype in sources.visits.collect_schema().items() if not dtype.is_nested()]
    return prepare.merged_days(known, rules, also=single)


def _in_order(visits: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """Count the moments of each patient from 1; visits at one moment share a number unless their ids order them."""
    order = ["visit_at"]
    if rules.tie_order == "visit_id":
        names = visits.collect_schema().names()
        if "visit_id" not in names:
            raise InputError.missing_columns(["visit_id"], names, "the visits (tie_order needs it)")
        order.append("visit_id")
    numbered = visits.sort("patient_id", *order).with_columns(moment=pl.struct("patient_id", *order).rle_id())
    first = pl.col("moment").min().over("patient_id")
    return numbered.with_columns(moment=(pl.col("moment") - first + 1).cast(pl.Int64))


def _with_prior(rows: pl.LazyFrame, visits: pl.LazyFrame) -> pl.LazyFrame:
    """Count the visits at earlier moments on or after the day `since`: n_prior to the same provider, n_every to all."""
    for name, who in (("n_prior", ["patient_id", "actor"]), ("n_every", ["patient_id"])):
        n = pl.len().cast(pl.Int64)
        moments = visits.group_by(*who, "moment").agg(n=n).sort(*who, "moment")
        before = moments.select(*who, "moment", before=(pl.col("n").cum_sum() - pl.col("n")).over(who))
        days = visits.group_by(*who, day=DAY).agg(n=n).sort(*who, "day")
        until = days.select(*who, "day", until=pl.col("n").cum_sum().over(who)).sort("day")
        sought = rows.with_columns(day=pl.col("since").dt.offset_by("-1d")).sort("day")
        # Sorted by day above; Polars cannot check that where there are groups.
        rows = sought.join_asof(until, on="day", by=who, strategy="backward", check_sortedness=False)
        rows = rows.join(before, on=[*who, "moment"], how="left").with_columns(
            (pl.col("before") - pl.col("until").fill_null(0)).alias(name)
        )
        rows = rows.drop("day", "until", "before")
    return rows


def _with_previous(rows: pl.LazyFrame, visits: pl.LazyFrame) -> pl.LazyFrame:
    """Count the visits that may be the one before, n_before, and those of them to the same provider, n_same_before.

    In some order of the visits at one moment, it is any other of the moment, or any of the moment before.
    """
    for name, who in (("n_same_before", ["patient_id", "actor"]), ("n_before", ["patient_id"])):
        here = visits.group_by(*who, "moment").agg(here=pl.len().cast(pl.Int64))
        last = here.select(*who, (pl.col("moment") + 1).alias("moment"), pl.col("here").alias("last"))
        keys = [*who, "moment"]
        rows = rows.join(here, on=keys, how="left").join(last, on=keys, how="left")
        rows = rows.with_columns((pl.col("here") - 1 + pl.col("last").fill_null(0)).alias(name)).drop("here", "last")
    return rows
