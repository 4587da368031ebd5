"""The network of providers: against pair loops on random visits, printed values, and teams that were planted."""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import InputError, UsageError
from continuity.metrics.engine import incidence
from continuity.metrics.network import (
    care_density_by_connection,
    communities,
    compare_teams,
    fragmented_care_density,
    partners,
    sharing,
)
from continuity.synthetic import Setting, generate

from .drawn import close, examples
from .test_reference_values import needs_vectors, vectors

START = datetime(2025, 1, 1)
TYPES = {0: "doctor", 1: "doctor", 2: "nurse", 3: "other", 4: "nurse"}

Rows = Sequence[tuple[int, int | None, int]]
"""Patient, provider (None: unknown), day."""

ROWS = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from([*range(5), None]), st.integers(0, 30)), min_size=1, max_size=40
)
WINDOWS = [(START, START + timedelta(days=10)), (START + timedelta(days=5), START + timedelta(days=25))]


def table(rows: Rows, *, as_text: bool = False) -> pl.DataFrame:
    """Give visits whose patients and providers are numbered alike: patient 1 is not provider 1."""
    schema = {"patient_id": pl.Int64, "provider_id": pl.Int64, "day": pl.Int64}
    found = pl.DataFrame(rows, schema=schema, orient="row")
    found = found.with_columns(visit_at=START + pl.duration(days="day")).drop("day")
    return found.with_columns(pl.col("patient_id", "provider_id").cast(pl.String)) if as_text else found


def seen_by_patient(rows: Rows, first: int = 0, end: int = 99) -> dict[int, set[int]]:
    seen = defaultdict(set)
    for patient, provider, day in rows:
        if first <= day < end:
            seen[patient] |= {provider} - {None}
    return dict(seen)


def n_shared(seen: Mapping[int, set[int]], one: int, other: int) -> int:
    return sum({one, other} <= providers for providers in seen.values())


def density_of(seen: Mapping[int, set[int]], patient: int) -> Fraction | None:
    pairs = list(combinations(sorted(seen[patient]), 2))
    return Fraction(sum(n_shared(seen, *pair) for pair in pairs), len(pairs)) if pairs else None


def densities(visits: pl.DataFrame, **options: Any) -> dict[Any, float | None]:
    found = ct.compute(visits, "care_density", min_visits=1, **options)
    return dict(zip(found["patient_id"], found["care_density"], strict=True))


@examples(80)
@given(ROWS, st.booleans())
def test_care_density_is_what_loops_over_pairs_give(rows: Rows, as_text: bool) -> None:
    seen = seen_by_patient(rows)
    found = densities(table(rows, as_text=as_text))
    assert len(found) == len(seen)
    for patient, value in found.items():
        assert close(value, density_of(seen, int(patient)))


@examples(40)
@given(ROWS)
def test_each_window_has_its_own_network(rows: Rows) -> None:
    found = ct.compute(table(rows), ["upc", "care_density"], min_visits=1, window=WINDOWS)
    expected = {(START, patient): v for v in [seen_by_patient(rows, 0, 10)] for patient in v}
    expected |= {(WINDOWS[1][0], patient): v for v in [seen_by_patient(rows, 5, 25)] for patient in v}
    assert set(found.select("window_start", "patient_id").iter_rows()) == set(expected)
    for row in found.iter_rows(named=True):
        seen = expected[row["window_start"], row["patient_id"]]
        assert close(row["care_density"], density_of(seen, row["patient_id"]))


@examples(20)
@given(ROWS)
def test_rolling_windows_agree_with_one_at_a_time(rows: Rows) -> None:
    bounds = ("2025-01-01", "2025-02-10")
    rolled = ct.compute(table(rows), "care_density", min_visits=1, window=bounds, every="10d", period="20d")
    for (start, end), part in rolled.group_by("window_start", "window_end"):
        alone = ct.compute(table(rows), "care_density", min_visits=1, window=(start, end))
        assert part.sort("patient_id").equals(alone)


