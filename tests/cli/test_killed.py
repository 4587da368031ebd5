"""A process that is killed at any moment leaves every file whole: as it was before, or as it shall be.

The process is real and killed without a chance to clean up: at each of the steps that put a file in place, before and
after, and at moments that nobody chose.
"""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Data

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills processes in another way")

COMMANDS = {
    "report": ["-o", "out"],
    "check": ["-o", "out"],
    "metrics": ["-o", "out/t.parquet"],
    "summary": ["--by", "unit_id", "-o", "out/t.csv"],
}
# Runs the command line, and kills itself at the n-th renaming of a file: before it (n odd) or after it (n even).
KILLING = """
import os, signal, sys
from pathlib import Path
from continuity.cli.main import main
at, calls, replace = int(sys.argv[1]), 0, Path.replace
def dying(self, target):
    global calls
    calls += 1
    if calls == at: os.kill(os.getpid(), signal.SIGKILL)
    done = replace(self, target)
    calls += 1
    if calls == at: os.kill(os.getpid(), signal.SIGKILL)
    return done
Path.replace = dying
main(sys.argv[2:])
"""


def arguments(case: str, data: "Data") -> list[str]:
    return [case, str(data.visits), *map(str, data.beside), *COMMANDS[case], "-q"]


def run(place: Path, *command: str) -> int:
    return subprocess.run([sys.executable, "-c", *command], cwd=place, capture_output=True, check=False).returncode


def whole(path: Path) -> bool:
    """Tell whether a file can be read to its end."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path).height > 0
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    if path.suffix == ".png":
        return path.read_bytes().endswith(b"IEND\xaeB`\x82")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return bool(json.loads(text))
    return text.rstrip().endswith(f"</{path.suffix[1:]}>") if path.suffix in (".html", ".svg") else text.endswith("\n")


def shown(folder: Path) -> dict[str, bytes]:
    """Give the files that a user sees; what a killed process left beside them has a name that starts with a dot."""
    found = {path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")}
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.parametrize("case", COMMANDS)
def test_killed_at_each_step_that_puts_a_file_in_place(clean: "Data", tmp_path: Path, case: str) -> None:
    asked = arguments(case, clean)
    assert run(tmp_path, KILLING, "0", *asked) == 0
    names = set(shown(tmp_path / "out"))
    assert names
    old = dict.fromkeys(names, b"of an earlier run")
    n = len(names)
    for step in sorted({1, 2, n, 2 * n - 1, 2 * n} if n < 3 else {1, n, 2 * n}):  # a report has many, and takes long
        for name, text in old.items():
            (tmp_path / "out" / name).write_bytes(text)
        assert run(tmp_path, KILLING, str(step), *asked) == -signal.SIGKILL
        left = shown(tmp_path / "out")
        assert set(left) == names
        new = [name for name in names if left[name] != old[name]]
        assert len(new) == step // 2
        assert all(whole(tmp_path / "out" / name) for name in new)


@pytest.mark.parametrize("case", ["metrics", "report"])
def test_killed_at_moments_that_nobody_chose(clean: "Data", tmp_path: Path, case: str) -> None:
    asked = [sys.executable, "-c", "from continuity.cli.main import main; import sys; main(sys.argv[1:])"]
    asked += arguments(case, clean)
    started = time.monotonic()
    subprocess.run(asked, cwd=tmp_path, check=True)
    takes = time.monotonic() - started
    names = set(shown(tmp_path / "out"))
    for share in (0.5, 0.85, 0.95):
        for name in names:
            (tmp_path / "out" / name).write_bytes(b"of an earlier run")
        with subprocess.Popen(asked, cwd=tmp_path) as process:
            time.sleep(share * takes)
            os.kill(process.pid, signal.SIGKILL)
        left = shown(tmp_path / "out")
        assert set(left) == names
        for name in names:
            assert left[name] == b"of an earlier run" or whole(tmp_path / "out" / name), (share, name)
