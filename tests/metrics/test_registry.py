"""The catalogue: every file is an index, every entry is complete, and one new file is all that a new index needs."""

import ast
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

import continuity as ct
from continuity.errors import UsageError
from continuity.metrics import keys
from continuity.metrics.engine import symbols
from continuity.metrics.engine.registry import define
from continuity.vocabulary import Language, Reason

PROJECT = Path(__file__).parents[2]
MODULES = sorted(path for path in (PROJECT / "continuity" / "metrics").glob("*.py") if path.stem != "__init__")
STATISTICS = {value.meta.output_name() for value in vars(symbols).values() if isinstance(value, pl.Expr)}


def test_the_files_are_the_keys() -> None:
    assert [path.stem for path in MODULES] == list(keys(None))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_file_defines_the_index_of_its_name_and_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "define"]
    assert len(calls) == 1
    written = [word.value for word in calls[0].args[0].keywords if word.arg == "key"]
    assert [word.value for word in written] == [path.stem]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("key", keys(None))
def test_a_formula_needs_only_statistics_that_the_engine_gives(key: str) -> None:
    assert ct.index(key).needs
    assert ct.index(key).needs <= STATISTICS


@pytest.mark.parametrize("key", keys(None))
def test_an_entry_is_complete(key: str) -> None:
    entry = ct.index(key)
    assert set(entry.label) == set(get_args(Language))
    assert all(text.strip() == text and text for text in (*entry.label.values(), entry.symbol, entry.formula))
    assert len(entry.source) > 20
    assert entry.status in ("READ", "READ-2", "DERIVED", "OWN")
    assert len(entry.range) == 2
    assert entry.traps
    assert entry.min_visits >= 1
    assert {code for _, code in entry.undefined} <= set(get_args(Reason))


@pytest.mark.parametrize("language", get_args(Language))
def test_labels_differ_between_indices(language: Language) -> None:
    labels = ct.catalogue(language)["label"]
    assert labels.n_unique() == labels.len() == len(keys(None))


@pytest.mark.parametrize("key", keys(None))
def test_what_has_no_checked_source_says_own_definition(key: str) -> None:
    """Section 8 of the catalogue of indices names what must carry the label; of those shipped it is the K index."""
    must = {
        "k_index",
        "visit_entropy",
        "chance_adjusted_coc",
        "regularity",
        "relationship_span",
        "prior_share",
        "prior_visits",
        "coc_weighted",
        "upc_weighted",
    }
    entry = ct.index(key)
    assert entry.own_definition or key not in must
    assert entry.own_definition == entry.source.lower().startswith("own definition")


@pytest.mark.parametrize("key", keys())
def test_every_index_that_examples_can_show_has_some(key: str) -> None:
    entry = ct.index(key)
    beside = {"n_listed", "n_while_listed", "months_listed", "covered_time", "longest_gap", "weight"}
    assert entry.needs & beside or len(entry.examples) >= 2
    undefined = [text for text, exact in entry.examples.items() if exact is None]
    assert entry.undefined or not undefined
    assert undefined or all(code != "too_few_visits" for _, code in entry.undefined)


def test_an_index_cannot_be_defined_twice() -> None:
    with pytest.raises(UsageError, match="'coc' is defined twice"):
        define(ct.index("coc"))


def test_the_catalogue_is_a_frame_with_a_row_per_index() -> None:
    table = ct.catalogue()
    assert table["key"].to_list() == list(keys(None)) == sorted(keys(None))
    assert all(table[name].null_count() == 0 for name in table.columns)


CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NEW_INDEX = textwrap.dedent(CONTRIBUTING.split("```python\n")[1].split("   ```")[0])
"""The walk-through, as it is written there."""

PLUGIN = """
import sys
from pathlib import Path

import continuity.metrics

continuity.metrics.__path__.append(str(Path(__file__).parent / "indices"))
"""

USE = """
import runpy
import new_index  # the plug-in
import polars as pl
import continuity as ct
from click.testing import CliRunner
from continuity.cli.main import app

assert "share_elsewhere" in ct.catalogue()["key"]
assert ct.index("share_elsewhere").own_definition
visits = pl.DataFrame({"patient_id": [1, 1, 1], "provider_id": ["A", "A", "B"], "visit_at": [1, 2, 3]})
visits = visits.with_columns(pl.col("visit_at").cast(pl.Datetime("us")))
table = ct.compute(visits, ["share_elsewhere", "upc"])
assert abs(table["share_elsewhere"].item() - 1 / 3) < 1e-12
assert ct.compute(visits, "share_elsewhere", format="long")["index"].item() == "share_elsewhere"
bounds = ct.compute(visits, "share_elsewhere", unknown_provider="bounds", unknown_codes="B")
assert bounds.select("share_elsewhere_low", "share_elsewhere_high").row(0) == (0.0, 1 / 3)

visits.write_parquet("visits.parquet")
asked = ["metrics", "visits.parquet", "--index", "share_elsewhere", "--output", "out.parquet", "--quiet"]
assert CliRunner().invoke(app, asked).exit_code == 0
assert pl.read_parquet("out.parquet")["share_elsewhere"].item() == table["share_elsewhere"].item()
for arguments in (["indices"], ["indices", "share_elsewhere"]):
    assert "Visits elsewhere" in CliRunner().invoke(app, arguments).output, arguments
pages = runpy.run_path("generate.py")["PAGES"]
assert "## share_elsewhere" in pages["indices.md"]()
"""


@pytest.fixture
def plug_in(tmp_path: Path) -> Path:
    """Give a folder that holds a second place for indices, with one file in it; nothing else knows of the new index."""
    (tmp_path / "indices").mkdir()
    (tmp_path / "indices" / "share_elsewhere.py").write_text(NEW_INDEX, encoding="utf-8")
    (tmp_path / "new_index.py").write_text(PLUGIN, encoding="utf-8")
    return tmp_path


def run_with(plug_in: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python where the module `new_index` puts the plug-in in place."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), str(plug_in)])},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_index_is_one_new_file(plug_in: Path) -> None:
    """It can be computed, asked for on the command line and read about, in the catalogue and in the docs."""
    (plug_in / "generate.py").write_bytes((PROJECT / "docs" / "generate.py").read_bytes())
    run = run_with(plug_in, "-W", "error", "-c", USE, folder=plug_in)
    assert run.returncode == 0, run.stderr
    assert "share_elsewhere" not in keys()


HELD_TO = ("test_laws.py", "test_reference_values.py", "test_registry.py", "test_groups.py")


def laws_of(plug_in: Path) -> subprocess.CompletedProcess[str]:
    """Run the property tests and the worked examples that the new index brings upon itself."""
    tests = [str(PROJECT / "tests" / "metrics" / name) for name in HELD_TO]
    options = ["-q", "-p", "new_index", "-p", "no:cacheprovider", "-k", "share_elsewhere"]
    return run_with(plug_in, "-m", "pytest", *options, *tests, folder=PROJECT)


def test_a_new_index_is_held_to_the_laws_it_claims(plug_in: Path) -> None:
    kept = laws_of(plug_in)
    assert kept.returncode == 0, kept.stdout
    n_passed = int(kept.stdout.rsplit(" passed", 1)[0].split()[-1])
    assert n_passed >= 10, kept.stdout  # two laws, two worked examples, a complete entry, means of groups

    file = plug_in / "indices" / "share_elsewhere.py"
    file.write_text(NEW_INDEX.replace('_is_free")', '_is_free", "one_provider_gives_1")'), encoding="utf-8")
    broken = laws_of(plug_in)
    assert broken.returncode == 1, broken.stdout
    assert "test_one_provider" in broken.stdout
