"""Expected workload a year of every patient, and the size of panels by heads and by workload."""

from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

import numpy as np
import polars as pl

from continuity import edge
from continuity.assignment.attribution_visits import Moment, Wanted, canonical
from continuity.assignment.workload_features import History, Minutes, years_before
from continuity.assignment.workload_table import FINNISH_LEVEL, age_sex_rate
from continuity.errors import InputError
from continuity.schema import conform

Method = Literal["boosting", "poisson"]
WorkloadSource = Literal["model", "model_without_history", "age_sex_table"]

# Our own limits: what a model must at least have to be better than a table of nine bands.
MIN_VISITS: Final = 1000
MIN_PERSON_YEARS: Final = 500
NEARLY: Final = 31 / 365.25  # the first visit of a whole year of data need not be on its first day
_DEMOGRAPHIC: Final = ("age", "is_female", "is_chronic", "n_chronic")


def expected_workload(
    patients: Any,
    visits: Any = None,
    *,
    providers: Any = None,
    as_of: Moment | None = None,
    role: Wanted = "doctor",
    minutes: Minutes | None = None,
    method: Method = "boosting",
    seed: int = 0,
) -> Any:
    """Forecast the visits, or minutes, that each patient will need in the year after `as_of`.

    Parameters
    ----------
    patients : frame
        Canonical patients; used where present: birth_year, sex, is_chronic, n_chronic, enrolled_from, enrolled_to.
        A column `workload` is not looked at.
    visits : frame, optional
        Canonical visits, also those of other roles: past nurse visits help to forecast doctor visits.
    providers : frame, optional
        Canonical providers: say the role where the visits do not.
    as_of : date, datetime or str, optional
        The forecast uses visits before this moment; by default all, and the moment is the end of the latest day.
    role : str, iterable of str or None
        Whose visits are forecast; None: everyone's.
    minutes : mapping, optional
        Minutes by contact mode, or by (role, mode), with ``"other"`` for modes not named. Then workload is in minutes
        a year instead of visits.
    method : {"boosting", "poisson"}
        See `WorkloadModel`.
    seed : int
        Of the model.

    Returns
    -------
    frame of the kind of `patients`
        One row per patient, sorted by patient_id: workload (Float64, a year; above 0, never null), workload_source
        (``model``; ``model_without_history`` for who was enrolled for less than three months of the past year;
        ``age_sex_table`` for everyone where the history is short).

    Raises
    ------
    InputError
        A required column is missing, or nothing tells the role of a provider.
    UsageError
        A role, mode or date that does not exist; minutes that do not cover every visit.

    Notes
    -----
    The model learns the visits of the last year from what was known at its beginning, and is then told what is known
    now: a forecast of the coming year. Exposure is the share of the year enrolled; who has no dates of enrolment
    counts as enrolled throughout. Chronic conditions are those of the table, for the past too.

    The history is short when it does not reach back two years, or when the last year has fewer than 1,000 visits or
    500 person-years (our own limits). Then the age-sex table (Norway's consultations of 2023) is scaled to the visits
    there are; without visits, to Finland's level of about 1.2 a resident.

    References
    ----------
    Statistics Norway (SSB), consultations with general practitioners 2023; THL for Finland's level in 2022.

    Examples
    --------
    >>> import polars as pl
    >>> patients = pl.DataFrame({"patient_id": [1, 2], "birth_year": [1940, 2015], "sex": ["female", "male"]})
    >>> expected_workload(patients, as_of="2026-01-01").with_columns(pl.col("workload").round(2)).rows()
    [(1, 2.3, 'age_sex_table'), (2, 0.45, 'age_sex_table')]
    """
    lazy, restore = edge.lazily(patients)
    table = conform(lazy, "patients", where="patients")
    staff = None if providers is None else canonical(providers, "providers")
    history = History.of(table, _visits(visits, table), staff, role, minutes)
    end = history.end(as_of)
    work, source = forecast(history, end, method=method, seed=seed, minutes=minutes)
    found = history.people.select("patient_id", workload=work, workload_source=source)
    return restore(found.lazy())


