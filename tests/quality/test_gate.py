"""What the gate says about small tables whose faults are known."""

import json
import logging
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from continuity.errors import InputError
from continuity.quality import QualityResult, check

TODAY = date(2026, 2, 1)


def sound_tables() -> dict[str, pl.LazyFrame]:
    """One visit a day of 40 patients to 4 providers, and all that the canonical tables can hold of them."""
    n = 200
    at = [datetime(2025, 1, 1, 8) + timedelta(days=i) for i in range(n)]
    visits = pl.LazyFrame(
        {
            "patient_id": [f"P{i % 40}" for i in range(n)],
            "visit_at": at,
            "provider_id": [f"D{i % 4}" for i in range(n)],
            "visit_id": list(range(n)),
            "provider_role": ["doctor"] * n,
            "unit_id": ["U"] * n,
            "contact_mode": ["phone"] * n,
            "urgency": [None if i % 2 else "acute" for i in range(n)],
            "contacted_at": [moment - timedelta(days=2) for moment in at],
            "assessed_at": at,
        }
    )
    patients = pl.LazyFrame(
        {
            "patient_id": [f"P{i}" for i in range(40)],
            "birth_year": [1930 + 2 * i for i in range(40)],
            "sex": ["female", "male"] * 20,
            "listed_provider_id": [f"D{i % 4}" for i in range(40)],
            "enrolled_from": [date(2020, 1, 1)] * 40,
            "enrolled_to": [None] * 20 + [date(2026, 1, 31)] * 20,
            "n_chronic": [i % 3 for i in range(40)],
            "unit_id": ["U"] * 40,
            "workload": [1.5] * 40,
        },
        schema_overrides={"enrolled_to": pl.Date},
    )
    providers = pl.LazyFrame(
        {
            "provider_id": [f"D{i}" for i in range(4)],
            "role": ["doctor"] * 4,
            "fte": [1.0, 0.5, None, 1.5],
            "active_from": [date(2019, 1, 1)] * 4,
            "active_to": [None, None, None, date(2025, 12, 31)],
        }
    )
    return {"visits": visits, "patients": patients, "providers": providers}


def failed(result: QualityResult) -> set[tuple[str, str, int | None]]:
    return {(f.key, f.severity, f.n_unexpected) for f in result.findings if not f.success}


def checked(**changes: dict[str, pl.Expr]) -> QualityResult:
    """Check the sound tables after changing columns of some."""
    tables = sound_tables()
    for table, columns in changes.items():
        tables[table] = tables[table].with_columns(**columns)
    return check(tables, today=TODAY)


def first(n: int, value: object) -> pl.Expr:
    """Put a value into the first rows: to be used on the column it is named for."""
    return pl.when(pl.int_range(pl.len()) < n).then(pl.lit(value))


def test_sound_tables_pass_every_check_and_none_is_skipped() -> None:
    result = checked()
    assert failed(result) == set()
    assert result.passed
    assert result.skipped == ()
    assert {f.engine for f in result.findings} == {"polars"}
    assert result.n_rows == {"visits": 200, "patients": 40, "providers": 4}


