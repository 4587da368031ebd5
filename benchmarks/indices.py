"""Indices of every patient, Parquet to Parquet, whole processes: ours beside DuckDB (and pandas), as ratios.

python benchmarks/indices.py [--patients 5e6] [--runs 3] [--order time|patient|random] [--string-ids] [--pandas]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import polars as pl
from measure import compare, peer, run, table

INDICES = ("upc", "coc", "hhi", "k_index", "mmci", "secon")


def largest_difference(ours: Path, theirs: Path) -> float:
    """Compare every patient and index; undefined on one side only counts as infinite."""
    a, b = (pl.read_parquet(path).sort("patient_id") for path in (ours, theirs))
    if not a["patient_id"].equals(b["patient_id"]):
        raise SystemExit("The two outputs hold different patients.")
    if any((a[key].is_null() != b[key].is_null()).any() for key in INDICES):
        return float("inf")
    return max(float((a[key] - b[key]).abs().max() or 0.0) for key in INDICES)


def main() -> None:
    """Make the visits, run both, compare results, time and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", default="5e6")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--order", choices=["time", "patient", "random"], default="time")
    parser.add_argument("--string-ids", action="store_true")
    parser.add_argument("--pandas", action="store_true", help="the pandas peer too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        visits, ours, duckdb, pandas = (Path(folder) / f"{n}.parquet" for n in ("visits", "ours", "duckdb", "pandas"))
        make = [sys.executable, peer("make_visits.py"), args.patients, str(visits), "--order", args.order]
        run(make + ["--string-ids"] * args.string_ids)
        continuity = [str(Path(sys.executable).with_name("continuity")), "metrics", str(visits), "--output", str(ours)]
        commands = {
            "continuity": [*continuity, "--min-visits", "1", *(f"--index={key}" for key in INDICES)],
            "DuckDB": [sys.executable, peer("duckdb_indices.py"), str(visits), str(duckdb)],
        }
        if args.pandas:
            commands["pandas"] = [sys.executable, peer("pandas_indices.py"), str(visits), str(pandas)]
        found = compare(commands, args.runs)
        n = pl.scan_parquet(visits).select(pl.len()).collect().item()
        difference = largest_difference(ours, duckdb)
    order = f"{args.order} order, {'string' if args.string_ids else 'integer'} ids"
    print(f"\n{n:,} visits, {order}, {args.runs} runs; largest difference of any index: {difference:.1e}\n")
    print(table(found, "DuckDB"))


if __name__ == "__main__":
    main()
