"""Attribution: whose patient everyone is today, from the lists where there are any and from past visits elsewhere."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import polars as pl

from continuity import edge
from continuity.assignment.attribution_visits import Moment, Wanted, canonical, end_of, looked_at, of_kind
from continuity.errors import UsageError
from continuity.schema import conform
from continuity.vocabulary import AttributionRule, words

Confidence = Literal["high", "medium", "low"]
Basis = Literal["listed", "only_provider", "most_visits", "longest_span", "last_sentinel", "last_seen", "smallest_id"]

# What each rule asks of the providers whom a patient saw, in turn, until one of them is left.
CRITERIA: Final[Mapping[str, tuple[Basis, ...]]] = {
    "longest_span": ("most_visits", "longest_span", "last_seen", "smallest_id"),
    "four_cut": ("most_visits", "last_sentinel", "last_seen", "smallest_id"),
    "majority": ("most_visits",),
    "most_recent": ("last_seen", "most_visits", "smallest_id"),
}
_HIGH, _MEDIUM = 0.7, 0.5  # shares of visits; panels.md has the bands > 70, 50-70, < 50 %
_SENTINEL: Final = ("A30",)  # ICPC-2: medical examination, complete
_PAIR: Final = ("patient_id", "provider_id")


def attribute(
    visits: Any,
    *,
    patients: Any = None,
    providers: Any = None,
    as_of: Moment | None = None,
    lookback: str = "24mo",
    rule: AttributionRule = "longest_span",
    role: Wanted = "doctor",
    care_type: Wanted = None,
    sentinel_codes: Iterable[str] = _SENTINEL,
) -> Any:
    """Give each patient the provider whose patient they are today, and say how sure that is.

    A listed provider comes first; visits decide for everyone else.

    Parameters
    ----------
    visits : frame
        Canonical visits of primary care. Polars (lazy or eager), pandas, pyarrow or a DuckDB relation.
    patients : frame, optional
        Canonical patients: every patient gets a row, and a time-valid ``listed_provider_id`` comes before any visit.
    providers : frame, optional
        Canonical providers: says the roles where the visits do not, and when a listed provider has stopped.
    as_of : date, datetime or str, optional
        Visits before this moment count. By default those up to and including the day of the latest visit.
    lookback : str
        How far back visits count, as a Polars duration. It moves the size of panels a lot, so state it.
    rule : {"longest_span", "four_cut", "majority", "most_recent"}
        ``longest_span``: most visits; a tie goes to the longest time from the first to the last visit, then to the
        provider seen last. ``four_cut``: most visits; a tie goes to the provider of the last sentinel visit, then to
        the one seen last. ``majority``: most visits; a tie leaves the patient unattributed. ``most_recent``: the
        provider seen last. What is still tied goes to the smallest id (``majority`` excepted).
    role : str, iterable of str or None
        Whose visits count; None counts all.
    care_type : str, iterable of str or None
        Which care types count, where the source mixes primary care with other care; None counts all.
    sentinel_codes : iterable of str
        Reason codes of a sentinel visit (a whole physical examination). Without reason codes no visit is one.

    Returns
    -------
    frame of the kind of `visits`
        Lazy in, lazy out. One row per patient, sorted by patient_id; without `patients`, per patient with any visit.
        provider_id (null: unattributed), basis (what decided: ``listed``, ``only_provider`` or the last criterion
        that was needed), n_visits (Int64, visits that count, with known providers), n_with_provider (Int64),
        share (Float64, n_with_provider / n_visits; null without visits or provider), confidence (``high`` above
        0.7, ``medium`` from 0.5, ``low`` below; null where share is), is_tie (Boolean: the rule's first criterion
        left several; false for who is listed), unattributed_reason (``no_visits`` or ``tied``; null where attributed).

    Raises
    ------
    UsageError
        A rule, role, date or look-back that does not exist.
    InputError
        A required column is missing.

    Notes
    -----
    Visits to unknown providers count for nobody. A listed provider is time-valid when ``listed_from`` is not after
    `as_of` and, where `providers` says it, ``active_to`` is after it. For who is listed, share and confidence
    describe the visits with the listed provider, and may be low: the list and the visits then disagree.
    Indices of the same visits under this attribution are circular: take a later window.
    That a sentinel visit counts only among tied providers, and that the smallest id ends every tie, is our own choice.

    References
    ----------
    Murray, Davies & Boushon 2007, Fam Pract Manag 14(4):44 (four cuts). Agreement with the provider of record: 78.0 %
    for the majority without a tie rule, 85.9 % with ties by the longest span (PMC5601011).

    Examples
    --------
    >>> import polars as pl
    >>> visits = pl.DataFrame({
    ...     "patient_id": [1, 1, 1, 1, 2, 3],
    ...     "provider_id": ["A", "B", "A", "B", "B", None],
    ...     "visit_at": ["2024-02-01", "2024-06-01", "2025-02-01", "2025-03-01", "2025-01-01", "2025-01-01"],
    ... }).with_columns(pl.col("visit_at").str.to_datetime())
    >>> found = attribute(visits, role=None)
    >>> found.select("patient_id", "provider_id", "basis", "share", "confidence", "is_tie").rows()
    [(1, 'A', 'longest_span', 0.5, 'medium', True), (2, 'B', 'only_provider', 1.0, 'high', False),
     (3, None, None, None, None, False)]
    """
    if rule not in words(AttributionRule):
        raise UsageError.unknown_choice("rule", rule, words(AttributionRule))
    lazy, restore = edge.lazily(visits)
    table = conform(lazy, "visits", where="visits")
    staff = None if providers is None else canonical(providers, "providers")
    recent = looked_at(table, as_of, lookback)
    counted = of_kind(recent, staff, role, care_type).drop_nulls("provider_id")
    pairs = _pairs(counted, tuple(sentinel_codes))
    found = _everyone(table, patients).join(_chosen(pairs, rule), on="patient_id", how="left")
    if patients is not None:
        found = _listed_first(found, pairs, _listed(table, canonical(patients, "patients"), staff, as_of))
    return restore(_finished(found).sort("patient_id"))


def _pairs(counted: pl.LazyFrame, sentinel_codes: tuple[str, ...]) -> pl.LazyFrame:
    """Give one row per patient and provider, with a number for each criterion: the greatest wins."""
    last_sentinel = pl.lit(None, dtype=pl.Datetime("us"))
    if "reason_codes" in counted.collect_schema():
        is_sentinel = pl.col("reason_codes").list.eval(pl.element().is_in(list(sentinel_codes))).list.any()
        last_sentinel = pl.col("local").filter(is_sentinel).max()
    never = pl.Int64.min()
    pairs = counted.group_by(_PAIR).agg(
        most_visits=pl.len().cast(pl.Int64),
        longest_span=(pl.col("local").max() - pl.col("local").min()).dt.total_microseconds(),
        last_seen=pl.col("local").max().dt.epoch("us"),
        last_sentinel=last_sentinel.dt.epoch("us").fill_null(never),
    )
    return pairs.with_columns(smallest_id=-pl.col("provider_id").rank("dense").cast(pl.Int64))


def _chosen(pairs: pl.LazyFrame, rule: AttributionRule) -> pl.LazyFrame:
    """Give one row per patient with visits: the provider whom the rule leaves, and the criterion that decided."""
    left, n_seen = pl.col("is_left"), pl.len().over("patient_id").alias("n_seen")
    table = pairs.with_columns(
        n_seen,
        n_visits=pl.col("most_visits").sum().over("patient_id"),
        is_left=pl.lit(value=True),
        is_tie=pl.lit(False),
    )
    table = table.with_columns(basis=pl.when(pl.col("n_seen") == 1).then(pl.lit("only_provider")))
    for place, criterion in enumerate(CRITERIA[rule]):
        best = pl.col(criterion).filter(left).max().over("patient_id")
        table = table.with_columns(is_left=left & (pl.col(criterion) == best))
        is_alone = left.sum().over("patient_id") == 1
        decided = pl.coalesce("basis", pl.when(is_alone).then(pl.lit(criterion)))
        table = table.with_columns(basis=decided, is_tie=~is_alone if place == 0 else pl.col("is_tie"))
    # What majority leaves tied has several rows that agree in all that follows.
    one = table.filter(left).sort("patient_id", "provider_id").unique("patient_id", keep="first", maintain_order=True)
    is_decided = pl.col("basis").is_not_null()
    return one.select(
        "patient_id",
        "basis",
        "n_visits",
        "is_tie",
        provider_id=pl.when(is_decided).then(pl.col("provider_id")),
        n_with_provider=pl.when(is_decided).then(pl.col("most_visits")),
    )


def _everyone(visits: pl.LazyFrame, patients: Any) -> pl.LazyFrame:
    if patients is None:
        return visits.select("patient_id").drop_nulls().unique()
    dtype = visits.collect_schema()["patient_id"]
    ids = canonical(patients, "patients").select(pl.col("patient_id").cast(dtype, strict=False))
    return ids.drop_nulls().unique()


def _listed(
    visits: pl.LazyFrame, patients: pl.LazyFrame, providers: pl.LazyFrame | None, as_of: Moment | None
) -> pl.LazyFrame:
    """Give patient_id and listed_id of those whose listed provider is time-valid."""
    kinds, names = visits.collect_schema(), patients.collect_schema()
    ids = [pl.col("patient_id").cast(kinds["patient_id"], strict=False)]
    if "listed_provider_id" not in names:
        return patients.select(*ids, listed_id=pl.lit(None, dtype=kinds["provider_id"])).clear()
    wanted = pl.col("listed_provider_id").cast(kinds["provider_id"], strict=False).alias("listed_id")
    lists = patients.select(*ids, wanted, *[n for n in ("listed_from",) if n in names]).drop_nulls("listed_id")
    dated = visits.drop_nulls(["patient_id", "visit_at"]).select(local=pl.col("visit_at").dt.replace_time_zone(None))
    # With visits alone to tell the time, `as_of` is the first moment after them; the last valid day is the one before.
    lists = lists.join(dated.select(last_day=(end_of(as_of) - pl.duration(microseconds=1)).dt.date()), how="cross")
    if as_of is not None:
        lists = lists.with_columns(last_day=end_of(as_of).dt.date())
    if "listed_from" in names:
        lists = lists.filter((pl.col("listed_from") <= pl.col("last_day")).fill_null(value=True))
    if providers is not None and "active_to" in providers.collect_schema():
        ends = providers.group_by(listed_id=pl.col("provider_id").cast(kinds["provider_id"], strict=False)).agg(
            pl.col("active_to").sort(nulls_last=True).last()
        )
        lists = lists.join(ends, on="listed_id", how="left")
        lists = lists.filter((pl.col("active_to") > pl.col("last_day")).fill_null(value=True))
    return lists.sort("patient_id", "listed_id").unique("patient_id", keep="first").select("patient_id", "listed_id")


def _listed_first(found: pl.LazyFrame, pairs: pl.LazyFrame, lists: pl.LazyFrame) -> pl.LazyFrame:
    """Put the listed provider in the place of the visited one, with the visits that the patient has with them."""
    visited = pairs.select("patient_id", listed_id="provider_id", n_with_listed="most_visits")
    joined = found.join(lists, on="patient_id", how="left").join(visited, on=["patient_id", "listed_id"], how="left")
    is_listed = pl.col("listed_id").is_not_null()
    n_listed = pl.when(pl.col("n_visits") > 0).then(pl.col("n_with_listed").fill_null(0))
    return joined.with_columns(
        provider_id=pl.coalesce("listed_id", "provider_id"),
        basis=pl.when(is_listed).then(pl.lit("listed")).otherwise("basis"),
        n_with_provider=pl.when(is_listed).then(n_listed).otherwise("n_with_provider"),
        is_tie=pl.col("is_tie") & ~is_listed,
    )


def _finished(found: pl.LazyFrame) -> pl.LazyFrame:
    share, n_visits = pl.col("share"), pl.col("n_visits")
    is_attributed = pl.col("provider_id").is_not_null()
    counted = found.with_columns(
        n_visits.fill_null(0),
        pl.col("n_with_provider").fill_null(0),
        pl.col("is_tie").fill_null(value=False),
        share=pl.when(is_attributed & (n_visits > 0)).then(pl.col("n_with_provider") / n_visits),
    )
    band = pl.when(share > _HIGH).then(pl.lit("high")).when(share >= _MEDIUM).then(pl.lit("medium"))
    return counted.select(
        "patient_id",
        "provider_id",
        "basis",
        "n_visits",
        "n_with_provider",
        "share",
        confidence=band.when(share.is_not_null()).then(pl.lit("low")),
        is_tie="is_tie",
        unattributed_reason=pl.when(~is_attributed).then(
            pl.when(n_visits == 0).then(pl.lit("no_visits")).otherwise(pl.lit("tied"))
        ),
    )


def count_attributed(attributed: Any) -> Any:
    """Count what `attribute` could and could not tell.

    Parameters
    ----------
    attributed : frame
        From `attribute`.

    Returns
    -------
    frame of the kind of `attributed`
        One row of Int64: n_patients, n_attributed, n_listed, n_unattributed, n_tied (of all), n_high, n_medium,
        n_low, n_no_visits (unattributed and not seen in the look-back).

    Examples
    --------
    >>> import polars as pl
    >>> visits = pl.DataFrame({"patient_id": [1, 2], "provider_id": ["A", None]})
    >>> visits = visits.with_columns(visit_at=pl.date(2025, 1, 1))
    >>> count_attributed(attribute(visits, role=None)).select("n_patients", "n_attributed", "n_no_visits").row(0)
    (2, 1, 1)
    """
    lazy, restore = edge.lazily(attributed)
    known, sure = pl.col("provider_id").is_not_null(), pl.col("confidence")
    counts = {
        "n_attributed": known,
        "n_listed": pl.col("basis") == "listed",
        "n_unattributed": ~known,
        "n_tied": pl.col("is_tie"),
        **{f"n_{word}": sure == word for word in words(Confidence)},
        "n_no_visits": pl.col("unattributed_reason") == "no_visits",
    }
    sums = [expr.fill_null(value=False).sum().cast(pl.Int64).alias(name) for name, expr in counts.items()]
    return restore(lazy.select(pl.len().cast(pl.Int64).alias("n_patients"), *sums))
