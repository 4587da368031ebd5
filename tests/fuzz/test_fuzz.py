"""Some damaged inputs of every source, the same each time; fuzz.py of this folder tries many more."""

import random
import runpy
from pathlib import Path

import pytest

from continuity.errors import InputError
from continuity.sources import KINDS, read

HERE = Path(__file__).parent
FUZZ = runpy.run_path(str(HERE / "fuzz.py"))
DAMAGE = FUZZ["damage"]


@pytest.mark.parametrize("name", sorted(DAMAGE.SEEDS))
def test_the_inputs_are_valid_before_they_are_damaged(tmp_path, name):
    kind = name.split(",")[0].split(" ")[0]
    if kind not in KINDS:
        pytest.skip(f"this version has no source {kind}")
    DAMAGE.write(DAMAGE.SEEDS[name](), tmp_path)
    assert FUZZ["outcome"](tmp_path, kind, FUZZ["options"](random.Random(3))) == "read"
    tables = read(tmp_path)  # auto
    assert tables.visits.collect().height >= 3


def test_damaged_inputs_are_read_or_refused_in_our_words():
    outcomes, failures = FUZZ["run"](seconds=300, seed=7, keep=None, cases=150)
    assert list(failures.values()) == []
    assert sum(outcomes.values()) == 150
    assert {what for _, what in outcomes} == {"read", "InputError"}


def test_a_row_that_was_taken_for_a_header_is_not_repeated():
    """Found by damaged files of Avohilmo: the first row ran into the header, and an id was the name of a column."""
    error = InputError.missing_columns(["SHNRO"], [DAMAGE.SECRET, f"x{DAMAGE.SECRET}y", "kaynti_alkoi"], "a file")
    assert DAMAGE.SECRET not in str(error)
    assert "Found: (no name: looks like data), (no name: looks like data), kaynti_alkoi." in str(error)