@examples(40)
@given(ROWS, st.sampled_from(["each_distinct", "one_group", "bounds"]))
def test_unknown_providers_form_no_pair_whatever_the_rule(rows: Rows, rule: str) -> None:
    seen = seen_by_patient(rows)
    found = ct.compute(table(rows), "care_density", min_visits=1, unknown_provider=rule)
    for column in [name for name in found.columns if name.startswith("care_density")]:
        for patient, value in found.select("patient_id", column).iter_rows():
            assert close(value, density_of(seen, patient))


def test_one_provider_is_undefined_and_no_visit_that_counts_says_so() -> None:
    visits = table([(1, 1, 0), (1, 1, 1), (2, None, 0)])
    found = ct.compute(visits, "care_density", min_visits=1)
    assert found.select("care_density", "undefined_reason").rows() == [(None, "single_provider"), (None, "no_visits")]


def test_patients_below_the_minimum_are_part_of_the_network() -> None:
    visits = table([(1, 1, 0), (1, 2, 1), (1, 1, 2), (2, 1, 0), (2, 2, 1)])
    found = ct.compute(visits, "care_density", min_visits=3)
    assert found["care_density"].to_list() == [2.0, None]


@examples(30)
@given(ROWS, st.randoms(use_true_random=False), st.integers(1, 4))
def test_row_order_and_the_size_of_portions_change_nothing(rows: Rows, random: Any, at_once: int) -> None:
    shuffled = random.sample(rows, len(rows))
    before = ct.compute(table(rows), "care_density", min_visits=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(incidence, "_PAIRS_AT_ONCE", at_once)
        assert ct.compute(table(shuffled), "care_density", min_visits=1).equals(before)
    one, other = sharing(table(rows)), sharing(table(shuffled))
    assert one.nodes.equals(other.nodes)
    assert np.array_equal(one.matrix.todense(), other.matrix.todense())


@examples(40)
@given(ROWS, st.permutations(range(5)))
def test_laws_of_care_density(rows: Rows, names: list[int]) -> None:
    before = densities(table(rows))
    assert all(value >= 1 for value in before.values() if value is not None)
    assert densities(table([*rows, *rows[::2]])) == before  # repeat visits
    renamed = [(patient, None if who is None else names[who], day) for patient, who, day in rows]
    assert densities(table(renamed)) == before
    for pair in combinations(range(5), 2):  # a new patient who shares a pair
        after = densities(table([*rows, *[(99, who, 0) for who in pair]]))
        assert all(after[patient] >= value for patient, value in before.items() if value is not None)


@examples(40)
@given(ROWS)
def test_sharing_partners_and_graph_agree_with_loops(rows: Rows) -> None:
    seen, found = seen_by_patient(rows), sharing(table(rows))
    ids = found.providers.to_list()
    assert ids == sorted(set().union(*seen.values()))
    dense = found.matrix.todense()
    for i, one in enumerate(ids):
        for j, other in enumerate(ids):
            assert dense[i, j] == n_shared(seen, one, other)
    assert found.nodes["n_patients"].to_list() == [n_shared(seen, one, one) for one in ids]
    assert found.nodes["n_visits"].to_list() == [sum(who == one for _, who, _ in rows) for one in ids]
    assert found.n_patients == sum(bool(providers) for providers in seen.values())
    assert found.n_unknown_visits == sum(who is None for _, who, _ in rows)
    graph = found.graph()
    assert list(graph) == ids
    assert {frozenset(edge): edge_of["weight"] for *edge, edge_of in graph.edges(data=True)} == {
        frozenset(pair): n_shared(seen, *pair) for pair in combinations(ids, 2) if n_shared(seen, *pair)
    }
    best = partners(found, 2)
    for one in ids:
        others = sorted((-n_shared(seen, one, other), other) for other in ids if other != one)
        expected = [(other, -n, -n / n_shared(seen, one, one)) for n, other in others if n][:2]
        rows_of = best.filter(pl.col("provider_id") == one)
        assert rows_of.select("partner_id", "n_shared", "share").rows() == expected
        assert rows_of["rank"].to_list() == list(range(1, len(expected) + 1))


def test_a_graph_carries_what_is_known_of_the_providers() -> None:
    visits = table([(1, 1, 0), (1, 2, 0), (2, 2, 0)]).with_columns(unit_id=pl.Series(["U", "U", "V"]))
    staff = pl.DataFrame({"provider_id": ["1", "2"], "role": ["doctor", None], "team_id": ["T", "T"]})
    graph = sharing(visits, providers=staff).graph()
    assert graph.nodes[1] == {"n_patients": 1, "n_visits": 1, "role": "doctor", "team_id": "T", "unit_id": "U"}
    assert graph.nodes[2] == {"n_patients": 2, "n_visits": 2, "team_id": "T"}  # its visits name two units


def test_rules_windows_and_levels_apply() -> None:
    visits = table([(1, 1, 0), (1, 2, 0), (1, 3, 20), (2, 1, 0), (2, 3, 0)])
    staff = pl.DataFrame({"provider_id": [1, 2, 3], "role": ["doctor", "nurse", "doctor"], "team_id": ["S", "S", "T"]})
    doctors = sharing(visits, providers=staff, role="doctor", window=("2025-01-01", "2025-01-10"))
    assert doctors.providers.to_list() == [1, 3]
    assert doctors.matrix.todense().tolist() == [[2, 1], [1, 1]]
    teams = sharing(visits, providers=staff, level="team")
    assert teams.providers.to_list() == ["S", "T"]
    assert teams.matrix.todense().tolist() == [[2, 2], [2, 2]]
    assert sharing(visits, unknown_codes=[3]).n_unknown_visits == 2


def test_no_visits_are_a_network_without_providers() -> None:
    found = sharing(table([(1, None, 0)]))
    assert (found.nodes.height, found.matrix.shape, found.n_patients, found.n_unknown_visits) == (0, (0, 0), 0, 1)
    assert found.graph().number_of_nodes() == partners(found).height == communities(found).height == 0


@pytest.mark.parametrize("rule", ["min_visits", "unknown_provider", "tie_order"])
def test_rules_without_a_meaning_here_are_refused(rule: str) -> None:
    with pytest.raises(UsageError, match=f"no rule '{rule}'"):
        sharing(table([(1, 1, 0)]), **{rule: 1})


def test_bad_choices_are_refused() -> None:
    visits = table([(1, 1, 0), (1, 2, 0)])
    with pytest.raises(UsageError, match="one window"):
        sharing(visits, window=WINDOWS)
    found = sharing(visits)
    for wrong in (lambda: partners(found, 0), lambda: found.edges(0), lambda: communities(found, resolution=0)):
        with pytest.raises(UsageError, match="cannot be 0"):
            wrong()
    with pytest.raises(InputError, match="team_id"):
        compare_teams(communities(found), pl.DataFrame({"provider_id": [1, 2]}))


# Care density by the types of the providers


def edges_of(vector: Mapping[str, Any]) -> pl.DataFrame:
    schema = ["patient_id", "provider_id"]
    return pl.DataFrame(vector["edges"], schema=schema, orient="row").with_columns(visit_at=pl.lit(START))


def pair(name: str) -> tuple[str, str]:
    one, other = sorted(name.split(" - "))
    return one, other


@needs_vectors
@pytest.mark.parametrize("vector", vectors("network"))
def test_vector_of_a_network(vector: Mapping[str, Any]) -> None:
    visits, exact, types = edges_of(vector), vector["exact"], vector.get("provider_type")
    if "care_density" in exact:
        rows = ct.compute(visits, "care_density", min_visits=1)
        found = dict(rows.select("patient_id", "care_density").iter_rows())
    elif "fragmented_care_density" in exact:
        weights = {pair(name): float(weight) for name, weight in vector["weights"].items()}
        rows = fragmented_care_density(visits, weights, types=types)
        found = dict(rows.select("patient_id", "fragmented_care_density").iter_rows())
    else:
        found, rows = {patient: {} for patient in "123"} | {"4": None, "5": None}, None
        by_connection = care_density_by_connection(visits, types=types)
        for patient, one, other, value in by_connection.select("patient_id", "^type.*$", "care_density").iter_rows():
            found[patient][one, other] = value
    if rows is not None:
        reasons = dict(rows.select("patient_id", "undefined_reason").drop_nulls().iter_rows())
        assert reasons == vector["undefined"]
    check_values(found, next(iter(exact.values())), next(iter(vector["printed"].values())))


def check_values(found: Mapping[str, Any], exact: Mapping[str, Any], printed: Mapping[str, Any]) -> None:
    assert found.keys() == exact.keys()
    for patient, value in exact.items():
        if isinstance(value, dict):
            assert found[patient].keys() == {pair(name) for name in value}
            for name, part in value.items():
                cell = printed[patient][name]
                assert close(found[patient][pair(name)], Fraction(part))
                assert abs(found[patient][pair(name)] - cell["value"]) <= cell["tol"]
        else:
            assert close(found[patient], None if value is None else Fraction(value))
            assert value is None or abs(found[patient] - printed[patient]["value"]) <= printed[patient]["tol"]


EVERY_PAIR = [tuple(sorted(names)) for names in [("doctor",) * 2, ("nurse",) * 2, ("other",) * 2]]
EVERY_PAIR += list(combinations(["doctor", "nurse", "other"], 2))


@examples(40)
@given(ROWS, st.lists(st.integers(-5, 5), min_size=6, max_size=6))
def test_weighted_care_density_is_what_loops_over_pairs_give(rows: Rows, drawn: list[int]) -> None:
    seen, weights = seen_by_patient(rows), dict(zip(EVERY_PAIR, drawn, strict=True))
    turned = {pair[::-1]: weight for pair, weight in weights.items()}
    for given_weights in (weights, turned):
        found = fragmented_care_density(table(rows), given_weights, types=TYPES)
        assert set(found["patient_id"]) == {patient for patient, providers in seen.items() if providers}
        for patient, n, value, reason in found.select(
            "patient_id", pl.col("n_providers", "^frag.*$", "^und.*$")
        ).rows():
            pairs = list(combinations(sorted(seen[patient]), 2))
            parts = [n_shared(seen, *two) * weights[tuple(sorted(TYPES[who] for who in two))] for two in pairs]
            assert n == len(seen[patient])
            assert close(value, Fraction(sum(parts), len(pairs)) if pairs else None)
            assert reason == (None if pairs else "single_provider")


@examples(40)
@given(ROWS, st.sampled_from([None, WINDOWS]))
def test_the_parts_by_connection_add_up_to_care_density(rows: Rows, window: Any) -> None:
    whole = ct.compute(table(rows), "care_density", min_visits=1, window=window).drop_nulls("care_density")
    parts = care_density_by_connection(table(rows), types=TYPES, window=window)
    keys = ["patient_id", "window_start", "window_end"]
    added = parts.group_by(keys).agg(added=pl.sum("care_density"))
    both = whole.join(added, on=keys, how="full")
    assert both.height == whole.height == added.height
    assert all(close(one, other) for one, other in both.select("added", "care_density").iter_rows())


def test_roles_are_the_types_unless_others_are_given() -> None:
    visits = table([(1, 1, 0), (1, 2, 0), (1, 3, 0)])
    staff = pl.DataFrame({"provider_id": [1, 2], "role": ["nurse", "doctor"]})
    found = care_density_by_connection(visits, providers=staff)
    assert found.select("^type.*$").rows() == [("doctor", "nurse"), ("doctor", "unknown"), ("nurse", "unknown")]
    assert isinstance(care_density_by_connection(visits.lazy(), providers=staff), pl.LazyFrame)
    with pytest.raises(InputError, match="types of the providers"):
        care_density_by_connection(visits)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({("doctor", "doctor"): 1}, "No weight was given for: doctor - nurse, nurse - nurse"),
        ({("a", "b"): 1, ("b", "a"): 2}, "a - b has two weights"),
        ({("a", "b"): float("nan")}, "no finite number"),
        ({"ab": 1.0}, "no pair of types"),
    ],
)
def test_weights_that_cannot_be_used(weights: Any, says: str) -> None:
    visits = table([(1, who, 0) for who in (0, 1, 2, 4)])
    with pytest.raises(UsageError, match=says):
        fragmented_care_density(visits, weights, types=TYPES)


