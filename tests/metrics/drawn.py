"""Visits for the tests: written by hand as short text, or drawn by Hypothesis; and tables read back as plain Python."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import continuity as ct

from .brute_force import FORMULAS, IN_ORDER, NO_BOUNDS, Visit

FIRST = datetime(2025, 3, 28)
INDICES = tuple(FORMULAS)
COUNT_INDICES = tuple(key for key in INDICES if key not in IN_ORDER)
BOUNDED = tuple(key for key in INDICES if key not in NO_BOUNDS)

ASKED: dict[str, Any] = {"data_from": date(1990, 1, 1), "cover_days": 2, "visit_weights": {"phone": 0.5, "video": 2}}
"""Rules that single indices cannot do without; the others do not look at them."""

VISITS_SCHEMA = {
    "patient_id": pl.String,
    "provider_id": pl.String,
    "visit_at": pl.Datetime("us"),
    "visit_id": pl.String,
    "team_id": pl.String,
}


def examples(n: int) -> settings:
    """Give the settings of a property test that draws `n` examples."""
    return settings(max_examples=n, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def frame(visits: Sequence[Visit], *, team: bool = False) -> pl.DataFrame:
    """Give the visits as a canonical frame, in the order given."""
    rows = [(v.patient, v.provider, v.at, v.visit_id, v.team) for v in visits]
    table = pl.DataFrame(rows, schema=VISITS_SCHEMA, orient="row")
    return table if team else table.drop("team_id")


def with_modes(table: pl.DataFrame) -> pl.DataFrame:
    """Give each visit a mode of contact that follows from its id."""
    number = pl.col("visit_id").str.tail(1).str.to_integer(strict=False).fill_null(0) % 3
    modes = {0: "phone", 1: "video", 2: None}
    return table.with_columns(contact_mode=number.replace_strict(modes, return_dtype=pl.String))


def days(text: str, patient: str = "P") -> list[Visit]:
    """Give a visit a day: ``"AAB?"`` is two to A, one to B and one to an unknown provider."""
    return [
        Visit(patient, FIRST + timedelta(days=n), None if who == "?" else who, f"{n:04}") for n, who in enumerate(text)
    ]


def sequence(labels: Sequence[object], patient: str = "P") -> list[Visit]:
    """Give a visit a day to providers with names of any length."""
    return [Visit(patient, FIRST + timedelta(days=n), str(who), f"{n:04}") for n, who in enumerate(labels)]


def values(visits: Sequence[Visit], indices: Sequence[str] = INDICES, **options: Any) -> dict[str, float | None]:
    """Compute the indices of a single patient; every number of visits counts unless said otherwise."""
    row = ct.compute(frame(visits), indices, **{"min_visits": 1, **options}).row(0, named=True)
    return {key: row[key] for key in indices}


def many(by_patient: Mapping[str, Sequence[Visit]], index: str, **options: Any) -> dict[str, float | None]:
    """Compute one index of many patients in one go, by patient."""
    every = [visit for visits in by_patient.values() for visit in visits]
    table = ct.compute(with_modes(frame(every)), index, **{"min_visits": 1, **ASKED, **options})
    return dict(zip(table["patient_id"], table[index], strict=True))


def providers(alphabet: str = "ABCD") -> st.SearchStrategy[str]:
    return st.sampled_from(alphabet)


def sequences(min_size: int = 2, max_size: int = 12, alphabet: str = "ABCDE") -> st.SearchStrategy[str]:
    """Draw sequences of providers such as ``"AABA"``."""
    return st.text(alphabet=alphabet, min_size=min_size, max_size=max_size)


MOMENTS = st.builds(
    lambda day, hour: FIRST + timedelta(days=day, hours=hour), st.integers(0, 5), st.sampled_from([0, 0, 0, 8, 23])
)


@st.composite
def visits(draw: st.DrawFn, *, per_patient: int = 6, patients: str = "pqr", unknown: bool = True) -> list[Visit]:
    """Draw visits of a few patients, many at the same moment, some to unknown providers, in no order."""
    who = st.sampled_from([*"AABC", *((None, "", " ") if unknown else ())])
    found = []
    for patient in patients[: draw(st.integers(1, len(patients)))]:
        for at in draw(st.lists(MOMENTS, min_size=1, max_size=per_patient)):
            provider = draw(who)
            # A provider belongs to one team; whom the visit was to may be unknown although the team is not.
            team = {"A": "T1", "B": "T1", "C": None}.get(provider or "", draw(st.sampled_from(["T1", "T2", None])))
            found.append((patient, at, provider, team))
    ids = draw(st.permutations(range(len(found))))
    drawn = [Visit(p, at, who, f"{n:02}", team) for n, (p, at, who, team) in zip(ids, found, strict=True)]
    return draw(st.permutations(drawn))


def close(got: float | None, exact: Any) -> bool:
    """Tell whether a value is the exact fraction to 1e-12 (methods.md R25), or null where there is none."""
    return got is None if exact is None else got is not None and abs(got - float(exact)) <= 1e-12
