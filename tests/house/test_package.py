"""What is installed is what is here: the wheel carries its suites, words and templates, and imports lightly."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_all_that_the_package_reads(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "continuity/py.typed" in names
    for folder, pattern in (("expectations", "*.json"), ("continuity/reports/words", "*.toml")):
        for path in (ROOT / folder).glob(pattern):
            assert f"{'continuity/' if folder == 'expectations' else ''}{path.relative_to(ROOT)}" in names
    for path in (ROOT / "continuity/reports/templates").rglob("*"):
        assert path.is_dir() or str(path.relative_to(ROOT)) in names


def test_an_installed_wheel_checks_and_reports(wheel, tmp_path):
    """The whole job from the wheel alone, away from the checkout."""
    home = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(home)
    code = (
        f"import sys; sys.path.insert(0, {str(home)!r}); import continuity; "
        f"assert continuity.__file__.startswith({str(home)!r}), continuity.__file__; "
        "from continuity.cli import main; main(['demo', '--patients', '3000', '--output', 'demo', '--language', 'sv'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, continuity; from continuity import compute, read_visits, summarise; "
        "print(*sorted({n.split('.')[0] for n in sys.modules} & "
        "{'pandas', 'great_expectations', 'altair', 'sklearn', 'scipy', 'pyarrow', 'jinja2', 'xlsxwriter', 'numba'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
