"""The visits of OMOP: from visit_occurrence or from visit_detail, never from both."""

import polars as pl

from continuity.errors import InputError, listing
from continuity.schema import conform
from continuity.sources import account, omop_codes
from continuity.sources.base import Count, ReadOptions
from continuity.sources.omop_columns import Frames, known, whole
from continuity.sources.omop_people import provider_rows
from continuity.sources.text import typed


def visits(raw: Frames, options: ReadOptions, where: str) -> tuple[pl.LazyFrame, tuple[Count, ...]]:
    """Give the canonical visits, and an account of the rows that are none.

    Raises
    ------
    InputError
        There is no table of visits, it lacks a column, or no visit was chosen.
    """
    name = "visit_detail" if options.visit_detail else "visit_occurrence"
    if name not in raw:
        raise InputError(
            f"{where} has no table {name}.",
            allowed=f"Found: {listing(sorted(raw))}.",
            next_step="Put the table there, named as in the CDM; --visit-detail reads visit_detail instead.",
        )
    rows = _visit_rows(raw[name], name)
    kept, counts = account.keep(rows, "visits", _left_out(options))
    if sum(count.n_rows for count in counts[1:]) == counts[0].n_rows:
        raise _nothing_chosen(counts, name)
    schema = kept.collect_schema()
    if any(schema[column] == pl.String for column in ("moment", "day")):
        kept = kept.collect(
            engine="streaming"
        ).lazy()  # text was read into memory already; each further pass is then short
    counts += _unmapped(kept)
    counts += _without_detail(raw) if options.visit_detail else ()
    found = _with_providers(_typed_times(kept, options, name), raw)
    return conform(_with_reasons(found, raw, name), "visits", where=name), counts