def change(table: str, column: str, n: int, value: object) -> dict[str, dict[str, pl.Expr]]:
    return {table: {column: first(n, value).otherwise(pl.col(column))}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (change("visits", "patient_id", 1, None), {("visit_patient_known", "critical", 1)}),
        (change("visits", "visit_at", 2, None), {("visit_time_known", "critical", 2)}),
        (change("visits", "provider_id", 20, None), set()),
        (
            change("visits", "provider_id", 21, None),
            {("visit_provider_known_mostly", "warning", 21), ("unit_provider_known_mostly", "warning", 1)},
        ),
        (
            change("visits", "provider_id", 101, None),
            {
                ("visit_provider_known_mostly", "warning", 101),
                ("visit_provider_known_half", "critical", 101),
                ("unit_provider_known_mostly", "warning", 1),
                ("unit_provider_known_half", "critical", 1),
            },
        ),
        (change("visits", "visit_id", 1, 7), {("visit_id_unique", "warning", 2)}),
        (
            change("visits", "visit_id", 2, 7),
            {("visit_id_unique", "warning", 3), ("visit_id_unique_mostly", "critical", 3)},
        ),
        (change("visits", "provider_role", 3, "lääkäri"), {("visit_role_in_words", "warning", 3)}),
        (change("visits", "provider_role", 3, "nurse"), {("provider_has_one_role", "warning", 3)}),
        (change("visits", "visit_id", 2, None), {("visit_id_known", "warning", 2)}),
        (change("visits", "unit_id", 20, None), set()),
        (change("visits", "unit_id", 21, None), {("visit_unit_known_mostly", "warning", 21)}),
        (change("visits", "contact_mode", 3, "etä"), {("visit_mode_in_words", "warning", 3)}),
        (change("visits", "urgency", 3, "ehkä"), {("visit_urgency_in_words", "warning", 3)}),
        (
            change("visits", "visit_at", 1, datetime(2026, 2, 1, 23)),
            {("patient_listed_provider_active", "warning", 10)},  # D3 left a month before what is now the latest visit
        ),
        (
            change("visits", "visit_at", 1, datetime(2026, 2, 2)),
            {("visit_not_in_future", "warning", 1), ("patient_listed_provider_active", "warning", 10)},
        ),
        (
            change("visits", "contacted_at", 4, datetime(2026, 1, 1)),
            {("contact_before_visit", "warning", 4), ("contact_before_assessment", "warning", 4)},
        ),
        (change("visits", "assessed_at", 5, datetime(2024, 1, 1)), {("contact_before_assessment", "warning", 5)}),
        (change("visits", "assessed_at", 5, datetime(2026, 1, 1)), {("assessment_before_visit", "warning", 5)}),
        (change("visits", "provider_id", 6, "X"), {("visit_provider_listed", "warning", 6)}),
        (change("visits", "patient_id", 7, "X"), {("visit_patient_listed", "warning", 7)}),
        (
            change("visits", "patient_id", 101, "X"),
            {("visit_patient_listed", "warning", 101), ("visit_patient_listed_half", "critical", 101)},
        ),
        (
            change("patients", "birth_year", 1, 2026),
            {
                ("visit_not_before_birth", "warning", 5),
                ("visit_not_before_birth_mostly", "critical", 5),
                ("patient_born_before_enrolment", "warning", 1),
            },
        ),
        (
            change("patients", "birth_year", 1, 2027),
            {
                ("visit_not_before_birth", "warning", 5),
                ("visit_not_before_birth_mostly", "critical", 5),
                ("patient_born_by_now", "warning", 1),
                ("patient_born_before_enrolment", "warning", 1),
            },
        ),
        (change("patients", "birth_year", 1, 1899), {("patient_birth_year_plausible", "warning", 1)}),
        (change("patients", "enrolled_to", 1, date(2025, 6, 1)), {("visit_not_after_enrolment", "warning", 1)}),
        (
            change("patients", "patient_id", 2, None),
            {("patient_id_known", "critical", 2), ("visit_patient_listed", "warning", 10)},
        ),
        (
            change("patients", "patient_id", 2, "P5"),
            {("patient_id_unique", "critical", 3), ("visit_patient_listed", "warning", 10)},
        ),
        (change("patients", "sex", 2, "N"), {("patient_sex_in_words", "warning", 2)}),
        (change("patients", "listed_provider_id", 2, "X"), {("patient_listed_provider_found", "warning", 2)}),
        (change("patients", "listed_provider_id", 2, None), set()),
        (
            change("patients", "enrolled_from", 40, date(2026, 2, 1)),
            {("patient_enrolment_in_order", "warning", 20), ("visit_not_before_enrolment", "warning", 200)},
        ),
        (change("patients", "enrolled_from", 1, date(2025, 2, 11)), {("visit_not_before_enrolment", "warning", 2)}),
        (change("patients", "workload", 2, -0.5), {("patient_workload_plausible", "warning", 2)}),
        (
            change("providers", "active_to", 1, date(2025, 4, 5)),
            {("visit_provider_active", "warning", 26), ("patient_listed_provider_active", "warning", 10)},
        ),
        (change("patients", "n_chronic", 2, -1), {("patient_chronic_count_plausible", "warning", 2)}),
        (change("providers", "role", 1, "lääkäri"), {("provider_role_in_words", "warning", 1)}),
        (change("providers", "fte", 2, 80.0), {("provider_fte_plausible", "warning", 2)}),
        (
            change("providers", "active_from", 4, date(2026, 1, 1)),
            {("provider_activity_in_order", "warning", 1), ("visit_provider_active", "warning", 200)},
        ),
    ],
)
def test_one_fault_gives_its_finding_and_no_other(
    changes: dict[str, dict[str, pl.Expr]], expected: set[tuple[str, str, int]]
) -> None:
    assert failed(checked(**changes)) == expected


