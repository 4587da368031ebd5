"""Breaks of a series: read with one clear error, placed by hand-counted positions, named on the page, never markup."""

from dataclasses import replace
from datetime import date, datetime

import polars as pl
import pytest

from continuity.errors import UsageError
from continuity.reports import Break, breaks_of
from continuity.reports.breaks import inside, lines, piece, place
from continuity.reports.charts import Canvas
from continuity.reports.comparison_chart import course
from continuity.reports.content import ReportContent
from continuity.reports.evaluation_text import periods_in
from continuity.reports.figures import figures_of
from continuity.reports.label_places import Box, place_labels, spread_out
from continuity.reports.page import report_page
from continuity.reports.wording import words_of
from continuity.vocabulary import Language

QUARTERS = [(datetime(2024, m, 1), datetime(2024 + (m == 10), (m + 2) % 12 + 1, 1)) for m in (1, 4, 7, 10)]


@pytest.mark.parametrize(
    "given",
    ["2024-09-01", "2024-09-01=", "=New system", "1.9.2024=New system", "2024-02-30=New system", "", "New=2024"],
)
def test_a_break_that_cannot_be_read_is_one_clear_error(given: str) -> None:
    with pytest.raises(UsageError, match=r"--break .* cannot be read\. Allowed: DATE=TEXT.*2024-09-01=") as error:
        breaks_of([given])
    assert error.value.exit_code == 2


def test_breaks_are_in_order_each_once_and_may_hold_an_equals_sign() -> None:
    found = breaks_of(["2025-01-01=b = c", " 2024-09-01 = a ", "2025-01-01=b = c"])
    assert found == (Break(date(2024, 9, 1), "a"), Break(date(2025, 1, 1), "b = c"))


@pytest.mark.parametrize(
    ("day", "at", "pieces"),
    [
        (date(2024, 7, 1), 1.5, [0, 0, 2, 2]),
        (date(2024, 8, 16), 2.0, [0, 0, 1, 2]),  # 46 of 92 days into the third quarter, which stands alone
        (date(2024, 1, 1), None, [2, 2, 2, 2]),
        (date(2025, 1, 1), None, [0, 0, 0, 0]),
        (date(2030, 1, 1), None, [0, 0, 0, 0]),
    ],
)
def test_a_day_has_its_place_among_periods(day: date, at: float | None, pieces: list[int]) -> None:
    assert place(day, QUARTERS) == at
    assert piece([day], QUARTERS) == pieces
    assert bool(inside([Break(day, "x")], QUARTERS)) == (at is not None)


def test_dates_that_would_overlap_stand_below_one_another() -> None:
    days = [date(2024, 7, 1), date(2024, 7, 3), date(2024, 12, 1)]
    _, *texts = lines(days, QUARTERS, field="place", canvas=Canvas(540, words_of("en")))
    drawn = [text.to_dict() for text in texts]
    heights = [text["encoding"]["y"]["value"] for text in drawn]
    assert heights == [0, 15, 0]
    assert drawn[-1]["mark"]["align"] == "right"  # the last would leave the figure on the right


def test_windows_that_overlap_have_a_place_for_a_break_and_nested_ones_have_none() -> None:
    years = [["2022-01-01", "2023-01-01"], ["2022-07-01", "2023-07-01"], ["2023-01-01", "2024-01-01"]]
    assert place(date(2023, 1, 1), periods_in(years)) == pytest.approx(1, abs=0.01)  # amid the one with both sides
    assert piece([date(2023, 1, 1)], periods_in(years)) == [0, 1, 2]
    assert periods_in([["2022-01-01", "2023-01-01"], ["2022-01-01", "2024-01-01"]]) == []


def test_the_line_of_a_course_stops_at_a_break() -> None:
    rows = pl.DataFrame({"group": ["U"] * 4, "event_time": [-3, -2, -1, None], "estimate": [0.1, 0.2, 0.3, 0.4]})
    chart = course(rows, Canvas(540, words_of("fi")), periods=QUARTERS, days=[date(2024, 7, 1)]).to_dict()
    data = next(rows for rows in chart["datasets"].values() if len(rows) == 4)
    assert [row["piece"] for row in data] == [0, 0, 2, 2]
    assert "'1.7.2024'" in str(chart)
    assert "1.10.2024" in chart["layer"][2]["encoding"]["x"]["axis"]["labelExpr"]


HOSTILE = "<script>alert('x')</script> {text} & {0}"


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_page_names_breaks_and_escapes_them(content: ReportContent, language: Language) -> None:
    marked = (Break(date(2019, 5, 1), "Ennen sarjaa"), Break(date(2024, 9, 1), HOSTILE))
    words = words_of(language)
    marked_content = replace(content, method=replace(content.method, breaks=marked))
    page = report_page(marked_content, words)
    escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; {text} &amp; {0}"
    day = words.style.day(date(2024, 9, 1))
    assert "<script" not in page
    assert page.count(f"{day} {escaped}") == 3  # below the figure, in the methods and among the rules
    assert words("paragraph.break_outside", text=f"{words.style.day(date(2019, 5, 1))} Ennen sarjaa") in page
    trend = next(figure for figure in figures_of(marked_content, words) if figure.key == "trend")
    assert all(day in str(panel.wide) and day in str(panel.narrow) for panel in trend.panels)
    assert words.style.day(date(2019, 5, 1)) not in trend.note


def test_values_are_moved_as_little_as_the_nearest_order_allows() -> None:
    assert spread_out([], 1) == []
    assert spread_out([1, 3, 5], 1) == [1, 3, 5]
    assert spread_out([0, 0, 0], 2) == [-2, 0, 2]
    # the second pair is pushed by the first: means of the whole group
    assert spread_out([0, 0, 1], 1) == pytest.approx([-2 / 3, 1 / 3, 4 / 3])


def test_labels_cover_neither_dots_nor_one_another() -> None:
    dots = [(100.0 + 9 * n, 80.0 + 4 * (n % 3)) for n in range(8)]
    texts = [f"Terveysasema {n}" for n in range(8)]
    size = (420.0, 220.0)
    chosen = place_labels(dots, texts, size)
    assert sum(one is not None for one in chosen) >= 4
    boxes = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in dots]
    left = {"center": 0.5, "left": 0.0, "right": 1.0}
    for (x, y), text, spot in zip(dots, texts, chosen, strict=True):
        if spot is not None:
            start = x + spot.dx - left[spot.align] * 6.3 * len(text)
            box = Box(start, y + spot.dy - 7, start + 6.3 * len(text), y + spot.dy + 7)
            assert not any(box.meets(other) for other in boxes)
            assert box.left >= 0
            assert box.right <= size[0]
            boxes.append(box)
