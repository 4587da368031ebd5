"""Bad input gives one clear error, or a treatment that is counted; files are written whole or not at all."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from continuity.cli.main import run
from continuity.errors import InfeasibleError, InputError, UsageError

from .panels import TODAY, Panels, made


def with_first(frame: pl.DataFrame, column: str, value: object) -> pl.DataFrame:
    """Put a value into the first row of a column."""
    rest = pl.col(column)
    return frame.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value)).otherwise(rest).alias(column))


@pytest.fixture
def panels() -> Panels:
    return made(80, 4, units=2, seed=1)


def twice(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame, frame.head(1)])


@pytest.mark.parametrize(
    ("table", "spoil", "error", "said"),
    [
        ("providers", lambda t: with_first(t, "fte", -0.5), InputError, "'fte' of the providers is negative"),
        ("providers", lambda t: with_first(t, "fte", None), InputError, "'fte' of the providers is negative or blank"),
        ("providers", lambda t: t.with_columns(fte=pl.lit(0.0)), InfeasibleError, "No provider can take patients"),
        ("providers", lambda t: t.with_columns(role=pl.lit("nurse")), InfeasibleError, "none is a doctor"),
        ("providers", lambda t: t.filter(unit_id="U0"), InfeasibleError, "take 80 patients of 1 unit: U1"),
        ("providers", lambda t: t.with_columns(accepts_new=pl.lit(value=False)), InfeasibleError, "no provider for"),
        ("providers", twice, InputError, "'provider_id' of the providers holds 1 id more than once"),
        ("providers", lambda t: t.drop("unit_id"), InputError, "'unit_id' is missing from the providers"),
        ("providers", lambda t: t.head(0), InputError, "have no rows"),
        ("patients", twice, InputError, "'patient_id' of the patients holds 1 id more than once"),
        ("patients", lambda t: with_first(t, "patient_id", None), InputError, "'patient_id' of the patients is blank"),
        ("patients", lambda t: with_first(t, "workload", -1.0), InputError, "'workload' of the patients is negative"),
        ("patients", lambda t: t.with_columns(workload=pl.lit(0.0)), InputError, "blank or 0 in every row"),
        ("patients", lambda t: t.with_columns(unit_id=pl.lit(None, pl.String), listed_provider_id=None), InputError,
         "160 patients without a unit"),
        ("patients", lambda t: t.with_columns(listed_provider_id=pl.lit(7)), InputError, "ids have several types"),
        ("visits", lambda t: t.with_columns(patient_id=pl.lit(7)), InputError, "ids have several types"),
        ("visits", lambda t: t.head(0), InputError, "There are no visits"),
    ],
)  # fmt: skip
def test_one_clear_error(panels, table, spoil, error, said):
    with pytest.raises(error, match=said) as found:
        panels.with_(**{table: spoil(getattr(panels, table))}).assign()
    assert "SECRET" not in str(found.value)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"tolerance": -0.1}, "tolerance cannot be -0.1"),
        ({"tolerance": 1.0}, "0 to below 1"),
        ({"move_cost": -1}, "move_cost"),
        ({"max_moves": -1}, "max_moves"),
        ({"lookback": "soon"}, "look-back"),
        ({"as_of": "today"}, "as_of is no date"),
        ({"mode": "bets"}, "Did you mean 'best'"),
        ({"role": "dentist"}, "Choices: doctor, nurse, other"),
    ],
)
def test_choices_that_mean_nothing(panels, choice, said):
    with pytest.raises(UsageError, match=said):
        panels.assign(**choice)


def test_tolerance_zero_leaves_less_than_one_patient_outside(panels):
    plan = panels.assign(tolerance=0)
    out = plan.providers["outside_band"] * plan.providers["target"]
    assert out.max() < panels.patients["workload"].max()


def test_a_patient_listed_with_somebody_unknown_moves_and_is_told_apart_from_a_leavers(panels):
    plan = panels.with_(patients=with_first(panels.patients, "listed_provider_id", "X")).assign()
    first = plan.assignments.row(0, named=True)
    assert first["previous_provider_id"] == "X"
    assert (first["is_moved"], first["reason"]) == (True, "unknown_doctor")
    assert plan.summary["reasons"]["unknown_doctor"] == 1
    assert first["n_visits_with_previous"] is None


def test_a_patient_listed_in_another_unit_moves_and_is_not_told_that_the_doctor_leaves(panels):
    plan = panels.with_(patients=with_first(panels.patients, "listed_provider_id", "D11")).assign()
    first = plan.assignments.row(0, named=True)
    assert (first["unit_id"], first["is_moved"], first["reason"]) == ("U0", True, "other_unit")
    assert plan.summary["reasons"]["other_unit"] == 1
    left = panels.with_(patients=with_first(panels.patients, "listed_provider_id", "D10")).assign()
    assert left.assignments["reason"][0] == "leaver"


@pytest.mark.parametrize(("chosen", "n_locked"), [(date(2025, 1, 1), 0), (date(2025, 1, 2), 1), (None, 1)])
def test_an_own_choice_binds_for_a_year_to_the_day(panels, chosen, n_locked):
    at = panels.patients["listed_provider_id"].to_list().index("D01")
    own = panels.add("patients", is_own_choice=[i == at for i in range(160)])
    own = own.with_(patients=own.patients.with_columns(listed_from=pl.lit(chosen, pl.Date)))
    plan = own.assign(as_of=TODAY, tolerance=0.3)
    assert plan.summary["counts"]["n_locked"] == n_locked
    assert plan.assignments["reason"].to_list().count("own_choice") == n_locked


def test_a_missing_workload_becomes_the_units_mean_and_is_counted(panels):
    plan = panels.with_(patients=with_first(panels.patients, "workload", None)).assign()
    assert plan.summary["counts"]["n_workload_missing"] == 1
    others = panels.patients.filter(unit_id="U0")["workload"][1:]
    assert plan.assignments["workload"][0] == pytest.approx(others.mean())


def test_without_workloads_they_are_estimated_and_counted(panels):
    plan = panels.with_(patients=panels.patients.drop("workload")).assign()
    assert plan.summary["counts"]["n_workload_estimated"] == 160
    assert plan.assignments["workload"].min() > 0


def test_a_household_across_units_is_kept_together_in_each(panels):
    plan = panels.with_(patients=panels.patients.with_columns(household_id=pl.lit("H"))).assign(
        households=True, tolerance=0.9
    )
    assert plan.assignments.group_by("unit_id").agg(n=pl.col("provider_id").n_unique())["n"].to_list() == [1, 1]
    assert plan.summary["counts"]["n_households_across_units"] == 1
    assert panels.assign(households=True).summary["counts"]["n_households_across_units"] == 0


def test_a_tolerance_that_cannot_be_asked_for_is_not_advised(panels):
    one = panels.patients.with_columns(
        listed_provider_id="D" + pl.col("unit_id").str.slice(1) + "1", is_own_choice=pl.lit(value=True)
    )
    with pytest.raises(InfeasibleError, match="--infeasible nearest") as found:
        panels.with_(patients=one).assign()
    assert "Give --tolerance" not in str(found.value)


def test_who_is_not_enrolled_is_left_out_and_counted(panels):
    away = [TODAY] + [None] * 159
    plan = panels.add("patients", enrolled_to=away).assign(as_of=TODAY)
    assert plan.assignments.height == 159
    assert plan.summary["counts"]["n_patients_not_enrolled"] == 1


def test_a_doctor_who_has_left_or_not_begun_gets_nobody(panels):
    dates = [TODAY] + [None] * 7
    for column in ("active_to", "active_from"):
        day = [d.replace(year=2027) if d and column == "active_from" else d for d in dates[::-1]]
        plan = panels.add("providers", **{column: day}).assign(as_of=TODAY)
        assert "D13" not in plan.assignments["provider_id"]


def test_visits_without_a_provider_are_counted(panels):
    plan = panels.with_(visits=with_first(panels.visits, "provider_id", None)).assign()
    assert plan.summary["counts"]["n_visits_unknown_provider"] == 1


def test_shares_of_visits_are_of_the_role_that_is_planned(panels):
    nurse = pl.DataFrame({"provider_id": "N", "unit_id": "U0", "role": "nurse", "fte": 1.0})
    to_nurse = panels.visits.head(50).with_columns(provider_id=pl.lit("N"))
    other = panels.with_(
        providers=pl.concat([panels.providers, nurse], how="diagonal"),
        visits=pl.concat([panels.visits, to_nurse]),
    )
    plan, with_nurse = panels.assign(), other.assign()
    assert with_nurse.summary["share_visits_kept"] == plan.summary["share_visits_kept"]
    assert with_nurse.assignments["n_visits"].sum() == panels.visits.height


def test_ages_are_in_the_bands_of_every_other_table(panels):
    year = panels.visits["visit_at"].max().year
    plan = panels.with_(patients=panels.patients.with_columns(birth_year=pl.lit(year - 18))).assign()
    assert plan.groups.filter(by="age_band")["group"].to_list() == ["18-44"]


@pytest.fixture
def written(panels: Panels, tmp_path: Path) -> list[str]:
    """The tables as files, and the arguments that name them."""
    panels.visits.write_csv(tmp_path / "v.csv")
    panels.patients.write_parquet(tmp_path / "p.parquet")
    panels.providers.write_csv(tmp_path / "d.csv", separator=";")
    named = {"visits": "v.csv", "patients": "p.parquet", "providers": "d.csv"}
    return ["assign", *(part for name, file in named.items() for part in (f"--{name}", str(tmp_path / file)))]


def test_the_command_writes_what_the_library_gives(written, panels, tmp_path, capfd):
    out = tmp_path / "out"
    assert run([*written, "--output", str(out), "--json", "--tolerance", "0.1", "--households"]) == 0
    said = json.loads(capfd.readouterr().out)
    plan = panels.assign(tolerance=0.1, households=True)
    assert pl.read_parquet(out / "assignments.parquet").equals(plan.assignments)
    summary = json.loads((out / "summary.json").read_text())
    assert {"assignments.parquet", "summary.json"} <= {path.name for path in out.iterdir()}
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]
    for name in ("cost", "lower_bound", "gap", "n_patients", "n_moved", "share_visits_kept", "worst_outside_band"):
        assert summary[name] == said[name] == plan.summary[name]
    loads = [{name: row[name] for name in ("provider_id", "load_before", "load_after")} for row in summary["providers"]]
    assert loads == plan.providers.select("provider_id", "load_before", "load_after").to_dicts()
    assert summary["reasons"] == plan.summary["reasons"]


def test_the_command_plans_a_file_of_scenarios(written, tmp_path, capfd):
    (tmp_path / "s.txt").write_text("leaves D01\nworks D02 0.5\n")
    out = tmp_path / "out"
    assert run([*written, "--output", str(out), "--scenarios", str(tmp_path / "s.txt"), "--json"]) == 0
    table = pl.read_parquet(out / "scenarios.parquet")
    assert table["scenario"].to_list() == ["today", "leaves D01", "works D02 0.5"]
    assert table["n_leaver"][1] > table["n_leaver"][0]
    assert json.loads((out / "summary.json").read_text())["scenarios"] == table.to_dicts()
    assert json.loads(capfd.readouterr().out)["scenarios"] == table.to_dicts()


def test_the_command_says_that_a_band_was_widened(written, panels, tmp_path, capfd):
    closed = pl.int_range(pl.len()) == 1
    panels.providers.with_columns(accepts_new=~closed, fte=pl.when(closed).then(30.0).otherwise("fte")).write_csv(
        tmp_path / "d.csv"
    )
    named = [part.replace("d.csv", "d2.csv") for part in written]
    (tmp_path / "d.csv").rename(tmp_path / "d2.csv")
    asked = [*named, "--output", str(tmp_path / "out"), "--no-curve"]
    assert run(asked) == 5
    assert run([*asked, "--infeasible", "nearest"]) == 0
    assert "wider than the 5 % asked for in 1 of 2 units" in capfd.readouterr().out


def test_an_impossible_plan_exits_with_5_and_writes_nothing(written, panels, tmp_path, capfd):
    panels.providers.with_columns(fte=pl.lit(0.0)).write_csv(tmp_path / "d.csv")
    assert run([*written, "--output", str(tmp_path / "out")]) == 5
    said = capfd.readouterr()
    assert "No provider can take patients" in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "out").exists()


def test_a_plan_without_patients_is_refused(written, tmp_path, capfd):
    assert run([*written[:3], "--output", str(tmp_path / "out")]) == 3
    assert "There is no table of patients" in capfd.readouterr().err


def test_repeated_ids_of_visits_are_counted(panels):
    numbered = panels.visits.with_row_index("visit_id").with_columns(pl.col("visit_id").cast(pl.String))
    twice = pl.concat([numbered, numbered.head(3)])
    assert panels.with_(visits=numbered).assign().summary["counts"]["n_visits_repeated_id"] == 0
    assert panels.with_(visits=twice).assign().summary["counts"]["n_visits_repeated_id"] == 3
    assert "n_visits_repeated_id" not in panels.with_(visits=numbered.drop("visit_id")).assign().summary["counts"]
