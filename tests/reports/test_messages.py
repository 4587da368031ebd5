"""What the page says first, and what it may not say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from continuity.privacy import ProtectedTable, protect
from continuity.reports.content import ReportContent
from continuity.reports.grids import cell_of, grid_of, in_class_order, short_place
from continuity.reports.messages import context, sentences, tiles
from continuity.reports.method import citation, unknown_providers
from continuity.reports.wording import words_of

EN = words_of("en")
FI = words_of("fi")


def table(content: ReportContent, name: str, change: pl.Expr) -> ProtectedTable:
    old = content.tables[name]
    return protect(old.frame.with_columns(change), name=name, keys=old.keys)


def cells(*rows: tuple[str, float, float, float]) -> ProtectedTable:
    frame = pl.DataFrame(
        [
            {
                "role": "doctor",
                "unit_id": unit,
                "index": "coc",
                "n_patients": 50,
                "estimate": e,
                "ci_low": a,
                "ci_high": b,
            }
            for unit, e, a, b in rows
        ]
    )
    return protect(frame, name="unit", keys=["role", "unit_id", "index"])


def test_two_sentences_from_the_numbers(content: ReportContent) -> None:
    first, second = sentences(content, EN)
    assert "31 in 100" in first
    assert "44% were with that doctor" in first
    assert "lowest figure, 21 in 100, is in unit Itä" in second
    assert "highest, 45 in 100, in unit Länsi" in second


def test_overlapping_units_are_called_chance(changed: Callable[..., ReportContent]) -> None:
    near = changed(unit=cells(("A", 0.30, 0.25, 0.35), ("B", 0.34, 0.29, 0.39)))
    assert "may be chance" in sentences(near, EN)[1]
    apart = changed(unit=cells(("A", 0.20, 0.18, 0.22), ("B", 0.34, 0.29, 0.39)))
    assert "chance" not in sentences(apart, EN)[1]


def test_one_unit_is_not_compared(changed: Callable[..., ReportContent]) -> None:
    hidden = cells(("A", 0.3, 0.2, 0.4), ("B", 0.3, 0.2, 0.4))
    few = pl.when(pl.col("unit_id") == "B").then(1).otherwise("n_patients").alias("n_patients")
    one = protect(hidden.frame.with_columns(few), name="unit", keys=hidden.keys)
    assert sentences(changed(unit=one), EN)[1] == EN("summary.units_one")
    assert len(sentences(changed(unit=cells(("A", 0.3, 0.2, 0.4))), EN)) == 1
    assert len(sentences(changed(unit=None), EN)) == 1


def test_a_hidden_whole_is_said_and_not_counted(content: ReportContent, changed: Callable[..., ReportContent]) -> None:
    few = pl.when(pl.col("role") == "doctor").then(1).otherwise("n_patients").alias("n_patients")
    hidden = changed(whole=table(content, "whole", few))
    assert sentences(hidden, EN) == (EN("summary.pairs_hidden"),)
    assert tiles(hidden, EN)[0].value == "suppressed"


def test_a_profession_without_lists_has_no_share(content: ReportContent, changed: Callable[..., ReportContent]) -> None:
    none = pl.when(pl.col("index") == "own_visit_share").then(0.0).otherwise("estimate").alias("estimate")
    without = changed(whole=table(content, "whole", none))
    assert "named" not in sentences(without, EN)[0]
    assert not [tile for tile in tiles(without, EN) if "named" in tile.label]


def test_country_level_is_context_for_doctors_only(
    content: ReportContent, changed: Callable[..., ReportContent]
) -> None:
    assert "0,29" in context(content, FI)
    assert "suuntaa antava" in context(content, FI)
    old = content.tables["whole"]
    only_all = protect(old.frame.filter(role="all"), name="whole", keys=old.keys)
    assert context(changed(whole=only_all, unit=None), FI) == ""


def test_without_the_index_that_the_sentences_explain(content: ReportContent) -> None:
    other = replace(content, method=replace(content.method, indices=("upc",)))
    assert sentences(other, EN) == ()
    assert tiles(other, EN)[0].value == "0.55"


def test_continuity_with_a_team_is_not_told_as_with_a_doctor(content: ReportContent) -> None:
    parameters = {**content.method.parameters, "level": "team"}
    team = replace(content, method=replace(content.method, parameters=parameters))
    assert "same team" in sentences(team, EN)[0]
    assert "same doctor" not in " ".join(sentences(team, EN))
    assert context(team, EN) == ""


def test_unknown_providers_with_bounds(content: ReportContent, changed: Callable[..., ReportContent]) -> None:
    share, bounds = unknown_providers(content, FI)
    assert "4,7\u00a0%" in share
    assert "Lääkärikäynnit 0,29–0,34" in bounds
    assert unknown_providers(changed(flow=None), FI) == ()
    same = pl.when(pl.col("step") == "unknown_provider").then(52_310).otherwise("n_visits").alias("n_visits")
    assert unknown_providers(changed(flow=table(content, "flow", same)), FI) == (FI("reading.unknown_none"),)


def test_citation_names_the_choices(content: ReportContent) -> None:
    said = citation(content.method, FI)
    for part in ("1.1.2025–31.12.2025", "vähintään 3", "molemmat ääripäät", "continuity 0.1.0", "K-indeksi"):
        assert part in said


def row(**values: Any) -> dict[str, Any]:
    return {"index": "coc", "undefined_reason": None, **values}


@pytest.mark.parametrize(
    ("values", "column", "text"),
    [
        (row(estimate=0.305), "estimate", "0,30"),
        (row(estimate=0.305, index="own_visit_share"), "estimate", "30,5\u00a0%"),
        (row(estimate=None, undefined_reason="suppressed"), "estimate", "peitetty"),
        (row(estimate=None, undefined_reason="below_min_visits"), "estimate", "käyntejä alle vähimmäismäärän"),
        (row(n_undefined=None), "n_undefined", "peitetty"),
        (row(share_perfect=None), "share_perfect", "peitetty"),
        (row(share_perfect=None, index="own_visit_share"), "share_perfect", "–"),
        (row(median=None), "median", "peitetty"),
        (row(median=None, index="own_visit_share"), "median", "–"),
        (row(bound_low=None, bound_high=None), "bounds", "–"),
        (row(ci_low=0.1, ci_high=0.2), "interval", "0,10–0,20"),
        (row(unit_id=None), "unit_id", "yksikkö tuntematon"),
        (row(unit_id=12), "unit_id", "12"),
        (row(value_class="0.25-0.5"), "value_class", "0,25–0,5"),
    ],
)
def test_cells(values: dict[str, Any], column: str, text: str) -> None:
    assert cell_of(values, column, FI).text == text


def test_columns_about_bounds_are_left_out_where_nobody_asked() -> None:
    frame = pl.DataFrame({"index": ["coc"], "estimate": [0.3], "bound_low": [None], "bound_high": [None]})
    heads = [head for head, _ in grid_of(frame, ["estimate", "bounds"], EN, "x").heads]
    assert heads == ["Mean"]


def test_suppressed_classes_keep_their_place() -> None:
    codes = ["15+", "1", "10-14", "2", "0-0.25", "0"]
    frame = pl.DataFrame({"code": codes})
    assert in_class_order(frame, "code")["code"].to_list() == ["0", "0-0.25", "1", "2", "10-14", "15+"]


def test_long_names_are_cut_from_the_unit() -> None:
    name = short_place({"unit_id": "Pohjoinen kaupunginosa", "team_id": "Tiimi 1"}, 20, FI)
    assert name == "Pohjoinen… · Tiimi 1"
    assert short_place({"unit_id": "Itä", "team_id": None}, 20, FI) == "Itä · ei tiimiä"
