"""Who may have whom: the law's and the patient's wishes before any cost."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from continuity.assignment.attribution_visits import parsed
from continuity.assignment.problem import Integers
from continuity.assignment.settings import Settings

LOCKED_FOR: Final = "1y"
"""How long an own choice binds: the Health Care Act (1326/2010, sections 47-48) allows the next one after a year."""

Flags = NDArray[np.bool_]


def stays_locked(people: pl.DataFrame, listed: Integers, settings: Settings) -> Flags:
    """Say who keeps the listed provider as an own choice: chosen within a year before the plan, or on an unknown day.

    A choice of a provider who cannot have patients any more binds nobody.
    """
    if not settings.locked or "is_own_choice" not in people.columns:
        return np.zeros(people.height, bool)
    chosen = pl.col("is_own_choice").fill_null(value=False)
    if "listed_from" in people.columns and settings.as_of is not None:
        until = pl.col("listed_from").dt.offset_by(LOCKED_FOR)
        chosen &= (until > parsed(settings.as_of).date()).fill_null(value=True)
    flags: Flags = people.select(chosen).to_series().to_numpy() & (listed >= 0)
    return flags


def eligible_pairs(
    people: pl.DataFrame, staff: pl.DataFrame, listed: Integers, locked: Flags, settings: Settings
) -> Flags:
    """Say which provider each patient may have, (n_providers, n_patients).

    The listed provider always, unless leaving; others when they take new patients and speak the patient's language,
    where the unit has a speaker. Who keeps an own choice may have that provider only.
    """
    allowed = np.ones((staff.height, people.height), bool)
    if "accepts_new" in staff.columns:
        allowed &= staff["accepts_new"].fill_null(value=True).to_numpy()[:, None]
    if settings.languages:
        allowed &= speaks(people, staff, allowed)
    own = np.flatnonzero(listed >= 0)
    allowed[listed[own], own] = True
    allowed[:, locked] = False
    allowed[listed[locked], np.flatnonzero(locked)] = True
    return allowed


def speaks(people: pl.DataFrame, staff: pl.DataFrame, allowed: Flags) -> Flags:
    """Say which provider can be asked to serve each patient in their language, (n_providers, n_patients).

    A language that nobody with an open list speaks restricts nobody; nor does a provider whose languages are unknown.
    """
    result = np.ones((staff.height, people.height), bool)
    if "language" not in people.columns or "languages" not in staff.columns:
        return result
    of_people = people["language"]
    for language in of_people.drop_nulls().unique().sort():
        speakers = staff["languages"].list.contains(language).fill_null(value=True).to_numpy()
        known = staff["languages"].list.contains(language).fill_null(value=False).to_numpy()
        theirs = (of_people == language).fill_null(value=False).to_numpy()
        if (known[:, None] & allowed[:, theirs]).any():
            result[:, theirs] = speakers[:, None]
    return result
