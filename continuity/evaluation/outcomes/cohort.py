"""Who is followed, from when until when: alive and enrolled at the landmark, and counted where they are not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError

AGE_BANDS: Final = (0, 18, 45, 65, 75, 85)
_WINDOW: Final = ("window_start", "window_end")
HALF_DAY: Final = pl.duration(hours=12)


@dataclass(frozen=True)
class Times:
    """When exposure ends and outcomes count.

    Parameters
    ----------
    until : datetime
        The end of follow-up, not part of it.
    since : datetime, optional
        Its start; by default the end of the exposure window (the landmark).
    time_varying : bool
        Whether there are several landmarks, each followed until the next.
    force_overlap : bool
        Whether follow-up may begin within the exposure window.
    observed_throughout : bool
        Whether patients must be enrolled from the start of the exposure window.
    """

    until: datetime
    since: datetime | None
    time_varying: bool
    force_overlap: bool
    observed_throughout: bool


@dataclass
class Steps:
    """Who was left out, step by step.

    Parameters
    ----------
    rows : list of dict
        step, n_left_out, n_left: patients, or with several landmarks patients at a landmark.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, frame: pl.DataFrame, step: str, condition: pl.Expr) -> pl.DataFrame:
        """Keep the rows for which the condition is true, and count the others."""
        kept = frame.filter(condition)
        self.rows.append({"step": step, "n_left_out": frame.height - kept.height, "n_left": kept.height})
        return kept


def moment(name: str, value: Any) -> datetime:
    """Give a parameter as a moment.

    Raises
    ------
    UsageError
    """
    try:
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime(value.year, value.month, value.day)
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise UsageError(f"{name} is no moment.", allowed="Such as '2025-01-01'.") from None
    return found.replace(tzinfo=None)


def cohort(
    measured: pl.DataFrame, patients: Any, deaths: pl.DataFrame, times: Times, covariates: Sequence[str]
) -> tuple[pl.DataFrame, Steps]:
    """Give one row per patient and landmark who can be followed, and who was left out.

    Parameters
    ----------
    measured : polars.DataFrame
        As `measured_by` gives it.
    patients : frame
    deaths : polars.DataFrame
        patient_id, died_at; perhaps without rows.
    times : Times
    covariates : sequence of str

    Returns
    -------
    tuple of (polars.DataFrame, Steps)
        patient_id, value, n_visits, window_start, window_end, start, stop (the end of follow-up, of enrolment or the
        next landmark), exit (stop, or death before it), died_at, unit_id (null where it is not known), covariates;
        sorted by patient_id and start.
    """
    rows = _with_times(measured, times)
    people = _people(patients, covariates, rows)
    known = rows.join(people, on="patient_id", how="left").join(deaths, on="patient_id", how="left")
    known = known.with_columns(_banded(known, covariates)).sort("patient_id", "start")
    without = people.join(rows.select("patient_id").unique(), on="patient_id", how="anti").height
    step = "in the frame of indices; left out: patients without a row there"
    steps = Steps([{"step": step, "n_left_out": without, "n_left": known.height}])
    alive = pl.col("died_at").is_null() | (pl.col("died_at") >= pl.col("start"))
    entered = pl.col("enrolled_from").is_null() | (pl.col("enrolled_from") <= pl.col("start"))
    stays = pl.col("enrolled_to").is_null() | (pl.col("enrolled_to") > pl.col("start"))
    before = pl.col("enrolled_from").is_null() | (pl.col("enrolled_from") <= pl.col("window_start"))
    known = steps.keep(known, "the index is undefined (too few visits, or none)", pl.col("value").is_not_null())
    known = steps.keep(known, "not among the patients", pl.col("_known").is_not_null())
    known = steps.keep(known, "dead before follow-up", alive)
    known = steps.keep(known, "not enrolled when follow-up starts", entered & stays)
    if times.observed_throughout:
        known = steps.keep(known, "enrolled after the exposure window began", before)
    numbers = [name for name in covariates if known[name].dtype.is_numeric()]
    if numbers:
        present = pl.all_horizontal(pl.col(numbers).is_not_null() & pl.col(numbers).cast(pl.Float64).is_finite())
        known = steps.keep(known, f"no value of {', '.join(numbers)}", present)
    known = known.with_columns(stop=pl.min_horizontal("_stop", "enrolled_to"))
    # a death that is known by its day alone may fall on the start: it has half a day of follow-up
    lived = pl.max_horizontal("died_at", pl.col("start") + HALF_DAY)
    known = known.with_columns(exit=pl.min_horizontal("stop", pl.when(pl.col("died_at").is_not_null()).then(lived)))
    kept = ["patient_id", "value", "n_visits", *_WINDOW, "start", "stop", "exit", "died_at", "unit_id"]
    return known.select(*dict.fromkeys([*kept, *covariates])), steps


