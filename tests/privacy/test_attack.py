"""Nobody who knows all sums can work out a hidden number: the subtraction attack, mounted on drawn tables."""

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuity.privacy import Limits, ProtectedTable, protect

from .attacker import Attacker, could_still_hide, know_sums, name_of

LEAST = Limits().min_patients
GREATEST = 2000  # more than any drawn table holds
SMALL_AND_LARGE = st.one_of(st.integers(0, 8), st.integers(0, 8), st.integers(5, 60))

drawn = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def shown(table: ProtectedTable, count: str) -> dict[tuple[Any, ...], int | None]:
    return {name_of(row, table.keys): row[count] for row in table.frame.iter_rows(named=True)}


def assert_safe(frame: pl.DataFrame, table: ProtectedTable, margins: list[list[str]], is_total: Any = None) -> None:
    truth = frame.to_dicts()
    known = shown(table, "n_patients")
    attacker = Attacker(GREATEST)
    know_sums(attacker, truth, known, table.keys, margins, "n_patients", is_total or (lambda row: False))
    hidden = {name for name, value in known.items() if value is None}
    for cell in could_still_hide(truth, hidden, table.keys, margins):
        low, high = attacker.range_of(("n_patients", cell))
        assert high - low >= LEAST, (cell, low, high, table.frame)


@drawn
@given(st.lists(SMALL_AND_LARGE, min_size=1, max_size=8))
def test_no_hidden_cell_of_a_list_follows_from_its_sum(sizes: list[int]) -> None:
    frame = pl.DataFrame(
        {"unit": range(len(sizes)), "n_patients": sizes}, schema={"unit": pl.Int64, "n_patients": pl.Int64}
    )
    assert_safe(frame, protect(frame, name="t", keys=["unit"], margins=[[]]), [[]])


@st.composite
def grids(draw: st.DrawFn) -> pl.DataFrame:
    n_rows, n_columns = draw(st.integers(2, 5)), draw(st.integers(2, 5))
    cells = [
        {"r": r, "c": c, "n_patients": draw(SMALL_AND_LARGE)}
        for r in range(n_rows)
        for c in range(n_columns)
        if draw(st.integers(0, 9)) < 9  # a cell may be absent
    ]
    return pl.DataFrame(cells, schema={"r": pl.Int64, "c": pl.Int64, "n_patients": pl.Int64})


@drawn
@given(grids())
def test_no_hidden_cell_of_a_grid_follows_from_the_sums_of_rows_and_columns(frame: pl.DataFrame) -> None:
    margins = [["r"], ["c"]]
    assert_safe(frame, protect(frame, name="t", keys=["r", "c"], margins=margins), margins)


@settings(drawn, max_examples=30)
@given(st.lists(SMALL_AND_LARGE, min_size=12, max_size=12))
def test_no_hidden_cell_of_a_cube_follows_from_its_three_kinds_of_sums(sizes: list[int]) -> None:
    """As `summary` has it for unit, age and sex: 3 x 2 x 2, and every sum over one of them is known."""
    cells = [(a, b, c) for a in range(3) for b in range(2) for c in range(2)]
    frame = pl.DataFrame([{"a": a, "b": b, "c": c, "n_patients": n} for (a, b, c), n in zip(cells, sizes, strict=True)])
    margins = [["b", "c"], ["a", "c"], ["a", "b"]]
    assert_safe(frame, protect(frame, name="t", keys=["a", "b", "c"], margins=margins), margins)


# Two hidden cells in every row and column, each pair together 5 or more, and yet only one table has these sums.
HEXAGON = [[0, 5, 50], [50, 5, 0], [5, 50, 5]]
# Two squares of hidden cells joined by one: whatever the sizes, the one is what the rows have more than the columns.
BRIDGE = [[4, 4, 3, 90], [4, 4, 90, 90], [90, 90, 4, 4], [90, 90, 4, 4]]


def grid(cells: list[list[int]]) -> pl.DataFrame:
    return pl.DataFrame([{"r": r, "c": c, "n_patients": n} for r, row in enumerate(cells) for c, n in enumerate(row)])


@pytest.mark.parametrize("cells", [HEXAGON, BRIDGE], ids=["hexagon", "bridge"])
def test_cells_that_follow_only_from_rows_and_columns_together_are_covered(cells: list[list[int]]) -> None:
    margins = [["r"], ["c"]]
    frame = grid(cells)
    naive = {(r, c) for r, row in enumerate(cells) for c, n in enumerate(row) if n <= LEAST}
    attacker = Attacker(GREATEST)
    covered = {(r, c): None if (r, c) in naive else n for r, row in enumerate(cells) for c, n in enumerate(row)}
    know_sums(attacker, frame.to_dicts(), covered, ("r", "c"), margins, "n_patients")
    widths = [high - low for low, high in (attacker.range_of(("n_patients", cell)) for cell in naive)]
    assert 0 in widths  # two per row and column are not enough: this is why `protect` mounts the attack itself
    assert_safe(frame, protect(frame, name="t", keys=["r", "c"], margins=margins), margins)


@drawn
@given(st.lists(st.tuples(SMALL_AND_LARGE, SMALL_AND_LARGE), min_size=1, max_size=5), st.booleans())
def test_no_role_follows_from_the_roles_of_a_unit_and_the_units_of_a_role(
    sizes: list[tuple[int, int]], other: bool
) -> None:
    """All visits are those to doctors and to nurses; the attacker knows it, and the sums over units."""
    rows = [
        {"role": role, "unit_id": unit, "n_patients": n}
        for unit, (doctor, nurse) in enumerate(sizes)
        for role, n in (("all", doctor + nurse), ("doctor", doctor), ("nurse", nurse))
        if not (other and role == "nurse")
    ]
    frame, margins = pl.DataFrame(rows), [["role"], ["unit_id"]]
    if other:  # with one role only, all is that role and others: no equation but that of the units
        margins = [["role"]]
    table = protect(frame, name="t", keys=["role", "unit_id"], margins=margins, totals=pl.col("role") == "all")
    assert_safe(frame, table, margins, lambda row: row["role"] == "all")


