"""Encounters as visits: who saw whom, when and where, and which encounters are none."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

import polars as pl

from continuity.sources import account
from continuity.sources import fhir_codes as codes
from continuity.sources.base import Count
from continuity.sources.fhir_hierarchy import uncounted
from continuity.sources.fhir_references import target
from continuity.sources.fhir_staff import Staff
from continuity.sources.fhir_values import (
    Json,
    codings,
    identity,
    moments,
    part,
    parts,
    text,
    updated,
)

SCHEMA: Final = {
    "visit_id": pl.String(),
    "updated": pl.Float64(),
    "status": pl.String(),
    "patient_id": pl.String(),
    "provider_id": pl.String(),
    "unit_id": pl.String(),
    "team_id": pl.String(),
    "care_type": pl.String(),
    "priority": pl.String(),
    "reason_codes": pl.List(pl.String()),
    "part_of": pl.String(),
    "start": pl.String(),
}
_BATCH: Final = 20_000
Row = tuple[Any, ...]


def flatten(staff: Staff) -> Callable[[Json], Row]:
    """Give the function that makes the row of an encounter, its columns those of `SCHEMA`."""

    def row(encounter: Json) -> Row:
        provider, of_role = staff.directory.provider(performer(encounter))
        unit = staff.directory.organisation(part(encounter.get("serviceProvider"))) or of_role
        subject = target(part(encounter.get("subject")))
        patient = (subject.id or subject.identifier) if subject.type in (None, "Patient") else None
        own = staff.own_teams.get((patient, provider)) if patient and provider else None
        above = target(part(encounter.get("partOf")))
        priorities = codings([part(encounter.get("priority"))])
        reasons = list(dict.fromkeys(code for _, code in codings(encounter.get("reasonCode"))))
        return (
            identity(encounter),
            updated(encounter),
            text(encounter.get("status")),
            patient,
            provider,
            unit,
            own or (staff.teams.get(provider) if provider else None),
            text(part(encounter.get("class")).get("code")),
            priorities[0][1] if priorities else None,
            reasons or None,
            above.id or above.identifier,
            text(part(encounter.get("period")).get("start")),
        )

    return row


def performer(encounter: Json) -> Json:
    """Give the reference to the provider among an encounter's participants.

    Of the participants who may be practitioners: the first primary performer (PPRF), else the first attender (ATND),
    else the first. Relatives, patients and devices are never the provider.
    """
    found: dict[str, Json] = {}
    for participant in parts(encounter.get("participant")):
        individual = part(participant.get("individual"))
        named = target(individual)
        if named.type not in (None, "Practitioner", "PractitionerRole") or not (named.id or named.identifier):
            continue
        for _, kind in codings(participant.get("type")):
            found.setdefault(kind, individual)
        found.setdefault("", individual)
    return next((found[kind] for kind in (*codes.PERFORMERS, "") if kind in found), {})


def frame(rows: Iterable[Row], time_zone: str) -> pl.DataFrame:
    """Gather rows batch by batch, with the start read as a time: the texts of one batch only are held at a time."""
    source: Iterator[Row] = iter(rows)
    batches = []
    while batch := list(islice(source, _BATCH)):
        columns = dict(zip(SCHEMA, zip(*batch, strict=True), strict=True))
        made = pl.DataFrame({name: pl.Series(name, columns[name], dtype) for name, dtype in SCHEMA.items()})
        start = made["start"]
        batches.append(
            made.with_columns(
                visit_at=moments(start, time_zone), has_start=start.is_not_null(), is_date=start.str.len_chars() < 10
            ).drop("start")
        )
    empty = pl.DataFrame(schema=SCHEMA).drop("start")
    times = {"visit_at": pl.Datetime("us", time_zone), "has_start": pl.Boolean(), "is_date": pl.Boolean()}
    empty = empty.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in times.items())
    return pl.concat([empty, *batches])


def visits(encounters: pl.DataFrame) -> tuple[pl.DataFrame, tuple[Count, ...]]:
    """Keep the encounters that are visits, and count the others by reason."""
    is_latest = _latest(encounters)
    word = pl.when(pl.col("status").is_in(codes.STATUSES)).then("status").otherwise(pl.lit("of no known word"))
    reasons = [
        pl.when(~pl.col("is_latest")).then(pl.lit("an older version of the encounter")),
        pl.when(pl.col("status").is_null()).then(pl.lit("no status")),
        pl.when(pl.col("status") != codes.KEPT).then(pl.format("status {}", word)),
        pl.when(pl.col("patient_id").is_null()).then(pl.lit("subject is no patient")),
        pl.when(~pl.col("has_start")).then(pl.lit("no period.start")),
        pl.when(pl.col("visit_at").is_null() & pl.col("is_date")).then(pl.lit("period.start is a year or month only")),
        pl.when(pl.col("visit_at").is_null()).then(pl.lit("period.start is no time")),
    ]
    marked = encounters.with_columns(is_latest=is_latest)
    single = marked.with_columns(why=pl.coalesce(reasons)).filter(pl.col("why").is_null())
    parts_ = pl.DataFrame({"visit_id": uncounted(single)}).with_columns(is_part=pl.lit(value=True))
    if parts_.is_empty():  # the usual case, in which a join of all encounters would be for nothing
        marked = marked.with_columns(is_part=pl.lit(None, pl.Boolean))
    else:
        marked = marked.join(parts_, on="visit_id", how="left", maintain_order="left")
    by_part = pl.when(pl.col("is_part")).then(pl.lit("counted with the encounter it is part of, or by its parts"))
    kept, counts = account.keep(marked.lazy(), "visits", [*reasons, by_part])
    found = kept.collect().with_columns(contact_mode=_mode(), urgency=_urgency())
    return found, counts + _unmapped(found)


def _latest(encounters: pl.DataFrame) -> pl.Series:
    """Mark one version of each encounter: the latest, and of two of one moment the same one whatever their order."""
    if not encounters["visit_id"].is_duplicated().any():
        return pl.Series(values=[True]).new_from_index(0, encounters.height)
    order = ["updated", *(name for name in encounters.columns if name not in ("updated", "reason_codes"))]
    last = encounters.with_row_index("row").sort(order, nulls_last=False).group_by("visit_id").agg(pl.col("row").last())
    return encounters.with_row_index("row").select(pl.col("row").is_in(last["row"].implode())).to_series()


def _mode() -> pl.Expr:
    return pl.col("care_type").replace_strict(codes.MODES, default=None, return_dtype=pl.String)


def _urgency() -> pl.Expr:
    said = pl.col("priority").replace_strict(codes.URGENCIES, default=None, return_dtype=pl.String)
    by_class = pl.when((pl.col("care_type") == codes.EMERGENCY) & pl.col("priority").is_null()).then(pl.lit("acute"))
    return pl.coalesce(said, by_class)


def _unmapped(found: pl.DataFrame) -> tuple[Count, ...]:
    lazy = found.lazy()
    unknown_mode = pl.when(pl.col("contact_mode").is_null()).then(_code("care_type"))
    unknown_urgency = pl.when(pl.col("urgency").is_null() & pl.col("priority").is_not_null()).then(_code("priority"))
    n_unknown = found["provider_id"].null_count()
    return (
        *account.unmapped(lazy, "visits", "class without a contact mode", unknown_mode),
        *account.unmapped(lazy, "visits", "priority without an urgency", unknown_urgency),
        *account.some("visits", "no participant who is a practitioner: provider unknown", n_unknown, "warning"),
    )


def _code(name: str) -> pl.Expr:
    """Give a code; a text that looks like none is not repeated, for it may hold anything."""
    return pl.when(pl.col(name).str.contains(r"^[A-Z_a-z]{1,16}$")).then(name).otherwise(pl.lit("(no code)"))
