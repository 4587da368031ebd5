"""The simulation: published bands and tables, closed forms where there are any, and books that balance."""

from datetime import date, datetime, timedelta
from math import inf, sqrt
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import continuity as ct
from continuity.assignment import SimulationSettings, largest_utilisation, overflow_frequency
from continuity.assignment import simulation_measures as measures
from continuity.assignment import simulation_year as years
from continuity.assignment.simulation_world import World
from continuity.assignment.workload_table import FINNISH_LEVEL
from continuity.errors import InputError, UsageError
from continuity.synthetic import SETTINGS, Setting, expected_coc, generate
from continuity.synthetic.ages import MEAN_VISITS, band_of, draw_ages
from continuity.synthetic.calendar import _MONTH

AS_OF = date(2025, 1, 1)
STEADY = {
    "season": (1.0,) * 12,
    "epidemic": 0.0,
    "leave_weeks": 0,
    "summer_weeks": 0,
    "sick_share": 0.0,
    "no_show": 0.0,
    "no_show_a_week": 0.0,
}
"""Nothing but chance: what the closed forms are about."""


def centre(n_doctors=8, n_patients=10_000, workload=None):
    """A model centre of 10,000 residents in two teams, at Finland's level of visits, on equal lists."""
    age = draw_ages(np.random.default_rng(1), n_patients)
    half = (n_doctors + 1) // 2
    plan = pl.DataFrame(
        {
            "patient_id": np.arange(n_patients),
            "provider_id": np.arange(n_patients) % n_doctors,
            "workload": MEAN_VISITS[band_of(age)] * FINNISH_LEVEL
            if workload is None
            else np.full(n_patients, workload),
            "birth_year": AS_OF.year - age,
        }
    )
    number = np.arange(n_doctors)
    return plan, pl.DataFrame({"provider_id": number, "fte": np.ones(n_doctors), "team_id": (number >= half) * 1})


@pytest.mark.parametrize("n_doctors", [8, 9])
@pytest.mark.parametrize(
    ("first_choice", "low", "high"), [("unit", 0.11, 0.13), ("team", 0.20, 0.27), ("own", 0.61, 0.81)]
)
def test_the_model_centre_lands_in_its_three_bands(n_doctors, first_choice, low, high):
    """Tuompo et al., Lääkärilehti 2025;80:e42796; eight to nine doctors are our reading, all else the defaults."""
    found = ct.simulate(*centre(n_doctors), replicates=4, first_choice=first_choice, as_of=AS_OF)
    assert low <= found.value("coc") <= high
    if first_choice == "own":
        assert 0.78 <= found.value("share_own_doctor") <= 0.90, "the share that the band implies"
        assert 0.819 <= found.value("share_own_doctor") <= 0.882, "English practices with personal lists"


def test_utilisation_and_overflow_are_the_published_table():
    """Largest utilisation under Poisson demand: 16, 20 slots a day, 80 a week; pooling 16 slots each."""
    table = {
        (16, 0.05): 0.677,
        (16, 0.10): 0.749,
        (16, 0.20): 0.842,
        (20, 0.05): 0.704,
        (20, 0.10): 0.769,
        (20, 0.20): 0.854,
        (80, 0.05): 0.835,
        (80, 0.10): 0.871,
        (32, 0.05): 0.755,
        (48, 0.05): 0.793,
    }
    for (slots, overflow), utilisation in table.items():
        assert round(largest_utilisation(slots, overflow), 3) == utilisation
        by_hand = 1.0 - sum(poisson(slots * largest_utilisation(slots, overflow), slots))
        assert by_hand == pytest.approx(overflow, abs=1e-9)
    assert overflow_frequency(0, 5) == 0.0


def poisson(mean, most):
    chance = np.exp(-mean)
    for n in range(most + 1):
        yield chance
        chance *= mean / (n + 1)


