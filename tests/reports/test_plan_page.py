"""The page, the workbook and the figures of a plan: as the summary says, and no patient on the page."""

import json
import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from openpyxl import load_workbook

from continuity import reports
from continuity.cli.main import run
from continuity.errors import ProtectionError
from continuity.pipeline.explain_plan import fairness
from continuity.reports import PanelPlan, plan_book, write_plan
from continuity.reports.plan import plan_page
from continuity.reports.plan_book import n_in_book, write_book
from continuity.reports.plan_content import MOST_ROWS, shown_providers
from continuity.reports.plan_grids import curve_grid, fairness_grid, providers_grid
from continuity.reports.plan_reasons import reason_line
from continuity.reports.plan_text import price
from continuity.reports.wording import words_of
from continuity.synthetic import Setting, generate
from continuity.vocabulary import Language, MoveReason, words

LANGUAGES = words(Language)
FIGURES = {f"{name}.{suffix}" for name in ("loads", "patients", "work", "moves", "curve") for suffix in ("svg", "png")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Language, Path]:
    """The command, run once a language on made-up people; one doctor leaves."""
    folder = tmp_path_factory.mktemp("plan")
    made = generate(Setting(n_patients=600, seed=5))
    doctors = made.providers.filter(role="doctor")["provider_id"]
    gone = pl.when(pl.col("provider_id") == doctors[0]).then(0.0).otherwise(pl.col("fte")).alias("fte")
    tables = {"visits": made.visits, "patients": made.patients, "providers": made.providers.with_columns(gone)}
    arguments = []
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
        arguments += [f"--{name}", str(folder / f"{name}.parquet")]
    (folder / "what_if.txt").write_text(f"leaves {doctors[1]}\n")
    arguments += [
        "--infeasible",
        "nearest",
        "--tolerance",
        "0.2",
        "--scenarios",
        str(folder / "what_if.txt"),
        "--simulate",
        "3",
        "--quiet",
    ]
    for language in LANGUAGES:
        assert run(["assign", *arguments, "--output", str(folder / language), "--language", language]) == 0
    return {language: folder / language for language in LANGUAGES}


def summary_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return found


def plan_in(folder: Path, **changes: Any) -> PanelPlan:
    said = summary_of(folder) | changes
    table = fairness(pl.DataFrame(said["groups"], infer_schema_length=None))
    return PanelPlan(said, folder / "assignments.parquet", table, None, date(2026, 2, 3))


def inputs_in(folder: Path) -> list[str]:
    names = ("visits", "patients", "providers")
    return [part for name in names for part in (f"--{name}", str(folder / f"{name}.parquet"))]


