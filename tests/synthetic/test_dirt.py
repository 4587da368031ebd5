"""Each kind of dirt plants its fault, and only that."""

from datetime import date, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from continuity.schema import conform
from continuity.synthetic import Dirt, Setting, generate
from continuity.synthetic.dirt import HOSTILE, KINDS
from continuity.vocabulary import ContactMode, Role, words

N_PATIENTS = 4_000


@pytest.fixture(scope="module")
def clean():
    return generate(Setting(n_patients=N_PATIENTS, unknown_provider=0.0))


def soiled(*kinds: Dirt):
    return generate(Setting(n_patients=N_PATIENTS, unknown_provider=0.0, dirt=kinds))


def assert_only(clean, dirty, table, *columns):
    """Nothing but these columns of this table has changed."""
    for name in ("visits", "patients", "providers"):
        left = getattr(clean, name).drop(columns if name == table else ())
        assert_frame_equal(left, getattr(dirty, name).drop(columns if name == table else ()))


def test_every_kind_has_its_planting():
    assert list(KINDS) == list(words(Dirt))


@pytest.mark.parametrize("kind", words(Dirt))
def test_dirty_tables_keep_the_canonical_form_and_the_seed(kind):
    dirty = soiled(kind)
    for name in ("visits", "patients", "providers"):
        frame = getattr(dirty, name)
        assert conform(frame.lazy(), name).collect_schema() == frame.schema
        assert_frame_equal(frame, getattr(soiled(kind), name))


@pytest.mark.parametrize("kind", words(Dirt))
@pytest.mark.parametrize("n_patients", [1, 3])
def test_every_kind_takes_tiny_and_empty_tables(kind, n_patients):
    for activity in (0.0, 3.0):
        generate(Setting(n_patients=n_patients, activity=activity, dirt=(kind,)))


def test_kinds_do_not_disturb_each_other():
    alone, both = soiled("unknown_patient"), soiled("bad_code", "unknown_patient")
    assert_frame_equal(alone.visits.select("patient_id"), both.visits.select("patient_id"))


def test_blank_provider(clean):
    dirty = soiled("blank_provider")
    assert_only(clean, dirty, "visits", "provider_id")
    ids = dirty.visits["provider_id"]
    blank = ids.is_null() | (ids.str.strip_chars() == "")
    assert 0.30 < blank.mean() < 0.37
    assert {"", "  ", None} <= set(ids)


def test_unknown_patient(clean):
    dirty = soiled("unknown_patient")
    assert_only(clean, dirty, "visits", "patient_id")
    strangers = dirty.visits.join(clean.patients, on="patient_id", how="anti")
    assert 0.005 < strangers.height / dirty.visits.height < 0.02


def test_unknown_provider_id(clean):
    dirty = soiled("unknown_provider_id")
    assert_only(clean, dirty, "visits", "provider_id")
    strangers = dirty.visits.join(clean.providers, on="provider_id", how="anti")
    assert 0.005 < strangers.height / dirty.visits.height < 0.02


def test_bad_code(clean):
    dirty = soiled("bad_code")
    assert_only(clean, dirty, "visits", "provider_role", "contact_mode")
    assert 0.005 < (~dirty.visits["provider_role"].is_in(words(Role))).mean() < 0.02
    assert 0.005 < (~dirty.visits["contact_mode"].is_in(words(ContactMode))).mean() < 0.02


def test_visit_before_birth(clean):
    dirty = soiled("visit_before_birth")
    assert_only(clean, dirty, "visits", "visit_at", "contacted_at", "assessed_at")
    early = dirty.visits.join(clean.patients, on="patient_id").filter(
        pl.col("visit_at").dt.year() < pl.col("birth_year")
    )
    assert 0.002 < early.height / dirty.visits.height < 0.01
    assert dirty.visits.filter(pl.col("assessed_at") > pl.col("visit_at")).is_empty()


def test_future_visit(clean):
    dirty = soiled("future_visit")
    assert_only(clean, dirty, "visits", "visit_at", "contacted_at", "assessed_at")
    late = dirty.visits.filter(pl.col("visit_at") >= datetime(2125, 1, 1))
    assert 0.002 < late.height / dirty.visits.height < 0.01
    assert dirty.visits.filter(pl.col("assessed_at") > pl.col("visit_at")).is_empty()


