"""What an import costs: heavy packages are loaded by the work that needs them, and by nothing else."""

import subprocess
import sys

from continuity.cli.main import COMMANDS

HEAVY = ("pandas", "great_expectations", "altair", "sklearn", "scipy", "pyarrow", "networkx", "jinja2", "xlsxwriter")


def loaded_by(code: str) -> set[str]:
    """Give the packages that a fresh Python has loaded after some code."""
    program = f"{code}\nimport sys\nprint('\\n' + ' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_package_alone_loads_nothing_heavy() -> None:
    assert not loaded_by("import continuity").intersection(HEAVY)


def test_the_whole_of_the_public_names_loads_nothing_heavy() -> None:
    assert not loaded_by("from continuity import *").intersection(HEAVY)


def test_the_help_of_every_command_loads_neither_polars_nor_numpy() -> None:
    asked = [[], ["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)]
    loaded = loaded_by(f"from continuity.cli.main import run\nfor asked in {asked}: assert run(asked) in (0, 2)")
    assert "click" in loaded
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