def text_of(page: Path) -> str:
    return re.sub(r"<[^>]+>", " ", page.read_text("utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_command_writes_all_and_nothing_else(site: dict[Language, Path], language: Language) -> None:
    files = {path.name for path in site[language].iterdir()}
    assert files == {"assignments.parquet", "summary.json", "scenarios.parquet", "plan.html", "plan.xlsx", "figures"}
    assert {path.name for path in (site[language] / "figures").iterdir()} == FIGURES
    assert (site[language] / "figures" / "loads.png").read_bytes()[:4] == b"\x89PNG"
    assert b"<script" not in (site[language] / "figures" / "loads.svg").read_bytes()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_numbers_on_the_page_are_those_of_the_summary(site: dict[Language, Path], language: Language) -> None:
    said, style, page = summary_of(site[language]), words_of(language).style, text_of(site[language] / "plan.html")
    n, moved = said["n_patients"], said["n_moved"]
    new = sum(count for code, count in said["reasons"].items() if code.startswith("new_"))
    counts = {n, moved, new, n - moved - new, *said["reasons"].values(), *said["counts"].values()}
    for count in counts:
        assert re.search(rf"(?<!\d){re.escape(style.count(count))}(?!\d)", page), count
    shares = [moved / n, said["share_visits_kept"], said["share_visits_with_previous"]]
    for row in said["curve"]:
        shares += [
            row[name] for name in ("share_moved", "share_visits_kept", "largest_load") if row["n_moved"] is not None
        ]
    for share in shares:
        assert style.share(share, 1) in page, share
    for number in (said["cost"], said["lower_bound"]):
        assert style.decimals(number, 1) in page
    assert style.share(said["gap"], 3) in page
    for value in (*said["versions"].values(), said["input_fingerprint"], str(said["parameters"]["seed"])):
        assert value in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_provider_has_the_numbers_of_the_summary(site: dict[Language, Path], language: Language) -> None:
    plan, terms = plan_in(site[language]), words_of(language)
    rows = {row[0].text: row for row in providers_grid(plan, terms).rows}
    assert set(rows) == {one["provider_id"] for one in plan.summary["providers"]}
    at = {head: place for place, (head, _) in enumerate(providers_grid(plan, terms).heads)}
    for one in plan.summary["providers"]:
        row = rows[one["provider_id"]]
        for key in ("n_patients_before", "n_patients_after", "n_left", "n_joined"):
            assert row[at[terms(f"plan.{key}")]].value == one[key]
        assert row[at[terms("plan.fill_after")]].value == pytest.approx(one["load_after"] / one["target"])
        assert one["provider_id"] in text_of(site[language] / "plan.html")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_patient_or_household_is_on_the_page_or_in_a_figure(site: dict[Language, Path], language: Language) -> None:
    table = pl.read_parquet(site[language] / "assignments.parquet")
    secret = [*table["patient_id"].to_list(), *table["household_id"].drop_nulls().to_list()]
    for file in (site[language] / "plan.html", site[language] / "summary.json", *site[language].glob("figures/*.svg")):
        words_in_file = set(re.findall(r"[\w-]+", file.read_text("utf-8")))
        assert not words_in_file & {str(one) for one in secret}, file.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_that_it_is_internal(site: dict[Language, Path], language: Language) -> None:
    assert words_of(language)("plan.internal") in (site[language] / "plan.html").read_text("utf-8")


def test_small_groups_are_suppressed_and_cannot_be_found_by_subtraction() -> None:
    rows = [("sex", "female", 300, 40), ("sex", "male", 280, 30), ("sex", "other", 3, 1), ("language", None, 583, 71)]
    groups = pl.DataFrame(rows, schema=["by", "group", "n_patients", "n_moved"], orient="row")
    table = fairness(groups)
    assert table.frame["by"].unique().to_list() == ["sex"]  # nobody's language is known
    grid = fairness_grid(table, words_of("en"))
    shown = {row[1].text: [cell.text for cell in row[2:]] for row in grid.rows}
    assert shown["other"] == ["suppressed"] * 3
    assert sum(texts == ["suppressed"] * 3 for texts in shown.values()) >= 2
    assert shown["female"] == ["300", "40", "13.3%"]


def test_unprotected_groups_are_refused_and_nothing_is_written(site: dict[Language, Path], tmp_path: Path) -> None:
    plan = plan_in(site["fi"])
    bare = plan.fairness.frame
    with pytest.raises(ProtectionError, match="'fairness'"):
        PanelPlan(plan.summary, plan.assignments, bare, None, plan.created_on)  # type: ignore[arg-type]
    object.__setattr__(plan, "fairness", bare)  # put in later, past the first check
    with pytest.raises(ProtectionError, match="'fairness'"):
        write_plan(plan, tmp_path, language="fi")
    assert not list(tmp_path.iterdir())


def test_a_plan_that_cannot_be_shown_changes_nothing(
    site: dict[Language, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.html").write_text("the last one")
    (tmp_path / "summary.json").write_text("{}")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reports, "write_book", fail)
    folder = site["fi"].parent
    files = inputs_in(folder)
    assert run(["assign", *files, "--infeasible", "nearest", "--no-curve", "--output", str(tmp_path)]) != 0
    assert {path.name for path in tmp_path.iterdir()} == {"plan.html", "summary.json"}
    assert (tmp_path / "plan.html").read_text() == "the last one"
    assert "Traceback" not in capfd.readouterr().err


def test_a_figure_of_an_earlier_plan_goes(site: dict[Language, Path], tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "curve.svg").write_text("old")
    folder = site["fi"].parent
    files = inputs_in(folder)
    assert run(["assign", *files, "--infeasible", "nearest", "--no-curve", "-q", "--output", str(tmp_path)]) == 0
    assert not (tmp_path / "figures" / "curve.svg").exists()
    assert "curve" not in summary_of(tmp_path)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_workbook_has_every_patient_with_a_line(site: dict[Language, Path], language: Language) -> None:
    terms = words_of(language)
    book = load_workbook(site[language] / "plan.xlsx")
    sheet = book[terms("plan.book_patients")]
    table = pl.read_parquet(site[language] / "assignments.parquet").sort("patient_id")
    heads = [cell.value for cell in sheet[1]]
    rows = {row[0]: dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(min_row=2, values_only=True)}
    assert sorted(rows) == table["patient_id"].to_list()
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == f"A1:{sheet.cell(1, len(heads)).column_letter}{table.height + 1}"
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    lines = dict(table.select("patient_id", reason_line(terms)).rows())
    for row in table.iter_rows(named=True):
        shown = rows[row["patient_id"]]
        assert shown[terms("plan.to")] == row["provider_id"]
        assert shown[terms("plan.from")] == row["previous_provider_id"]
        assert shown[terms("plan.reason_line")] == lines[row["patient_id"]]
        affinity = row["n_visits_with_provider"] / row["n_visits"] if row["n_visits"] else None
        assert shown[terms("plan.affinity")] == (None if affinity is None else pytest.approx(affinity))
    for name in ("providers", "curve", "scenarios"):
        assert terms(f"plan.book_{name}") in book.sheetnames


@pytest.mark.parametrize(("most", "shown"), [(10_000, "all"), (500, "changing"), (1, "none")])
def test_a_workbook_too_large_says_what_it_leaves_out(
    site: dict[Language, Path], tmp_path: Path, most: int, shown: str
) -> None:
    terms, plan = words_of("en"), plan_in(site["en"])
    write_book(plan, tmp_path / "plan.xlsx", terms, most)
    book = load_workbook(tmp_path / "plan.xlsx")
    changing = sum(n for code, n in plan.summary["reasons"].items() if code not in ("kept", "own_choice"))
    expected = {"all": plan.summary["n_patients"], "changing": changing, "none": None}[shown]
    name = terms("plan.book_patients")
    assert (book[name].max_row - 1 if name in book.sheetnames else None) == expected
    assert n_in_book(plan.summary, most) == (expected or 0)
    cover = "\n".join(str(cell.value) for row in book.worksheets[0].iter_rows() for cell in row if cell.value)
    assert ("assignments.parquet" in cover) == (shown != "all")
    assert [path.name for path in tmp_path.iterdir()] == ["plan.xlsx"]


def test_the_page_and_the_summary_say_that_the_workbook_lists_not_all(site: dict[Language, Path]) -> None:
    said, terms = summary_of(site["en"]), words_of("en")
    assert said["n_patients_in_workbook"] == said["n_patients"]
    plan = plan_in(site["en"], n_patients=10**6, reasons={"kept": 900_000, "list_full": 100_000})
    note = plan_book.book_note(plan, terms)
    assert "900,000" in note
    assert note in plan_page(plan, terms)
    assert "plan.xlsx: " not in plan_page(plan_in(site["en"]), terms)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_a_line_with_its_numbers(language: Language) -> None:
    codes = words(MoveReason)
    terms = words_of(language)
    rows = pl.DataFrame(
        {
            "reason": codes,
            "provider_id": "NEW",
            "previous_provider_id": [None if code.startswith("new_") else "OLD" for code in codes],
            "previous_fill": 1.184,
            "n_visits": 7,
            "n_visits_with_provider": 5,
            "n_visits_with_previous": [None if code.startswith("new_") else 2 for code in codes],
        }
    )
    lines = dict(zip(codes, rows.select(reason_line(terms)).to_series(), strict=True))
    assert len(set(lines.values())) == len(codes)
    assert all("NEW" in line and "{" not in line for line in lines.values())
    for code in ("list_full", "balance", "drawn"):
        assert f"118{terms.style.percent}" in lines[code]
    for code in ("list_full", "balance", "knows_better", "with_household"):
        assert "2/7" in lines[code]
        assert "5/7" in lines[code]
    unseen = rows.with_columns(n_visits=pl.lit(0), n_visits_with_provider=pl.lit(0)).select(reason_line(terms))
    assert terms("plan.visits_none") in unseen.to_series()[codes.index("kept")]


def test_prices_in_words() -> None:
    terms = words_of("en")
    assert "would change nothing" in price(0.001, terms)
    assert "fall by about 10.7" in price(1.07, terms)
    assert "A panel that is filled up" in price(-0.4, terms)


def test_a_tolerance_that_cannot_be_met_says_so(site: dict[Language, Path]) -> None:
    numbers = ("n_moved", "share_moved", "share_visits_kept", "largest_load", "smallest_load")
    grid = curve_grid(plan_in(site["en"], curve=[{"tolerance": 0.02} | dict.fromkeys(numbers)]), words_of("en"))
    assert [cell.text for cell in grid.rows[0]] == ["±2.0%", *["not possible"] * 5]


def test_many_providers_are_cut_to_those_furthest_from_their_share(site: dict[Language, Path]) -> None:
    one = summary_of(site["fi"])["providers"][0]
    many = [
        one | {"provider_id": f"X{i:03d}", "load_before": one["target"] * (1 + i / 100)} for i in range(MOST_ROWS + 20)
    ]
    plan = plan_in(site["fi"], providers=many)
    shown = shown_providers(plan.providers)["provider_id"].to_list()
    assert shown == [f"X{i:03d}" for i in range(20, MOST_ROWS + 20)]
    page = plan_page(plan, words_of("fi"))
    assert "X019" not in page
    assert words_of("fi")("plan.some", shown=str(MOST_ROWS), n=str(len(many))) in page


def test_a_hostile_id_is_text(site: dict[Language, Path], tmp_path: Path) -> None:
    said = summary_of(site["fi"])
    evil = "<script>alert(1)</script>"
    providers = [said["providers"][0] | {"provider_id": evil}, *said["providers"][1:]]
    plan = plan_in(site["fi"], providers=providers)
    assert evil not in plan_page(plan, words_of("fi"))
    rows = pl.read_parquet(plan.assignments).with_columns(patient_id=pl.lit('=HYPERLINK("http://evil.invalid","x")'))
    rows.write_parquet(tmp_path / "evil.parquet")
    write_book(
        PanelPlan(plan.summary, tmp_path / "evil.parquet", plan.fairness, None, plan.created_on),
        tmp_path / "plan.xlsx",
        words_of("fi"),
    )
    sheet = load_workbook(tmp_path / "plan.xlsx")["Potilaat"]
    assert sheet["A2"].data_type == "s"
    assert sheet["A2"].hyperlink is None


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_in_a_browser(browser: Any, site: dict[Language, Path], language: Language, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = browser.new_page(viewport={"width": width, "height": 900})
    requests: list[str] = []
    noise: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: noise.append(message.text))
    try:
        address = (site[language] / "plan.html").as_uri()
        page.goto(address)
        assert set(requests) - {"data:,"} == {address}
        assert noise == []
        assert page.evaluate("document.scripts.length") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(head => Number(head.tagName[1]))")
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    finally:
        page.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_simulated_stands_beside_today(site: dict[Language, Path], language: Language) -> None:
    said, words = summary_of(site[language])["simulation"], words_of(language)
    rows = {row["measure"]: row for row in said["rows"]}
    assert said["years"] == 3
    assert 0 < rows["coc"]["plan_ci_low"] <= rows["coc"]["plan_estimate"] <= rows["coc"]["plan_ci_high"] <= 1
    # one of the doctors of today leaves, and nobody stands in for a list without one
    assert rows["coc"]["plan_estimate"] > rows["coc"]["today_estimate"]
    text = text_of(site[language] / "plan.html")
    assert words("plan.simulation_title") in text
    share = words.style.share(rows["share_own_doctor"]["plan_estimate"], 1)
    assert f"{share} (" in text
