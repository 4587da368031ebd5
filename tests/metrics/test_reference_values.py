"""The engine against numbers that others printed, exact fractions, and the worked examples of the catalogue."""

import json
from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import continuity as ct
from continuity.metrics import keys

from .brute_force import FORMULAS, Visit
from .drawn import ASKED, COUNT_INDICES, FIRST, INDICES, close, days, frame, many, sequence, with_modes

SHARED = Path(__file__).parents[2].parent / "shared"
VECTORS = SHARED / "reference" / "vectors.json"
ENCOUNTERS = SHARED / "data" / "synthea_unmc" / "encounters.csv"

needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="the shared reference folder is not beside the project")
needs_encounters = pytest.mark.skipif(
    not ENCOUNTERS.exists(), reason="the shared data folder is not beside the project"
)


def vectors(kind: str) -> list[Any]:
    if not VECTORS.exists():
        return []
    found = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]
    return [pytest.param(vector, id=vector["id"]) for vector in found if vector["kind"] == kind]


def vector(name: str) -> Any:
    return next(v for v in json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"] if v["id"] == name)


def sequence_of(patient: Mapping[str, Any]) -> list[str]:
    if "visits" in patient:
        return list(patient["visits"])
    return [chr(ord("A") + who) for who, n in enumerate(patient["counts"]) for _ in range(n)]


def lists(assigned: Mapping[str, str | None]) -> pl.DataFrame:
    schema = {"patient_id": pl.String, "listed_provider_id": pl.String}
    return pl.DataFrame(list(assigned.items()), schema=schema, orient="row")


def one_patient(vector: Mapping[str, Any], chosen: list[str], min_visits: int) -> dict[str, tuple[Any, str | None]]:
    table = ct.compute(
        frame(sequence(sequence_of(vector))),
        chosen,
        patients=lists({"P": vector.get("assigned_provider")}),
        min_visits=min_visits,
        format="long",
    )
    return {row["index"]: (row["value"], row["undefined_reason"]) for row in table.iter_rows(named=True)}


@needs_vectors
@pytest.mark.parametrize("vector", vectors("patient"))
def test_vector_of_a_patient(vector: Mapping[str, Any]) -> None:
    exact = {**vector["exact"], **vector.get("exact_as_written", {}), **vector.get("float", {})}
    chosen = [key for key in keys() if key in exact]
    assert set(chosen) >= (set(COUNT_INDICES) if "counts" in vector else set(INDICES))
    for key, (value, reason) in one_patient(vector, chosen, 1).items():
        assert close(value, None if exact[key] is None else Fraction(exact[key])), key
        assert reason == vector.get("undefined", {}).get(key), key


@needs_vectors
@pytest.mark.parametrize("vector", vectors("patient"))
def test_printed_value_of_a_patient(vector: Mapping[str, Any]) -> None:
    printed = {key: cell for key, cell in vector["printed"].items() if key in keys() and not cell.get("misprint")}
    found = one_patient(vector, list(printed) or ["coc"], vector.get("source_min_visits", 1))
    for key, cell in printed.items():
        if cell["value"] is None:
            assert found[key] == (None, "below_min_visits"), key
        else:
            assert abs(found[key][0] - cell["value"]) <= cell["tol"], key


@needs_vectors
@pytest.mark.parametrize("vector", vectors("patients"))
def test_vector_of_several_patients(vector: Mapping[str, Any]) -> None:
    rows = [
        (patient, provider, time[0] if time else f"2023-01-{n + 1:02}")
        for n, (patient, provider, *time) in enumerate(vector["rows"])
    ]
    visits = pl.DataFrame(rows, schema=["patient_id", "provider_id", "visit_at"], orient="row")
    table = ct.compute(
        visits.with_columns(pl.col("visit_at").str.to_datetime("%Y-%m-%d")),
        [key for key in vector["exact"] if key in keys()],
        min_visits=vector.get("source_min_visits", 2),
        unknown_provider=vector.get("unknown_provider", "drop"),
    )
    by_patient = {row["patient_id"]: row for row in table.iter_rows(named=True)}
    for key, exact in vector["exact"].items():
        for patient, value in exact["by_patient"].items():
            assert close(by_patient[patient][key], None if value is None else Fraction(value)), (key, patient)
        assert close(table[key].mean(), None if exact["mean"] is None else Fraction(exact["mean"])), key
        assert (table[key].count(), table[key].null_count()) == (exact["n_included"], exact["n_excluded"])
    for name, cell in vector["printed"].items():
        key = name.removeprefix("mean_")
        cells = {None: cell} if name.startswith("mean_") else cell
        for patient, printed in cells.items():
            value = table[key].mean() if patient is None else by_patient[patient][key]
            if printed["value"] is None:
                assert value is None
            else:
                assert abs(value - printed["value"]) <= printed["tol"], name


@needs_vectors
def test_vector_of_own_provider_shares() -> None:
    case = vector("constructed_lists")
    assigned = {patient["patient"]: patient["assigned_provider"] for patient in case["patients"]}
    visits = [v for p in case["patients"] for v in sequence(p["visits"], p["patient"])]
    table = ct.compute(frame(visits), "upc_assigned", patients=lists(assigned), min_visits=1)
    found = {patient: (value, why) for patient, *_, value, why in table.iter_rows()}
    for patient, exact in case["exact"]["upc_assigned"].items():
        reason = case["undefined"]["upc_assigned"].get(patient)
        if reason == "no_visits":  # a patient without visits has no row
            assert patient not in found
        else:
            assert close(found[patient][0], None if exact is None else Fraction(exact))
            assert found[patient][1] == reason


@needs_vectors
@pytest.mark.parametrize("n_visits", ["2", "3", "4", "5"])
def test_expectation_over_every_equally_likely_sequence(n_visits: str) -> None:
    case = vector("constructed_chance_5_equal")
    every = ["".join(who) for who in product("ABCDE", repeat=int(n_visits))]
    visits = frame([visit for text in every for visit in days(text, text)])
    table = ct.compute(visits, list(case["exact"][n_visits]), min_visits=2)
    assert table.height == 5 ** int(n_visits)
    for key, exact in case["exact"][n_visits].items():
        assert close(table[key].mean(), Fraction(exact)), key


@needs_vectors
def test_mean_and_variance_of_coc_over_every_sequence_with_unequal_shares() -> None:
    case = vector("constructed_variance")
    shares = dict(zip("ABC", map(Fraction, case["p"]), strict=True))
    every = ["".join(who) for who in product("ABC", repeat=case["n_visits"])]
    chance = [float(prod(shares[who] for who in text)) for text in every]
    coc = many({text: days(text, text) for text in every}, "coc")
    mean = sum(p * coc[text] for p, text in zip(chance, every, strict=True))
    variance = sum(p * coc[text] ** 2 for p, text in zip(chance, every, strict=True)) - mean**2
    assert close(mean, Fraction(case["exact"]["mean_coc"]))
    assert close(variance, Fraction(case["exact"]["var_coc"]))


EXAMPLES = [(key, text, exact) for key in keys() for text, exact in ct.index(key).examples.items()]


@pytest.mark.parametrize(("key", "text", "exact"), EXAMPLES)
def test_worked_example_of_the_catalogue(key: str, text: str, exact: Fraction | None) -> None:
    row = ct.compute(with_modes(frame(days(text))), key, min_visits=1, unknown_provider="drop", **ASKED).row(
        0, named=True
    )
    assert close(row[key], exact)
    assert (row["undefined_reason"] is None) == (exact is not None)


@pytest.mark.parametrize(("key", "text", "exact"), [example for example in EXAMPLES if example[0] in FORMULAS])
def test_worked_example_is_what_the_definition_gives(key: str, text: str, exact: Fraction | None) -> None:
    assert exact is None or FORMULAS[key](text) == exact


@pytest.mark.parametrize(
    ("policy", "exact"),
    [("each_distinct", Fraction(1, 10)), ("one_group", Fraction(1, 5)), ("drop", Fraction(1, 3))],
)
def test_example_of_r10_for_unknown_providers(policy: str, exact: Fraction) -> None:
    assert close(ct.compute(frame(days("AAB??")), "coc", unknown_provider=policy)["coc"].item(), exact)


def test_example_of_r10_for_the_bounds() -> None:
    row = ct.compute(frame(days("AAB??")), "coc", unknown_provider="bounds").row(0, named=True)
    assert close(row["coc_low"], Fraction(1, 10))
    assert close(row["coc_high"], Fraction(3, 5))


def test_example_of_r15_for_three_patients() -> None:
    counts = {"two": "AA", "one of each": "AB", "nine and one": "AAAAAAAAAB"}
    coc = many({name: days(text, name) for name, text in counts.items()}, "coc")
    assert close(sum(coc.values()) / 3, Fraction(3, 5))


CARE = ("ambulatory", "outpatient", "wellness")
YEARS = [(f"{year}-01-01", f"{year + 1}-01-01") for year in range(1936, 2024)]
ANCHORS = [  # the table in the data set's README: patients used, all; mean COC, UPC, SECON
    pytest.param({}, (110, 111), (0.5733969429, 0.6819774062, 0.6523210187), id="whole_period"),
    pytest.param(
        {"without": "Death Certification"},
        (110, 111),
        (0.5730051956, 0.6813036970, 0.6521436977),
        id="without_death_certification",
    ),
    pytest.param(
        {"same_day": "patient_provider_day"},
        (110, 111),
        (0.5727766787, 0.6817792817, 0.6512440691),
        id="one_visit_per_patient_provider_and_day",
    ),
    pytest.param({"care_type": None}, (110, 111), (0.5170709261, 0.6424474313, 0.5985692957), id="all_classes"),
    pytest.param(
        {"window": ("2019-01-01", "2024-01-01")},
        (100, 101),
        (0.5902463920, 0.7152487028, 0.5757836566),
        id="five_years",
    ),
    pytest.param(
        {"window": YEARS}, (533, 2324), (0.6279075888, 0.8025937398, 0.6497856382), id="patient_and_calendar_year"
    ),
]


@needs_encounters
@pytest.mark.parametrize(("options", "patients", "means"), ANCHORS)
def test_anchor_of_synthea_unmc(options: dict[str, Any], patients: tuple[int, int], means: tuple[float, ...]) -> None:
    raw = pl.read_csv(ENCOUNTERS, columns=["Id", "START", "PATIENT", "PROVIDER", "ENCOUNTERCLASS", "DESCRIPTION"])
    if "without" in options:
        raw = raw.filter(pl.col("DESCRIPTION") != options["without"])
    visits = raw.select(
        patient_id="PATIENT",
        provider_id="PROVIDER",
        visit_at=pl.col("START").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC"),
        visit_id="Id",
        care_type="ENCOUNTERCLASS",
    )
    rules = {"care_type": CARE, **{name: value for name, value in options.items() if name != "without"}}
    table = ct.compute(visits, ["coc", "upc", "secon"], tie_order="visit_id", min_visits=3, **rules)
    assert (table["coc"].count(), table.height) == patients
    for key, mean in zip(("coc", "upc", "secon"), means, strict=True):
        assert abs(table[key].mean() - mean) <= 1e-9, key  # the README's tolerance


@needs_encounters
def test_pooled_coc_of_synthea_unmc_from_the_patients_rows() -> None:
    raw = pl.read_csv(ENCOUNTERS, columns=["START", "PATIENT", "PROVIDER", "ENCOUNTERCLASS"])
    visits = raw.select(
        patient_id="PATIENT",
        provider_id="PROVIDER",
        visit_at=pl.col("START").str.to_datetime("%Y-%m-%dT%H:%M:%SZ"),
        care_type="ENCOUNTERCLASS",
    )
    pairs = pl.col("n_visits") * (pl.col("n_visits") - 1)
    table = ct.compute(visits, "coc", care_type=CARE, min_visits=2)
    pooled = table.select((pl.col("coc") * pairs).sum() / pairs.filter(pl.col("coc").is_not_null()).sum()).item()
    assert abs(pooled - 0.7610052406) <= 1e-9


def test_a_visit_a_second_keeps_its_order() -> None:
    """Times, not days, order the visits: 100 alternating visits within two minutes have no pair in a row."""
    visits = [Visit("P", FIRST.replace(minute=n // 60, second=n % 60), "AB"[n % 2], "") for n in range(100)]
    assert many({"P": visits}, "secon") == {"P": 0.0}
