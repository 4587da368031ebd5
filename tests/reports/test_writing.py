"""The files of a report: all of them or none, readable back, and nothing unprotected."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import polars as pl
import pytest
from openpyxl import load_workbook

from continuity.errors import ProtectionError
from continuity.files import replace_with
from continuity.privacy import ProtectedTable
from continuity.quality import QualityResult
from continuity.reports import write_quality, write_report
from continuity.reports.content import ReportContent
from continuity.reports.paragraph import paragraphs, references
from continuity.reports.pictures import SOURCES
from continuity.reports.wording import words_of
from continuity.reports.workbook import workbook
from continuity.vocabulary import Language

FILES = {"report.html", "report.xlsx", "quality.html", "manifest.csv", "manifest.json"}
UNIT_SHEET = "Yksiköt"


@pytest.fixture(scope="module")
def folder(content: ReportContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "new"
    write_report(content, folder, language="fi")
    return folder


@pytest.fixture(scope="module")
def manifest(folder: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((folder / "manifest.json").read_text("utf-8")))


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_written(content: ReportContent, folder: Path) -> None:
    written = names(folder)
    figures = {name for name in written if name.startswith("figures/")}
    assert written - figures == FILES | {f"tables/{name}.parquet" for name in content.tables}
    assert {name for name in figures if name.endswith(".csv")} == {f"figures/{key}.csv" for key in SOURCES}
    drawn = {name for name in figures if not name.endswith(".csv")}
    assert {f"figures/units-{role}.{kind}" for role in ("doctor", "nurse") for kind in ("svg", "png")} < drawn
    unit = pl.read_parquet(folder / "tables" / "unit.parquet")
    assert unit.equals(content.tables["unit"].frame)


def test_manifest_describes_every_file(content: ReportContent, folder: Path, manifest: dict[str, Any]) -> None:
    outputs = {output["file"]: output for output in manifest["outputs"]}
    assert set(outputs) == names(folder) - {"manifest.json"}
    for name, output in outputs.items():
        assert output["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    unit, table = outputs["tables/unit.parquet"], content.tables["unit"]
    assert (unit["n_cells"], unit["n_suppressed"]) == (table.frame.height, table.n_suppressed)
    assert unit["smallest_cell"] == table.smallest_cell
    assert unit["limits"]["min_patients"] == 5
    assert {variable["name"] for variable in unit["variables"]} == set(table.frame.columns)
    assert manifest["input"]["sha256"] == content.method.input_fingerprint


def test_figures_can_be_used_alone(content: ReportContent, folder: Path) -> None:
    for path in (folder / "figures").glob("*.svg"):
        assert ElementTree.fromstring(path.read_text("utf-8")).tag == "{http://www.w3.org/2000/svg}svg"
    for path in (folder / "figures").glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    shown = pl.read_csv(folder / "figures" / "units.csv")
    table = content.tables["unit"].frame.filter(pl.col("role").is_in(["doctor", "nurse"]), index="coc")
    assert sorted(shown["estimate"].drop_nulls()) == pytest.approx(sorted(table["estimate"].drop_nulls()))
    assert not shown["unit_id"].str.contains("^[=+@-]").any()
    assert shown["unit_id"].str.starts_with("'=HYPERLINK").any()


def test_what_an_earlier_report_drew_is_removed(
    content: ReportContent, changed: Callable[..., ReportContent], tmp_path: Path
) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "map-doctor.png").write_bytes(b"old")
    (tmp_path / "figures" / "mine.txt").write_text("of the user")
    few = changed(**dict.fromkeys(set(content.tables) - {"whole", "flow", "distribution"}))
    write_report(few, tmp_path, language="en")
    assert {name for name in names(tmp_path) if name.startswith("figures/map")} == set()
    assert "figures/mine.txt" in names(tmp_path)


def test_unprotected_frames_are_refused(
    content: ReportContent, changed: Callable[..., ReportContent], tmp_path: Path
) -> None:
    frame = cast("ProtectedTable", content.tables["unit"].frame)
    with pytest.raises(ProtectionError, match="'unit'"):
        write_report(changed(unit=frame), tmp_path, language="fi")
    assert not names(tmp_path)


def test_a_report_that_fails_changes_nothing(content: ReportContent, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("the last one")
    broken = replace(content, method=replace(content.method, indices=("no_such_index",)))
    with pytest.raises(Exception, match="no_such_index"):
        write_report(broken, tmp_path, language="fi")
    assert names(tmp_path) == {"report.html"}
    assert (tmp_path / "report.html").read_text() == "the last one"


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        replace_with(target, fail)
    assert names(tmp_path) == {"a.txt"}
    assert target.read_text() == "old"


def test_no_cell_of_the_workbook_executes(folder: Path) -> None:
    book = load_workbook(folder / "report.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert not [cell for cell in cells if cell.hyperlink]
    units = {row[1].value for row in book[UNIT_SHEET].iter_rows(min_row=2)}
    assert {'=HYPERLINK("http://evil.invalid","x")', "<script>alert('unit')</script>", "Åkerö 👩‍⚕️ & Söner"} <= units


def test_the_workbook_can_be_read(content: ReportContent, folder: Path) -> None:
    book = load_workbook(folder / "report.xlsx")
    assert book.sheetnames[0] == "Lue ensin"
    assert len(book.sheetnames) == 1 + len(content.tables)
    sheet = book[UNIT_SHEET]
    heads = [cell.value for cell in sheet[1]]
    assert heads[:3] == ["Ammattiryhmä", "Yksikkö", "Tunnusluku"]
    assert sheet.freeze_panes == "D2"
    assert sheet.auto_filter.ref is not None
    hidden = next(row for row in sheet.iter_rows(min_row=2, values_only=True) if row[1] == "Saaristo")
    mean = heads.index("Keskiarvo")
    assert hidden[mean] == "peitetty"
    shown = next(row for row in sheet.iter_rows(min_row=2) if row[1].value == "Länsi")
    cell = content.tables["unit"].frame.filter(unit_id="Länsi", role="doctor", index="upc")
    assert shown[mean].value == pytest.approx(cell["estimate"].item())
    assert shown[mean].number_format == "0.000"


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_cover_can_be_cited(content: ReportContent, language: Language) -> None:
    words = words_of(language)
    cover = load_workbook(BytesIO(workbook(content, words))).worksheets[0]
    cells = {str(cell.value) for row in cover.iter_rows() for cell in row if cell.value is not None}
    assert set(paragraphs(content, words)) <= cells
    assert {one.text for one in references(content)} <= cells
    assert {*content.method.versions.values(), content.method.input_fingerprint, words("parameter.same_day")} <= cells


def test_equal_content_gives_an_equal_workbook(content: ReportContent) -> None:
    assert workbook(content, words_of("sv")) == workbook(content, words_of("sv"))


@pytest.mark.parametrize("language", ["sv", "en"])
def test_sheets_in_other_languages(content: ReportContent, language: Language) -> None:
    book = load_workbook(BytesIO(workbook(content, words_of(language))))
    assert book.sheetnames[0] == words_of(language)("book.cover")


def test_quality_alone(failed: QualityResult, tmp_path: Path) -> None:
    written = write_quality(failed, tmp_path, language="fi", input_name="käynnit.csv", with_json=False)
    assert [path.name for path in written] == ["quality.html"]
    page = (tmp_path / "quality.html").read_text("utf-8")
    assert words_of("fi")("quality.failed", n="1") in page
    assert page.index("Korjaa ennen laskentaa") < page.index("Kaikki tarkistukset")
    assert "patients.workload" in page
    assert "<b>Ei" not in page


def test_quality_with_json(warned: QualityResult, tmp_path: Path) -> None:
    write_quality(warned, tmp_path, language="en", input_name="visits.csv", with_json=True)
    assert json.loads((tmp_path / "quality.json").read_text("utf-8")) == warned.to_dict()
    assert words_of("en")("quality.warned", n="2") in (tmp_path / "quality.html").read_text("utf-8")
