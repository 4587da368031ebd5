"""What an import costs: heavy packages are loaded by the work that needs them, and by nothing else."""

import subprocess
import sys

import pytest

HEAVY = ("pandas", "great_expectations", "altair", "sklearn", "scipy", "pyarrow", "networkx", "jinja2", "xlsxwriter")


def loaded_by(code: str) -> set[str]:
    """Give the packages that a fresh Python has loaded after some code."""
    program = f"{code}\nimport sys\nprint('\\n' + ' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.splitlines()[-1].split())


def test_the_package_alone_loads_nothing_heavy() -> None:
    assert not loaded_by("import continuity").intersection(HEAVY)


def test_the_whole_of_the_public_names_loads_nothing_heavy() -> None:
    assert not loaded_by("from continuity import *").intersection(HEAVY)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_the_help_loads_neither_polars_nor_numpy(arguments: list[str]) -> None:
    loaded = loaded_by(f"from continuity.cli.main import run\nassert run({arguments}) in (0, 2)")
    assert not loaded.intersection(("polars", "numpy", *HEAVY))


@pytest.mark.parametrize("command", ["demo", "report", "check", "metrics", "summary", "convert", "indices"])
def test_the_help_of_a_command_loads_neither(command: str) -> None:
    loaded = loaded_by(f"from continuity.cli.main import run\nassert run(['{command}', '--help']) == 0")
    assert not loaded.intersection(("polars", "numpy", *HEAVY))


def test_metrics_needs_neither_pandas_nor_great_expectations(tmp_path: object) -> None:
    rows = "".join(f"P1,2025-01-{day:02d},A\\n" for day in range(1, 9))
    loaded = loaded_by(
        "import os\n"
        f"os.chdir({str(tmp_path)!r})\n"
        f"open('v.csv', 'w').write('patient_id,visit_at,provider_id\\n{rows}')\n"
        "from continuity.cli.main import run\n"
        "assert run(['metrics', 'v.csv', '-o', 't.parquet']) == 0"
    )
    assert "polars" in loaded
    assert not loaded.intersection(("pandas", "great_expectations", "altair", "sklearn", "jinja2"))