def test_simulated_overflow_is_the_closed_form():
    """80 slots a week at a utilisation of 0.835 overflow in 5 % of weeks; 40 doctors, 4 years: 8,320 weeks."""
    slots, n_doctors = 80, 40
    demand = 0.835 * slots * 52
    plan = pl.DataFrame({"provider_id": np.repeat(np.arange(n_doctors), 100)}).with_row_index("patient_id")
    plan = plan.with_columns(workload=pl.lit(demand / 100))
    staff = pl.DataFrame({"provider_id": np.arange(n_doctors), "unit_id": np.arange(n_doctors)})
    found = ct.simulate(plan, staff, replicates=4, slots=slots, dispersion=inf, **STEADY)
    rate = found.units.filter(pl.col("measure") == "overflow_of_doctors")["estimate"].mean()
    expected = overflow_frequency(0.835 * slots, slots)
    assert rate == pytest.approx(expected, abs=4 * sqrt(0.05 * 0.95 / 8320))
    of_units = found.units.filter(pl.col("measure") == "overflow_of_unit")["estimate"].mean()
    assert of_units == pytest.approx(rate), "one doctor a unit: the same weeks"


def unit_of(plan, staff, **changes):
    asked = SimulationSettings(**changes)
    return World.of(plan, staff, asked, AS_OF, None).unit, asked


def test_a_list_of_1500_varies_as_the_negative_binomial_says():
    """Yearly coefficient of variation 3.6 % at mean 2.0, k 0.7."""
    plan = pl.DataFrame({"patient_id": np.arange(1500), "provider_id": 0, "workload": 2.0})
    unit, asked = unit_of(plan, pl.DataFrame({"provider_id": [0]}), dispersion=0.7, **STEADY)
    rng = np.random.default_rng(0)
    totals = np.array([len(years.draw_requests(unit, asked, rng).patient) for _ in range(1500)])
    assert totals.mean() == pytest.approx(3000, rel=0.005)
    assert totals.std() / totals.mean() == pytest.approx(0.036, abs=0.002)
    one = np.bincount(years.draw_requests(unit, asked, rng).patient, minlength=1500)
    assert (one == 0).mean() == pytest.approx((1 + 2.0 / 0.7) ** -0.7, abs=4 * sqrt(0.24 / 1500))


def test_continuity_follows_the_law_of_independent_visits():
    """E[COC] = sum of p_j squared: 1/n in a pool; s² + (1 - s)²/k with a share s to the own doctor."""
    plan, staff = centre(5, 6000, workload=2.0)
    plenty = STEADY | {"utilisation": 0.3, "replicates": 3, "dispersion": inf}
    pool = ct.simulate(plan, staff, first_choice="unit", **plenty)
    assert pool.value("coc") == pytest.approx(1 / 5, abs=0.006)
    alone = staff.with_columns(team_id=pl.lit(None, dtype=pl.Int64))
    own = ct.simulate(plan, alone, steering=0.75, **plenty)
    # Nobody is full; who is not steered first asks the own doctor again, who is their whole team.
    assert own.value("share_own_doctor") == pytest.approx(1.0)
    together = ct.simulate(plan, staff.with_columns(team_id=pl.lit(0)), steering=0.75, **plenty)
    share = 0.75 + 0.25 / 5
    assert together.value("share_own_doctor") == pytest.approx(share, abs=0.01)
    assert together.value("coc") == pytest.approx(expected_coc(share, 4), abs=0.01)


def run_one(first_choice="own", *, seed=3, **changes):
    plan, staff = centre(5, 3000)
    unit, asked = unit_of(plan, staff, first_choice=first_choice, **changes)
    rng = np.random.default_rng(seed)
    requests, slots = years.draw_requests(unit, asked, rng), years.draw_slots(unit, asked, rng)
    return unit, asked, years.run(unit, asked, requests, slots, rng)


@pytest.mark.parametrize("first_choice", ["own", "team", "unit"])
@pytest.mark.parametrize("utilisation", [0.6, 1.1])
def test_the_books_balance(first_choice, utilisation):
    _, asked, year = run_one(first_choice, utilisation=utilisation)
    assert len(year.patient) + year.n_waiting.sum() == len(year.requests.patient)
    used = np.zeros_like(year.slots)
    np.add.at(used, (year.doctor[~year.is_overtime], year.week[~year.is_overtime]), 1)
    assert (used <= year.slots).all(), "nobody gives more slots than there are"
    assert year.is_acute[year.is_overtime].all()
    assert (year.waited[year.is_acute] == 0).all()
    seen = np.bincount(year.patient, minlength=3000)
    assert (seen <= np.bincount(year.requests.patient, minlength=3000)).all()
    assert (year.week < asked.weeks).all()


