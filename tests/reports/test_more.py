"""Chapters, further figures, the standing of units and the methods text, from answers that are known."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from continuity.metrics import index
from continuity.pipeline.publish_more import periods
from continuity.pipeline.report import REPORT_INDICES
from continuity.privacy import protect
from continuity.reports.breaks import REFORM_DAY, place
from continuity.reports.charts import Canvas
from continuity.reports.charts_more import over_time, tiles_of
from continuity.reports.content import ReportContent
from continuity.reports.counties import county_code, layout
from continuity.reports.figure import Figure
from continuity.reports.figures import figures_of
from continuity.reports.page import report_page
from continuity.reports.paragraph import cited, paragraphs, references
from continuity.reports.rows import rows_of
from continuity.reports.standing import standing
from continuity.reports.wording import words_of
from continuity.vocabulary import Language

DOCS = Path(__file__).parents[2] / "docs"
LANGUAGES: tuple[Language, ...] = ("fi", "sv", "en")


@pytest.fixture(scope="module")
def figures(content: ReportContent) -> dict[str, Figure]:
    return {figure.key: figure for figure in figures_of(content, words_of("en"))}


@pytest.mark.parametrize(
    ("start", "end", "n", "first", "last"),
    [
        ((2020, 1, 1), (2026, 1, 1), 6, "2020-01", "2025-01"),
        ((2020, 1, 9), (2026, 1, 1), 5, "2021-01", "2025-01"),  # more than a week of 2020 is missing
        ((2020, 1, 7), (2025, 12, 27), 6, "2020-01", "2025-01"),
        ((2024, 1, 1), (2026, 1, 1), 8, "2024-01", "2025-10"),
        ((2025, 2, 1), (2026, 1, 1), 0, "", ""),
    ],
)
def test_periods_are_whole(start: tuple[int, ...], end: tuple[int, ...], n: int, first: str, last: str) -> None:
    found = [f"{window.start:%Y-%m}" for window in periods(datetime(*start), datetime(*end))]  # type: ignore[arg-type]
    assert len(found) == n
    assert found[:1] + found[-1:] == ([first, last] if n else [])


def test_the_reform_breaks_the_line(content: ReportContent) -> None:
    rows = rows_of(content.tables["trend"], role="doctor", index="coc").sort("period_start")
    periods = rows.select("period_start", "period_end").rows()
    assert place(REFORM_DAY, periods) == 2.5
    assert place(REFORM_DAY, periods[3:]) is None
    assert place(REFORM_DAY, periods[:3]) is None
    drawn = str(over_time(rows, top=0.5, canvas=Canvas(540, words_of("en"))).to_dict())
    assert "2023-01-01" in drawn
    assert "'place': 2.5" in drawn  # between the third and the fourth of 2020-2025


def test_a_hidden_period_is_named_and_not_drawn(figures: dict[str, Figure]) -> None:
    rows = figures["trend"].rows.filter(role="doctor", period="2021")
    assert rows["estimate"].to_list() == [None]
    assert "suppressed" in figures["trend"].panels[0].wide


def test_tiles_are_the_counties_and_do_not_overlap() -> None:
    grid = layout()
    assert set(grid["code"]) == {f"{n:02}" for n in (*range(1, 22), 90, 91)}
    assert not grid.select(pl.struct("column", "row").is_duplicated().any()).item()


def test_codes_of_counties_are_recognised_however_written() -> None:
    frame = pl.DataFrame({"area_code": ["8", "08", "HVA-08", "90", "A01", "22", "108", None]})
    assert frame.select(county_code()).to_series().to_list() == ["08", "08", "08", "90", None, None, None, None]
    assert pl.DataFrame({"area_code": [8]}).select(county_code()).item() == "08"


def test_a_tile_says_why_it_has_no_number(content: ReportContent) -> None:
    rows = rows_of(content.tables["area"], role="doctor", index="coc").with_columns(code=county_code())
    (data,) = tiles_of(rows, canvas=Canvas(540, words_of("en"))).to_dict()["datasets"].values()
    shown = {tile["name"].replace("|", " "): tile["shown"] for tile in data}
    assert len(shown) == 23
    assert (shown["Pirkanmaa"], shown["Päijät Häme"], shown["Kainuu"]) == ("0.33", "suppressed", "–")


def test_a_map_needs_codes_of_counties(content: ReportContent, changed: Callable[..., ReportContent]) -> None:
    frame = content.tables["area"].frame.with_columns(area_code=pl.concat_str(pl.lit("A"), "area_code"))
    other = protect(frame.drop("undefined_reason"), name="area", keys=["role", "area_code", "index"])
    assert "map" in {figure.key for figure in figures_of(content, words_of("en"))}
    assert "map" not in {figure.key for figure in figures_of(changed(area=other), words_of("en"))}


def test_equal_units_are_shrunk_to_one_mean_and_no_rank_is_known() -> None:
    units = pl.DataFrame(
        {
            "unit_id": [f"U{n}" for n in range(8)] + ["small"],
            "n_patients": [400] * 8 + [29],
            "estimate": [0.30, 0.302, 0.298, 0.301, 0.299, 0.30, 0.303, 0.297, 0.9],
            "std_error": [0.02] * 8 + [0.05],
        }
    )
    found = standing(units)
    assert found.filter(unit_id="small").select("shrunk", "rank", "funnel_low").row(0) == (None, None, None)
    judged = found.drop_nulls("rank")
    assert judged["reliability"].to_list() == [0.0] * 8
    assert judged["shrunk"].to_list() == pytest.approx([0.3] * 8)
    assert ((judged["estimate"] > judged["funnel_low"]) & (judged["estimate"] < judged["funnel_high"])).all()


def test_units_far_apart_keep_their_means_and_ranks() -> None:
    means = [0.1, 0.3, 0.5, 0.7]
    units = pl.DataFrame({"unit_id": list("abcd"), "n_patients": 900, "estimate": means, "std_error": 0.005})
    found = standing(units)
    assert found["shrunk"].to_list() == pytest.approx(means, abs=0.002)
    assert found["rank"].to_list() == [4, 3, 2, 1]
    assert found["rank_low"].to_list() == found["rank_high"].to_list()
    assert standing(units.head(2))["rank"].null_count() == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_chapters_follow_one_another(content: ReportContent, language: Language) -> None:
    words = words_of(language)
    page = report_page(content, words)
    places = [page.index(f"<h2>{words(f'chapter.{name}')}</h2>") for name in ("manager", "evaluator", "methods")]
    assert places == sorted(places)
    own = [page.index(f'id="{key}"') for key in ("units", "access", "trend", "map", "funnel", "distribution")]
    assert own[1] < places[1] < own[2] < own[3] < own[4] < own[5] < places[2]
    links = {part.split('"')[0] for part in page.split('href="#')[1:]}
    assert all(f'id="{link}"' in page for link in links)


def test_every_index_of_the_report_has_a_reference_in_the_bibliography() -> None:
    known = (DOCS / "references.bib").read_text("utf-8")
    for key in REPORT_INDICES:
        keys = cited(index(key).source)
        assert keys, key
        assert all(f"{{{one}," in known for one in keys), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_methods_cite_what_the_list_has(content: ReportContent, language: Language) -> None:
    text = " ".join(paragraphs(content, words_of(language)))
    listed = {one.key for one in references(content)}
    assert set(re.findall(r"@(\w+)", text)) == listed
    known = (DOCS / "references.bib").read_text("utf-8")
    assert all(f"{{{key}," in known for key in listed)
    assert "0.1.0" in text
    assert "9f86d081884c" in text
    assert "{" not in text


def test_the_methods_tell_only_what_was_done(content: ReportContent) -> None:
    few = ReportContent({"whole": content.tables["whole"]}, content.quality, content.method)
    text = " ".join(paragraphs(few, words_of("en")))
    assert "spiegelhalter" not in text
    assert "14 days" not in text
    assert "Unit of a patient" not in text
    assert "148" not in text  # the flow is not known
    assert {one.key for one in references(few)} & {"muller2014", "goldstein1996"} == set()
