"""One unit as a problem: who may have whom, what each choice costs, what the bands are."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from continuity.assignment.eligibility import eligible_pairs, stays_locked
from continuity.assignment.problem import Bands, Floats, Integers, Problem, totals
from continuity.assignment.settings import Settings

_EARTH_KM: Final = 6371.0


@dataclass(frozen=True)
class Case:
    """A unit's people and staff in an order that does not depend on the input's, and their problem.

    Parameters
    ----------
    unit : id
    people : polars.DataFrame
        One row per patient, n_patients rows.
    staff : polars.DataFrame
        The providers who can take them, n_providers rows.
    pairs : polars.DataFrame
        As read: row, provider_id (of any provider), n.
    visits : array (n_providers, n_patients)
        Visits in the look-back.
    listed : array (n_patients,)
        The listed provider's place in `staff`; -1 has none; -2 one who is not in `staff`.
    item : array (n_patients,)
        The item that each patient belongs to: alone, or with the household.
    eligible : array (n_providers, n_patients)
    locked : array (n_patients,)
        Keeps an own choice.
    moving : array (n_patients,)
        What a change costs: move_cost x priority, 0 for who has no listed provider.
    problem : Problem
    target : array (n_providers,)
        The work that is each provider's share.
    counts : dict
        What was treated, by name.
    """

    unit: Any
    people: pl.DataFrame
    staff: pl.DataFrame
    pairs: pl.DataFrame
    visits: Floats
    listed: Integers
    item: Integers
    eligible: NDArray[np.bool_]
    locked: NDArray[np.bool_]
    moving: Floats
    problem: Problem
    target: Floats
    counts: dict[str, int]

    @property
    def workload(self) -> Floats:
        """The workload of each patient."""
        return self.people["workload"].to_numpy()


@dataclass(frozen=True)
class UnitFrames:
    """What was read of a unit.

    Parameters
    ----------
    unit : id
    people, staff : polars.DataFrame
        `people` has a column `row`.
    pairs : polars.DataFrame
        row, provider_id, n: visits in the look-back.
    """

    unit: Any
    people: pl.DataFrame
    staff: pl.DataFrame
    pairs: pl.DataFrame


def build(read: UnitFrames, settings: Settings) -> Case:
    """Build the problem of a unit."""
    staff, people = _staff_in_order(read), read.people
    visits = _visits(people, staff, read.pairs)
    listed = _listed(people, staff)
    locked = stays_locked(people, listed, settings)
    eligible = eligible_pairs(people, staff, listed, locked, settings)
    moving = np.where(listed == -1, 0.0, settings.move_cost) * _priority(people, settings)
    tie = people["patient_id"].hash(settings.seed).to_numpy()
    work = people["workload"].to_numpy()
    order = np.lexsort((tie, moving, _mark(eligible), listed, _mark(visits), work))
    people, visits, listed, locked = people[order], visits[:, order], listed[order], locked[order]
    eligible, moving = eligible[:, order], moving[order]
    cost = np.broadcast_to(moving, visits.shape).copy()
    kept = np.flatnonzero(listed >= 0)
    cost[listed[kept], kept] = 0.0
    cost -= visits
    if settings.distance_cost:
        cost += settings.distance_cost * _kilometres(people, staff)
    item, split = _items(people, eligible, cost, settings)
    features, bands, target = _bands(people, staff, settings)
    problem = Problem(_summed(np.where(eligible, cost, np.inf), item), _summed(features, item), bands)
    counts = {"n_households_split": split}
    return Case(
        read.unit, people, staff, read.pairs, visits, listed, item, eligible, locked, moving, problem, target, counts
    )


def _staff_in_order(read: UnitFrames) -> pl.DataFrame:
    """Put the providers in an order by what they are; who are alike stand by a hash of the id.

    So neither the order of rows nor a renaming changes what a plan costs. Workloads are counted in millionths, because
    sums of whole numbers do not depend on their order.
    """
    fine = read.people.select("row", work=(pl.col("workload") * 1e6).round().cast(pl.Int64))
    of_visits = (
        read.pairs.join(fine, on="row")
        .group_by("provider_id")
        .agg(seen=pl.col("n").sum(), seen_work=(pl.col("n") * pl.col("work")).sum())
    )
    known = read.staff.join(of_visits, on="provider_id", how="left")
    keys = ["fte", "seen", "seen_work"]
    if "listed_provider_id" in read.people.columns:
        on_list = read.people.join(fine, on="row").group_by(provider_id="listed_provider_id")
        known = known.join(on_list.agg(on_list=pl.len(), list_work=pl.col("work").sum()), on="provider_id", how="left")
        keys += ["on_list", "list_work"]
    return known.sort(*keys, pl.col("provider_id").hash(0), "provider_id").drop(keys[1:])


def _visits(people: pl.DataFrame, staff: pl.DataFrame, pairs: pl.DataFrame) -> Floats:
    """Give the visits of each pair, (n_providers, n_patients)."""
    place = pl.DataFrame({"provider_id": staff["provider_id"], "place": np.arange(staff.height)})
    found = pairs.join(place, on="provider_id")
    rows = people["row"].to_numpy()
    where = np.empty(int(rows.max()) + 1, np.int64)
    where[rows] = np.arange(rows.size)
    visits = np.zeros((staff.height, people.height))
    visits[found["place"].to_numpy(), where[found["row"].to_numpy()]] = found["n"].to_numpy()
    return visits


def _mark(table: NDArray[Any]) -> Floats:
    """Give one number for each column that no two different columns are likely to share, added in a fixed order."""
    mark = np.zeros(table.shape[1])
    for j, row in enumerate(table):
        mark += row * np.sqrt(j + 2.0)
    return mark


def _listed(people: pl.DataFrame, staff: pl.DataFrame) -> Integers:
    if "listed_provider_id" not in people.columns:
        return np.full(people.height, -1)
    place = pl.DataFrame({"listed_provider_id": staff["provider_id"], "place": np.arange(staff.height)})
    found = people.select("listed_provider_id").join(place, on="listed_provider_id", how="left", maintain_order="left")
    other = pl.when(pl.col("listed_provider_id").is_null()).then(-1).otherwise(-2)
    return found.select(pl.coalesce("place", other)).to_series().cast(pl.Int64).to_numpy()


def _priority(people: pl.DataFrame, settings: Settings) -> Floats:
    if not settings.chronic_priority:
        return np.ones(people.height)
    return np.where(chronic(people), 2.0, 1.0)


def chronic(people: pl.DataFrame) -> NDArray[np.bool_]:
    """Say who is chronically ill: is_chronic, else n_chronic above 0; unknown is no."""
    if "is_chronic" in people.columns:
        return people["is_chronic"].fill_null(value=False).to_numpy()
    if "n_chronic" in people.columns:
        return (people["n_chronic"].fill_null(0) > 0).to_numpy()
    return np.zeros(people.height, bool)


def _kilometres(people: pl.DataFrame, staff: pl.DataFrame) -> Floats:
    """Give great-circle distances, (n_providers, n_patients); 0 where a place is not known."""
    if not all({"latitude", "longitude"} <= set(frame.columns) for frame in (people, staff)):
        return np.zeros((staff.height, people.height))
    a, b = (np.radians(frame.select("latitude", "longitude").to_numpy()) for frame in (staff, people))
    half = np.sin((a[:, None, :] - b[None, :, :]) / 2) ** 2
    chord = half[:, :, 0] + np.cos(a[:, None, 0]) * np.cos(b[None, :, 0]) * half[:, :, 1]
    distances: Floats = np.nan_to_num(2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1))), nan=0.0)
    return distances


def _items(people: pl.DataFrame, eligible: NDArray[np.bool_], cost: Floats, settings: Settings) -> tuple[Integers, int]:
    """Give each patient the number of an item: a household that one provider can take, or alone."""
    alone = np.arange(people.height)
    if not settings.households or "household_id" not in people.columns:
        return alone, 0
    free = people["household_id"].is_null()
    if "is_household_free" in people.columns:
        free |= people["is_household_free"].fill_null(value=False)
    first = people.with_row_index("at").select(pl.col("at").min().over("household_id")).to_series().to_numpy()
    first = np.where(free.to_numpy(), alone, first)
    _, group = np.unique(first, return_inverse=True)
    size = np.bincount(group)
    together = np.stack([np.bincount(group, row) for row in eligible.astype(float)]) == size
    broken = ~together.any(axis=0)
    first = np.where(broken[group], alone, first)
    item = np.unique(first, return_inverse=True)[1]
    open_ = _summed(eligible.astype(float), item)
    keys = (_mark(_summed(cost, item)), _mark(open_), _summed(people["workload"].to_numpy()[None], item)[0])
    rank = np.empty(open_.shape[1], np.int64)
    rank[np.lexsort(keys)] = np.arange(rank.size)  # by what they are, not by who stands first
    return rank[item], int(broken.sum())


def _summed(table: Floats, item: Integers) -> Floats:
    n = int(item.max()) + 1 if item.size else 0
    if n == item.size:
        return np.ascontiguousarray(table)
    return np.stack([totals(item, row, n) for row in table])


def _bands(people: pl.DataFrame, staff: pl.DataFrame, settings: Settings) -> tuple[Floats, Bands, Floats]:
    """Give the features of the patients, the bands over them, and each provider's target of work."""
    work, fte = people["workload"].to_numpy(), staff["fte"].to_numpy()
    share = fte / fte.sum()
    target, m = share * work.sum(), staff.height
    features, each = [work], np.eye(m, dtype=bool)
    parts = [(0, each, (1 - settings.tolerance) * target, (1 + settings.tolerance) * target)]
    if settings.team_tolerance is not None and "team_id" in staff.columns:
        teams = staff["team_id"].to_numpy()
        of_team = np.stack([teams == team for team in np.unique(teams[staff["team_id"].is_not_null().to_numpy()])])
        total = of_team @ target
        parts.append((0, of_team, (1 - settings.team_tolerance) * total, (1 + settings.team_tolerance) * total))
    if "max_patients" in staff.columns and staff["max_patients"].null_count() < m:
        cap = staff["max_patients"].cast(pl.Float64).fill_null(float(people.height)).to_numpy()
        parts.append((len(features), each, np.zeros(m), cap))
        features.append(np.ones(people.height))
    if settings.chronic_tolerance is not None:
        total = share * chronic(people).sum()
        least = np.maximum(settings.chronic_tolerance * total, 1.0)  # one patient is the finest there is
        parts.append((len(features), each, np.maximum(total - least, 0), total + least))
        features.append(chronic(people).astype(float))
    feature = np.concatenate([np.full(len(member), f) for f, member, _, _ in parts])
    member = np.concatenate([member for _, member, _, _ in parts])
    low, high = (np.concatenate([part[at] for part in parts]) for at in (2, 3))
    return np.stack(features), Bands(feature, member, low, high), target
