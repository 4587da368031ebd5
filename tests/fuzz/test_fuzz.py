"""Some damaged inputs of every source, the same each time; fuzz.py of this folder tries many more."""

import random
import runpy
from pathlib import Path

import pytest

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
