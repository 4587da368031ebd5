"""`continuity metrics --all` as it is run, against exact fractions on thousands of random patients."""

import random
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import continuity as ct
from tests.metrics.brute_force import (
    FORMULAS,
    Choices,
    Visit,
    in_windows,
    moments_of,
    of_patient,
    one_a_day,
    with_policy,
)
from tests.metrics.drawn import FIRST, close, frame

if TYPE_CHECKING:
    from tests.cli.conftest import Run

N_PATIENTS = 3_000


def drawn(seed: int) -> list[Visit]:
    """Draw one to seven visits a patient, many at one moment, a fifth with a provider nobody knows, in no order."""
    rng = random.Random(seed)
    visits = [
        Visit(
            f"p{n:04}",
            FIRST + timedelta(days=rng.randrange(4)),
            rng.choice(["A", "A", "B", "C", None, " "]),
            f"{n}-{k}",
        )
        for n in range(N_PATIENTS)
        for k in range(rng.randrange(1, 8))
    ]
    rng.shuffle(visits)
    return visits


def test_all_indices_agree_with_the_brute_force(cli: "Run", tmp_path: Path) -> None:
    visits, rules = drawn(1), Choices(min_visits=2)
    frame(visits).write_csv(tmp_path / "visits.csv")
    asked = ["--all", "--min-visits", "2", "--output", tmp_path / "o.parquet", "--json"]
    outcome = cli("metrics", tmp_path / "visits.csv", *asked)
    assert outcome.code == 0, outcome.err
    table = pl.read_parquet(tmp_path / "o.parquet")
    assert set(table.columns) >= set(FORMULAS)
    assert set(ct.catalogue().filter(pl.col("grains").list.contains("patient"))["key"]) <= {
        *table.columns,
        *outcome.said["left_out"],
    }
    rows = {row["patient_id"]: row for row in table.iter_rows(named=True)}
    counted = in_windows(visits, None)
    known = {
        where[0]: with_policy(moments_of(one_a_day(group, rules, None), rules, None), "drop")
        for where, group in counted.items()
    }
    assert rows.keys() == known.keys()
    n_null = 0
    for patient, row in rows.items():
        for key, (exact, _) in of_patient(known[patient], rules).items():
            assert close(row[key], exact), (key, row[key], exact)
            n_null += exact is None
    assert n_null > 100