def _visit_rows(frame: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Give the columns of a table of visits under names that both tables share, ids as whole numbers."""
    prefix = name.removesuffix("_occurrence")
    columns = {
        "patient_id": "person_id",
        "visit_id": f"{name}_id",
        "concept": f"{prefix}_concept_id",
        "provider_id": "provider_id",
        "unit_id": "care_site_id",
        "source_concept": f"{prefix}_source_concept_id",
        "parent_id": "parent_visit_detail_id",
        "source_value": f"{prefix}_source_value",
        "moment": f"{prefix}_start_datetime",
        "day": f"{prefix}_start_date",
    }
    found = frame.collect_schema().names()
    needed = [columns[column] for column in ("patient_id", "visit_id", "concept", "provider_id")]
    missing = [column for column in needed if column not in found]
    if not {columns["moment"], columns["day"]} & set(found):
        missing.append(columns["day"])
    if missing:
        raise InputError(
            f"{name} lacks {listing(missing)}.",
            allowed=f"Found: {listing(found)}.",
            next_step="Export the whole table.",
        )
    ids = [column for column in columns.values() if column in found and column.endswith("_id")]
    frame = whole(frame.select(column for column in columns.values() if column in found), ids, name)
    have = {ours: pl.col(theirs) for ours, theirs in columns.items() if theirs in found}
    absent = {ours: pl.lit(None, _dtype(ours)) for ours in columns if ours not in have}
    frame = frame.select(**have, **absent).with_columns(pl.col("source_value").cast(pl.String))
    frame = frame.with_columns(
        provider_id=known("provider_id"), unit_id=known("unit_id"), code=omop_codes.finnish_code(pl.col("source_value"))
    )
    parents = frame.select(visit_id="parent_id").drop_nulls().unique().with_columns(has_parts=pl.lit(value=True))
    return frame.join(parents, on="visit_id", how="left", maintain_order="left")


def _dtype(column: str) -> pl.DataType:
    return pl.String() if column in ("source_value", "moment", "day") else pl.Int64()


def _left_out(options: ReadOptions) -> list[pl.Expr]:
    is_chosen = omop_codes.chosen(
        pl.col("concept"), pl.col("source_concept"), pl.col("source_value"), options.visit_concepts
    )
    concept = pl.format("visit concept {}: not chosen", pl.col("concept").cast(pl.String).fill_null("missing"))
    by_code = pl.format("source value {}: not chosen", pl.col("code"))
    return [
        pl.when(pl.col("patient_id").is_null()).then(pl.lit("no person_id")),
        pl.when(pl.col("moment").is_null() & pl.col("day").is_null()).then(pl.lit("no date")),
        pl.when("has_parts").then(pl.lit("visit_detail that others are part of")),
        pl.when(~is_chosen).then(pl.coalesce(by_code, concept)),
    ]


def _nothing_chosen(counts: tuple[Count, ...], name: str) -> InputError:
    most = sorted(counts[1:], key=lambda count: -count.n_rows)
    return InputError(
        f"No visit of {name} was chosen.",
        allowed=f"Left out: {listing([f'{count.what} ({count.n_rows:,})' for count in most])}.",
        next_step="Name the visit concepts or source values that are visits: --visit-concepts 9202,PRIM_OUT-R10-*.",
    )


def _unmapped(kept: pl.LazyFrame) -> tuple[Count, ...]:
    mode = omop_codes.contact_mode(pl.col("concept"), pl.col("code"))
    what = pl.coalesce(pl.col("code"), pl.col("concept").cast(pl.String))
    n_unknown = kept.select(pl.col("provider_id").null_count()).collect(engine="streaming").item()
    return (
        *account.unmapped(kept, "visits", "visit concept without a contact mode", pl.when(mode.is_null()).then(what)),
        *account.some("visits", "provider_id blank, NULL or 0: unknown", n_unknown, "warning"),
    )


def _without_detail(raw: Frames) -> tuple[Count, ...]:
    if "visit_occurrence" not in raw:
        return ()
    key = "visit_occurrence_id"
    details = raw["visit_detail"]
    if key not in details.collect_schema():
        return ()
    visits = whole(raw["visit_occurrence"].select(key), [key], "visit_occurrence")
    alone = visits.join(whole(details.select(key), [key], "visit_detail"), on=key, how="anti")
    n = alone.select(pl.len()).collect(engine="streaming").item()
    return account.some("visits", "visit_occurrence without a visit_detail: not among the visits", n, "warning")


def _with_providers(kept: pl.LazyFrame, raw: Frames) -> pl.LazyFrame:
    concept = pl.col("concept")
    visits = kept.with_columns(
        contact_mode=omop_codes.contact_mode(concept, pl.col("code")),
        urgency=pl.when(concept == omop_codes.EMERGENCY).then(pl.lit("acute")),
        care_type=concept.cast(pl.String),
    )
    if "provider" not in raw:
        return visits
    staff = provider_rows(raw["provider"]).select("provider_id", provider_role="role", usual_unit_id="unit_id")
    return visits.join(staff, on="provider_id", how="left", maintain_order="left").with_columns(
        unit_id=pl.coalesce("unit_id", "usual_unit_id")
    )


def _typed_times(visits: pl.LazyFrame, options: ReadOptions, name: str) -> pl.LazyFrame:
    """Take the time of a visit, or its day where the time is missing, from columns that may be text or typed."""
    schema = visits.collect_schema()
    moment, day = pl.col("moment"), pl.col("day")
    kind = schema["moment"]
    if isinstance(kind, pl.Datetime) and schema["day"].is_temporal():
        day = day.cast(pl.Datetime(kind.time_unit))
        if kind.time_zone:
            day = day.dt.replace_time_zone(kind.time_zone, ambiguous="earliest", non_existent="null")
    elif schema["moment"] != schema["day"]:
        moment, day = moment.cast(pl.String), day.cast(pl.String)
    timed = visits.with_columns(visit_at=pl.coalesce(moment, day)).drop("moment", "day")
    return typed(timed, "visits", where=name, time_zone=options.time_zone, date_format=options.date_format)


def _with_reasons(visits: pl.LazyFrame, raw: Frames, name: str) -> pl.LazyFrame:
    """Add the conditions of a visit as a list; listed before they are joined, so that no visit is doubled."""
    key = f"{name}_id"
    conditions = raw.get("condition_occurrence")
    if conditions is None or not {key, "condition_concept_id"} <= set(conditions.collect_schema()):
        return visits
    names = [key, "condition_concept_id"]
    pairs = whole(conditions.select(names), names, "condition_occurrence")
    pairs = pairs.filter((pl.col("condition_concept_id") != 0) & pl.col(key).is_not_null())
    lists = pairs.group_by(visit_id=key).agg(
        reason_codes=pl.col("condition_concept_id").unique().sort().cast(pl.String)
    )
    return visits.join(lists, on="visit_id", how="left", maintain_order="left")
