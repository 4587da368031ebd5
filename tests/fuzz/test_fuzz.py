"""Some damaged inputs of every source, the same each time; fuzz.py and guided.py of this folder try many more."""

import importlib.util
import random
import re
import runpy
import subprocess
import sys
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
    outcomes, failures = FUZZ["run"](seconds=float("inf"), seed=7, keep=None, cases=150)
    assert list(failures.values()) == []
    assert sum(outcomes.values()) == 150
    assert {what for _, what in outcomes} == {"read", "InputError"}


BROKEN = """
import runpy, sys
from continuity.sources import fhir_patients
fhir_patients.identity = lambda *_: 1 / 0
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris, which guides by coverage, is absent")
class TestGuided:
    def guided(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)

    @pytest.mark.parametrize("target", ["csv", "fhir"])
    def test_inputs_that_reach_new_lines_are_read_or_refused_in_our_words(self, target, tmp_path):
        done = self.guided(str(HERE / "guided.py"), target, "--seconds", "inf", "--cases", "150", "--seed", "7")
        assert done.returncode == 0, done.stdout + done.stderr[-2000:]
        assert "150 cases, 0 distinct failures" in done.stdout
        assert set(re.findall(r" (read|InputError|FAILED) ", done.stdout)) == {"read", "InputError"}
        reached = [int(n) for n in re.findall(r"cov: (\d+)", done.stderr)]
        assert reached[-1] > reached[0]  # lines of ours are seen, and damaged inputs find further ones

    def test_a_bug_is_found_told_and_kept(self, tmp_path):
        options = ("fhir", "--seconds", "inf", "--cases", "10", "--keep", str(tmp_path / "kept"))
        done = self.guided("-c", BROKEN, str(HERE / "guided.py"), *options)
        assert done.returncode == 1, done.stdout + done.stderr[-2000:]
        assert "FAILED: ZeroDivisionError" in done.stdout
        kept = tmp_path / "kept" / "fhir-0"
        assert "ZeroDivisionError" in (kept / "traceback.log").read_text()
        assert {path.suffix for path in kept.iterdir()} > {".log"}


def test_a_row_that_was_taken_for_a_header_is_not_repeated():
    """Found by damaged files of Avohilmo: the first row ran into the header, and an id was the name of a column."""
    error = InputError.missing_columns(["SHNRO"], [DAMAGE.SECRET, f"x{DAMAGE.SECRET}y", "kaynti_alkoi"], "a file")
    assert DAMAGE.SECRET not in str(error)
    assert "Found: (no name: looks like data), (no name: looks like data), kaynti_alkoi." in str(error)
