"""`continuity evaluate`: from files to protected effects, and designs that have no answer."""

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from continuity.synthetic import Setting, generate

if TYPE_CHECKING:
    from tests.cli.conftest import Run

COLUMNS = ["term", "group", "event_time", "estimate", "std_error", "ci_low", "ci_high", "n_units", "n_patients"]
WINDOWS = ["--window", "2024-01-01:2026-01-01", "--every", "3mo", "--period", "3mo", "--min-visits", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight units, of which four are reached; then a third of their doctor visits go over to the listed doctor."""
    place = tmp_path_factory.mktemp("rollout")
    made = generate(
        Setting(n_patients=4_000, patients_per_unit=500, start=date(2024, 1, 1), years=2, seed=11, doctors_per_unit=6)
    )
    units = made.patients["unit_id"].drop_nulls().unique().sort().to_list()
    starts = {unit: ("2024-10-01" if n < 2 else "2025-04-01" if n < 4 else None) for n, unit in enumerate(units)}
    table = pl.DataFrame({"unit_id": units, "starts_at": list(starts.values())})
    lists = made.patients.select("patient_id", "listed_provider_id", home="unit_id")
    start = pl.col("home").replace_strict(starts, default=None, return_dtype=pl.String).str.to_date()
    goes_over = (
        (pl.col("visit_at").dt.date() >= start)
        & (pl.col("provider_role") == "doctor")
        & (pl.int_range(pl.len()) % 3 == 0)
    )
    visits = made.visits.join(lists, on="patient_id", how="left").with_columns(
        provider_id=pl.when(goes_over & pl.col("listed_provider_id").is_not_null())
        .then("listed_provider_id")
        .otherwise("provider_id")
    )
    visits.drop("listed_provider_id", "home").write_parquet(place / "visits.parquet")
    made.patients.write_parquet(place / "patients.parquet")
    made.providers.write_parquet(place / "providers.parquet")
    table.write_csv(place / "starts.csv")
    return place


def test_an_event_study_finds_the_planted_effect(cli: "Run", folder: Path, tmp_path: Path) -> None:
    asked = ["--design", "event-study", "--index", "upc", "--role", "doctor", "--by", "sex", "--language", "fi"]
    outcome = cli("evaluate", folder, *asked, *WINDOWS, "--rollout", folder / "starts.csv", "-o", tmp_path, "--json")
    assert outcome.code == 0, outcome.err
    effects = pl.read_parquet(tmp_path / "effects.parquet")
    assert effects.columns[: len(COLUMNS)] == COLUMNS
    said = json.loads((tmp_path / "summary.json").read_text())
    assert {"att", "ci_low", "ci_high", "pretrend_p", "n_clusters", "method"} <= set(said)
    assert said["n_clusters"] == 8
    assert said["ci_low"] > 0
    att = effects.filter(pl.col("term") == "att", pl.col("group").is_null())
    assert att["estimate"].item() == said["att"]
    assert set(effects["group"].drop_nulls()) >= {"sex=female", "sex=male"}
    page = (tmp_path / "evaluation.html").read_text()
    assert "Mitä käyttöönotto muutti?" in page
    assert "Sukupuoli: nainen" in page
    assert "sex=" not in page
    assert said["groups_left_out_reasons"] == {"sex=unknown": "one_period"}
    assert "Jaksoja on vain yksi" in page
    assert said["groups_left_out"]["sex=unknown"] not in page
    assert "<script" not in page


def test_a_time_series_hides_units_with_few_doctors(cli: "Run", folder: Path, tmp_path: Path) -> None:
    asked = ["--design", "its", "--index", "upc", "--role", "doctor", "--min-providers", "1"]
    asked += [
        "--rollout",
        folder / "starts.csv",
        "--window",
        "2024-01-01:2026-01-01",
        "--every",
        "2mo",
        "--period",
        "2mo",
    ]
    assert cli("evaluate", folder, *asked, "--min-visits", "2", "-o", tmp_path).code == 0
    shown = pl.read_parquet(tmp_path / "effects.parquet").filter(term="effect")
    assert shown["estimate"].null_count() == 0
    assert cli("evaluate", folder, *asked, "--min-visits", "2", "--min-providers", "50", "-o", tmp_path).code == 0
    hidden = pl.read_parquet(tmp_path / "effects.parquet").filter(term="effect")
    assert hidden["estimate"].null_count() == hidden.height
    assert json.loads((tmp_path / "summary.json").read_text())["att"] is None


@pytest.mark.parametrize("n_small", [0, 1, 2])
def test_the_mean_of_units_is_hidden_where_it_would_tell_the_one_hidden_unit(
    cli: "Run", folder: Path, tmp_path: Path, n_small: int
) -> None:
    """In units with fewer doctors one person writes all visits, so their effects are hidden."""
    small = ["U01", "U02"][:n_small]
    for name in ("patients", "providers"):
        pl.read_parquet(folder / f"{name}.parquet").write_parquet(tmp_path / f"{name}.parquet")
    visits = pl.read_parquet(folder / "visits.parquet")
    alone = pl.when(pl.col("unit_id").is_in(small)).then(pl.col("unit_id") + "-only").otherwise("provider_id")
    visits.with_columns(provider_id=alone).write_parquet(tmp_path / "visits.parquet")
    asked = ["--design", "its", "--index", "upc", "--role", "doctor", "--by", "sex", "--min-visits", "2"]
    asked += ["--window", "2024-01-01:2026-01-01", "--every", "2mo", "--period", "2mo"]
    outcome = cli("evaluate", tmp_path, *asked, "--rollout", folder / "starts.csv", "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    effects = pl.read_parquet(tmp_path / "out" / "effects.parquet")
    units = effects.filter(pl.col("group").str.starts_with("U"), term="effect")
    means = effects.filter(term="att")
    said = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert units["estimate"].null_count() == n_small
    assert set(means["group"]) >= {None, "sex=female", "sex=male"}
    assert set(means["estimate"].is_null()) == {n_small == 1}
    assert said["att"] == means.filter(pl.col("group").is_null())["estimate"].item()


def test_groups_are_compared_where_no_table_knows_units(cli: "Run", folder: Path, tmp_path: Path) -> None:
    for name in ("visits", "patients"):
        pl.read_parquet(folder / f"{name}.parquet").drop("unit_id").write_parquet(tmp_path / f"{name}.parquet")
    asked = ["--design", "compare", "--index", "upc", "--by", "sex", "--patients", tmp_path / "patients.parquet"]
    outcome = cli("evaluate", tmp_path / "visits.parquet", *asked, "-o", tmp_path / "out", "--json")
    assert outcome.code == 0, outcome.err
    assert {"sex=female", "sex=male"} <= set(pl.read_parquet(tmp_path / "out" / "effects.parquet")["group"])


def test_the_lowest_and_highest_are_of_groups_that_are_shown(cli: "Run", folder: Path, tmp_path: Path) -> None:
    asked = ["--design", "compare", "--index", "upc", "--by", "unit_id", "--min-providers"]
    for least in (2, 10_000):
        assert cli("evaluate", folder, *asked, least, "-o", tmp_path / str(least)).code == 0
    shown = pl.read_parquet(tmp_path / "2" / "effects.parquet").filter(pl.col("event_time").is_null(), term="mean")
    found = {
        name: json.loads((tmp_path / name / "summary.json").read_text())["comparisons"]["unit_id"]
        for name in ("2", "10000")
    }
    assert (found["2"]["lowest"], found["2"]["highest"]) == (shown["estimate"].min(), shown["estimate"].max())
    assert [found["10000"][name] for name in ("lowest", "highest", "between_sd", "q_p_value")] == [None] * 4


def test_a_comparison_stands_beside_its_visits(cli: "Run", folder: Path, tmp_path: Path) -> None:
    asked = ["--design", "compare", "--index", "upc", "--by", "unit_id,sex", "--adjust", "n_visits_class,age_band"]
    asked += [*WINDOWS, "--break", "2025-02-01=Nytt <b>system</b>"]
    outcome = cli("evaluate", folder, *asked, "-o", tmp_path, "--language", "sv", "--json")
    assert outcome.code == 0, outcome.err
    effects = pl.read_parquet(tmp_path / "effects.parquet")
    assert effects.columns[: len(COLUMNS)] == COLUMNS
    assert {"mean", "visits", "standardised", "adjusted", "shrunk", "rank", "funnel_95"} <= set(effects["term"])
    assert set(json.loads((tmp_path / "summary.json").read_text())["comparisons"]) == {"unit_id", "sex"}
    # Of two sexes and a few others, the few are hidden in every term, and a second group with them.
    hidden = effects.filter(pl.col("undefined_reason") == "suppressed")
    assert hidden["estimate"].null_count() == hidden.height
    page = (tmp_path / "evaluation.html").read_text()
    assert "Hur skiljer sig grupperna åt?" in page
    assert "sex=" not in page
    assert ">kvinna<" in page
    assert page.count("1.2.2025 Nytt &lt;b&gt;system&lt;/b&gt;") == 4  # below two courses, in the methods, in the rules


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        (["--design", "compare", "--index", "upc"], 2, "needs groups"),
        (["--design", "compare", "--index", "upc", "--by", "sex", "--break", "1.9.2024=x"], 2, "DATE=TEXT"),
        (["--design", "compare", "--index", "upc", "--by", "visit_id"], 2, "of one person"),
        (["--design", "compare", "--index", "upc", "--by", "county"], 3, "'county' is missing"),
        (["--design", "event-study", "--index", "upc"], 2, "--rollout FILE"),
        (["--design", "event-study", "--index", "upx", "--rollout", "starts.csv"], 2, "Did you mean 'upc'"),
        (["--design", "event-study", "--index", "upc", "--rollout", "nothing.csv"], 3, "There is no file"),
        (["--design", "event-study", "--index", "upc", "--rollout", "visits.parquet"], 3, "starts_at"),
        (["--design", "event-study", "--index", "upc", "--rollout", "starts.csv"], 2, "one period only"),
        (
            ["--design", "event-study", "--index", "upc", "--rollout", "starts.csv", "--by", "patient_id"],
            2,
            "of one person",
        ),
        (["--design", "its", "--index", "upc", "--rollout", "never.csv", *WINDOWS], 2, "No unit with visits"),
        (["--design", "event-study", "--index", "upc", "--rollout", "at_once.csv", *WINDOWS], 2, "nobody to compare"),
        (["--design", "event-study", "--index", "upc", "--rollout", "half.csv", *WINDOWS], 3, "have no row"),
    ],
)
def test_a_design_without_an_answer_teaches_why(  # noqa: PLR0917 # fixtures are named, not counted
    cli: "Run", folder: Path, tmp_path: Path, asked: list[str], code: int, words: str
) -> None:
    starts = pl.read_csv(folder / "starts.csv")
    starts.with_columns(starts_at=pl.lit(None, pl.String)).write_csv(folder / "never.csv")
    starts.with_columns(starts_at=pl.lit("2025-01-01")).write_csv(folder / "at_once.csv")
    starts.head(4).write_csv(folder / "half.csv")
    asked = [str(folder / part) if part.endswith((".csv", ".parquet")) else part for part in asked]
    cli(
        "evaluate", folder / "visits.parquet", "--patients", folder / "patients.parquet", *asked, "-o", tmp_path / "out"
    ).is_clear_error(code, words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("design", ["compare", "event-study", "its"])
def test_an_identifier_in_a_column_of_groups_is_refused_and_not_named(
    cli: "Run", folder: Path, tmp_path: Path, design: str
) -> None:
    """Also where the column has the name of a group, in many windows, and where a group would be left out by name."""
    patients = pl.read_parquet(folder / "patients.parquet").with_columns(language=pl.format("secret-{}", "patient_id"))
    patients.write_parquet(tmp_path / "patients.parquet")
    asked = ["--patients", tmp_path / "patients.parquet", "--design", design, "--index", "upc", "--by", "language"]
    rollout = [] if design == "compare" else ["--rollout", folder / "starts.csv"]
    outcome = cli("evaluate", folder / "visits.parquet", *asked, *rollout, *WINDOWS, "-o", tmp_path / "out")
    outcome.is_clear_error(2, "names persons, not groups")
    assert "secret" not in outcome.err + outcome.out
    assert not (tmp_path / "out").exists()


def test_two_clusters_are_refused(cli: "Run", folder: Path, tmp_path: Path) -> None:
    starts = pl.read_csv(folder / "starts.csv")
    two = [starts["unit_id"][0], starts["unit_id"][4]]
    for name in ("visits", "patients"):
        pl.read_parquet(folder / f"{name}.parquet").filter(pl.col("unit_id").is_in(two)).write_parquet(
            tmp_path / f"{name}.parquet"
        )
    starts.write_csv(tmp_path / "starts.csv")
    asked = ["--patients", tmp_path / "patients.parquet", "--design", "event-study", "--index", "upc"]
    asked += ["--rollout", tmp_path / "starts.csv", *WINDOWS, "-o", tmp_path / "out"]
    cli("evaluate", tmp_path / "visits.parquet", *asked).is_clear_error(2, "2 units are too few clusters")


def test_the_methods_text_has_the_numbers_of_the_effects(cli: "Run", folder: Path, tmp_path: Path) -> None:
    asked = ["--design", "event-study", "--index", "upc", "--role", "doctor", "--rollout", folder / "starts.csv"]
    outcome = cli("evaluate", folder, *asked, *WINDOWS, "-o", tmp_path)
    assert outcome.code == 0, outcome.err
    page = (tmp_path / "evaluation.html").read_text()
    text = page[page.index("<blockquote>") : page.index("</blockquote>")]
    att = pl.read_parquet(tmp_path / "effects.parquet").filter(pl.col("term") == "att").row(0, named=True)
    low, high = (f"{att[name]:+.3f}".replace("-", "−") for name in ("ci_low", "ci_high"))
    assert f"Mean effect: {att['estimate']:+.3f} (95% confidence interval {low} to {high})." in text
    assert f"{att['n_units']} " in text
    assert f"{att['n_patients']:,} patients" in text
    said = json.loads((tmp_path / "summary.json").read_text())
    assert all(f"{name} {version}" in text for name, version in said["versions"].items())
    assert said["input"]["sha256"][:12] in text
    references = page[page.index('class="references"') :]
    for key in ("borusyak2024", "mackinnon2023"):
        assert f"@{key}" in text
        assert f"[{key}]" in references


@pytest.mark.parametrize("design", ["event-study", "its"])
def test_what_the_groups_leave_over_tells_of_nobody(cli: "Run", folder: Path, tmp_path: Path, design: str) -> None:
    """Sex is unknown of a few: what everybody has more than women and men would be their number."""
    often = pl.read_parquet(folder / "visits.parquet")["patient_id"].value_counts(sort=True).head(3)["patient_id"]
    sex = (
        pl.when(pl.col("patient_id").is_in(often.implode()))
        .then(pl.lit("unknown"))
        .otherwise(pl.col("sex").replace({"unknown": "female", "other": "female"}))
    )
    pl.read_parquet(folder / "patients.parquet").with_columns(sex=sex).write_parquet(tmp_path / "patients.parquet")
    asked = ["--design", design, "--index", "upc", "--role", "doctor", "--by", "sex", "--min-providers", "3"]
    asked += ["--patients", tmp_path / "patients.parquet", "--rollout", folder / "starts.csv", "-o", tmp_path / "out"]
    asked += [*WINDOWS, "--every", "2mo", "--period", "2mo"]
    outcome = cli("evaluate", folder / "visits.parquet", *asked)
    assert outcome.code == 0, outcome.err
    effects = pl.read_parquet(tmp_path / "out" / "effects.parquet")
    group, n = pl.col("group"), pl.col("n_patients")
    parts = effects.with_columns(
        part=group.str.extract("^(sex=[a-z]+)"), unit=group.str.replace("^sex=[a-z]+", "").str.strip_chars_start(", ")
    ).with_columns(pl.col("unit").replace("", None))
    cell = ["term", "event_time", "unit"]
    known = parts.filter(n.is_not_null())
    groups = known.filter(pl.col("part").is_not_null()).group_by(cell).agg(of_groups=n.sum())
    both = known.filter(pl.col("part").is_null()).join(groups, on=cell, nulls_equal=True)
    rest = (both["n_patients"] - both["of_groups"]).to_list()
    assert not [left for left in rest if 1 <= abs(left) < 5]
    withheld = effects.filter(n.is_null(), pl.col("estimate").is_not_null(), pl.col("undefined_reason").is_null())
    assert set(withheld["group"].str.slice(0, 4)) == {"sex="}  # the estimates stay
