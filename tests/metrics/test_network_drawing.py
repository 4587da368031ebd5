"""The picture of a unit's network: whom it shows, what it tells of them, and that it stays the same."""

import json
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from continuity.errors import InputError, UsageError
from continuity.metrics.network import draw, sharing

TEAMS = {"dr-a": "S", "dr-b": "S", "dr-c": "T", "dr-d": None, "dr-x": "X"}


def visits() -> pl.DataFrame:
    sizes = {("dr-a", "dr-b"): 9, ("dr-b", "dr-c"): 5, ("dr-c", "dr-d"): 2, ("dr-a", "dr-x"): 8}
    rows = [(f"{pair}{n}", who) for pair, size in sizes.items() for n in range(size) for who in pair]
    table = pl.DataFrame(rows, schema=["patient_id", "provider_id"], orient="row")
    return table.with_columns(visit_at=pl.lit(datetime(2025, 1, 1)))


def staff() -> pl.DataFrame:
    units = {who: "V" if who == "dr-x" else "U" for who in TEAMS}
    return pl.DataFrame({"provider_id": list(TEAMS), "team_id": list(TEAMS.values()), "unit_id": list(units.values())})


def drawn(**options: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    chart = draw(sharing(visits(), providers=staff()), **{"unit": "U", **options}).to_dict()
    lines, dots = (chart["datasets"][chart["layer"][n]["data"]["name"]] for n in (0, 1))
    return lines, dots, json.dumps(chart)


def test_a_unit_is_drawn_with_its_teams_and_without_names() -> None:
    lines, dots, text = drawn()
    assert sorted(dot["team"] for dot in dots) == ["S", "S", "T", "no team"]
    assert sorted(dot["label"] for dot in dots) == [f"Provider {n}" for n in (1, 2, 3, 4)]
    assert sorted(line["n_shared"] for line in lines) == [5, 9]  # two shared patients are too few for a line
    assert "dr-" not in text
    ends = {(dot["x"], dot["y"]) for dot in dots}
    assert all({(line["x"], line["y"]), (line["x2"], line["y2"])} <= ends for line in lines)


def test_lines_join_the_right_providers() -> None:
    lines, dots, _ = drawn(show_ids=True, min_shared=1)
    name = {(dot["x"], dot["y"]): dot["label"] for dot in dots}
    found = {(name[line["x"], line["y"]], name[line["x2"], line["y2"]]): line["n_shared"] for line in lines}
    assert {tuple(sorted(pair)): n for pair, n in found.items()} == {
        ("dr-a", "dr-b"): 9,
        ("dr-b", "dr-c"): 5,
        ("dr-c", "dr-d"): 2,
    }


def test_the_picture_depends_on_the_seed_alone() -> None:
    shuffled = sharing(visits().sample(fraction=1, shuffle=True, seed=2), providers=staff().reverse())
    assert draw(shuffled, unit="U").to_dict() == json.loads(drawn()[2])
    assert drawn(seed=2)[2] != drawn()[2]


def test_providers_may_be_given_when_drawing() -> None:
    late = draw(sharing(visits()), unit="U", providers=staff()).to_dict()
    assert late == json.loads(drawn()[2])


@pytest.mark.parametrize(("language", "word"), [("fi", "Ammattilainen"), ("sv", "Yrkesperson")])
def test_words_are_in_the_language_asked_for(language: str, word: str) -> None:
    assert all(dot["label"].startswith(word) for dot in drawn(language=language)[1])


def test_one_provider_alone_is_a_picture_too() -> None:
    lines, dots, _ = drawn(unit="V")
    assert (lines, len(dots)) == ([], 1)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(UsageError, match="No provider"):
        drawn(unit="W")
    with pytest.raises(UsageError, match="language"):
        drawn(language="de")
    with pytest.raises(InputError, match="unit_id"):
        draw(sharing(visits()), unit="U")


def test_it_becomes_a_picture() -> None:
    import vl_convert

    chart = draw(sharing(visits(), providers=staff()), unit="U")
    assert vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[]).startswith("<svg")