def test_indices_are_those_that_compute_gives_for_the_same_visits():
    unit, asked, year = run_one(min_visits=3, share_acute=0.4)
    happened = ~year.is_no_show
    start = datetime(2025, 1, 1)
    visits = pl.DataFrame({"patient_id": year.patient[happened], "provider_id": year.doctor[happened]}).with_columns(
        visit_at=pl.Series([start + timedelta(weeks=int(week)) for week in year.week[happened]])
    )
    expected = ct.compute(visits, ["coc", "upc"], min_visits=3)
    found = measures.of_units(unit, asked, year)
    assert found["coc"][0] == pytest.approx(expected["coc"].mean())
    assert found["upc"][0] == pytest.approx(expected["upc"].mean())
    own = (visits["provider_id"] == visits["patient_id"] % 5).mean()
    assert found["share_own_doctor"][0] == pytest.approx(own)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 2), st.booleans()), max_size=25),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=1, max_size=5),
    st.integers(0, 99),
)
def test_slots_go_to_the_first_of_each_group_until_none_is_left(asks, doctors, seed):
    group = np.array([g for g, _ in asks], dtype=np.int64)
    doctor = np.array([0 if done else -1 for _, done in asks], dtype=np.int64)
    before, priority = doctor.copy(), np.random.default_rng(seed).random(len(asks))
    of_doctor, slots = np.array([g for g, _ in doctors]), np.array([n for _, n in doctors])
    left = slots.copy()
    years.fill(doctor, group, of_doctor, priority=priority, slots=left, rng=np.random.default_rng(seed))
    given_now = (doctor != -1) & (before == -1)
    assert (doctor[before != -1] == before[before != -1]).all()
    np.testing.assert_array_equal(slots - left, np.bincount(doctor[given_now], minlength=len(slots)))
    for number in range(3):
        wanted = np.flatnonzero((group == number) & (before == -1))
        got = given_now[wanted]
        assert (of_doctor[doctor[wanted[got]]] == number).all()
        assert got.sum() == min(len(wanted), slots[of_doctor == number].sum())
        if got.any() and not got.all():
            assert priority[wanted[got]].max() < priority[wanted[~got]].min()
    assert not given_now[group == -1].any()


def test_absences_are_as_many_as_told_and_the_summer_is_one_stretch():
    unit, asked = unit_of(*centre(9, 100), slots=10.0, sick_share=0.0)
    slots = years.draw_slots(unit, asked, np.random.default_rng(2))
    away = slots[:, :52] == 0
    assert (away.sum(axis=1) == asked.leave_weeks).all()
    longest = [max(len(run) for run in "".join("x" if a else " " for a in row[22:35]).split()) for row in away]
    assert min(longest) >= asked.summer_weeks
    part, _ = unit_of(
        pl.DataFrame({"patient_id": [0], "provider_id": 0, "workload": 1.0}),
        pl.DataFrame({"provider_id": [0], "fte": [0.25]}),
        slots=10.0,
    )
    quarter = [
        years.draw_slots(part, SimulationSettings(slots=10.0, **STEADY), np.random.default_rng(s)) for s in range(40)
    ]
    assert np.unique(quarter).tolist() == [2, 3]
    assert np.mean(quarter) == pytest.approx(2.5, abs=0.05)


def test_the_third_next_slot_is_counted_from_the_week_after():
    """Two wait, two slots a week: the fifth slot is the first of the third week, at half of that week."""
    unit, _ = unit_of(
        pl.DataFrame({"patient_id": [0, 1], "provider_id": [0, 0], "workload": [1.0, 1.0]}),
        pl.DataFrame({"provider_id": [0]}),
    )
    waiting = years._Asking(np.array([0, 1]), np.zeros(2, bool), np.ones(2, bool), np.ones(2, np.int64))
    ahead = np.concatenate([[0], np.cumsum(np.full(40, 2))])[None, :]
    assert years._third_next(unit, waiting, ahead, week=0).tolist() == [17.5]
    nothing = np.zeros((1, 41), dtype=np.int64)
    assert years._third_next(unit, waiting, nothing, week=0).tolist() == [182.0], "T3's maximum"


