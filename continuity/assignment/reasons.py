"""Why each patient is where the plan puts them, as one code of `vocabulary.MoveReason`."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from continuity.assignment.cases import Case
from continuity.assignment.problem import Floats, Integers, totals
from continuity.assignment.settings import Settings
from continuity.assignment.solve import Solved


def reasons(case: Case, solved: Solved, settings: Settings, providers: pl.DataFrame) -> pl.Series:
    """Give one code per patient, in the order of `case.people`.

    Notes
    -----
    own_choice: keeps the list by an own choice that binds. kept: stays. leaver: the own doctor can have no patients any
    more. unknown_doctor: listed with somebody whom the providers do not name. other_unit: listed with
    somebody who goes on, in a unit that is not the patient's. knows_better: has seen the new doctor
    more, by more than a move costs. with_household: alone would be elsewhere. list_full: the own list was above its
    band, and this patient loses least by a move. balance: the list was within its band, but loads would not meet theirs
    otherwise. drawn: the lot fell on them. new_known, new_household, new_room: had no doctor; has seen this one, goes
    where the household is, or where most room is left.
    """
    people, here = case.people, np.arange(case.people.height)
    a, own = solved.choice, case.listed
    seen = case.visits[a, here]
    has = own >= 0
    before = np.where(has, case.visits[np.maximum(own, 0), here], 0.0)
    stays = has & (a == own)
    with_others = np.bincount(case.item)[case.item] > 1
    gains = has & (seen - before > case.moving)
    full = loads_before(case) > (1 + solved.tolerance) * case.target
    pulled = with_others & _household_is_there(case, solved) & ~gains
    rules = [
        (stays & case.locked, "own_choice"),
        (stays, "kept"),
        ((own == -2) & ~_listed_with(people, providers), "unknown_doctor"),
        ((own == -2) & _listed_with(people, providers.filter("is_open")), "other_unit"),
        (own == -2, "leaver"),
        ((own == -1) & (seen > 0), "new_known"),
        ((own == -1) & with_others, "new_household"),
        (own == -1, "new_room"),
        (np.full(own.size, settings.mode == "random"), "drawn"),
        (gains, "knows_better"),
        (pulled, "with_household"),
        (full[np.maximum(own, 0)], "list_full"),
    ]
    return pl.Series("reason", np.select([rule for rule, _ in rules], [code for _, code in rules], "balance"))


def loads_before(case: Case) -> Floats:
    """Give the work on each list as it is, (n_providers,)."""
    own = np.flatnonzero(case.listed >= 0)
    return totals(case.listed[own], case.workload[own], case.target.size)


def _listed_with(people: pl.DataFrame, providers: pl.DataFrame) -> NDArray[np.bool_]:
    if "listed_provider_id" not in people.columns:
        return np.zeros(people.height, bool)
    return people["listed_provider_id"].is_in(providers["provider_id"].implode()).fill_null(value=False).to_numpy()


def _household_is_there(case: Case, solved: Solved) -> NDArray[np.bool_]:
    """Say whose household has another member who was on, or has seen, the list that all now go to."""
    a: Integers = solved.choice
    tied = (case.listed == a) | (case.visits[a, np.arange(a.size)] > 0)
    n = int(case.item.max()) + 1
    elsewhere: NDArray[np.bool_] = totals(case.item, tied.astype(float), n)[case.item] > tied
    return elsewhere
