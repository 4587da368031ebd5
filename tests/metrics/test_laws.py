"""Every law that an index claims, and the identities between indices, on visits drawn at random."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import permutations, product
from math import log2, prod
from statistics import mean, stdev
from typing import get_args

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import continuity as ct
from continuity.metrics import keys
from continuity.metrics.engine.registry import Law

from .brute_force import Visit
from .drawn import ASKED, FIRST, close, days, examples, frame, many, sequence, sequences, values, visits, with_modes

LISTED = "A"  # the listed provider of every patient of these tests; in relabellings the list follows
ROUNDING = 1e-12
PROVED: set[str] = set()


def claiming(law: str) -> pytest.MarkDecorator:
    """Run a test for every index that claims the law."""
    PROVED.add(law)
    return pytest.mark.parametrize("key", [key for key in keys() if law in ct.index(key).laws])


def value(key: str, seen: Sequence[Visit], listed: str = LISTED) -> float | None:
    """Compute one index of one patient."""
    return ct.compute(with_modes(frame(seen)), key, patients=patients(listed), min_visits=1, **ASKED)[key].item()


def patients(listed: str = LISTED) -> pl.DataFrame:
    since = [FIRST.date() - timedelta(days=400)]
    return pl.DataFrame({"patient_id": ["P"], "listed_provider_id": [listed], "listed_from": since})


def why(key: str, seen: Sequence[Visit]) -> str | None:
    """Give the reason why an index of one patient has no value."""
    found = ct.compute(with_modes(frame(seen)), key, patients=patients(), min_visits=1, format="long", **ASKED)
    return found["undefined_reason"].item()


def order_free(key: str) -> bool:
    return "visit_order_is_free" in ct.index(key).laws


@claiming("relabelling")
@examples(25)
@given(visits(patients="P", unknown=False), st.permutations("ABC"), st.booleans())
def test_relabelling_providers_changes_nothing(key: str, seen: list[Visit], names: list[str], longer: bool) -> None:
    new = {old: name * (9 if longer else 1) for old, name in zip("ABC", names, strict=True)}
    renamed = [Visit(v.patient, v.at, new[str(v.provider)], v.visit_id) for v in seen]
    assert value(key, renamed, new[LISTED]) == value(key, seen)


RANGE_WORDS = {
    "0": lambda n, k: 0,
    "1": lambda n, k: 1,
    "1/k": lambda n, k: Fraction(1, k),
    "N": lambda n, k: n,
    "k": lambda n, k: k,
    "log₂ k": lambda n, k: log2(k),
    "N − 1": lambda n, k: n - 1,
    "0.1 / (N + 0.1)": lambda n, k: 0.1 / (n + 0.1),
    "1 − 1 / (N + 0.1)": lambda n, k: 1 - 1 / (n + 0.1),
    "number of patients": lambda n, k: 1,
    "days of the window": lambda n, k: n - 1,  # a visit a day
}


@claiming("within_range")
@examples(30)
@given(seen=sequences(1, 20))
def test_values_lie_within_the_range(key: str, seen: str) -> None:
    found, n, k = value(key, days(seen)), len(seen), len(set(seen))
    low, high = (RANGE_WORDS[word](n, k) for word in ct.index(key).range)
    if found is None:
        assert why(key, days(seen)) in {code for _, code in ct.index(key).undefined}
    else:
        assert low - ROUNDING <= found <= high + ROUNDING


@claiming("one_provider_gives_1")
@pytest.mark.parametrize("n", [2, 3, 7, 200])
def test_one_provider_gives_1(key: str, n: int) -> None:
    assert value(key, sequence(["A"] * n)) == 1


@claiming("visit_order_is_free")
@examples(25)
@given(seen=sequences(), data=st.data())
def test_the_order_of_visits_is_free(key: str, seen: str, data: st.DataObject) -> None:
    shuffled = "".join(data.draw(st.permutations(seen)))
    assert value(key, days(shuffled)) == value(key, days(seen))


@claiming("reversal_changes_nothing")
@examples(40)
@given(visits(patients="P", unknown=False))
def test_reversing_time_changes_nothing(key: str, seen: list[Visit]) -> None:
    back = [Visit(v.patient, FIRST - (v.at - FIRST), v.provider, v.visit_id) for v in seen]
    forward = value(key, seen)
    assert close(value(key, back), forward)


MERGERS = st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from("ABCDE"), max_size=5)


def merged(seen: str, merger: dict[str, str]) -> str:
    return "".join(merger.get(who, who) for who in seen)


@claiming("merging_providers_never_lowers")
@examples(40)
@given(seen=sequences(), merger=MERGERS)
def test_merging_providers_never_lowers(key: str, seen: str, merger: dict[str, str]) -> None:
    found = many({"before": days(seen, "before"), "after": days(merged(seen, merger), "after")}, key)
    assert found["after"] >= found["before"] - ROUNDING


@claiming("merging_providers_never_raises")
@examples(40)
@given(seen=sequences(), merger=MERGERS)
def test_merging_providers_never_raises(key: str, seen: str, merger: dict[str, str]) -> None:
    found = many({"before": days(seen, "before"), "after": days(merged(seen, merger), "after")}, key)
    assert found["after"] <= found["before"] + ROUNDING


@claiming("copies_change_nothing")
@examples(30)
@given(seen=sequences(1, 8), times=st.integers(2, 5))
def test_multiplying_every_count_changes_nothing(key: str, seen: str, times: int) -> None:
    assert close(value(key, days(seen * times)), value(key, days(seen)))


@claiming("usual_visit_never_lowers")
@examples(30)
@given(seen=sequences())
def test_a_visit_to_the_usual_provider_never_lowers(key: str, seen: str) -> None:
    usual = max(sorted(set(seen)), key=seen.count)
    found = many({"before": days(seen, "before"), "after": days(seen + usual, "after")}, key)
    assert found["after"] >= found["before"] - ROUNDING


@claiming("mean_0_and_sd_1")
@examples(40)
@given(patients=st.lists(sequences(1, 9), min_size=2, max_size=8), least=st.integers(1, 3))
def test_standardised_values_have_mean_0_and_standard_deviation_1(key: str, patients: list[str], least: int) -> None:
    seen = {str(n): days(text, str(n)) for n, text in enumerate(patients)}
    found = [x for x in many(seen, key, min_visits=least).values() if x is not None]
    assert len(found) in (0, sum(len(text) >= least for text in patients))
    if found:
        assert abs(mean(found)) < 1e-9
        assert abs(stdev(found) - 1) < 1e-9


@claiming("mean_0_under_chance")
@pytest.mark.parametrize("counts", [{"A": 3, "B": 1}, {"A": 1, "B": 1, "C": 1}])
@pytest.mark.parametrize("n", [2, 3])
def test_the_mean_is_0_where_visits_are_chance(key: str, counts: dict[str, int], n: int) -> None:
    """Every sequence of visits as often as chance would have it: supply and behaviour are then the same."""
    bag = "".join(who * times for who, times in counts.items())
    seen = [v for number, who in enumerate(product(bag, repeat=n)) for v in days("".join(who), str(number))]
    found = ct.compute(frame(seen), key, min_visits=2)[key]
    assert found.count() == len(bag) ** n
    assert abs(found.mean()) < 1e-12


SPREAD = st.lists(st.tuples(st.integers(0, 900), st.sampled_from("AAB")), min_size=1, max_size=12)


def spread(drawn: Sequence[tuple[int, str]], patient: str = "P") -> list[Visit]:
    """Give visits on days that lie far apart."""
    return [Visit(patient, FIRST + timedelta(days=day), who, str(n)) for n, (day, who) in enumerate(drawn)]


@claiming("longer_lookback_never_lowers")
@examples(40)
@given(drawn=SPREAD, shorter=st.integers(1, 500), longer=st.integers(1, 500))
def test_a_longer_look_back_never_lowers(key: str, drawn: list[tuple[int, str]], shorter: int, longer: int) -> None:
    shorter, longer = sorted((shorter, longer))
    low, high = (many({"P": spread(drawn)}, key, lookback=f"{n}d")["P"] for n in (shorter, longer))
    assert low <= high


@claiming("added_visit_never_lowers")
@examples(60)
@given(drawn=SPREAD, day=st.integers(0, 900))
def test_an_added_visit_never_lowers(key: str, drawn: list[tuple[int, str]], day: int) -> None:
    rules = {"window": (FIRST, FIRST + timedelta(days=901)), "cover_days": 60}
    grown = many({"P": spread(drawn), "Q": spread([*drawn, (day, drawn[0][1])], "Q")}, key, **rules)
    assert grown["Q"] >= grown["P"]


@claiming("a_year_later_it_is_1_more")
@examples(40)
@given(start=st.dates(date(2001, 1, 1), date(2019, 12, 31)), end=st.dates(date(2020, 1, 1), date(2024, 2, 28)))
def test_a_year_later_it_is_1_more(key: str, start: date, end: date) -> None:
    assume((end.month, end.day) != (2, 29))
    later = end.replace(year=end.year + 1)
    listed = pl.DataFrame({"patient_id": ["P"], "listed_provider_id": ["A"], "listed_from": [start]})
    seen = frame([Visit("P", datetime(2020, 1, 1) - timedelta(days=1), "A", "0")])
    now, then = (
        ct.compute(seen, key, window=(date(2019, 1, 1), side), patients=listed, min_visits=1)[key].item()
        for side in (end, later)
    )
    assert close(then, Fraction(round(now * 12) + 12, 12))


def test_every_law_of_the_catalogue_has_a_test() -> None:
    assert set(get_args(Law)) == PROVED


@pytest.mark.parametrize("key", keys())
def test_every_index_claims_at_least_two_laws(key: str) -> None:
    assert len(set(ct.index(key).laws)) >= 2


@pytest.mark.parametrize("key", [key for key in keys() if ct.index(key).family not in ("network", "duration")])
def test_values_grow_with_continuity_where_the_catalogue_says_so(key: str) -> None:
    one, several = value(key, days("AAAAAA")), value(key, days("ABCDEF"))
    if one is None or several is None:  # of the many visits of one patient some indices say nothing
        assert why(key, days("AAAAAA")) or why(key, days("ABCDEF"))
    else:
        assert (one > several) == ct.index(key).higher_is_more


# Identities of indices.md; each holds for the value of every patient, ties in time included.


@examples(150)
@given(visits(per_patient=10, unknown=False))
def test_identities_between_the_indices(seen: list[Visit]) -> None:
    indices = ["coc", "hhi", "k_index", "mmci", "provider_count", "secon", "upc"]
    for row in ct.compute(frame(seen), indices, min_visits=2).drop_nulls("upc").iter_rows(named=True):
        n, k, at_most = row["n_visits"], row["n_providers"], 1 + ROUNDING
        upc, coc, hhi, k_index = (row[key] for key in ("upc", "coc", "hhi", "k_index"))
        m = round(upc * n)
        assert close(hhi, ((n - 1) * coc + 1) / n)
        assert close(coc, (n * hhi - 1) / (n - 1))
        assert (m - 1) / (n - 1) <= upc * at_most
        assert upc**2 <= hhi * at_most
        assert hhi <= upc * at_most
        assert k_index / k <= coc + ROUNDING
        assert coc <= k_index + ROUNDING
        assert coc <= (m - 1) / (n - 1) + ROUNDING
        assert (m - 1) / (n - 1) <= k_index + ROUNDING
        assert close(row["mmci"] - k_index, 0.1 * (k - 1) / ((n - 1) * (n - 0.9)))
        assert max(0, (2 * m - n - 1) / (n - 1)) - ROUNDING <= row["secon"] <= k_index + ROUNDING
        assert row["provider_count"] == k
        assert (upc == 1) == (coc == 1) == (k_index == 1) == (k == 1)
        assert (coc == 0) == (k == n)


@examples(100)
@given(visits(per_patient=10, unknown=False))
def test_identities_of_the_dispersion_family(seen: list[Visit]) -> None:
    """Effective numbers are ordered as Hill numbers are: of order 2, of order 1, of order 0."""
    indices = ["coc", "effective_providers", "fragmentation", "hhi", "mci", "secon", "switches", "visit_entropy"]
    for row in ct.compute(frame(seen), indices, min_visits=2).drop_nulls("coc").iter_rows(named=True):
        n, k = row["n_visits"], row["n_providers"]
        assert close(row["fragmentation"] + row["coc"], 1)
        assert close(row["effective_providers"] * row["hhi"], 1)
        assert row["effective_providers"] <= 2 ** row["visit_entropy"] + 1e-9
        assert 2 ** row["visit_entropy"] <= k + 1e-9
        assert close(row["switches"], (n - 1) * (1 - row["secon"]))
        assert close(row["mci"], 1 - k / (n + 0.1))


@examples(30)
@given(seen=sequences(2, 6))
def test_mean_of_secon_over_all_orders_is_coc(seen: str) -> None:
    every = {str(n): days("".join(order), str(n)) for n, order in enumerate(permutations(seen))}
    secon = many(every, "secon")
    assert close(sum(secon.values()) / len(secon), values(days(seen), ["coc"])["coc"])


@examples(60)
@given(seen=sequences(2, 30))
def test_secon_of_visits_at_one_moment_is_coc(seen: str) -> None:
    """The closed form where the enumeration of the orders would take for ever."""
    at_once = [Visit("P", FIRST, who, "") for who in seen]
    found = values(at_once, ["secon", "coc"])
    assert close(found["secon"], found["coc"])


@pytest.mark.parametrize("shares", ["1/2 3/10 1/5", "2/3 1/6 1/6", "9/10 1/10"])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_mean_under_independent_visits_keeps_the_squared_shares(shares: str, n: int) -> None:
    """E[coc] = E[secon] = sum p^2 for every N, and hhi is biased upward by (1 - sum p^2) / N."""
    chance = dict(zip("ABC", map(Fraction, shares.split()), strict=False))
    every = {"".join(who): float(prod(chance[p] for p in who)) for who in product(chance, repeat=n)}
    visits_of_all = [visit for text in every for visit in days(text, text)]
    table = ct.compute(frame(visits_of_all), ["coc", "hhi", "secon"], min_visits=2)
    weight = table["patient_id"].replace_strict(every)
    squares = sum(p * p for p in chance.values())
    assert close((table["coc"] * weight).sum(), squares)
    assert close((table["secon"] * weight).sum(), squares)
    assert close((table["hhi"] * weight).sum(), squares + (1 - squares) / n)


@examples(40)
@given(seen=sequences(2, 12))
def test_a_visit_to_a_new_provider_never_raises_coc(seen: str) -> None:
    found = many({"before": days(seen, "before"), "after": days(seen + "Z", "after")}, "coc")
    assert found["after"] <= found["before"] + ROUNDING


@examples(40)
@given(seen=sequences(2, 12, "ABC"))
def test_k_index_is_the_share_of_visits_after_the_first_to_a_provider_met_before(seen: str) -> None:
    met_before = sum(who in seen[:n] for n, who in enumerate(seen))
    assert close(values(days(seen), ["k_index"])["k_index"], Fraction(met_before, len(seen) - 1))


@examples(40)
@given(seen=sequences(1, 10), listed=st.sampled_from("ABCDEX"))
def test_own_provider_share_is_at_most_upc_and_equals_it_for_the_usual_provider(seen: str, listed: str) -> None:
    usual = max(sorted(set(seen)), key=seen.count)
    upc = values(days(seen), ["upc"])["upc"]
    assert value("upc_assigned", days(seen), listed) <= upc
    assert value("upc_assigned", days(seen), usual) == upc


@examples(40)
@given(seen=visits(per_patient=8, unknown=False), level=st.sampled_from(["team", "unit"]))
def test_team_and_unit_are_never_below_the_person(seen: list[Visit], level: str) -> None:
    providers = pl.DataFrame({"provider_id": ["A", "B", "C"], f"{level}_id": ["T1", "T1", "T2"]})
    indices = ["upc", "coc", "hhi", "k_index", "mmci", "secon"]
    person = ct.compute(frame(seen), indices, min_visits=2)
    group = ct.compute(frame(seen), indices, min_visits=2, level=level, providers=providers)
    assume(person["coc"].count())
    for key in indices:
        assert ((group[key] - person[key]).drop_nulls() >= -ROUNDING).all()


def test_pure_chance_and_perfect_loyalty_at_the_ends() -> None:
    assert values(days("ABCDEFGH"), ["coc", "k_index", "secon"]) == {"coc": 0, "k_index": 0, "secon": 0}
    assert order_free("coc")
    assert not order_free("secon")