def test_the_same_seed_gives_the_same_whatever_the_order_and_the_names():
    plan, staff = centre(5, 2000)
    one = ct.simulate(plan, staff, replicates=2, as_of=AS_OF)
    other = ct.simulate(plan.sample(fraction=1, shuffle=True, seed=1), staff.reverse(), replicates=2, as_of=AS_OF)
    assert one.units.equals(other.units)
    assert one.providers.equals(other.providers)
    named = ct.simulate(
        SimpleNamespace(assignments=plan.with_columns(pl.format("D{}", "provider_id").alias("provider_id"))),
        staff.with_columns(pl.format("D{}", "provider_id").alias("provider_id")),
        replicates=2,
        as_of=AS_OF,
    )
    assert named.units.equals(one.units)
    assert not ct.simulate(plan, staff, replicates=2, seed=2, as_of=AS_OF).units.equals(one.units)


def test_an_epidemic_is_told_apart_and_falls_on_all_alike():
    plan, staff = centre(5, 4000)
    calm = ct.simulate(plan, staff, replicates=3, epidemic=0.0, as_of=AS_OF).units
    assert calm["estimate"].equals(calm["without_epidemic"].alias("estimate"))
    wave = ct.simulate(plan, staff, replicates=3, epidemic=3.0, as_of=AS_OF).units
    assert wave["without_epidemic"].equals(calm["without_epidemic"]), "all else is drawn alike"
    rows = {row["measure"]: row for row in wave.rows(named=True)}
    for measure in ("n_requests", "overflow_of_unit", "overflow_of_doctors"):
        assert rows[measure]["estimate"] > rows[measure]["without_epidemic"]


def test_crowding_costs_time():
    plan, staff = centre(5, 3000)
    full, free = (ct.simulate(plan, staff, replicates=2, utilisation=u, as_of=AS_OF) for u in (1.05, 0.7))
    for measure in ("wait_days", "third_next_days", "share_overtime", "overflow_of_unit"):
        assert full.value(measure) > free.value(measure)
    assert full.value("share_within_14_days") < free.value("share_within_14_days")


def test_uneven_lists_cost_continuity():
    """The same patients, doctors and slots: only whose list is how long differs."""
    plan, staff = centre(5, 3000)
    uneven = plan.with_columns(provider_id=pl.when(pl.col("patient_id") % 10 < 6).then(0).otherwise("provider_id"))
    one, other = (ct.simulate(lists, staff, replicates=2, as_of=AS_OF) for lists in (uneven, plan))
    assert one.value("coc") < other.value("coc") - 0.1
    assert one.value("overflow_of_doctors") > other.value("overflow_of_doctors")


def test_a_plan_is_simulated_as_it_comes():
    tables = generate(Setting(n_patients=3000, patients_per_unit=1500, years=2, start=date(2023, 1, 1), turnover=0.0))
    plan = ct.assign(tables.patients, tables.providers, tables.visits, as_of=AS_OF, infeasible="nearest")
    found = ct.simulate(plan, tables.providers, replicates=2)
    assert found.units["unit_id"].unique().sort().to_list() == ["U01", "U02"]
    assert 0.7 < found.value("share_own_doctor", "U01") < 1.0
    assert found.providers["n_patients"].sum() == plan.assignments.height


def test_only_those_of_the_role_who_work_on_the_day_have_slots():
    plan, staff = centre(4, 2000)
    others = pl.DataFrame({"provider_id": [7], "fte": [5.0], "team_id": [0], "role": ["nurse"]})
    mixed = pl.concat([staff.with_columns(role=pl.lit("doctor")), others], how="diagonal_relaxed")
    alone = ct.simulate(plan, staff, replicates=1, as_of=AS_OF)
    assert ct.simulate(plan, mixed, replicates=1, as_of=AS_OF).units.equals(alone.units)
    assert not ct.simulate(plan, mixed, replicates=1, as_of=AS_OF, role=None).units.equals(alone.units)
    leaving = staff.with_columns(active_to=pl.when(pl.col("provider_id") == 0).then(pl.lit(AS_OF)))
    gone = ct.simulate(plan, leaving, replicates=1, as_of=AS_OF).providers
    assert gone["n_slots"].to_list()[0] == 0.0
    assert gone["share_own_doctor"].to_list()[0] == 0.0
    assert ct.simulate(plan, leaving, replicates=1, dispersion=1.0).providers["n_slots"].min() > 0


