"""Visits to nobody of a known role follow from all less the roles: a few, or one person's, may not."""

from datetime import datetime
from typing import Any

import polars as pl
import pytest

from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources
from continuity.pipeline.measure import measure_roles
from continuity.pipeline.publish import publish
from continuity.privacy import ProtectedTable

N_UNITS = 3


def sources(n_providers: int, n_patients: int, visits_each: int) -> Sources:
    """Give units of eight doctors and eight nurses; so many patients of the first see others, of no known role."""
    rows: list[tuple[Any, ...]] = []
    for u in range(N_UNITS):
        for p in range(60):
            for v in range(4):
                rows.append((f"{u}-{p}", f"D{u}-{(p + v) % 8}", "doctor", f"U{u}", datetime(2025, 1 + v, 1 + p % 28)))
                if p % 2:
                    at = datetime(2025, 1 + v, 1 + p % 28, 12)
                    rows.append((f"{u}-{p}", f"N{u}-{(p // 2 + v) % 8}", "nurse", f"U{u}", at))
    rows += [
        (f"0-{p}", f"X{(p + v) % n_providers}", None, "U0", datetime(2025, 6 + v, 1 + p % 28))
        for p in range(n_patients)
        for v in range(visits_each)
    ]
    names = ["patient_id", "provider_id", "provider_role", "unit_id", "visit_at"]
    return Sources(pl.DataFrame(rows, schema=names, orient="row").lazy(), None, None)


def tables(found: Sources, min_visits: int) -> dict[str, ProtectedTable]:
    rules = Rules(min_visits=min_visits)
    return dict(publish(found, measure_roles(found, ("upc",), rules, None), rules, None).tables)


@pytest.mark.parametrize(
    ("unseen", "told"),
    [((1, 3, 1), False), ((1, 40, 2), False), ((8, 40, 2), True), ((1, 0, 0), True)],
    ids=["three visits", "one person's work", "a part like any other", "none"],
)
def test_what_all_have_more_than_the_roles_is_a_part_like_any_other(unseen: tuple[int, int, int], told: bool) -> None:
    made = tables(sources(*unseen), min_visits=1)
    left_over = []
    for name in ("whole", "unit"):
        for rows in made[name].frame.partition_by([key for key in made[name].keys if key != "role"]):
            visits = dict(rows.select("role", "n_visits").iter_rows())
            assert visits["doctor"] == 240 * (N_UNITS if name == "whole" else 1)  # no role pays for it
            assert rows["estimate"].null_count() == 0
            if visits["all"] is not None:
                left_over.append(visits["all"] - visits["doctor"] - visits["nurse"])
    assert bool(left_over) == told
    assert set(left_over) <= {0, unseen[1] * unseen[2]}