def test_a_year_before_1900_warns_and_stops_only_above_one_per_cent() -> None:
    assert failed(checked(**change("visits", "visit_at", 2, datetime(1800, 1, 1)))) >= {
        ("visit_year_plausible", "warning", 2)
    }
    keys = {f.key for f in checked(**change("visits", "visit_at", 3, datetime(1800, 1, 1))).critical}
    assert "visit_year_plausible_mostly" in keys


def test_repeated_rows_warn_above_one_per_cent() -> None:
    tables = sound_tables()
    once_more = tables["visits"].head(2).with_columns(visit_id=pl.lit(None, pl.Int64))
    tables["visits"] = pl.concat([tables["visits"], once_more])
    assert failed(check(tables, today=TODAY)) == {
        ("visit_rows_unique", "warning", 4),
        ("visit_id_known", "warning", 2),
    }


def test_the_busiest_patient_and_provider_are_counted_in_their_own_units() -> None:
    at = pl.datetime_range(datetime(2025, 1, 1), datetime(2025, 12, 31), "1d", eager=True)
    two_a_day = pl.concat([at, at + timedelta(hours=1)])
    busy = pl.LazyFrame({"patient_id": [1] * 730, "visit_at": two_a_day, "provider_id": list(range(730))})
    (finding,) = [f for f in check({"visits": busy}, today=TODAY).findings if not f.success]
    assert (finding.key, finding.grain, finding.n_rows) == ("patient_year_visits_plausible", "patient_year", 1)

    one_day = pl.LazyFrame({"patient_id": range(402), "provider_id": [1] * 201 + [2] * 200 + [3]}).with_columns(
        visit_at=datetime(2025, 3, 1)
    )
    (finding,) = [f for f in check({"visits": one_day}, today=TODAY).findings if not f.success]
    assert (finding.key, finding.n_rows, finding.n_unexpected) == ("provider_day_visits_plausible", 3, 1)
    assert finding.share_unexpected == pytest.approx(1 / 3)


@pytest.mark.parametrize(("days", "n_off", "has_left"), [(0, 0, 0), (1, 2, 1)])
def test_the_last_day_at_work_is_a_day_at_work(days: int, n_off: int, has_left: int) -> None:
    last = date(2025, 3, 3)
    tables = {
        "visits": pl.LazyFrame({"patient_id": ["P", "P"], "visit_at": [datetime(2025, 3, 3, 15)] * 2})
        .with_columns(provider_id=pl.lit("D"))
        .select("patient_id", "visit_at", "provider_id"),
        "patients": pl.LazyFrame({"patient_id": ["P"], "listed_provider_id": ["D"]}),
        "providers": pl.LazyFrame({
            "provider_id": ["D"], "active_from": [date(2020, 1, 1)], "active_to": [last - timedelta(days=days)]
        }),
    }  # fmt: skip
    found = {f.key: f.n_unexpected for f in check(tables, today=date(2026, 1, 1)).findings}
    assert (found["visit_provider_active"], found["patient_listed_provider_active"]) == (n_off, has_left)


def test_visits_without_an_id_make_no_busy_stranger() -> None:
    nobody = pl.LazyFrame(
        {"patient_id": range(300), "provider_id": [None] * 300}, schema_overrides={"provider_id": pl.String}
    )
    result = check({"visits": nobody.with_columns(visit_at=datetime(2025, 3, 1))}, today=TODAY)
    assert "provider_day_visits_plausible" not in {f.key for f in result.warnings}


def test_no_visits_at_all_is_critical() -> None:
    tables = {"visits": sound_tables()["visits"].head(0)}
    assert [f.key for f in check(tables, today=TODAY).critical] == ["visits_not_empty"]


def test_an_absent_column_or_table_is_listed_as_skipped() -> None:
    tables = sound_tables()
    result = check({"visits": tables["visits"].drop("visit_id"), "patients": tables["patients"]}, today=TODAY)
    reasons = {skip.key: skip.missing for skip in result.skipped}
    assert reasons["visit_id_unique"] == ("visits.visit_id",)
    assert reasons["visit_provider_listed"] == ("providers",)
    assert reasons["provider_fte_plausible"] == ("providers",)
    assert "visit_patient_listed" not in reasons
    evaluated, skipped = {f.key for f in result.findings}, set(reasons)
    assert evaluated.isdisjoint(skipped)
    assert evaluated | skipped == {f.key for f in checked().findings}
    assert set(result.n_rows) == {"visits", "patients"}


