"""Small made-up units: popular doctors with long lists, one who leaves, households, languages, own choices."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

import continuity as ct


@dataclass(frozen=True)
class Panels:
    """The three tables of a plan."""

    patients: pl.DataFrame
    providers: pl.DataFrame
    visits: pl.DataFrame

    def assign(self, **choices: Any) -> ct.Plan:
        return ct.assign(self.patients, self.providers, self.visits, **choices)

    def with_(self, **tables: pl.DataFrame) -> "Panels":
        return replace(self, **tables)

    def add(self, table: str, **columns: Any) -> "Panels":
        """Put further columns into a table."""
        frame: pl.DataFrame = getattr(self, table)
        made = {n: pl.Series(n, values) for n, values in columns.items()}
        return replace(self, **{table: frame.with_columns(**made)})


def made(n: int = 60, m: int = 4, units: int = 1, seed: int = 1, leaver: bool = True) -> Panels:
    """Draw tables: `n` patients and `m` doctors in each unit; the first doctor of each unit leaves."""
    rng = np.random.default_rng(seed)
    doctors = [f"D{u}{j}" for u in range(units) for j in range(m)]
    fte = rng.choice([0.5, 0.8, 1.0], units * m)
    fte[np.arange(units) * m] = 0.0 if leaver and m > 1 else 1.0
    unit = np.repeat(np.arange(units), n)
    popular = rng.gamma(2.0, 1.0, (units, m))
    listed = [u * m + rng.choice(m, p=popular[u] / popular[u].sum()) for u in unit]
    new = rng.random(units * n) < 0.1
    workload = np.maximum(0.2, rng.gamma(1.2, 2.5, units * n)).round(2)
    n_visits = np.where(new, 0, rng.poisson(workload))
    patient = np.repeat(np.arange(units * n), n_visits)
    own = rng.random(patient.size) < 0.55
    provider = np.where(own, np.array(listed)[patient], unit[patient] * m + rng.integers(0, m, patient.size))
    days = rng.integers(0, 365, patient.size)
    return Panels(
        pl.DataFrame(
            {
                "patient_id": [f"SECRET{i:05d}" for i in range(units * n)],
                "unit_id": [f"U{u}" for u in unit],
                "household_id": [f"H{i // 2}" for i in range(units * n)],
                "birth_year": rng.integers(1930, 2024, units * n),
                "listed_provider_id": [None if a else doctors[j] for a, j in zip(new, listed, strict=True)],
                "workload": workload,
            },
            schema_overrides={"listed_provider_id": pl.String},
        ),
        pl.DataFrame(
            {
                "provider_id": doctors,
                "unit_id": [f"U{i // m}" for i in range(units * m)],
                "team_id": [f"T{i // 2}" for i in range(units * m)],
                "role": ["doctor"] * (units * m),
                "fte": fte,
            }
        ),
        pl.DataFrame(
            {
                "patient_id": [f"SECRET{i:05d}" for i in patient],
                "provider_id": [doctors[j] for j in provider],
                "visit_at": [datetime(2025, 1, 1) + timedelta(days=int(d)) for d in days],
            },
            schema={"patient_id": pl.String, "provider_id": pl.String, "visit_at": pl.Datetime("us")},
        ),
    )


TODAY = date(2026, 1, 1)
