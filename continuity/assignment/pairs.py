"""A doctor and a nurse named together, as the Finnish omatiimi: a nurse of the doctor's team whom the patient knows."""

import heapq

import polars as pl

from continuity.assignment.cases import Case
from continuity.assignment.solve import Solved


def nurses(case: Case, solved: Solved, providers: pl.DataFrame, seed: int) -> pl.Series:
    """Give each patient a nurse of the team of their doctor, in the order of `case.people`.

    Who has seen nurses of that team gets the one seen most (ties by a seeded hash of the id). All others go, heaviest
    first, to the nurse with the least work per full time. Null where the doctor has no team, or the team no nurse.

    Parameters
    ----------
    case : Case
    solved : Solved
    providers : polars.DataFrame
        All providers, with `is_active`.
    seed : int
    """
    name = pl.Series("nurse_id", [], dtype=providers["provider_id"].dtype)
    if "team_id" not in providers.columns or "role" not in providers.columns:
        return name.extend_constant(None, case.people.height)
    open_ = pl.col("is_active") & (pl.col("role") == "nurse")
    staff = providers.filter(open_).select("team_id", "fte", nurse_id="provider_id").drop_nulls("team_id")
    people = case.people.select("row", "workload").with_columns(team_id=case.staff["team_id"].gather(solved.choice))
    known = (
        people.join(case.pairs.rename({"provider_id": "nurse_id"}), on="row")
        .join(staff, on=["team_id", "nurse_id"])
        .sort("row", -pl.col("n"), pl.col("nurse_id").hash(seed))
        .unique("row", keep="first", maintain_order=True)
        .select("row", "nurse_id")
    )
    people = people.join(known, on="row", how="left", maintain_order="left")
    return _filled(people, staff, seed)["nurse_id"]


def _filled(people: pl.DataFrame, staff: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Give those who know no nurse of their team the one with the least work per full time."""
    load = people.group_by("nurse_id").agg(work=pl.col("workload").sort().sum())
    staff = staff.join(load, on="nurse_id", how="left").sort(pl.col("nurse_id").hash(seed))
    rest = people.with_row_index("at").filter(pl.col("nurse_id").is_null(), pl.col("team_id").is_not_null())
    found: dict[int, object] = {}
    for (team,), members in rest.sort("workload", "at", descending=[True, False]).group_by("team_id"):
        rows = staff.filter(pl.col("team_id") == team).select("work", "fte", "nurse_id").rows()
        heap = [((work or 0.0) / fte, place, fte, nurse) for place, (work, fte, nurse) in enumerate(rows)]
        heapq.heapify(heap)
        for at, work in members.select("at", "workload").iter_rows() if heap else ():
            least, place, fte, nurse = heap[0]
            found[at] = nurse
            heapq.heapreplace(heap, (least + work / fte, place, fte, nurse))
    if not found:
        return people
    given = pl.DataFrame(
        {"at": list(found), "other": list(found.values())},
        schema={"at": pl.UInt32, "other": people["nurse_id"].dtype},
    )
    filled = people.with_row_index("at").join(given, on="at", how="left", maintain_order="left")
    return filled.with_columns(nurse_id=pl.coalesce("nurse_id", "other"))