def test_whole_number_ids_meet_text_ids_of_the_other_table() -> None:
    visits = pl.LazyFrame(
        {"patient_id": [1, 2, 3], "visit_at": [datetime(2025, 1, d) for d in (1, 2, 3)], "provider_id": [1, 1, 1]}
    )
    patients = pl.LazyFrame({"patient_id": ["1", "2", "003"]})
    found = {f.key: f.n_unexpected for f in check({"visits": visits, "patients": patients}, today=TODAY).findings}
    assert found["visit_patient_listed"] == 1


def test_moments_with_and_without_a_zone_are_compared_on_one_clock() -> None:
    visits = pl.LazyFrame(
        {
            "patient_id": [1, 2],
            "provider_id": [1, 1],
            "visit_at": pl.Series([datetime(2025, 7, 1, 9), datetime(2025, 7, 1, 9)]),
            "contacted_at": pl.Series([datetime(2025, 7, 1, 5), datetime(2025, 7, 1, 7)]).dt.replace_time_zone("UTC"),
        }
    )
    found = {f.key: f.n_unexpected for f in check({"visits": visits}, today=TODAY).findings}
    assert found["contact_before_visit"] == 1  # 07:00 UTC is 10:00 in Helsinki


def test_a_zoned_visit_today_is_not_in_the_future() -> None:
    late = pl.Series([datetime(2026, 2, 1, 23, 30), datetime(2026, 2, 2, 0, 30)]).dt.replace_time_zone(
        "Europe/Helsinki"
    )
    visits = pl.LazyFrame({"patient_id": [1, 2], "provider_id": [1, 1], "visit_at": late})
    found = {f.key: f.n_unexpected for f in check({"visits": visits}, today=TODAY).findings}
    assert found["visit_not_in_future"] == 1


def test_a_missing_required_column_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"'provider_id' is missing from visits.*--columns provider_id=NAME"):
        check({"visits": sound_tables()["visits"].drop("provider_id")})


def test_no_cell_value_reaches_result_log_or_screen(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "010190-999X"
    caplog.set_level(logging.DEBUG)
    changes = {
        "visits": {"patient_id": pl.lit(secret), "urgency": pl.lit(secret)},
        "patients": {"sex": pl.lit(secret), "listed_provider_id": pl.lit(secret)},
        "providers": {"role": pl.lit(secret)},
    }
    result = checked(**changes)
    assert len(result.warnings) >= 4
    printed = capfd.readouterr()
    for text in (json.dumps(result.to_dict(), ensure_ascii=False), repr(result), caplog.text, printed.out, printed.err):
        assert secret not in text
    assert printed.err == ""  # no progress bar either


def test_trouble_of_the_source_is_told_without_the_cell(tmp_path: Path) -> None:
    secret = "010190-999X"
    (tmp_path / "visits.csv").write_text(f"patient_id,provider_id,visit_at\n{secret},1,2025-01-01\n")
    frame = pl.scan_csv(tmp_path / "visits.csv", schema_overrides={"patient_id": pl.Int64}, try_parse_dates=True)
    with pytest.raises(InputError, match="The rows of visits cannot be read to the end") as caught:
        check({"visits": frame.with_columns(pl.col("visit_at").cast(pl.Datetime))})
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_result_is_json_with_counts() -> None:
    content = json.loads(json.dumps(checked(**change("visits", "provider_id", 21, None)).to_dict()))
    warning, per_unit = [f for f in content["findings"] if not f["success"]]
    assert (per_unit["key"], per_unit["grain"], per_unit["where"]) == ("unit_provider_known_mostly", "unit", ["U"])
    assert (warning["key"], warning["n_unexpected"], warning["share_unexpected"]) == (
        "visit_provider_known_mostly",
        21,
        0.105,
    )
    assert set(warning["texts"]) == {"fi", "sv", "en"}
    assert (content["passed"], content["n_warnings"]) == (True, 2)
    assert all(len(digits) == 16 for digits in content["suites"].values())


def test_importing_the_gate_imports_neither_great_expectations_nor_pandas() -> None:
    code = "import sys, continuity.quality; print([m for m in ('great_expectations', 'pandas') if m in sys.modules])"
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert found.stdout.strip() == "[]"
