"""Convert a generated extract of Avohilmo, beside what Polars needs to read the same CSV files as strings.

    python benchmarks/sources.py [--patients 3.6e6] [--runs 3] [--extract DIR]

3.6 million patients give about 10 million rows, one in four of which is no visit. Both are whole processes, in turn.
The extract is written into DIR and stays there, and is taken from there where it lies there already.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from measure import compare, row, table

from continuity.synthetic import Setting, write_avohilmo

READ = """
import sys
import polars as pl
for path in sys.argv[1:]:
    pl.read_csv(path, separator=";", infer_schema=False, encoding="utf8-lossy")
"""


def main() -> None:
    """Make the extract, run both in turn, and print time and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=float, default=3.6e6)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--extract", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        extract = args.extract or folder / "extract"
        if not extract.exists():
            write_avohilmo(Setting(n_patients=int(args.patients)), extract, extract="vatt", noise=0.05)
        files = sorted(str(path) for path in extract.glob("*.csv"))
        size = sum(Path(path).stat().st_size for path in files) / 2**20
        convert = [str(Path(sys.executable).with_name("continuity")), "convert", str(extract), "--quiet"]
        commands = {
            "continuity convert": [*convert, "--contacts", "all", "--output", str(folder / "out")],
            "Polars, read as strings": [sys.executable, "-c", READ, *files],
        }
        found = compare(commands, args.runs)
        n_rows = json.loads((folder / "out" / "conversion.json").read_text())["rows_read"]["visits"]
    print(f"\n{n_rows:,} rows of the main table, {size:,.0f} MiB of CSV in {len(files)} files.\n")
    print(table([row(name, runs, found["Polars, read as strings"]) for name, runs in found.items()]))


if __name__ == "__main__":
    main()
