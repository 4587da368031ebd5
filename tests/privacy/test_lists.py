"""The share of visits to the own doctor tells of those whose lists they are, however many providers were seen."""

from datetime import datetime

import polars as pl
import pytest

from continuity.evaluation.aggregate import OWN_SHARE, aggregate
from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources
from continuity.pipeline.measure import measure
from continuity.privacy import protect

N_PROVIDERS = 10


def sources(n_lists: int, biggest: int = 1) -> Sources:
    """Give 60 patients who see ten providers each, on so many lists; the first list is so many times as long."""
    lists = [f"D{k}" for k in [0] * biggest + list(range(1, n_lists))]
    patients = pl.DataFrame({"patient_id": range(60), "listed_provider_id": [lists[p % len(lists)] for p in range(60)]})
    visits = pl.DataFrame(
        [
            {"patient_id": p, "provider_id": f"D{d}", "visit_at": datetime(2025, 1 + d, 1 + p % 28)}
            for p in range(60)
            for d in range(N_PROVIDERS)
        ]
    )
    return Sources(visits.lazy(), patients.lazy(), None)


@pytest.mark.parametrize(
    ("n_lists", "biggest", "shows"), [(1, 1, False), (4, 1, False), (5, 1, True), (10, 1, True), (6, 30, False)]
)
def test_a_group_of_few_lists_or_of_one_long_one_is_hidden(n_lists: int, biggest: int, shows: bool) -> None:
    rows = aggregate(measure(sources(n_lists, biggest), ["coc"], Rules(), None), [])
    keys = ("window_start", "window_end", "index")
    table = protect(rows, name="t", keys=keys, same_patients=keys[:-1]).frame
    own, coc = (table.filter(index=key).row(0, named=True) for key in (OWN_SHARE, "coc"))
    assert (own["estimate"] is not None) == shows
    assert own["n_providers"] == (min(n_lists, N_PROVIDERS) if shows else None)
    assert coc["n_providers"] == N_PROVIDERS  # the other indices are about those who were seen
