"""The notebooks run from their first cell to their last, and what they show loads nothing and names nobody."""

import contextlib
import io
import json
import re
from pathlib import Path

import polars as pl
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PERSON = re.compile(r"\b(P\d{4,}|[DN]\d{3,}|V-?\d{4,})\b")  # the ids of synthetic patients, providers and visits
LARGEST = 120_000  # bytes: what a reader of a diff and a slow connection can bear


def cells(path: Path, kind: str) -> list[dict[str, object]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def code(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(path, "code")]


def stored(path: Path) -> str:
    return json.dumps([cell["outputs"] for cell in cells(path, "code")])


def test_there_are_notebooks_in_an_order():
    assert [path.name[:3] for path in NOTEBOOKS] == [f"{n:02d}-" for n in range(1, len(NOTEBOOKS) + 1)]
    assert len(NOTEBOOKS) >= 6


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path):
    """In one name space and in order, as a reader runs them; the code needs no Jupyter."""
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for source in code(path):
            exec(compile(source, path.name, "exec"), names)
    people = [
        name
        for frame in names.values()
        if isinstance(frame, pl.DataFrame)
        for name in ids_of(frame)
        if name is not None
    ]
    shown = set(re.findall(r"[\w-]+", stored(path)))
    assert not shown & {str(name) for name in people if len(str(name)) > 3}


def ids_of(frame: pl.DataFrame) -> list[object]:
    """The ids of persons in a frame; sequences such as ``AAB`` that are drawn by hand are nobody's."""
    names = [name for name in ("patient_id", "provider_id", "listed_provider_id") if name in frame.columns]
    return [value for name in names for value in frame[name].unique() if not re.fullmatch("[A-D]+", str(value))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_output_is_whole_small_and_of_nobody(path):
    outputs = [output for cell in cells(path, "code") for output in cell["outputs"]]
    assert outputs
    assert all(cell["execution_count"] == n for n, cell in enumerate(cells(path, "code"), start=1))
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    text = stored(path)
    assert "<script" not in text
    assert "src=" not in text
    assert "patient_id" not in text
    assert not PERSON.findall(text)
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_says_what_to_change_for_ones_own_data(path):
    text = "\n".join("".join(cell["source"]) for cell in cells(path, "markdown"))
    assert "for your own data" in text.lower()
    assert not PERSON.findall("\n".join(code(path)))
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in link or (FOLDER / link).exists(), f"{path.name} links to {link}, which is not there"