def test_visit_after_enrolment(clean):
    dirty = soiled("visit_after_enrolment")
    assert_only(clean, dirty, "patients", "enrolled_to")
    late = dirty.visits.join(dirty.patients, on="patient_id").filter(pl.col("visit_at") >= pl.col("enrolled_to"))
    assert 5 <= late["patient_id"].n_unique() <= 60
    assert dirty.patients.filter(pl.col("enrolled_to") < pl.col("enrolled_from")).is_empty()


def test_assessed_after_visit(clean):
    dirty = soiled("assessed_after_visit")
    assert_only(clean, dirty, "visits", "assessed_at")
    assert 0.01 < (dirty.visits["assessed_at"] > dirty.visits["visit_at"]).mean() < 0.03


def test_missing_month(clean):
    dirty = soiled("missing_month")
    march = pl.col("visit_at").dt.month() == 3
    at_first = pl.col("unit_id") == "U01"
    assert not clean.visits.filter(march, at_first).is_empty()
    assert_frame_equal(dirty.visits, clean.visits.filter(~(march & at_first)))


def test_busy_patient(clean):
    dirty = soiled("busy_patient")
    added = dirty.visits.join(clean.visits, on="visit_id", how="anti")
    assert added.height == 5_000
    assert added["patient_id"].n_unique() == 1
    assert added["visit_at"].dt.year().unique().to_list() == [2025]
    assert not dirty.visits.select("patient_id", "visit_at").is_duplicated().any()
    assert dirty.visits["visit_id"].is_unique().all()
    assert dirty.visits.filter(pl.col("assessed_at") > pl.col("visit_at")).is_empty()
    days = dirty.visits.join(dirty.providers, on="provider_id").with_columns(day=pl.col("visit_at").dt.date())
    assert days.filter((pl.col("day") < pl.col("active_from")) | (pl.col("day") >= pl.col("active_to"))).is_empty()


def test_pooled_login(clean):
    dirty = soiled("pooled_login")
    by_day = [
        tables.visits.group_by("provider_id", pl.col("visit_at").dt.date()).len()["len"].max()
        for tables in (clean, dirty)
    ]
    assert by_day[0] < 50
    assert by_day[1] > 200
    joined = dirty.visits.join(dirty.patients, on="patient_id")
    assert joined.height == dirty.visits.height
    assert joined.filter(pl.col("visit_at") < pl.col("enrolled_from")).is_empty()


def test_duplicated_visit_id(clean):
    dirty = soiled("duplicated_visit_id")
    assert_only(clean, dirty, "visits", "visit_id")
    repeated = dirty.visits.height - dirty.visits["visit_id"].n_unique()
    assert 0.005 < repeated / dirty.visits.height < 0.02


def test_duplicate_rows(clean):
    dirty = soiled("duplicate_rows")
    assert 1.005 < dirty.visits.height / clean.visits.height < 1.02
    assert_frame_equal(dirty.visits.unique(maintain_order=True, keep="first"), clean.visits)


def test_hostile_ids(clean):
    dirty = soiled("hostile_ids")
    assert set(HOSTILE) <= set(dirty.patients["patient_id"])
    assert set(HOSTILE) <= set(dirty.providers["provider_id"])
    assert HOSTILE[0] in set(dirty.visits["unit_id"])
    for signs in ("<script>", "=", '"', "'", "😀"):
        assert any(signs in identity for identity in HOSTILE)
    assert dirty.visits.join(dirty.patients, on="patient_id", how="anti").is_empty()
    assert dirty.visits.join(dirty.providers, on="provider_id", how="anti").is_empty()
    assert (dirty.patients["patient_id"].n_unique(), dirty.patients["unit_id"].n_unique()) == (N_PATIENTS, 1)


def test_hostile_ids_keep_every_reference(clean):
    dirty = soiled("hostile_ids")
    for key in ("patient_id", "provider_id", "unit_id"):
        sizes = [tables.visits.group_by(key).len()["len"].sort() for tables in (clean, dirty)]
        assert sizes[0].equals(sizes[1])


def test_dates_of_the_default_period():
    assert Setting().end == date(2026, 1, 1)
