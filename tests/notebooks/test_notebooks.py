"""The notebooks run from their first cell to their last, and what they show loads nothing from anywhere."""

import contextlib
import io
import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict[str, object]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def code(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(path, "code")]


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path):
    """In one name space and in order, as a reader runs them; the code needs no Jupyter."""
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for source in code(path):
            exec(compile(source, path.name, "exec"), names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_output_is_whole_and_loads_nothing(path):
    outputs = [output for cell in cells(path, "code") for output in cell["outputs"]]
    assert all(cell["execution_count"] == n for n, cell in enumerate(cells(path, "code"), start=1))
    assert not [output for output in outputs if output["output_type"] == "error"]
    text = json.dumps(outputs)
    assert "<script" not in text
    assert "src=" not in text
