"""The further tables of a report tell nothing that the others hide, and their numbers are those of a plain count."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.windows import windows
from continuity.pipeline.measure import measure_roles
from continuity.pipeline.publish import publish
from continuity.pipeline.publish_more import more_tables
from continuity.privacy import Limits

SPANS = windows(("2025-01-01", "2026-01-01"))
RULES = Rules.of(same_day="patient_provider_day")
LIMITS = Limits()


def visits_of(seed: int) -> pl.DataFrame:
    """Draw visits in units of very different size: some are too small to be shown."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for unit in range(9):
        n_patients = int(rng.choice([2, 3, 8, 40, 90]))
        for patient in range(n_patients):
            for _ in range(int(rng.integers(1, 9))):
                at = datetime(2025, 1, 1) + timedelta(hours=int(rng.integers(0, 365 * 24)))
                rows.append(
                    {
                        "patient_id": f"{unit}-{patient}",
                        "visit_at": at,
                        "provider_id": f"{unit}-{rng.integers(0, 8)}",
                        "provider_role": str(rng.choice(["doctor", "nurse"])),
                        "unit_id": f"U{unit}",
                        "area_code": f"{1 + unit // 3:02}",
                        "urgency": str(rng.choice(["planned", "acute"])),
                        "assessed_at": at - timedelta(days=int(rng.integers(0, 30))),
                    }
                )
    return pl.DataFrame(rows)


def tables_of(visits: pl.DataFrame) -> dict[str, Any]:
    sources = Sources(visits.lazy())
    measured = measure_roles(sources, ("coc",), RULES, SPANS)
    first = publish(sources, measured, RULES, SPANS, LIMITS).tables
    return {**first, **more_tables(sources, measured, first, rules=RULES, spans=SPANS, limits=LIMITS)[0]}


@pytest.fixture(scope="module", params=range(4))
def drawn(request: pytest.FixtureRequest) -> tuple[pl.DataFrame, dict[str, Any]]:
    visits = visits_of(request.param)
    return visits, tables_of(visits)


def test_an_area_less_its_shown_units_tells_no_small_group(drawn: tuple[pl.DataFrame, dict[str, Any]]) -> None:
    visits, tables = drawn
    area_of = dict(visits.select("unit_id", "area_code").unique().iter_rows())
    units, areas = tables["unit"].frame, tables["area"].frame
    for row in areas.filter(pl.col("n_patients").is_not_null()).iter_rows(named=True):
        of_area = units.filter(role=row["role"], index=row["index"]).filter(
            pl.col("unit_id").replace_strict(area_of, default=None) == row["area_code"]
        )
        hidden = of_area.filter(undefined_reason="suppressed")
        left_over = row["n_patients"] - of_area["n_patients"].sum()
        assert hidden.height != 1 or left_over == 0
        assert left_over == 0 or left_over >= LIMITS.min_patients


def test_every_shown_cell_passes_the_limits(drawn: tuple[pl.DataFrame, dict[str, Any]]) -> None:
    _, tables = drawn
    for name in ("trend", "area", "access", "adjusted"):
        shown = tables[name].frame.filter(pl.col("n_patients").is_not_null())
        assert (shown["n_patients"] >= LIMITS.min_patients).all()
        assert (shown["n_visits"] >= LIMITS.min_visits).all()
        assert (shown["n_providers"] >= LIMITS.min_providers).all()


def test_adjusted_means_are_hidden_with_their_units(drawn: tuple[pl.DataFrame, dict[str, Any]]) -> None:
    _, tables = drawn
    hidden = tables["unit"].frame.filter(undefined_reason="suppressed", index="coc").select("role", "unit_id")
    rows = tables["adjusted"].frame.join(hidden, on=["role", "unit_id"], how="semi")
    assert rows.height == hidden.height
    assert rows.select(pl.col("n_patients", "estimate", "adjusted").count()).row(0) == (0, 0, 0)


def test_access_is_a_plain_count(drawn: tuple[pl.DataFrame, dict[str, Any]]) -> None:
    visits, tables = drawn
    own = visits.group_by("patient_id").agg(pl.col("unit_id").first())  # patients keep to one unit here
    planned = visits.filter(urgency="planned").drop("unit_id").join(own, on="patient_id")
    days = pl.col("visit_at").dt.date() - pl.col("assessed_at").dt.date()
    for row in tables["access"].frame.drop_nulls("share_within_14_days").iter_rows(named=True):
        of_unit = planned.filter(unit_id=row["unit_id"])
        of_unit = of_unit if row["role"] == "all" else of_unit.filter(provider_role=row["role"])
        assert row["n_visits"] == of_unit.height
        assert row["share_within_14_days"] == pytest.approx(of_unit.select((days <= timedelta(14)).mean()).item())


def test_the_order_of_the_rows_changes_nothing() -> None:
    visits = visits_of(1)
    one, other = tables_of(visits), tables_of(visits.sample(fraction=1, shuffle=True, seed=5))
    for name in ("trend", "area", "access", "adjusted"):
        assert one[name].frame.equals(other[name].frame), name


def test_a_median_of_waits_needs_patients_on_either_side() -> None:
    """One patient with most of the visits would be its own median."""
    start = datetime(2025, 2, 1)
    rows = [
        {"patient_id": f"{unit}-{0 if often and n < 60 else n % 40}", "waited": 20 if often and n < 60 else n % 10}
        | {"unit_id": unit, "provider_id": f"{unit}-{n % 8}", "visit_at": start + timedelta(days=n)}
        for unit, often in (("many", False), ("one", True))
        for n in range(100)
    ]
    visits = pl.DataFrame(rows).with_columns(
        assessed_at=pl.col("visit_at") - pl.duration(days="waited"), urgency=pl.lit("planned")
    )
    shown = tables_of(visits.drop("waited"))["access"].frame.filter(role="all")
    medians = dict(shown.select("unit_id", "median_days").iter_rows())
    assert medians == {"many": 4.5, "one": None}
