"""The visits that attribution and workload look at: of known people, of the roles asked for, in a stretch of time."""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError
from continuity.schema import TableName, conform
from continuity.vocabulary import Role, words

Moment = str | date | datetime
Wanted = str | Iterable[str] | None


def canonical(frame: Any, table: TableName) -> pl.LazyFrame:
    """Take a frame of any kind as a canonical lazy table; id columns follow the schema."""
    return conform(edge.lazily(frame)[0], table, where=table)


def parsed(as_of: Moment) -> datetime:
    """Read the moment up to which visits count; a day means its first moment.

    Raises
    ------
    UsageError
        Something that is no date, or a moment with a time zone.
    """
    if isinstance(as_of, date) and not isinstance(as_of, datetime):
        return datetime.combine(as_of, time())
    try:
        moment = as_of if isinstance(as_of, datetime) else datetime.fromisoformat(str(as_of).strip())
    except ValueError as error:
        raise UsageError("as_of is no date.", allowed="Allowed: dates such as 2026-01-01.") from error
    if moment.tzinfo is not None:
        raise UsageError("as_of carries a time zone.", allowed="It is in local time, without a zone.")
    return moment


def end_of(as_of: Moment | None) -> pl.Expr:
    """Give the first moment that no longer counts: `as_of`, or the day after the latest of the visits at `local`."""
    if as_of is not None:
        return pl.lit(parsed(as_of), dtype=pl.Datetime("us"))
    return pl.col("local").max().dt.truncate("1d").dt.offset_by("1d").cast(pl.Datetime("us"))


def several(wanted: Wanted) -> list[str] | None:
    """Give a filter as a list; None keeps all."""
    return [wanted] if isinstance(wanted, str) else None if wanted is None else list(wanted)


def roles(role: Wanted) -> list[str] | None:
    """Give the roles asked for.

    Raises
    ------
    UsageError
        A word that is no role.
    """
    chosen = several(role)
    for word in chosen or []:
        if word not in words(Role):
            raise UsageError.unknown_choice("role", word, words(Role))
    return chosen


def looked_at(visits: pl.LazyFrame, as_of: Moment | None, lookback: str | None) -> pl.LazyFrame:
    """Keep visits of a known patient at a known time in [as_of - lookback, as_of), with their `local` time.

    Raises
    ------
    UsageError
        A look-back that is no duration.
    """
    dated = visits.drop_nulls(["patient_id", "visit_at"]).with_columns(
        local=pl.col("visit_at").dt.replace_time_zone(None).cast(pl.Datetime("us")),
        visit_at=pl.col("visit_at").dt.replace_time_zone(None).cast(pl.Datetime("us")),
    )
    end = end_of(as_of)
    if lookback is None:
        return dated.filter(pl.col("local") < end)
    return dated.filter((pl.col("local") < end) & (pl.col("local") >= end.dt.offset_by(f"-{duration(lookback)}")))


def duration(text: str) -> str:
    """Give a duration back when it is one.

    Raises
    ------
    UsageError
    """
    try:
        later = pl.select(pl.lit(datetime(2000, 1, 1)).dt.offset_by(text)).item()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError):
        later = None
    if later is None or later <= datetime(2000, 1, 1):
        raise UsageError(f"The look-back cannot be {text!r}.", allowed="Allowed: such as 24mo, 18mo, 2y, 365d.")
    return text


def of_kind(visits: pl.LazyFrame, providers: pl.LazyFrame | None, role: Wanted, care_type: Wanted) -> pl.LazyFrame:
    """Keep visits of the roles and care types asked for; a role that the visits do not say is taken from the providers.

    Raises
    ------
    InputError
        Nothing says the role or the care type.
    """
    wanted, kinds = roles(role), several(care_type)
    if wanted is not None:
        visits = with_role(visits, providers).filter(pl.col("provider_role").is_in(wanted))
    if kinds is not None:
        _need(visits, "care_type")
        visits = visits.filter(pl.col("care_type").is_in(kinds))
    return visits


def with_role(visits: pl.LazyFrame, providers: pl.LazyFrame | None) -> pl.LazyFrame:
    """Give the visits with `provider_role`, which the providers say where the visits do not.

    Raises
    ------
    InputError
        Neither says it.
    """
    schema = visits.collect_schema()
    if "provider_role" in schema:
        return visits
    if providers is None or "role" not in providers.collect_schema():
        raise InputError(
            "Neither the visits nor the providers say the role of a provider.",
            allowed="Allowed: provider_role in the visits, or a table of providers with role.",
            next_step="Map the column, give the providers, or ask for role=None to count every visit.",
        )
    known = providers.select(
        pl.col("provider_id").cast(schema["provider_id"], strict=False), provider_role=pl.col("role")
    )
    one = known.drop_nulls("provider_id").sort("provider_id", "provider_role").unique("provider_id", keep="first")
    return visits.join(one, on="provider_id", how="left")


def _need(visits: pl.LazyFrame, column: str) -> None:
    names = visits.collect_schema().names()
    if column not in names:
        raise InputError.missing_columns([column], names, "the visits")
