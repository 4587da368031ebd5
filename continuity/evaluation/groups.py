"""To which unit and team a patient belongs: by a register where there is one, else where most visits were."""

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
    counted = sources.visits.filter(pl.col(column).is_not_null()).group_by("patient_id", column).len()
    best = pl.col(column).sort_by(-pl.col("len").cast(pl.Int64), column).first()
    return counted.group_by("patient_id").agg(best), "most_visits"


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
