"""The visits that count: filters, window, level, same-day rule, and whether the listed provider was seen.

The steps are functions from a lazy frame to a lazy frame, applied in the order of `STEPS`; `attrition` counts after
each of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from continuity.errors import InputError
from continuity.metrics.engine import windows as w
from continuity.metrics.engine.rules import FILTER_COLUMNS, Rules

KEYS = ("patient_id", "window_id")


@dataclass(frozen=True)
class Sources:
    """The canonical tables that a computation reads, with ids of one type so that they can be joined.

    Visits keep their ids as they came; where patients or providers hold them in another type, they follow.
    """

    visits: pl.LazyFrame
    patients: pl.LazyFrame | None = None
    providers: pl.LazyFrame | None = None

    def __post_init__(self) -> None:
        schema = self.visits.collect_schema()
        for name in ("patients", "providers"):
            table = getattr(self, name)
            if table is not None:
                object.__setattr__(self, name, _with_ids_like(table, schema))


def _with_ids_like(table: pl.LazyFrame, visits: pl.Schema) -> pl.LazyFrame:
    like = {"listed_provider_id": "provider_id"}
    casts = [
        pl.col(name).cast(visits[like.get(name, name)], strict=False)
        for name, dtype in table.collect_schema().items()
        if name.endswith("_id") and like.get(name, name) in visits and dtype != visits[like.get(name, name)]
    ]
    return table.with_columns(casts)


def one_per(table: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """Keep one row per key, the same one whatever the order of the rows: a join must not multiply visits."""
    return table.sort(table.collect_schema().names()).unique(key, keep="first", maintain_order=True)


def base(sources: Sources, rules: Rules, *, with_listed: bool = False) -> pl.LazyFrame:
    """Give the visits with what the rules need: actor (whose continuity), local time, filter columns, listed flags."""
    names = set(sources.visits.collect_schema().names())
    # Visits of nobody are no patient's, and visits at no time lie in no window, not even in that of all the data.
    visits = sources.visits.drop_nulls(["patient_id", "visit_at"])
    if rules.role and "provider_role" not in names:
        visits = visits.join(_of_providers(sources, "role", "role"), on="provider_id", how="left").rename(
            {"role": "provider_role"}
        )
    for rule, column in FILTER_COLUMNS.items():
        if getattr(rules, rule) and column not in visits.collect_schema():
            raise InputError.missing_columns([column], sorted(names), f"the visits, and the filter {rule} needs it")
    visits = visits.with_columns(local=pl.col("visit_at").dt.replace_time_zone(None), provider_id=_known(rules))
    visits = (
        visits.with_columns(actor=pl.col("provider_id"))
        if rules.level == "provider"
        else _at_level(visits, sources, rules)
    )
    return _with_listed(visits, sources, rules) if with_listed else visits


def _known(rules: Rules) -> pl.Expr:
    provider = pl.col("provider_id")
    if not rules.unknown_codes:
        return provider
    codes = [str(code) for code in rules.unknown_codes]
    return pl.when(~provider.cast(pl.String).is_in(codes)).then(provider)


def _at_level(visits: pl.LazyFrame, sources: Sources, rules: Rules) -> pl.LazyFrame:
    column = f"{rules.level}_id"
    if column in visits.collect_schema():
        return visits.with_columns(actor=pl.col(column))
    members = _of_providers(sources, column, f"level {rules.level}").rename({column: "actor"})
    return visits.join(members, on="provider_id", how="left")


def _of_providers(sources: Sources, column: str, why: str) -> pl.LazyFrame:
    if sources.providers is None or column not in sources.providers.collect_schema():
        raise InputError(
            f"Neither the visits nor the providers say the {column} of a provider, and {why} needs it.",
            allowed=f"Allowed: a column of that name in the visits, or {column} in a table of providers.",
            next_step="Map the column with --columns, or give --providers FILE.",
        )
    return one_per(sources.providers.select("provider_id", column), "provider_id")


def _with_listed(visits: pl.LazyFrame, sources: Sources, rules: Rules) -> pl.LazyFrame:
    patients = sources.patients
    if patients is None or "listed_provider_id" not in patients.collect_schema():
        raise InputError(
            "No table of patients says with whom a patient is listed.",
            allowed="Needed: patients with the column listed_provider_id.",
            next_step="Give --patients FILE (in Python: patients=frame).",
        )
    wanted = [name for name in ("listed_provider_id", "listed_from") if name in patients.collect_schema()]
    lists = one_per(patients.select("patient_id", *wanted), "patient_id")
    listed_actor = pl.col("listed_provider_id")
    if rules.level != "provider":
        members = _of_providers(sources, f"{rules.level}_id", f"level {rules.level}")
        lists = lists.join(members, left_on="listed_provider_id", right_on="provider_id", how="left")
        listed_actor = pl.col(f"{rules.level}_id")
    lists = lists.with_columns(listed_actor=listed_actor).select("patient_id", "listed_actor", *wanted[1:])
    listed = pl.col("listed_actor").is_not_null()
    if "listed_from" in wanted:  # a list that starts later says nothing about an earlier visit
        listed &= (pl.col("local").dt.date() >= pl.col("listed_from")).fill_null(value=True)
    to_listed = (pl.col("actor") == pl.col("listed_actor")).fill_null(value=False)
    return visits.join(lists, on="patient_id", how="left").with_columns(
        while_listed=listed, to_listed=listed & to_listed
    )


def filtered(visits: pl.LazyFrame, rule: str, rules: Rules) -> pl.LazyFrame:
    """Keep the visits of the kinds that one filter names."""
    chosen = getattr(rules, rule)
    return visits.filter(pl.col(FILTER_COLUMNS[rule]).is_in(list(chosen))) if chosen else visits


def windowed(visits: pl.LazyFrame, chosen: Sequence[w.Window] | None) -> pl.LazyFrame:
    """Keep the visits of the windows; without windows all visits are in one."""
    return visits.with_columns(window_id=pl.lit(0, pl.Int64)) if chosen is None else w.assign(visits, chosen)


def merged_days(visits: pl.LazyFrame, rules: Rules, also: Sequence[str] = ()) -> pl.LazyFrame:
    """Apply the same-day rule; the visit that stays is the first in time, then the smallest id, never the first row.

    `also` names columns that follow the visit that stays, and so must help to say which one it is.
    """
    if rules.same_day == "keep_all":
        return visits
    names = visits.collect_schema().names()
    if rules.same_day == "patient_provider_day" and rules.unknown_provider in ("each_distinct", "bounds"):
        # Two unknown visits of a day may be to two providers: merged, the bounds would not hold for the truth.
        nobody = pl.col("provider_id").is_null() & pl.col("actor").is_null()
        return pl.concat([_first_of_day(visits.filter(~nobody), rules, names, also), visits.filter(nobody)])
    return _first_of_day(visits, rules, names, also)


def _first_of_day(visits: pl.LazyFrame, rules: Rules, names: Sequence[str], also: Sequence[str] = ()) -> pl.LazyFrame:
    day = pl.col("local").dt.date().alias("day")
    keys: list[pl.Expr | str] = [*KEYS, day]
    if rules.same_day == "patient_provider_day":
        # An unknown person has no name to merge by; the team or unit, where it is the actor, still has one.
        keys += [pl.col("provider_id").alias("person"), _actor_of_the_unknown()]
    ranked = visits.with_columns(unknown=pl.col("actor").is_null())
    order = ["unknown", "visit_at", "provider_id", "actor", *(["visit_id"] if "visit_id" in names else []), *also]
    kept = [name for name in names if name not in KEYS]
    return ranked.group_by(keys).agg(pl.col(kept).sort_by(order).first()).select(names)


def _actor_of_the_unknown() -> pl.Expr:
    return pl.when(pl.col("provider_id").is_null()).then(pl.col("actor")).alias("actor_of_unknown")


def of_persons(visits: pl.LazyFrame, sources: Sources, rules: Rules) -> pl.LazyFrame:
    """Put the household in the place of the patient where the rules say so; patients without one are left out."""
    if rules.person == "patient":
        return visits
    homes = households(sources).drop_nulls("household_id")
    # Null keys never match here: visits of nobody have been left out before.
    return visits.join(homes, on="patient_id").with_columns(patient_id=pl.col("household_id")).drop("household_id")


def households(sources: Sources) -> pl.LazyFrame:
    """Give the household of each patient: patient_id, household_id.

    Raises
    ------
    InputError
        No table of patients says it.
    """
    patients = sources.patients
    if patients is None or "household_id" not in patients.collect_schema():
        raise InputError(
            "No table of patients says who lives in one household, and person household needs it.",
            allowed="Needed: patients with the column household_id.",
            next_step="Give --patients FILE (in Python: patients=frame).",
        )
    return one_per(patients.select("patient_id", "household_id"), "patient_id")


def prepared(
    sources: Sources,
    rules: Rules,
    chosen: Sequence[w.Window] | None,
    *,
    with_listed: bool = False,
    with_columns: Sequence[str] = (),
) -> pl.LazyFrame:
    """Give the visits that count, one row per visit and window.

    Returns
    -------
    polars.LazyFrame
        patient_id, window_id, actor (null: unknown), visit_at, local, visit_id where the tie order needs it,
        while_listed, to_listed where asked for, and the columns of the visits that are asked for.
    """
    visits = base(sources, rules, with_listed=with_listed)
    for rule in FILTER_COLUMNS:
        visits = filtered(visits, rule, rules)
    visits = windowed(visits, chosen)
    extra = [*with_columns, *(["while_listed", "to_listed"] if with_listed else [])]
    if rules.tie_order == "visit_id":
        if "visit_id" not in visits.collect_schema():
            raise InputError.missing_columns(
                ["visit_id"], visits.collect_schema().names(), "the visits (tie_order needs it)"
            )
        extra.append("visit_id")
    kept = visits.select(*KEYS, "actor", "provider_id", "visit_at", "local", *extra)
    merged = merged_days(kept, rules, also=with_columns).select(*KEYS, "actor", "visit_at", "local", *extra)
    return of_persons(merged, sources, rules)
