"""Figures as data: what is drawn, in which order, and under which name."""

import re
import subprocess
import sys
from itertools import chain
from typing import Any

import polars as pl
import pytest

from continuity.privacy import protect
from continuity.reports.charts import Canvas, axis_top, bars, by_visits, dots, round_up
from continuity.reports.content import ReportContent
from continuity.reports.figures import Figure, figures_of
from continuity.reports.wording import words_of

NUMBERS = {
    "n_visits": 200,
    "n_providers": 9,
    "estimate": 0.3,
    "std_error": 0.05,
    "ci_low": 0.2,
    "ci_high": 0.4,
    "median": 0.3,
    "share_perfect": 0.1,
}
CANVAS = Canvas(540, words_of("fi"))


@pytest.fixture(scope="module")
def figures(content: ReportContent) -> tuple[Figure, ...]:
    return figures_of(content, words_of("fi"))


def drawn_rows(chart: Any) -> list[dict[str, Any]]:
    data: dict[str, list[dict[str, Any]]] = chart.to_dict()["datasets"]
    return max(data.values(), key=len)


def test_units_are_sorted_and_the_hidden_are_not_drawn(content: ReportContent) -> None:
    rows = drawn_rows(dots(content.tables["unit"], role="doctor", index="coc", reference=0.3, top=0.5, canvas=CANVAS))
    shown = [row["estimate"] for row in rows]
    assert None not in shown
    assert shown == sorted(shown, reverse=True)
    table = content.tables["unit"].frame.filter(role="doctor", index="coc")
    assert len(rows) == table["estimate"].count() < table.height
    assert rows[0]["shown"] == "0,45"


def test_bars_are_shares_of_the_whole(content: ReportContent) -> None:
    table = content.tables["distribution"]
    rows = drawn_rows(bars(table, role="doctor", index="coc", total=5412, top=0.3, canvas=CANVAS))
    assert [row["name"] for row in rows] == ["0", "0–0,25", "0,25–0,5", "0,5–0,75", "0,75–1", "1"]
    assert rows[0]["estimate"] == pytest.approx(1240 / 5412)
    counts = drawn_rows(bars(table, role="doctor", index="coc", total=None, top=2000, canvas=CANVAS))
    assert counts[0]["shown"] == "1\u00a0240"


def test_visit_classes_are_in_order(content: ReportContent) -> None:
    table = content.tables["visit_classes"]
    rows = drawn_rows(by_visits(table, role="doctor", index="coc", reference=None, top=0.5, canvas=CANVAS))
    assert [row["name"] for row in rows] == ["2", "3", "4", "5–6", "7–9", "10–14", "15+"]
    assert rows[-1]["hidden"] == "peitetty"


def test_two_roles_share_an_axis(content: ReportContent) -> None:
    assert axis_top(content.tables["unit"], ("doctor", "nurse"), "coc") == 0.5
    assert axis_top(content.tables["unit"], ("doctor",), "own_visit_share") == 0.6


@pytest.mark.parametrize(
    ("values", "top"), [([0.37], 0.4), ([0.31], 0.35), ([1420.0], 1500.0), ([None], 1.0), ([0.0], 1.0)]
)
def test_axes_end_at_round_numbers(values: list[float | None], top: float) -> None:
    assert round_up(pl.Series(values, dtype=pl.Float64)) == top


def test_ids_are_unique_and_pictures_have_one_name(figures: tuple[Figure, ...]) -> None:
    drawings = list(chain.from_iterable((panel.wide, panel.narrow) for figure in figures for panel in figure.panels))
    ids = [found for drawing in drawings for found in re.findall(r'\sid="([^"]+)"', drawing)]
    assert len(ids) == len(set(ids))
    for drawing in drawings:
        assert re.findall(r'role="[^"]+"', drawing) == ['role="img"']
        assert len(re.findall(r"aria-label=", drawing)) == 1
        used = set(re.findall(r"url\(#([^)]+)\)", drawing))
        assert used <= set(ids)


def test_drawings_fit_their_width(figures: tuple[Figure, ...]) -> None:
    for figure in figures:
        for panel in figure.panels:
            assert 'width="328"' in panel.narrow
            assert f'width="{760 if len(figure.panels) == 1 else 540}"' in panel.wide


def test_figures_follow_the_tables(content: ReportContent, figures: tuple[Figure, ...]) -> None:
    assert [figure.key for figure in figures] == [
        *("units", "own", "distribution", "visit_classes", "teams", "access", "trend", "map", "funnel")
    ]
    assert [panel.title for panel in figures[0].panels] == ["Lääkärikäynnit", "Hoitajakäynnit"]
    assert "Saaristo" in figures[0].note
    few = ReportContent({"whole": content.tables["whole"]}, content.quality, content.method)
    assert figures_of(few, words_of("fi")) == ()


def units(n: int, content: ReportContent) -> ReportContent:
    rows = [
        {"role": "doctor", "unit_id": f"U{i}", "index": "coc", "n_patients": 2 if i < 20 else 50, **NUMBERS}
        for i in range(n)
    ]
    unit = protect(pl.DataFrame(rows), name="unit", keys=["role", "unit_id", "index"])
    return ReportContent({"whole": content.tables["whole"], "unit": unit}, content.quality, content.method)


def test_one_unit_is_not_drawn_again(content: ReportContent) -> None:
    assert figures_of(units(1, content), words_of("fi")) == ()


def test_very_many_units_are_a_table(content: ReportContent) -> None:
    figure, funnel = figures_of(units(121, content), words_of("en"))
    assert figure.panels == ()
    assert len(figure.grid.rows) == 121
    assert "too many" in figure.note
    assert funnel.key == "funnel"


def test_a_long_list_of_hidden_units_is_counted(content: ReportContent) -> None:
    figure, _ = figures_of(units(60, content), words_of("en"))
    assert "and 8 more" in figure.note


def test_importing_the_reports_loads_nothing_heavy() -> None:
    code = (
        "import sys, continuity.reports;"
        "heavy = {'altair', 'vl_convert', 'jinja2', 'xlsxwriter', 'pandas', 'great_expectations'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_drawing_needs_no_pandas() -> None:
    code = (
        "import sys, altair, polars;"
        "chart = altair.LayerChart(layer=[altair.Chart(polars.DataFrame({'a': [1.0]})).mark_point().encode(x='a:Q')]);"
        "chart.to_dict();"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