# Communities


@pytest.fixture(scope="module")
def planted() -> Any:
    """Patients who only see the doctors of their own team."""
    setting = Setting(n_patients=4000, patients_per_unit=4000, doctors_per_unit=9, teams_per_unit=3, pool="team",
                      turnover=0, nurse_ratio=0)  # fmt: skip
    return generate(setting)


def test_communities_are_the_planted_teams(planted: Any) -> None:
    found = communities(sharing(planted.visits))
    agreement = compare_teams(found, planted.providers)
    assert agreement.adjusted_rand == 1
    assert agreement.normalised_mutual_information == pytest.approx(1)
    assert agreement.n_providers == agreement.table["n_providers"].sum() == found.height
    assert agreement.table.height == 3
    assert found["community"].unique().to_list() == [1, 2, 3]


def test_communities_do_not_depend_on_the_order_of_rows(planted: Any) -> None:
    one = communities(sharing(planted.visits), seed=7)
    other = communities(sharing(planted.visits.sample(fraction=1, shuffle=True, seed=3)), seed=7)
    assert one.equals(other)


HASHED = """
import polars as pl
from continuity.metrics.network import communities, sharing
rows = [(p, f"{w}") for p in range(200) for w in ((p * p) % 23, (p * 7) % 19, (p * p * p) % 31)]
visits = pl.DataFrame(rows, schema=["patient_id", "provider_id"], orient="row")
visits = visits.with_columns(visit_at=pl.date(2025, 1, 1))
print(communities(sharing(visits), seed=5)["community"].to_list())
"""


