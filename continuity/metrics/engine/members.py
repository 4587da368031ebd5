"""To which unit, team or list a patient belongs: by a register where there is one, else where most visits were."""

from typing import Literal

import polars as pl

from continuity.metrics.engine.prepare import Sources, one_per

Rule = Literal["assigned", "most_visits"]


def members(sources: Sources, column: str) -> tuple[pl.LazyFrame, Rule] | None:
    """Give the group of each patient, and the rule by which it was found.

    Parameters
    ----------
    sources : Sources
    column : str
        A column of patients, or of visits (``team_id``, ``unit_id``, ``area_code`` ...).

    Returns
    -------
    tuple of (polars.LazyFrame, str), or None
        patient_id and `column`, one row per patient. ``assigned``: the patients' own column; for a team, the team of
        the listed provider. ``most_visits``: where most of the patient's visits were, of several the smallest name.
        None where no table knows the column.
    """
    assigned = _assigned(sources, column)
    if assigned is not None:
        return assigned, "assigned"
    if column not in sources.visits.collect_schema():
        return None
    return _most_visits(sources.visits, "patient_id", column), "most_visits"


def units_of_providers(sources: Sources) -> pl.LazyFrame | None:
    """Give the unit of each provider: by the table of providers, else where most of the provider's visits were.

    Returns
    -------
    polars.LazyFrame or None
        provider_id and unit_id, one row per provider; None where no table knows the unit.
    """
    if sources.providers is not None and "unit_id" in sources.providers.collect_schema():
        return one_per(sources.providers.select("provider_id", "unit_id"), "provider_id")
    if "unit_id" not in sources.visits.collect_schema():
        return None
    return _most_visits(sources.visits, "provider_id", "unit_id")


def _most_visits(visits: pl.LazyFrame, who: str, column: str) -> pl.LazyFrame:
    counted = visits.filter(pl.col(column).is_not_null()).group_by(who, column).len()
    best = pl.col(column).sort_by(-pl.col("len").cast(pl.Int64), column).first()
    return counted.group_by(who).agg(best)


def _assigned(sources: Sources, column: str) -> pl.LazyFrame | None:
    patients, providers = sources.patients, sources.providers
    if patients is None:
        return None
    known = patients.collect_schema().names()
    if column in known:
        return one_per(patients.select("patient_id", column), "patient_id")
    listed = "listed_provider_id" in known and providers is not None and column in providers.collect_schema().names()
    if not listed or providers is None:
        return None
    teams = one_per(providers.select("provider_id", column), "provider_id")
    lists = one_per(patients.select("patient_id", "listed_provider_id"), "patient_id")
    return lists.join(teams, left_on="listed_provider_id", right_on="provider_id", how="left").select(
        "patient_id", column
    )
