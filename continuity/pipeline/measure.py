"""Collect what every aggregate is made of: the indices of patients, and their visits by provider."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from continuity.evaluation.aggregate import Measured
from continuity.metrics import Rules, index
from continuity.metrics.engine.compute import indices_of
from continuity.metrics.engine.prepare import Sources, one_per, prepared
from continuity.metrics.engine.windows import Window, with_windows
from continuity.vocabulary import Role, words

ROLES: Final = words(Role)  # all of them: a role that is left out could be found as what the others leave over
ROW: Final = ("patient_id", "window_start", "window_end")


def has_lists(sources: Sources) -> bool:
    """Tell whether the patients say with whom they are listed."""
    return sources.patients is not None and "listed_provider_id" in sources.patients.collect_schema()


def roles_of(sources: Sources, rules: Rules) -> dict[str, Rules]:
    """Give the rules for all visits and, where roles are known, for those to each role apart."""
    known = "provider_role" in sources.visits.collect_schema()
    known |= sources.providers is not None and "role" in sources.providers.collect_schema()
    apart = [role for role in ROLES if known and (rules.role is None or role in rules.role)]
    return {"all": rules} | {role: rules.with_(role=(role,)) for role in apart}


def measure(
    sources: Sources, keys: Sequence[str], rules: Rules, spans: Sequence[Window] | None, *, bounds: bool = False
) -> Measured:
    """Compute the indices of every patient, and count the visits by provider.

    Parameters
    ----------
    sources : Sources
    keys : sequence of str
        Indices; ``upc_assigned`` is left to the share of visits with the listed provider.
    rules : Rules
        With ``unknown_provider="bounds"`` the estimates leave the unknown visits out, and both extremes stand beside.
    spans : sequence of Window or None
    bounds : bool
        Whether to add both extremes for visits with an unknown provider, as ``<key>_low`` and ``<key>_high``.
    """
    if rules.unknown_provider == "bounds":
        rules, bounds = rules.with_(unknown_provider="drop"), True
    chosen = [index(key) for key in keys if key != "upc_assigned"]
    also = ("n_listed", "n_while_listed") if has_lists(sources) else ()
    per_patient = indices_of(sources, chosen, rules, spans, also=also, now=True).collect(engine="streaming")
    if also and rules.role is not None and per_patient["n_listed"].sum() == 0:
        per_patient = per_patient.drop(also)  # nobody is listed with this role: a share of 0 would say something else
    if bounds:
        extremes = indices_of(sources, chosen, rules.with_(unknown_provider="bounds"), spans, now=True).collect(
            engine="streaming"
        )
        ends = [f"{entry.key}_{end}" for entry in chosen for end in ("low", "high")]
        per_patient = per_patient.join(extremes.select(*ROW, *ends), on=ROW, how="left")
    # The persons behind a cell are counted whatever the level: a team is many of them.
    visits = prepared(sources, rules.with_(level="provider"), spans)
    counted = visits.group_by("patient_id", "window_id", "actor").agg(n=pl.len().cast(pl.Int64))
    pairs = with_windows(counted, visits, spans).select(*ROW, "actor", "n")
    lists = _lists(sources) if "n_while_listed" in per_patient.columns else None
    return Measured(per_patient, pairs.collect(engine="streaming"), rules.min_visits, lists)


def _lists(sources: Sources) -> pl.DataFrame | None:
    if sources.patients is None:
        return None
    listed = sources.patients.select("patient_id", "listed_provider_id")
    return one_per(listed, "patient_id").collect(engine="streaming")


def measure_roles(
    sources: Sources, keys: Sequence[str], rules: Rules, spans: Sequence[Window] | None, *, bounds: bool = False
) -> dict[str, Measured]:
    """Measure all visits and, where roles are known, those to each role apart; a role without visits is left out."""
    found = {
        role: measure(sources, keys, rule, spans, bounds=bounds) for role, rule in roles_of(sources, rules).items()
    }
    return {role: measured for role, measured in found.items() if role == "all" or not measured.per_patient.is_empty()}


def unknown_share(sources: Sources, rules: Rules, spans: Sequence[Window] | None) -> float:
    """Give the share of visits whose provider is unknown, among those that the filters and windows keep."""
    visits = prepared(sources, rules.with_(same_day="keep_all", tie_order="expectation"), spans)
    share = visits.select(pl.col("actor").is_null().mean()).collect(engine="streaming").item()
    return float(share or 0.0)