@drawn
@given(st.lists(st.lists(SMALL_AND_LARGE, min_size=1, max_size=4), min_size=1, max_size=4))
def test_no_team_or_unit_follows_from_both_tables_and_the_whole(teams: list[list[int]]) -> None:
    team = pl.DataFrame(
        [{"unit": u, "team": t, "n_patients": n} for u, sizes in enumerate(teams) for t, n in enumerate(sizes)]
    )
    unit = team.group_by("unit").agg(pl.col("n_patients").sum())
    whole = unit.select(area=pl.lit("A"), n_patients=pl.col("n_patients").sum())
    units = protect(unit, name="unit", keys=["unit"], margins=[[]])
    parts = protect(team, name="team", keys=["unit", "team"], margins=[["unit"]], parent=units)
    attacker, known_units, known_teams = Attacker(GREATEST), shown(units, "n_patients"), shown(parts, "n_patients")
    attacker.learn([(1, ("unit", u)) for (u,) in known_units], whole["n_patients"].item())
    for (u,), n in known_units.items():
        attacker.learn([(1, ("team", (u, t))) for v, t in known_teams if v == u] + [(-1, ("unit", u))], 0)
        if n is not None:
            attacker.learn([(1, ("unit", u))], n)
    for name, n in known_teams.items():
        if n is not None:
            attacker.learn([(1, ("team", name))], n)
    if all(n is None for n in known_units.values()):
        return  # nothing is shown below the whole
    for (u, t), n in known_teams.items():
        if n is None and not (known_units[(u,)] is not None and len(teams[u]) == 1):
            low, high = attacker.range_of(("team", (u, t)))
            assert high - low >= LEAST, ((u, t), low, high, teams)


@st.composite
def counted(draw: st.DrawFn) -> pl.DataFrame:
    """Draw rows of two indices about the same patients, with a value and without."""
    rows = []
    for unit in range(draw(st.integers(1, 5))):
        n_people = draw(st.integers(20, 60))
        for index in ("coc", "own"):
            without = draw(SMALL_AND_LARGE.filter(lambda n: n <= 15))
            rows.append({"unit": unit, "index": index, "n_patients": n_people - without, "n_undefined": without})
    return pl.DataFrame(rows)


@drawn
@given(counted())
def test_no_hidden_count_follows_from_those_with_a_value_or_from_the_other_index(frame: pl.DataFrame) -> None:
    """Patients with a value and without are the same people for each index, and the sums over units are known."""
    margins = [["index"]]
    table = protect(
        frame, name="t", keys=["unit", "index"], margins=margins, counts=["n_undefined"], same_patients=["unit"]
    )
    truth, known = frame.to_dicts(), shown(table, "n_undefined")
    assert shown(table, "n_patients").keys() == known.keys()
    attacker, patients = Attacker(GREATEST), shown(table, "n_patients")
    know_sums(attacker, truth, known, table.keys, margins, "n_undefined")
    know_sums(attacker, truth, patients, table.keys, margins, "n_patients")
    for unit in frame["unit"].unique():  # whoever has a value and whoever has none are the same people for both
        mine = [row for row in truth if row["unit"] == unit]
        terms, value = [], 0
        for sign, row in zip((1, -1), mine, strict=True):
            for count, there in (("n_patients", patients), ("n_undefined", known)):
                name = name_of(row, table.keys)
                terms += [(sign, (count, name))] if there[name] is None else []
                value += sign * (row[count] if there[name] is None else 0)
        if terms:
            attacker.learn(terms, value)
    hidden = {name for name, n in known.items() if n is None}
    assert all(known[name_of(r, table.keys)] is None for r in truth if 1 <= r["n_undefined"] < LEAST)
    few = {name_of(r, table.keys) for r in truth if 1 <= r["n_undefined"] < LEAST}
    if len(hidden) < frame.height:
        for cell in few:
            low, high = attacker.range_of(("n_undefined", cell))
            assert high - low >= LEAST, (cell, low, high, frame)


@drawn
@given(grids(), st.randoms(use_true_random=False))
def test_rows_in_another_order_hide_the_same_cells(frame: pl.DataFrame, rng: Any) -> None:
    def hide(rows: pl.DataFrame) -> pl.DataFrame:
        return protect(rows, name="t", keys=["r", "c"], margins=[["r"], ["c"]]).frame

    order = rng.sample(range(frame.height), frame.height)
    assert hide(frame[order]).equals(hide(frame))


def test_a_large_table_is_done_in_a_moment() -> None:
    """The number of linear programs must not grow with the square of the cells: 300 units of three roles."""
    rows = [
        {"role": role, "unit": unit, "n_patients": n, "n_providers": k}
        for unit in range(300)
        for role, n, k in (("all", 500 + unit, 13), ("doctor", 400, 9), ("nurse", 100 + unit, 4))
    ]
    table = protect(
        pl.DataFrame(rows),
        name="t",
        keys=["role", "unit"],
        margins=[["role"], ["unit"]],
        totals=pl.col("role") == "all",
    )
    hidden = table.frame.filter(pl.col("undefined_reason") == "suppressed")
    assert hidden["role"].value_counts().sort("role").rows() == [("all", 300), ("nurse", 300)]
