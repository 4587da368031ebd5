"""Nothing that leaves the house is made of a frame that has not passed disclosure control."""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from continuity import reports
from continuity.errors import ProtectionError
from continuity.privacy import ProtectedTable
from continuity.reports.charts import Canvas
from continuity.reports.wording import words_of

EN = words_of("en")
PLAIN = pl.DataFrame({"role": ["all"], "index": ["coc"], "unit_id": ["U"], "n_patients": [1], "estimate": [0.5]})
GIVEN: dict[str, Any] = {
    "canvas": Canvas(500, EN), "words": EN, "role": "all", "roles": ["all"], "index": "coc", "reference": None,
    "total": None, "top": 1.0, "name": "t", "data": b"", "title": "t", "method": "", "language": "en", "run": None,
    "said": {"design": "its", "comparisons": {}, "parameters": {}},
}  # fmt: skip
ROWS = {
    # parts of a figure or a table, which are handed rows that their caller took out of protected tables
    "beside", "course", "funnel", "grid_of", "make_figure", "over_time", "standing", "standings", "tiles_of",
    # they sort or rename rows, write them as text, or name their windows
    "as_csv", "in_class_order", "named_values", "windows_of",
    # the page of a plan is a working paper inside the house (decision 0021)
    "amounts", "curve", "fill_sheet", "shifts", "shown_providers", "with_fill",
}  # fmt: skip
"""Public functions of reports that take plain rows, and why; whoever adds one has to say so here."""


def members() -> Iterator[tuple[str, Any]]:
    for found in pkgutil.walk_packages(reports.__path__, "continuity.reports."):
        module = importlib.import_module(found.name)
        own = vars(module).items()
        yield from ((name, one) for name, one in own if getattr(one, "__module__", "") == found.name and name[0] != "_")
    yield from (
        (name, one) for name, one in vars(reports).items() if getattr(one, "__module__", "") == reports.__name__
    )


def of_type(kind: type) -> dict[str, list[str]]:
    """Give the parameters of each public function whose annotation names a type."""
    found = {}
    for name, one in members():
        if inspect.isfunction(one) and not name.startswith("_"):
            asked = [
                p for p, said in inspect.signature(one).parameters.items() if kind.__name__ in str(said.annotation)
            ]
            if asked:
                found[name] = asked
    return found


FUNCTIONS = {name: one for name, one in members() if inspect.isfunction(one)}
HOLDERS = {"ReportContent": "tables", "Evaluation": "effects", "PanelPlan": "fairness", "Output": "tables"}


@pytest.mark.parametrize("name", sorted(set(of_type(ProtectedTable)) - {"refuse_unprotected"}))
def test_a_plain_frame_is_refused_where_a_protected_table_is_wanted(name: str) -> None:
    call: Callable[..., Any] = FUNCTIONS[name]
    (asked,) = of_type(ProtectedTable)[name]
    parameters = inspect.signature(call).parameters.items()
    needed = [p for p, said in parameters if said.default is said.empty and said.kind != said.VAR_KEYWORD]
    given = {parameter: GIVEN[parameter] for parameter in needed if parameter != asked}
    with pytest.raises(ProtectionError, match="not passed disclosure control"):
        call(**given, **{asked: PLAIN})


def test_what_holds_tables_cannot_be_made_of_plain_frames() -> None:
    held = {
        name: one
        for name, one in members()
        if dataclasses.is_dataclass(one) and any("ProtectedTable" in str(hint) for hint in get_hints(one).values())
    }
    assert set(held) == set(HOLDERS)
    for name, one in held.items():
        fields = {field.name: None for field in dataclasses.fields(one) if field.default is dataclasses.MISSING}
        plain: Any = {"whole": PLAIN} if name == "ReportContent" else [PLAIN] if name == "Output" else PLAIN
        with pytest.raises(ProtectionError, match="not passed disclosure control"):
            one(**{**fields, HOLDERS[name]: plain})


def get_hints(one: Any) -> dict[str, Any]:
    """Give annotations as they are written, where a name is known to type checkers only."""
    return dict(getattr(one, "__annotations__", {}))


def test_every_page_and_book_takes_what_holds_protected_tables() -> None:
    """Because then no door is left: a page, a workbook, a document and their figures are made of these alone."""
    doors = ("report_page", "workbook", "figures_of", "report_paper", "evaluation_page", "plan_page", "write_report")
    for name in (*doors, "write_evaluation", "write_plan"):
        first = next(iter(inspect.signature(FUNCTIONS[name]).parameters.values()))
        kind = first.annotation if isinstance(first.annotation, str) else first.annotation.__name__
        assert kind in HOLDERS, name


def test_no_further_function_of_reports_takes_plain_rows() -> None:
    assert set(of_type(pl.DataFrame)) - set(of_type(ProtectedTable)) - {"rows_for"} == ROWS


def test_the_functions_on_plain_rows_are_called_inside_the_package_only() -> None:
    """Because a caller outside reports and plot would have to vouch for where the rows are from."""
    package = Path(reports.__file__).parents[1]
    outside = [path for path in package.rglob("*.py") if path.parent.name not in {"reports", "plot"}]
    names = ROWS - {
        "windows_of",
        "course",
        "funnel",
    }  # the last two are calls of notebooks, which protect by themselves
    for path in outside:
        text = path.read_text("utf-8")
        if "continuity.reports" in text:
            assert not [name for name in names if f"import {name}\n" in text or f"reports.{name}(" in text], path.name
