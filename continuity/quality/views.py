"""Derived columns that expectations may name beside the canonical ones, computed only when a suite names them.

A stock expectation looks at columns of one table. What a gate must ask across tables ("is the patient of this visit
in the list of patients?"), relative to today, or about sums of rows ("how many visits has a patient in a year?") is
therefore a column here, with a name that a suite can use.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import polars as pl

from continuity.quality.repeats import key, run_lengths_in
from continuity.quality.results import Grain
from continuity.schema import TABLES, TableName
from continuity.vocabulary import DEFAULT_TIME_ZONE, Role, words

Tables = Mapping[TableName, pl.LazyFrame]


@dataclass(frozen=True)
class Derived:
    """One derived column.

    Parameters
    ----------
    means : str
        What it holds, in a sentence.
    needs : tuple of str
        Columns it is computed from: ``table.column``.
    grain : {"row", "patient_year", "provider_day"}
        What one row of its view is. Only columns of the same grain can meet in one expectation.
    """

    means: str
    needs: tuple[str, ...]
    grain: Grain = "row"


_VISITS: Final[Mapping[str, Derived]] = {
    "visit_date": Derived("Calendar day of the visit, on its own clock.", ("visits.visit_at",)),
    "visit_year": Derived("Calendar year of the visit.", ("visits.visit_at",)),
    "known_role": Derived(
        "Role of the visit's provider where it is a known word; else null.", ("visits.provider_role",)
    ),
    "is_in_future": Derived("Whether the visit lies after today.", ("visits.visit_at",)),
    "patient_is_listed_in_patients": Derived(
        "Whether the patient is in the table of patients; null for a visit without a patient.",
        ("visits.patient_id", "patients.patient_id"),
    ),
    "patient_birth_year": Derived(
        "Birth year from the table of patients; null where it is not known.",
        ("visits.patient_id", "patients.birth_year"),
    ),
    "patient_enrolled_to": Derived(
        "Day on which enrolment ends, from the table of patients; null where it is open or not known.",
        ("visits.patient_id", "patients.enrolled_to"),
    ),
    "patient_enrolled_from": Derived(
        "Day on which enrolment begins, from the table of patients; null where it is not known.",
        ("visits.patient_id", "patients.enrolled_from"),
    ),
    "provider_is_active_at_visit": Derived(
        "Whether the visit lies in the provider's time at work; null for a provider who is not in the table.",
        ("visits.provider_id", "visits.visit_at", "providers.active_from", "providers.active_to"),
    ),
    "provider_is_listed_in_providers": Derived(
        "Whether the provider is in the table of providers; null for a visit without a provider.",
        ("visits.provider_id", "providers.provider_id"),
    ),
    "n_visits_of_patient_in_year": Derived(
        "Visits of one patient in one calendar year.", ("visits.patient_id", "visits.visit_at"), "patient_year"
    ),
    "n_visits_of_provider_on_day": Derived(
        "Visits to one provider on one day.", ("visits.provider_id", "visits.visit_at"), "provider_day"
    ),
}

_PATIENTS: Final[Mapping[str, Derived]] = {
    "age_at_year_end": Derived(
        "Years from the birth year to this calendar year; negative for a birth year that is yet to come.",
        ("patients.birth_year",),
    ),
    "listed_provider_is_in_providers": Derived(
        "Whether the listed provider is in the table of providers; null for a patient without one.",
        ("patients.listed_provider_id", "providers.provider_id"),
    ),
    "listed_provider_has_left": Derived(
        "Whether the listed provider left before the day of the latest visit; null where that is not known.",
        ("patients.listed_provider_id", "providers.active_to", "visits.visit_at"),
    ),
    "enrolled_from_year": Derived("Calendar year in which enrolment begins.", ("patients.enrolled_from",)),
}


@dataclass(frozen=True)
class Counted:
    """How the rows of a grain that counts visits are told apart.

    Parameters
    ----------
    name : str
        The derived column that holds the counts.
    key : polars.Expr
        The same for visits that are counted together; null for a visit that is not counted.
    """

    name: str
    key: pl.Expr


def _counted(name: str, who: str, when: pl.Expr) -> Counted:
    # Rows without an id would make one group of all strangers, and a false alarm.
    known = pl.col(who).is_not_null() & pl.col("visit_at").is_not_null()
    return Counted(name, key([pl.col(who), when], known))


COUNTED: Final[Mapping[Grain, Counted]] = {
    "patient_year": _counted("n_visits_of_patient_in_year", "patient_id", pl.col("visit_at").dt.year()),
    "provider_day": _counted("n_visits_of_provider_on_day", "provider_id", pl.col("visit_at").dt.date()),
}

DERIVED: Final[Mapping[TableName, Mapping[str, Derived]]] = {"visits": _VISITS, "patients": _PATIENTS, "providers": {}}


def known_columns(table: TableName) -> list[str]:
    """Give the names that an expectation on a table may use: the canonical columns, then the derived ones.

    Parameters
    ----------
    table : {"visits", "patients", "providers"}

    Returns
    -------
    list of str

    Examples
    --------
    >>> known_columns("providers")[:2]
    ['provider_id', 'role']
    """
    return [*TABLES[table], *DERIVED[table]]


def missing_for(table: TableName, columns: Iterable[str], schemas: Mapping[TableName, pl.Schema]) -> tuple[str, ...]:
    """Name the tables and columns that are absent and without which these columns cannot be had.

    Parameters
    ----------
    table : {"visits", "patients", "providers"}
    columns : iterable of str
        Canonical or derived columns of `table`.
    schemas : mapping
        The schema of each table that was delivered.

    Returns
    -------
    tuple of str
        ``patients`` for an absent table, ``patients.birth_year`` for an absent column; empty when nothing is absent.
    """
    needed = [f"{table}.", *sources_of(table, columns)]
    return tuple(dict.fromkeys(gap for need in needed if (gap := _gap(need, schemas))))


def sources_of(table: TableName, columns: Iterable[str]) -> tuple[str, ...]:
    """Give the columns of the files that canonical or derived columns come from.

    Examples
    --------
    >>> sources_of("visits", ["visit_id", "is_in_future"])
    ('visits.visit_id', 'visits.visit_at')
    """
    derived = DERIVED[table]
    needed = [derived[name].needs if name in derived else (f"{table}.{name}",) for name in columns]
    return tuple(dict.fromkeys(need for needs in needed for need in needs))


def _gap(need: str, schemas: Mapping[TableName, pl.Schema]) -> str:
    name, _, column = need.partition(".")
    for table, schema in schemas.items():
        if table == name:
            return need if column and column not in schema else ""
    return name


def grain_of(table: TableName, columns: Iterable[str]) -> Grain | None:
    """Give the grain that all these columns share.

    Parameters
    ----------
    table : {"visits", "patients", "providers"}
    columns : iterable of str
        Canonical or derived columns of `table`; none stand for the table itself.

    Returns
    -------
    str or None
        None when the columns have no grain in common.

    Examples
    --------
    >>> grain_of("visits", ["visit_year", "provider_id"])
    'row'
    >>> grain_of("visits", ["visit_year", "n_visits_of_patient_in_year"])
    """
    derived = [DERIVED[table].get(column) for column in columns]
    grains: set[Grain] = {column.grain if column else "row" for column in derived} or {"row"}
    return grains.pop() if len(grains) == 1 else None


_GROUPS: Final[Mapping[tuple[str, str | None], Grain]] = {
    ("unit_id", None): "unit",
    ("unit_id", "1mo"): "unit_month",
    ("provider_id", None): "provider",
    ("provider_id", "1d"): "provider_day",
}


def group_grain(arguments: Mapping[str, Any]) -> Grain:
    """Give what an expectation on groups counts.

    Parameters
    ----------
    arguments : mapping
        Its arguments: ``by``, and ``every`` where there are periods.

    Returns
    -------
    str

    Examples
    --------
    >>> group_grain({"by": "unit_id", "every": "1mo"})
    'unit_month'
    >>> group_grain({"by": "area_code"})
    'group'
    """
    return _GROUPS.get((arguments["by"], arguments.get("every")), "group")


def view(tables: Tables, table: TableName, grain: Grain, columns: Iterable[str], today: date) -> pl.LazyFrame:
    """Give a table, or its sums, with the derived columns that are named.

    Parameters
    ----------
    tables : mapping
        Canonical frames; all that `columns` need must be there.
    table : {"visits", "patients", "providers"}
    grain : {"row", "patient_year", "provider_day"}
        What one row shall be.
    columns : iterable of str
        Columns that will be looked at.
    today : datetime.date
        The day up to which a visit may have happened.

    Returns
    -------
    polars.LazyFrame
        At grain ``row`` as many rows as the table; else one row per group, holding one count (Int64).

    Examples
    --------
    >>> visits = pl.LazyFrame({"patient_id": [1, 1, None], "visit_at": [datetime(2025, 3, day) for day in (1, 2, 3)]})
    >>> name = "n_visits_of_patient_in_year"
    >>> view({"visits": visits}, "visits", "patient_year", [name], date(2026, 1, 1)).collect()[name].to_list()
    [2]
    """
    frame = tables[table]
    if grain in COUNTED:
        counted = COUNTED[grain]
        lengths = counted.key.map_batches(run_lengths_in, return_dtype=pl.Int64)
        return frame.select(lengths.alias(counted.name))
    wanted = set(columns)
    if table == "visits":
        return _visits(frame, tables, wanted, today)
    return _patients(frame, tables, wanted, today) if table == "patients" else frame


def _visits(frame: pl.LazyFrame, tables: Tables, wanted: set[str], today: date) -> pl.LazyFrame:
    frame, visit_at = _on_one_clock(frame), pl.col("visit_at")
    tomorrow = datetime.combine(today + timedelta(days=1), time.min)
    own = {
        "visit_date": visit_at.dt.date(),
        "visit_year": visit_at.dt.year(),
        "known_role": pl.when(pl.col("provider_role").is_in(words(Role))).then(pl.col("provider_role")),
        "is_in_future": visit_at.dt.replace_time_zone(None) >= tomorrow,
    }
    frame = frame.with_columns(**_among(own, wanted))
    # A patient listed twice must not double the visits; the milder of two contradicting rows decides.
    from_patients = {
        "patient_is_listed_in_patients": pl.lit(value=True),
        "patient_birth_year": pl.col("birth_year").min(),
        "patient_enrolled_from": pl.col("enrolled_from").min(),
        "patient_enrolled_to": _latest("enrolled_to"),
    }
    frame = _looked_up(frame, "patient_id", tables, _among(from_patients, wanted))
    from_providers = {
        "provider_is_listed_in_providers": pl.lit(value=True),
        "_active": pl.struct(start=pl.col("active_from").min(), end=_latest("active_to")),
    }
    with_hidden = wanted | ({"_active"} if "provider_is_active_at_visit" in wanted else set())
    frame = _looked_up(frame, "provider_id", tables, _among(from_providers, with_hidden))
    return _at_work(frame) if "provider_is_active_at_visit" in wanted else frame


def _at_work(frame: pl.LazyFrame) -> pl.LazyFrame:
    day, active = pl.col("visit_at").dt.date(), pl.col("_active")
    start, end = active.struct.field("start"), active.struct.field("end")
    # An end may be the last day at work or the first day off: the day itself is allowed.
    within = (start.is_null() | (day >= start)) & (end.is_null() | (day <= end))
    return frame.with_columns(provider_is_active_at_visit=pl.when(active.is_not_null()).then(within)).drop("_active")


def _patients(frame: pl.LazyFrame, tables: Tables, wanted: set[str], today: date) -> pl.LazyFrame:
    if "age_at_year_end" in wanted:
        frame = frame.with_columns(age_at_year_end=today.year - pl.col("birth_year"))
    if "enrolled_from_year" in wanted:
        frame = frame.with_columns(enrolled_from_year=pl.col("enrolled_from").dt.year())
    from_providers = {"listed_provider_is_in_providers": pl.lit(value=True), "_left": _latest("active_to")}
    with_hidden = wanted | ({"_left"} if "listed_provider_has_left" in wanted else set())
    frame = _looked_up(frame, "listed_provider_id", tables, _among(from_providers, with_hidden))
    if "listed_provider_has_left" not in wanted:
        return frame
    # The list is judged as of the data's own end: an old export may name those who left since.
    latest = tables["visits"].select(_as_of=pl.min_horizontal(pl.col("visit_at").dt.date().max(), pl.lit(today)))
    frame = frame.join(latest, how="cross")
    return frame.with_columns(listed_provider_has_left=pl.col("_left") < pl.col("_as_of")).drop("_left", "_as_of")


def _latest(end: str) -> pl.Expr:
    """Take the latest end among rows of one id; an open end, null, is later than any."""
    return pl.when(pl.col(end).null_count() == 0).then(pl.col(end).max())


def _among(columns: Mapping[str, pl.Expr], wanted: set[str]) -> dict[str, pl.Expr]:
    return {name: expr for name, expr in columns.items() if name in wanted}


def _looked_up(frame: pl.LazyFrame, key: str, tables: Tables, columns: Mapping[str, pl.Expr]) -> pl.LazyFrame:
    """Join columns of the table that `key` refers to; one that says "is listed" is False where nothing is found."""
    if not columns:
        return frame
    other_key = key.removeprefix("listed_")
    other = tables["patients" if other_key == "patient_id" else "providers"]
    left, right = pl.col(key), pl.col(other_key)
    if frame.collect_schema()[key] != other.collect_schema()[other_key]:
        # One source wrote numbers and the other text: compare as text, so that the finding shows if they differ.
        left, right = left.cast(pl.String), right.cast(pl.String)
    found = other.filter(right.is_not_null()).group_by(right.alias("_key")).agg(**columns)
    joined = frame.with_columns(_key=left).join(found, on="_key", how="left").drop("_key")
    flags = [name for name in columns if "_is_" in name]
    return joined.with_columns(
        pl.when(pl.col(key).is_not_null()).then(pl.col(flag).fill_null(value=False)).alias(flag) for flag in flags
    )


def _on_one_clock(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Bring the moments of a visit to the zone of ``visit_at``, so that they can be compared."""
    schema = frame.collect_schema()
    zones = {name: dtype.time_zone for name, dtype in schema.items() if isinstance(dtype, pl.Datetime)}
    if len(set(zones.values())) < 2:
        return frame
    target = zones.get("visit_at") or DEFAULT_TIME_ZONE
    return frame.with_columns(_zoned(name, zone, target) for name, zone in zones.items())


def _zoned(name: str, zone: str | None, target: str) -> pl.Expr:
    if zone is not None:
        return pl.col(name).dt.convert_time_zone(target)
    # The hour that the clock skips in spring never was; the hour that comes twice in autumn is taken as the first.
    return pl.col(name).dt.replace_time_zone(target, ambiguous="earliest", non_existent="null")
