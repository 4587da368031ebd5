"""What happened to whom while they were followed: events, costs and deaths beside the cohort."""

from typing import Any, Final

import polars as pl

from continuity import edge
from continuity.errors import InputError
from continuity.evaluation.outcomes.cohort import HALF_DAY, same_id

_DAY: Final = pl.duration(days=1)
YEAR_DAYS: Final = 365.25


def happened(frame: Any, moment: str, where: str, *further: str) -> pl.DataFrame:
    """Take a table of what happened: patient_id, at (local time) and the further columns, without null moments.

    Raises
    ------
    InputError
        A column is missing or holds no moments, or a row has no patient or no moment.
    """
    lazy = edge.lazily(frame)[0]
    schema = lazy.collect_schema()
    missing = [name for name in ("patient_id", moment, *further) if name not in schema]
    if missing:
        raise InputError.missing_columns(missing, schema.names(), where)
    if not isinstance(schema[moment], pl.Date | pl.Datetime):
        raise InputError(
            f"Column '{moment}' of {where} holds {schema[moment]}.",
            allowed="Needed: dates or moments.",
            next_step=f"Parse it first, such as pl.col('{moment}').str.to_date().",
        )
    at = pl.col(moment)
    local = at.dt.replace_time_zone(None) if isinstance(schema[moment], pl.Datetime) else at
    rows = lazy.select("patient_id", *further, at=local.cast(pl.Datetime("us"))).collect()
    empty = rows.select(pl.any_horizontal(pl.all().is_null()).sum()).item()
    if empty:
        raise InputError(
            f"{empty:,} rows of {where} lack the patient, the moment or the amount.",
            allowed="Needed: all of them in every row.",
            next_step="Complete them or leave them out, and say how many.",
        )
    return rows


def deaths_of(frame: Any, rows: pl.DataFrame) -> pl.DataFrame:
    """Give patient_id and died_at, one row per patient who died.

    Raises
    ------
    InputError
    """
    if frame is None:
        return rows.select("patient_id", died_at=pl.lit(None, pl.Datetime("us"))).clear()
    found = happened(frame, "event_at", "the deaths")
    found = found.select(same_id(found, rows, "the deaths"), died_at="at")
    twice = found.height - found["patient_id"].n_unique()
    if twice:
        raise InputError(f"{twice:,} rows of the deaths name a patient that another row names.")
    return found


def counted(rows: pl.DataFrame, events: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Add what happened in each row's follow-up, and where the other events lay.

    Parameters
    ----------
    rows : polars.DataFrame
        As `cohort` gives them.
    events : polars.DataFrame
        patient_id, at, and perhaps amount.

    Returns
    -------
    tuple of (polars.DataFrame, dict)
        The rows with n_events, amount (null without amounts), first_at (the first event of the row's follow-up),
        had_before (any event before it) and had_since (an event since the patient's first row began); and the counts
        in_table, of_others (patients not followed), before_follow_up, in_follow_up, in_exposure_window (those that
        lie in the exposure window and count all the same), outside_follow_up (after leaving, death or the end,
        or between landmarks).

    Notes
    -----
    Follow-up is [start, stop). What happened on the day of death counts, whatever the hour.
    """
    amount = pl.col("amount") if "amount" in events.columns else pl.lit(None, pl.Float64)
    numbered = rows.with_row_index("_row")
    first = pl.col("start").min().over("patient_id")
    spans = numbered.select("_row", "patient_id", "window_end", "start", "stop", "died_at", _first=first)
    own = events.with_columns(amount=amount).with_row_index("_event").join(spans, on="patient_id")
    at = pl.col("at")
    alive = pl.col("died_at").is_null() | (at < pl.col("died_at").dt.truncate("1d") + _DAY)
    inside = (at >= pl.col("start")) & (at < pl.col("stop")) & alive
    own = own.with_columns(_inside=inside)
    per_row = own.group_by("_row").agg(
        n_events=pl.col("_inside").sum().cast(pl.Int64),
        amount=pl.col("amount").filter(pl.col("_inside")).sort().slice(0).sum(),
        first_at=at.filter(pl.col("_inside")).min(),
        had_before=(at < pl.col("start")).any(),
        had_since=((at < pl.col("start")) & (at >= pl.col("_first"))).any(),
    )
    joined = numbered.join(per_row, on="_row", how="left").sort("_row").drop("_row")
    filled = joined.with_columns(
        pl.col("n_events").fill_null(0),
        pl.col("amount").fill_null(0.0),
        pl.col("had_before", "had_since").fill_null(value=False),
    )
    return filled, _where(events, own)


def _where(events: pl.DataFrame, own: pl.DataFrame) -> dict[str, int]:
    at = pl.col("at")
    lay = own.group_by("_event").agg(
        inside=pl.col("_inside").any(),
        early=(at < pl.col("_first")).all(),
        exposed=(pl.col("_inside") & (at < pl.col("window_end"))).any(),
    )
    inside, early, exposed = (int(lay[name].sum()) for name in ("inside", "early", "exposed"))
    return {
        "in_table": events.height,
        "of_others": events.height - lay.height,
        "before_follow_up": early,
        "in_follow_up": inside,
        "in_exposure_window": exposed,
        "outside_follow_up": lay.height - early - inside,
    }


def to_first(rows: pl.DataFrame) -> pl.DataFrame:
    """End each row with its first event, as Cox regression wants it; the n_events become 0 or 1."""
    happens = pl.col("first_at").is_not_null()
    # an event at the very moment of the start would have no time at risk before it
    at = pl.max_horizontal(pl.min_horizontal("first_at", "exit"), pl.min_horizontal(pl.col("start") + HALF_DAY, "exit"))
    return rows.with_columns(exit=pl.when(happens).then(at).otherwise("exit"), n_events=happens.cast(pl.Int64))


def years(since: str, until: str) -> pl.Expr:
    """Give the time between two columns in years of 365.25 days."""
    span = pl.col(until) - pl.col(since)
    return span.dt.total_microseconds().cast(pl.Float64) / (YEAR_DAYS * 86_400_000_000)