def test_units_are_apart_and_patients_of_nobody_are_seen_in_their_unit():
    plan = pl.DataFrame(
        {
            "patient_id": range(1200),
            "provider_id": [*["A"] * 400, *["B"] * 400, *[None] * 400],
            "unit_id": [*["U1"] * 400, *["U2"] * 400, *["U2"] * 400],
            "workload": [3.0] * 1200,
        }
    )
    staff = pl.DataFrame({"provider_id": ["A", "B", "C"], "unit_id": ["U1", "U2", "U2"], "fte": [1.0, 1.0, 0.5]})
    found = ct.simulate(plan, staff, replicates=2)
    assert found.value("share_own_doctor", "U1") == 1.0
    assert found.value("n_requests", "U2") == pytest.approx(2 * found.value("n_requests", "U1"), rel=0.25)
    assert found.providers["n_patients"].to_list() == [400, 400, 0]
    assert found.providers["share_own_doctor"].to_list()[2] is None, "no list, no share: null, never 0"
    assert (found.units["ci_low"] <= found.units["ci_high"]).all()
    gone = ct.simulate(plan, staff.with_columns(fte=pl.Series([0.0, 1.0, 0.5])), replicates=1)
    assert gone.value("share_waiting_at_end", "U1") == 1.0, "where nobody works all wait"
    assert gone.value("coc", "U1") is None


def test_the_season_is_that_of_the_synthetic_year():
    assert SimulationSettings().season == tuple(_MONTH)
    assert SETTINGS["own_lists"].doctors_per_unit == 9
    assert years.seasonal(SimulationSettings()).mean() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"first_choice": "friend"}, "Choices: own, team, unit"),
        ({"willing": 1.0}, "willingness"),
        ({"steering": 1.2}, "Allowed: 0 to 1"),
        ({"slots": 0}, "above 0"),
        ({"summer_weeks": 8}, "part of the leave"),
        ({"season": (1.0,)}, "12 numbers"),
        ({"replicates": 0}, "from 1"),
    ],
)
def test_settings_outside_their_range_are_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        ct.simulate(*centre(2, 10), as_of=AS_OF, **changes)


def test_bad_input_is_refused_with_counts_and_without_ids():
    plan, staff = centre(2, 10)
    bad = {
        "several rows": pl.concat([plan, plan[:1]]),
        "negative": plan.with_columns(workload=pl.lit(-1.0)),
        "without a workload": plan.with_columns(workload=pl.lit(None, dtype=pl.Float64)),
        "not in the table of providers": plan.with_columns(provider_id=pl.lit(99)),
        "workload.*missing|missing.*workload": plan.drop("workload"),
    }
    for said, frame in bad.items():
        with pytest.raises(InputError, match=said):
            ct.simulate(frame, staff, replicates=1, as_of=AS_OF)
    with pytest.raises(InputError, match="'fte'"):
        ct.simulate(plan, staff.with_columns(fte=pl.lit(-1.0)), replicates=1, as_of=AS_OF)
    with pytest.raises(UsageError, match="Give as_of"):
        ct.simulate(plan, staff, replicates=1)
    two_units = staff.with_columns(unit_id=pl.col("provider_id").cast(pl.String))
    with pytest.raises(InputError, match="10 patients without a provider, and without a unit"):
        ct.simulate(plan.with_columns(provider_id=pl.lit(None, dtype=pl.Int64)), two_units, replicates=1, as_of=AS_OF)
    with pytest.raises(UsageError, match="No single row"):
        ct.simulate(plan, staff, replicates=1, as_of=AS_OF).value("happiness")
    for call in (
        lambda: largest_utilisation(0, 0.1),
        lambda: largest_utilisation(5, 1),
        lambda: overflow_frequency(-1, 5),
    ):
        with pytest.raises(UsageError):
            call()