def forecast(
    history: History, end: datetime, *, method: Method, seed: int, minutes: Minutes | None = None
) -> tuple[pl.Series, pl.Series]:
    """Give the workload of each patient of the history in the year after `end`, and where it comes from."""
    start, years = years_before(end, 1), history.years(end)
    target, exposure = history.work(start, end, history.role), history.exposure(start, end)
    is_short = history.inside(start, end, history.role).height < MIN_VISITS or years < 2 - NEARLY
    if is_short or exposure.sum() < MIN_PERSON_YEARS or target.sum() == 0:
        return from_table(history, end, minutes), pl.repeat("age_sex_table", len(target), eager=True)
    n_years = 2 if years >= 3 - NEARLY else 1
    past, now = history.features(start, n_years), history.features(end, n_years)
    is_seen, was_seen = (table["work_doctor_1"].is_not_null() for table in (now, past))
    learn = partial(_learned, target, method=method, seed=seed)
    work = learn(exposure, past.select(_DEMOGRAPHIC), now.select(_DEMOGRAPHIC))
    if (exposure * was_seen).sum() < MIN_PERSON_YEARS or target.filter(was_seen).sum() == 0:
        return work, pl.repeat("model_without_history", len(work), eager=True)
    work = learn(exposure * was_seen, past, now).zip_with(is_seen, work)
    source = pl.select(pl.when(is_seen).then(pl.lit("model")).otherwise(pl.lit("model_without_history")))
    return work, source.to_series()


def _learned(
    target: pl.Series, exposure: pl.Series, past: pl.DataFrame, now: pl.DataFrame, *, method: Method, seed: int
) -> pl.Series:
    """Fit the target on past features, of those observed, and forecast from the present ones."""
    from continuity.assignment.workload_model import WorkloadModel

    observed = exposure > 0
    # scikit-learn asks for a feature: the constant lets people of whom nothing is known have the mean rate.
    rows = past.filter(observed).select(pl.lit(1.0).alias("constant"), pl.all())
    rows = rows.select(name for name in rows.columns if rows[name].null_count() < rows.height)
    model = WorkloadModel(method, random_state=seed)
    model.fit(rows, target.filter(observed).to_numpy(), exposure.filter(observed).to_numpy())
    return pl.Series(
        "workload", model.predict(now.select(pl.lit(1.0).alias("constant"), pl.all()).select(rows.columns))
    )


def from_table(history: History, end: datetime, minutes: Minutes | None = None) -> pl.Series:
    """Give the workload by age and sex, scaled to the visits of at most a year before `end` where there are any."""
    age = (pl.lit(end.year) - pl.col("birth_year")).clip(0)
    rate = history.people.select(workload=age_sex_rate(age, pl.col("sex")))["workload"]
    span = min(history.years(end), 1.0)
    start = years_before(end, 1)
    if span > 0:
        first = history.visits.filter(pl.col("local") < end)["local"].min()
        start = max(start, first) if isinstance(first, datetime) else start
        expected = float((history.exposure(start, end) * rate).sum()) * span
        seen = float(history.work(start, end, history.role).sum())
        if seen > 0 and expected > 0:
            return rate * (seen / expected)
    typical = 1.0 if minutes is None else float(np.mean(list(minutes.values())))
    return rate * (FINNISH_LEVEL * typical)


def _visits(visits: Any, patients: pl.LazyFrame) -> pl.LazyFrame:
    if visits is not None:
        return canonical(visits, "visits")
    kind = patients.collect_schema()["patient_id"]
    schema = {
        "patient_id": kind,
        "visit_at": pl.Datetime("us"),
        "provider_id": pl.String(),
        "provider_role": pl.String(),
    }
    return pl.LazyFrame(schema=schema)