def test_communities_do_not_depend_on_the_seed_of_pythons_hashes() -> None:
    said = set()
    for seed in ("1", "2", "3"):
        run = subprocess.run(
            [sys.executable, "-c", HASHED], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        )
        said.add(run.stdout)
    assert len(said) == 1


def test_agreement_counts_who_has_no_team_and_says_when_it_is_undefined() -> None:
    found = pl.DataFrame({"provider_id": [1, 2, 3, 4], "community": [1, 1, 2, 2]})
    paper = {"provider_id": ["1", "2", "3"], "team_id": ["S", "T", None]}
    part = compare_teams(found, pl.DataFrame(paper))
    assert (part.n_providers, part.n_without_team, part.undefined_reason) == (2, 2, None)
    assert part.table.rows() == [("S", 1, 1), ("T", 1, 1)]
    assert part.adjusted_rand == 0
    alone = compare_teams(found.head(1), pl.DataFrame(paper))
    assert (alone.adjusted_rand, alone.undefined_reason) == (None, "single_provider")
    same = compare_teams(found.head(2), pl.DataFrame({"provider_id": [1, 2], "team_id": ["S", "S"]}))
    assert (same.normalised_mutual_information, same.undefined_reason) == (None, "no_variation")


# Size and weight


def test_many_visits_finish() -> None:
    rng = np.random.default_rng(1)
    n = 200_000
    visits = pl.DataFrame({"patient_id": rng.integers(0, 30_000, n), "provider_id": rng.integers(0, 2_000, n)})
    visits = visits.with_columns(visit_at=pl.lit(START))
    found = ct.compute(visits, "care_density", min_visits=1)
    network = sharing(visits)
    assert found.height == network.n_patients
    incident = visits.unique(["patient_id", "provider_id"]).group_by("patient_id").len()
    pairs = (incident["len"].cast(pl.Int64) * (incident["len"].cast(pl.Int64) - 1) // 2).sum()
    assert network.edges()["n_shared"].sum() == pairs
    total = (found["care_density"] * found["n_providers"] * (found["n_providers"] - 1) / 2).sum()
    assert total == pytest.approx((network.edges()["n_shared"] ** 2).sum(), rel=1e-12)


def test_importing_the_network_loads_nothing_heavy() -> None:
    code = (
        "import sys, continuity, continuity.metrics.network; "
        "print(*{n.split('.')[0] for n in sys.modules} & {'scipy', 'networkx', 'sklearn', 'altair'})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
