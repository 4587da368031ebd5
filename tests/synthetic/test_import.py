"""Importing the synthetic population costs what Polars costs."""

import subprocess
import sys

HEAVY = ("pandas", "altair", "sklearn", "great_expectations", "pyarrow", "scipy", "jinja2")


def test_import_loads_no_heavy_package():
    code = f"import sys, continuity.synthetic; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