def panel_sizes(assignments: Any, workload: Any, providers: Any = None) -> Any:
    """Give the size of each panel by heads and by workload, side by side.

    Parameters
    ----------
    assignments : frame
        patient_id, provider_id (null: nobody's); one row per patient, such as from `attribute` or a plan.
    workload : frame
        patient_id, workload, such as from `expected_workload`.
    providers : frame, optional
        Canonical providers: those without a patient get a row too, and sizes per FTE are given.

    Returns
    -------
    frame of the kind of `assignments`
        One row per provider, sorted by provider_id (null first: the patients of nobody): n_patients (Int64), workload
        (Float64, the sum), n_weighted (Float64: workload in mean patients, so that both sizes have one total),
        n_without_workload (Int64, counted as mean patients); with `providers` also fte, n_patients_per_fte and
        n_weighted_per_fte (null where fte is 0 or not known).

    Raises
    ------
    InputError
        A column is missing, or a patient stands in several rows.

    Notes
    -----
    Weights may leave the order of the panels as it was: show both sizes, always.

    Examples
    --------
    >>> import polars as pl
    >>> plan = pl.DataFrame({"patient_id": [1, 2, 3], "provider_id": ["A", "A", "B"]})
    >>> workload = pl.DataFrame({"patient_id": [1, 2, 3], "workload": [1.0, 1.0, 4.0]})
    >>> panel_sizes(plan, workload).select("provider_id", "n_patients", "n_weighted").rows()
    [('A', 2, 1.0), ('B', 1, 2.0)]
    """
    lazy, restore = edge.lazily(assignments)
    plan = _with_columns(lazy, ("patient_id", "provider_id"), "the assignments").collect()
    weights = _with_columns(edge.lazily(workload)[0], ("patient_id", "workload"), "the workload").collect()
    for table, name in ((plan, "assignments"), (weights, "workload")):
        if table["patient_id"].n_unique() < table.height:
            raise InputError(
                f"Some patients stand in several rows of the {name}.",
                allowed="Needed: one row per patient.",
                next_step="Keep one row of each patient_id.",
            )
    weights = weights.with_columns(pl.col("patient_id").cast(plan.schema["patient_id"], strict=False))
    joined = plan.join(weights, on="patient_id", how="left")
    mean = joined.sort("patient_id").select(pl.col("workload").mean()).item() or 0.0
    sizes = joined.group_by("provider_id").agg(
        n_patients=pl.len().cast(pl.Int64),
        workload=pl.col("workload").fill_null(mean).sort().sum(),
        n_without_workload=pl.col("workload").null_count().cast(pl.Int64),
    )
    found = sizes if providers is None else _with_staff(sizes, canonical(providers, "providers").collect())
    weighted = pl.when(mean > 0).then(pl.col("workload") / mean)
    order = ["provider_id", "n_patients", "workload", "n_weighted", "n_without_workload"]
    found = found.with_columns(n_weighted=weighted).select(*order, *[n for n in found.columns if n not in order])
    if "fte" in found.columns:
        fte = pl.when(pl.col("fte") > 0).then(pl.col("fte"))
        found = found.with_columns((pl.col(f"n_{x}") / fte).alias(f"n_{x}_per_fte") for x in ("patients", "weighted"))
    return restore(found.sort("provider_id").lazy())


def _with_columns(frame: pl.LazyFrame, names: tuple[str, ...], where: str) -> pl.LazyFrame:
    found = frame.collect_schema().names()
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError.missing_columns(missing, found, where)
    return frame.select(names)


def _with_staff(sizes: pl.DataFrame, providers: pl.DataFrame) -> pl.DataFrame:
    """Add the FTE, and a row of zeros for providers without patients."""
    kind = sizes.schema["provider_id"]
    fte = pl.col("fte") if "fte" in providers.columns else pl.lit(None, dtype=pl.Float64)
    staff = providers.select(pl.col("provider_id").cast(kind, strict=False), fte=fte).drop_nulls("provider_id")
    staff = staff.sort("provider_id", "fte").unique("provider_id", keep="first")
    everyone = sizes.join(staff, on="provider_id", how="full", coalesce=True)
    return everyone.with_columns(pl.col("n_patients", "n_without_workload", "workload").fill_null(0))
