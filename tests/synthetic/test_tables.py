"""The tables are canonical, fit each other, and depend on the setting alone."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from continuity.errors import UsageError
from continuity.schema import TABLES, conform
from continuity.synthetic import SETTINGS, Setting, generate, write
from continuity.synthetic.build import BLOCK, build_block
from continuity.synthetic.world import World

BUSY = Setting(n_patients=12_000, turnover=0.6, years=2, share_joining=0.1, share_leaving=0.1)
WISHES = {"is_own_choice", "is_household_free", "latitude", "longitude", "max_patients"}
"""What a site may know of wishes and places; the synthetic population has none."""
NAMES = ("visits", "patients", "providers")


@pytest.fixture(scope="module")
def tables():
    return generate(BUSY)


@pytest.fixture(scope="module")
def joined(tables):
    """Visits with their patient and provider."""
    return tables.visits.join(tables.patients, on="patient_id", suffix="_patient", maintain_order="left").join(
        tables.providers, on="provider_id", how="left", suffix="_provider"
    )


def assert_same(left, right):
    for name in NAMES:
        assert_frame_equal(getattr(left, name), getattr(right, name))


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_canonical(tables, name):
    frame = getattr(tables, name)
    assert_frame_equal(frame, conform(frame.lazy(), name).collect())
    known = [column for column in TABLES[name] if column not in WISHES]
    assert frame.columns == known, "every canonical column is there, but those"
    for column, rule in TABLES[name].items():
        if rule.words:
            assert set(frame[column].unique()) <= set(rule.words)


def test_ids_are_readable_and_unique(tables):
    for frame, key in [(tables.visits, "visit_id"), (tables.patients, "patient_id"), (tables.providers, "provider_id")]:
        assert frame[key].null_count() == 0
        assert frame[key].n_unique() == frame.height
    assert tables.patients["patient_id"][0] == "P0000001"
    assert tables.patients["patient_id"].str.contains(r"^P\d{7}$").all()
    assert tables.providers["provider_id"].str.contains(r"^[DN]\d{3}$").all()
    assert set(tables.providers["team_id"]) == {f"U0{unit}-T{team}" for unit in (1, 2, 3) for team in (1, 2)}
    assert set(tables.visits["area_code"]) == {"A01"}


def test_no_moment_is_taken_twice_by_a_patient(tables):
    assert not tables.visits.select("patient_id", "visit_at").is_duplicated().any()


def test_visits_refer_to_known_patients_and_providers(tables, joined):
    assert joined.height == tables.visits.height
    known = joined.filter(pl.col("provider_id").is_not_null())
    assert known["role"].null_count() == 0
    assert (known["role"] == known["provider_role"]).all()
    assert (known["team_id"] == known["team_id_provider"]).all()
    assert (joined["unit_id"] == joined["unit_id_patient"]).all()
    assert (joined["area_code"] == joined["area_code_patient"]).all()
    assert (known["unit_id"] == known["unit_id_provider"]).all()


def test_nobody_works_outside_the_active_period(tables, joined):
    day = pl.col("visit_at").dt.date()
    assert tables.providers["active_to"].count() > 20, "the test needs changes of staff"
    assert joined.filter(day < pl.col("active_from")).is_empty()
    assert joined.filter(day >= pl.col("active_to")).is_empty()


def test_a_successor_begins_the_day_the_holder_leaves(tables):
    doctors = tables.providers.filter(pl.col("role") == "doctor")
    handed_over = doctors.with_columns(next_from=pl.col("active_from").shift(-1)).filter(
        pl.col("active_to").is_not_null()
    )
    assert (handed_over["active_to"] == handed_over["next_from"]).all()
    current = doctors.filter(pl.col("active_to").is_null())
    assert current.group_by("unit_id").len()["len"].to_list() == [9, 9, 9]


def test_visits_lie_in_the_period_and_in_the_enrolment(joined):
    day = pl.col("visit_at").dt.date()
    assert joined.filter(~day.is_between(BUSY.start, BUSY.end, closed="left")).is_empty()
    assert joined.filter(day < pl.col("enrolled_from")).is_empty()
    assert joined.filter(day >= pl.col("enrolled_to")).is_empty()
    assert joined.filter(day.dt.year() < pl.col("birth_year")).is_empty()


def test_nobody_is_enrolled_before_birth(tables):
    assert tables.patients.filter(pl.col("enrolled_from").dt.year() < pl.col("birth_year")).is_empty()
    assert (tables.patients["birth_year"] == BUSY.start.year).any(), "the test needs newborn"


def test_contact_comes_before_assessment_before_visit(tables):
    visits = tables.visits
    assert visits["contacted_at"].null_count() == 0
    assert 0.15 < visits["assessed_at"].null_count() / visits.height < 0.25
    assert visits.filter(pl.col("contacted_at") > pl.col("assessed_at")).is_empty()
    assert visits.filter(pl.col("assessed_at") > pl.col("visit_at")).is_empty()
    assert visits.filter(pl.col("contacted_at") > pl.col("visit_at")).is_empty()
    assert visits["contacted_at"].dt.weekday().max() <= 5
    acute = visits.filter(pl.col("urgency") == "acute")
    assert (acute["contacted_at"].dt.date() == acute["visit_at"].dt.date()).all()


def test_listed_providers_are_doctors_of_the_unit_who_work_at_the_end(tables):
    listed = tables.patients.filter(pl.col("listed_provider_id").is_not_null()).join(
        tables.providers, left_on="listed_provider_id", right_on="provider_id", how="left", suffix="_provider"
    )
    assert (listed["role"] == "doctor").all()
    assert (listed["unit_id"] == listed["unit_id_provider"]).all()
    assert listed["active_to"].null_count() == listed.height
    for earliest in ("active_from", "enrolled_from"):
        assert listed.filter(pl.col("listed_from") < pl.col(earliest)).is_empty()
    assert (listed["listed_from"] < BUSY.end).all()


def test_who_has_left_or_is_unlisted_has_no_list(tables):
    patients = tables.patients
    assert patients.filter(pl.col("enrolled_to").is_not_null())["listed_provider_id"].null_count() > 0
    assert patients.filter(pl.col("enrolled_to").is_not_null(), pl.col("listed_provider_id").is_not_null()).is_empty()
    assert (patients["listed_provider_id"].is_null() == patients["listed_from"].is_null()).all()
    stayed = patients.filter(pl.col("enrolled_to").is_null())
    assert 0.03 < stayed["listed_provider_id"].is_null().mean() < 0.07
    assert patients.filter(pl.col("enrolled_to") <= pl.col("enrolled_from")).is_empty()


def test_households_share_unit_language_and_mostly_the_list(tables):
    homes = tables.patients.group_by("household_id").agg(
        pl.col("unit_id", "language", "area_code").n_unique(),
        n=pl.len(),
        oldest=2025 - pl.col("birth_year").min(),
        n_lists=pl.col("listed_provider_id").drop_nulls().n_unique(),
    )
    assert (homes["unit_id"] == 1).all()
    assert (homes["language"] == 1).all()
    assert (homes["oldest"] >= 18).all(), "no child lives alone"
    assert 1.5 < homes["n"].mean() < 3
    together = homes.filter(pl.col("n") > 1)
    assert (together["n_lists"] <= 1).mean() > 0.6


def test_the_default_is_a_demo_whose_units_differ():
    visits = generate(Setting()).visits
    assert set(visits["unit_id"]) == {"U01", "U02", "U03", "U04", "U05"}
    assert set(visits["area_code"]) == {"A01", "A02"}
    assert 0.02 < visits["provider_id"].is_null().mean() < 0.04
    assert {"sv", "fi", "en"} <= set(generate(Setting()).patients["language"])


def test_same_setting_same_tables():
    setting = Setting(n_patients=3_000, seed=7)
    assert_same(generate(setting), generate(setting))


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_gives_other_tables(name):
    one, other = (getattr(generate(Setting(n_patients=3_000, seed=seed)), name) for seed in (1, 2))
    assert not one.equals(other)


def test_knobs_of_visits_leave_the_patients_alone():
    plain = Setting(n_patients=3_000)
    for change in ({"steering": 0.9}, {"unknown_provider": 0.5}, {"nurse_ratio": 0.0}, {"dirt": ("duplicate_rows",)}):
        assert_frame_equal(generate(plain).patients, generate(replace(plain, **change)).patients)


def test_a_block_does_not_depend_on_the_blocks_before_it():
    setting = Setting(n_patients=BLOCK + 3_000, activity=0.1)
    whole, world = generate(setting), World.of(setting)
    last = build_block(world, 1)  # drawn first, and alone
    first = build_block(world, 0)
    assert_frame_equal(whole.patients, pl.concat([first.patients, last.patients]))
    assert_frame_equal(whole.visits, pl.concat([first.visits, last.visits]))
    assert last.patients["patient_id"][0] == "P0050001"
    assert not last.patients["birth_year"].equals(first.patients["birth_year"].head(3_000)), "each has its own stream"
    assert whole.visits["visit_id"].is_unique().all()


def test_written_files_hold_the_generated_rows_and_nothing_is_left_beside_them(tmp_path):
    setting = Setting(n_patients=BLOCK + 1_000, activity=0.1, dirt=("blank_provider", "hostile_ids"))
    target = tmp_path / "new" / "folder"
    paths = write(setting, target)
    assert sorted(path.name for path in target.iterdir()) == ["patients.parquet", "providers.parquet", "visits.parquet"]
    tables = generate(setting)
    for name in NAMES:
        assert_frame_equal(pl.read_parquet(paths[name]), getattr(tables, name))


def test_writing_again_replaces_the_files(tmp_path):
    write(Setting(n_patients=100), tmp_path)
    paths = write(Setting(n_patients=50), str(tmp_path))
    assert pl.read_parquet(paths["patients"]).height == 50


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(UsageError, match="'taken' is a file"):
        write(Setting(n_patients=10), tmp_path / "taken")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_patients": 0}, "n_patients cannot be 0"),
        ({"n_patients": 2.5}, "n_patients cannot be 2.5. Allowed: whole numbers"),
        ({"steering": [0.2, 0.5]}, r"steering cannot be \[0.2, 0.5\]"),
        ({"seed": -1}, "seed cannot be -1"),
        ({"years": 0}, "years cannot be 0"),
        ({"steering": (0.5, 1.5)}, "steering cannot be 1.5"),
        ({"steering": ()}, "steering is empty"),
        ({"steering": float("nan")}, "steering cannot be nan"),
        ({"unknown_provider": -0.1}, "unknown_provider cannot be -0.1"),
        ({"pool": "teams"}, "Did you mean 'team'"),
        ({"dirt": ("blank_providers",)}, "Did you mean 'blank_provider'"),
        ({"teams_per_unit": 7}, "Every team needs a doctor and a nurse"),
        ({"start": date(2199, 6, 1), "years": 2}, "before 2200"),
    ],
)
def test_a_knob_out_of_its_range_is_refused(change, message):
    with pytest.raises(UsageError, match=message):
        Setting(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"n_patients": 1},
        {"n_patients": 7, "activity": 0.0},
        {"doctors_per_unit": 1, "nurses_per_unit": 1, "teams_per_unit": 1},
        {"start": date(2024, 2, 29), "years": 3},
        {"start": date(2025, 11, 15)},
        {"share_joining": 1.0, "share_leaving": 1.0},
        {"turnover": 1.0, "years": 5},
    ],
    ids=str,
)
def test_extreme_settings_give_canonical_tables_that_fit(change):
    setting = replace(Setting(n_patients=500), **change)
    tables = generate(setting)
    for name in NAMES:
        assert_frame_equal(getattr(tables, name), conform(getattr(tables, name).lazy(), name).collect())
    assert tables.patients.height == setting.n_patients
    joined = tables.visits.join(tables.patients.drop("unit_id"), on="patient_id").join(
        tables.providers.drop("unit_id", "team_id"), on="provider_id", how="left"
    )
    assert joined.height == tables.visits.height
    day = pl.col("visit_at").dt.date()
    outside = (day < pl.col("active_from")) | (day >= pl.col("active_to")) | (day < pl.col("enrolled_from"))
    assert joined.filter(outside | (day >= pl.col("enrolled_to")) | (day.dt.year() < pl.col("birth_year"))).is_empty()


def test_named_settings_are_the_three_ways_of_working():
    assert list(SETTINGS) == ["pool", "two_teams", "own_lists"]
    with pytest.raises(TypeError):
        SETTINGS["pool"] = Setting()