def measured_by(per_patient: Any, index: str) -> pl.DataFrame:
    """Give patient_id, the window, n_visits and the value of the index (null: undefined).

    Raises
    ------
    InputError
        A column is missing, or a patient has a window twice.
    UsageError
        A window has no start or no end.
    """
    frame = edge.lazily(per_patient)[0]
    names = frame.collect_schema().names()
    missing = [name for name in ("patient_id", *_WINDOW, "n_visits", index) if name not in names]
    if missing:
        raise InputError.missing_columns(missing, names, "the indices of patients")
    rows = frame.select(
        "patient_id",
        *(pl.col(name).cast(pl.Datetime("us")) for name in _WINDOW),
        pl.col("n_visits").cast(pl.Int64),
        value=pl.col(index).cast(pl.Float64).fill_nan(None),
    ).collect()
    without = rows.select(pl.any_horizontal(pl.col(*_WINDOW).is_null()).sum()).item()
    if without:
        raise UsageError(
            f"{without:,} rows have an exposure window without a start or an end, so nobody can say what came after.",
            allowed="Needed: window_start and window_end in every row.",
            next_step="Compute the index with window=(START, END).",
        )
    twice = rows.height - rows.select("patient_id", *_WINDOW).n_unique()
    if twice:
        raise InputError(
            f"{twice:,} rows name a patient and a window that another row names.", allowed="Needed: one row for each."
        )
    return rows


def _with_times(rows: pl.DataFrame, times: Times) -> pl.DataFrame:
    """Add start and _stop: when a row's follow-up begins, and when it ends at the latest.

    Raises
    ------
    UsageError
        Windows without the option, an exposure window that reaches into follow-up, a follow-up without time.
    """
    windows = rows.select(*_WINDOW).unique().sort("window_end", "window_start")
    ends = windows["window_end"].to_list()
    if len(ends) > 1 and not times.time_varying:
        raise UsageError(
            f"The frame holds {len(ends)} exposure windows.",
            allowed="Needed: one window, or time_varying=True, where each is followed until the next one ends.",
            next_step="Keep one window, such as frame.filter(pl.col('window_end') == ...).",
        )
    if len(set(ends)) < len(ends):
        raise UsageError(
            "Two exposure windows end at the same moment.",
            allowed="Needed: one exposure window for each landmark.",
            next_step="Compute the index with one window, or with every= and period=.",
        )
    if times.time_varying and times.since is not None:
        raise UsageError("time_varying and since exclude one another: each landmark starts a follow-up.")
    starts = ends if times.since is None else [times.since]
    if starts and ends and starts[0] < ends[0] and not times.force_overlap:
        raise UsageError(
            "Outcomes would count inside the exposure window: since lies before the window ends.",
            allowed="Allowed: a follow-up that starts when the exposure window has ended. Otherwise an outcome can "
            "bring about the visits that it is to be explained by, and whoever died early had no time for visits.",
            next_step="Leave since out, or shorten the window. force_overlap=True does it all the same and marks it.",
        )
    if not starts or times.until <= starts[-1]:
        raise UsageError(
            "There is no follow-up: until does not lie after the exposure window.",
            next_step="Give an until after the last window_end, or end the exposure window earlier.",
        )
    stops = [*starts[1:], times.until]
    spans = windows.with_columns(start=pl.Series(starts, dtype=pl.Datetime("us")), _stop=pl.Series(stops))
    return rows.join(spans.with_columns(pl.col("_stop").cast(pl.Datetime("us"))), on=list(_WINDOW), how="left")


def _people(patients: Any, covariates: Sequence[str], rows: pl.DataFrame) -> pl.DataFrame:
    frame = edge.lazily(patients)[0]
    names = frame.collect_schema().names()
    asked = [("birth_year" if name == "age_band" and name not in names else name) for name in covariates]
    missing = [name for name in ("patient_id", *asked) if name not in names]
    if missing:
        raise InputError.missing_columns(missing, names, "the patients")
    dates = [
        pl.col(name).cast(pl.Datetime("us")) if name in names else pl.lit(None, pl.Datetime("us")).alias(name)
        for name in ("enrolled_from", "enrolled_to")
    ]
    unit = pl.col("unit_id").cast(pl.String) if "unit_id" in names else pl.lit(None, pl.String)
    chosen = [name for name in dict.fromkeys(asked) if name not in ("patient_id", "unit_id", "n_visits")]
    people = frame.select("patient_id", *dates, *chosen, unit_id=unit, _known=pl.lit(value=True)).collect()
    twice = people.height - people["patient_id"].n_unique()
    if twice:
        raise InputError(
            f"{twice:,} rows of the patients name a patient that another row names.",
            allowed="Needed: one row per patient.",
        )
    return people.with_columns(same_id(people, rows, "the patients"))


def same_id(frame: pl.DataFrame, rows: pl.DataFrame, where: str) -> pl.Expr:
    """Give patient_id in the type of the indices' frame.

    Raises
    ------
    InputError
        One holds numbers and the other text.
    """
    own, other = frame.schema["patient_id"], rows.schema["patient_id"]
    if own == other or (own.is_integer() and other.is_integer()):
        return pl.col("patient_id").cast(other)
    raise InputError(
        f"patient_id is {own} in {where} and {other} in the frame of indices.",
        allowed="Needed: the same type in all tables.",
        next_step="Cast one of them, such as pl.col('patient_id').cast(pl.String).",
    )


def _banded(rows: pl.DataFrame, covariates: Sequence[str]) -> list[pl.Expr]:
    if "age_band" not in covariates or "age_band" in rows.columns:
        return []
    age, band = pl.col("start").dt.year() - pl.col("birth_year"), pl.lit(None, pl.String)
    for least, following in zip(AGE_BANDS, [*AGE_BANDS[1:], None], strict=True):
        label = f"{least}+" if following is None else f"{least}-{following - 1}"
        band = pl.when(age >= least).then(pl.lit(label)).otherwise(band)
    return [band.alias("age_band")]
