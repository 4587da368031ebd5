"""Which rows of Avohilmo are visits: each step of the filter, counted, and the codes that have no mapping."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from continuity.errors import InputError, listing
from continuity.schema import TableName
from continuity.sources import avohilmo_codes as codes
from continuity.sources.base import Count, ReadOptions

_SERVICE, _CONTACT, _KEPT = 2, 3, 5
MOMENTS: Final = {
    "visit_at": "KAYNTI_ALKOI",
    "contacted_at": "YHTEYDENOTTO_AJANKOHTA",
    "assessed_at": "HOIDONTARVE_AJANKOHTA",
}
_IS_CODE: Final = r"^[A-Z]{0,2}[0-9]{0,3}$"
_NO_CODE: Final = "(not a code)"  # what stands in a wrong column may be an id: it is counted, never shown


@dataclass(frozen=True)
class Main:
    """The main tables with, in each row, the step of the filter that leaves it out, or `_KEPT`."""

    frame: pl.LazyFrame
    there: frozenset[str]

    @classmethod
    def of(cls, frame: pl.LazyFrame, options: ReadOptions) -> "Main":
        there = frozenset(frame.collect_schema().names())
        absent = [pl.lit(None, pl.String).alias(name) for name in codes.NAMES if name not in there]
        return cls(frame.with_columns(absent).with_columns(step=_step(options)), there)

    def kept(self, repeats: pl.Series | None = None) -> pl.LazyFrame:
        """Give the rows that are visits; those that repeat one are left out as far as they are known."""
        if repeats is None or repeats.is_empty():
            return self.frame.filter(pl.col("step") == _KEPT)
        numbered = self.frame.with_row_index("row").filter(pl.col("step") == _KEPT)
        return numbered.join(repeats.to_frame("row").lazy(), on="row", how="anti", maintain_order="left")

    def chosen(self, **columns: pl.Expr) -> pl.LazyFrame:
        """Give columns of the rows that are visits, also those that repeat one.

        They are chosen before the filter: only so does Polars find that all of them start from one frame, and reads
        the file once.
        """
        return self.frame.select("step", **columns).filter(pl.col("step") == _KEPT).drop("step")


def filled(name: str) -> pl.Expr:
    """Tell where a column holds more than spaces."""
    return (pl.col(name).cast(pl.String).str.strip_chars() != "").fill_null(value=False)


def _step(options: ReadOptions) -> pl.Expr:
    """Give the number of the first step that leaves a row out; the names of the steps are in `_names`."""
    services, contacts = options.services or codes.SERVICES, options.contacts or codes.CONTACTS
    service = pl.lit(value=True) if services == codes.ALL else pl.col("service").is_in(services)
    contact = ~pl.col("contact").is_in(codes.NO_VISIT) if contacts == codes.ALL else pl.col("contact").is_in(contacts)
    return (
        pl.when(~filled("patient_id"))
        .then(0)
        .when(pl.col("visit_at").is_null())
        .then(1)
        .when(~service.fill_null(value=False))
        .then(_SERVICE)
        .when(~contact.fill_null(value=contacts == codes.ALL))
        .then(_CONTACT)
        .when(filled("cancelled_at") | filled("cancelled_why"))
        .then(4)
        .otherwise(_KEPT)
        .cast(pl.UInt8)
    )


def _names(options: ReadOptions) -> tuple[str, ...]:
    services, contacts = options.services or codes.SERVICES, options.contacts or codes.CONTACTS
    kept = "not a visit" if contacts == codes.ALL else f"not {', '.join(contacts)}"
    return (
        "no person",
        "no start of the visit",
        f"service type is not {', '.join(services)}",
        f"contact type is {kept}",
        "cancelled",
        "the same row twice",
    )


@dataclass(frozen=True)
class Survey:
    """What the first reading found: groups of rows by step and code with their counts, and the rows that repeat one."""

    groups: pl.DataFrame
    repeats: pl.Series
    summaries: list[pl.DataFrame]

    def sum(self, name: str, *conditions: pl.Expr) -> int:
        """Give the sum of a count over the groups that fit."""
        return int(self.groups.filter(*conditions)[name].sum())


def survey(main: Main, summaries: Sequence[pl.LazyFrame]) -> Survey:
    """Read the main tables once, to count, to find the rows that are there twice, and to collect small summaries.

    Codes are looked at after the grouping, when few rows are left.
    """
    is_kept, is_service = pl.col("step") == _KEPT, pl.col("step") == _SERVICE
    groups = main.frame.group_by(
        "step",
        code=pl.when(is_service).then("service").when(is_kept | (pl.col("step") == _CONTACT)).then("contact"),
        is_old=pl.col("visit_at") < pl.lit(codes.REVISED),
        sex=pl.when(is_kept).then("sex"),
        urgency=pl.when(is_kept).then("urgency"),
    ).agg(
        n_rows=pl.len().cast(pl.Int64),
        n_known=filled("provider_id").sum().cast(pl.Int64),
        n_roles=((pl.col("occupation") != "") | (pl.col("licence") != "")).sum().cast(pl.Int64),
        **{name: pl.col(f"{name}_bad").sum().cast(pl.Int64) for name in MOMENTS if name in main.there},
    )
    hashes = main.frame.with_row_index("row").filter(is_kept).select("row", "whole", "person")
    counted, keys, *others = pl.collect_all([groups, hashes, *summaries], engine="streaming")
    ended, begun = (pl.col("code").is_in(some).fill_null(value=False) for some in (codes.ENDED, codes.BEGUN))
    outdated = is_kept & pl.when("is_old").then(begun).otherwise(ended)
    shown = [_shown(pl.col(name)).alias(name) for name in ("code", "sex", "urgency")]
    return Survey(counted.with_columns(outdated=outdated).with_columns(shown), _repeats(keys), others)


def _shown(code: pl.Expr) -> pl.Expr:
    is_code = code.str.contains(_IS_CODE)
    return pl.when(code != "").then(pl.when(is_code).then(code).otherwise(pl.lit(_NO_CODE)))


def _repeats(keys: pl.DataFrame) -> pl.Series:
    """Give the numbers of the rows that repeat an earlier one.

    A hash of the whole row and one of the person stand for a row, 64 bits each: two rows of a person that differ are
    taken for the same with a chance of 5e-20.
    """
    ordered = np.sort(keys["whole"].to_numpy())
    twice = pl.DataFrame({"whole": np.unique(ordered[1:][ordered[1:] == ordered[:-1]])})
    suspects = keys.join(twice, on="whole", how="semi").sort("row")
    return suspects.filter(~pl.struct("whole", "person").is_first_distinct())["row"]


def counts(found: Survey, main: Main, options: ReadOptions) -> Iterator[Count]:
    """Count the rows, the steps in their order, and the codes without a mapping."""
    yield Count("visits", "rows of the main table", found.sum("n_rows"), "rows_in")
    *steps, twice = _names(options)
    for number, name in enumerate(steps):
        for code, n in _by(found, "code", pl.col("step") == number):
            yield Count("visits", name, n, "filter", code)
    yield Count("visits", twice, found.repeats.len(), "filter")
    kept = pl.col("step") == _KEPT
    unknown_contact = ~pl.col("code").is_in(list(codes.MODES)).fill_null(value=True)
    yield from _unmapped(found, "visits", "contact type", "code", kept & unknown_contact)
    unknown_urgency = ~pl.col("urgency").is_in(list(options.urgencies))
    yield from _unmapped(found, "visits", "urgency", "urgency", kept & unknown_urgency)
    yield from _unmapped(found, "patients", "sex", "sex", kept & ~pl.col("sex").is_in(list(codes.SEXES)))
    for code, n in _by(found, "code", kept & pl.col("outdated")):
        yield Count("visits", "contact type outside its validity (revised on 1.1.2019)", n, "warning", code)
    for what, n in _warnings(found, main, kept):
        if n:
            yield Count("visits", what, n, "warning")


def _warnings(found: Survey, main: Main, kept: pl.Expr) -> Iterator[tuple[str, int]]:
    n_kept = found.sum("n_rows", kept)
    yield "provider is unknown", n_kept - found.sum("n_known", kept)
    for name in ("contacted_at", "assessed_at"):
        if name in main.there:
            yield f"{MOMENTS[name]} cannot be read: null", found.sum(name, kept)
    if main.there & {"occupation", "licence"}:
        yield "no profession: the role is null", n_kept - found.sum("n_roles", kept)


def _unmapped(found: Survey, table: TableName, what: str, column: str, fits: pl.Expr) -> Iterator[Count]:
    for code, n in _by(found, column, fits & pl.col(column).is_not_null()):
        yield Count(table, f"{what} has no mapping", n, "unmapped", code)


def _by(found: Survey, column: str, fits: pl.Expr) -> Sequence[tuple[str | None, int]]:
    rows = found.groups.filter(fits).group_by(column).agg(pl.col("n_rows").sum()).sort(column, nulls_last=True)
    return [(code, int(n)) for code, n in rows.rows()]


def refuse(found: Survey, counted: Sequence[Count], where: str) -> None:
    """Refuse starts that cannot be read, and an extract without a visit.

    Raises
    ------
    InputError
    """
    n = found.sum("visit_at")
    if n:
        rows = "1 row holds" if n == 1 else f"{n:,} rows hold"
        raise InputError(
            f"Column KAYNTI_ALKOI of {where}: {rows} a time that cannot be read.",
            allowed="Allowed: 31.1.2025 14:05 or 2025-01-31 14:05:00, in one form throughout a file, or blank.",
            next_step="Correct the file, or name the form with --date-format.",
        )
    steps: dict[str, int] = {}
    for count in counted:
        if count.kind == "filter":
            steps[count.what] = steps.get(count.what, 0) + count.n_rows
    if found.sum("n_rows") == sum(steps.values()):
        left_out = listing([f"{name}: {n:,}" for name, n in steps.items() if n])
        raise InputError(
            f"No row of {where} is a visit. Left out, step by step: {left_out}.",
            next_step="Name other service types with --services, or contact types with --contacts.",
        )
