"""Indices of every patient, Parquet to Parquet, whole processes: ours beside DuckDB (and pandas), as ratios.

    python benchmarks/indices.py [--patients 5e6] [--runs 3] [--orders time,patient,random] [--ids integer,string]

Each line compares the least of runs taken in turn, ours, theirs, ours, theirs. Values must agree on every patient. With
--gate, 'continuity check' of the same file is compared with the indices.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from measure import compare, peer, row, run, table

INDICES = ("upc", "coc", "hhi", "k_index", "mmci", "secon")
TOLERANCE = 1e-12
GATE = "the gate / the indices"


def largest_difference(ours: Path, theirs: Path) -> float:
    """Compare every patient and index; undefined on one side only counts as infinite."""
    a, b = (pl.read_parquet(path).sort("patient_id") for path in (ours, theirs))
    if not a["patient_id"].equals(b["patient_id"]):
        raise SystemExit("The two outputs hold different patients.")
    if any((a[key].is_null() != b[key].is_null()).any() for key in INDICES):
        return float("inf")
    return max(float((a[key] - b[key]).abs().max() or 0.0) for key in INDICES)


def commands(folder: Path, visits: Path, *, with_pandas: bool, with_gate: bool) -> dict[str, list[str]]:
    """Give the command of each contestant; the first is ours, the second the peer that ratios are taken to."""
    python, output = (
        sys.executable,
        {name: str(folder / f"{name}.parquet") for name in ("continuity", "DuckDB", "pandas")},
    )
    ours = [str(Path(python).with_name("continuity")), "metrics", str(visits), "--output", output["continuity"]]
    found = {
        "continuity": [*ours, "--quiet", "--min-visits", "1", *(f"--index={key}" for key in INDICES)],
        "DuckDB": [python, peer("duckdb_indices.py"), str(visits), output["DuckDB"]],
    }
    if with_pandas:
        found["pandas"] = [python, peer("pandas_indices.py"), str(visits), output["pandas"]]
    if with_gate:
        found[GATE] = [ours[0], "check", str(visits), "--quiet"]
    return found


def settings(args: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """Give each setting of the visits: its name, and how they are made."""
    for ids in args.ids.split(","):
        for order in args.orders.split(","):
            yield f"{order} order, {ids} ids", ["--order", order, *(["--string-ids"] if ids == "string" else [])]


def main() -> None:
    """Make the visits of each setting, run all in turn, and compare results, time and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", default="5e6")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--orders", default="time,patient,random")
    parser.add_argument("--ids", default="integer,string")
    parser.add_argument("--pandas", action="store_true", help="the pandas peer too")
    parser.add_argument("--gate", action="store_true", help="the gate too, beside the indices")
    args = parser.parse_args()
    rows, n = [], 0
    for name, how in settings(args):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            visits = folder / "visits.parquet"
            run([sys.executable, peer("make_visits.py"), args.patients, str(visits), *how])
            sys.stderr.write(f"{name}\n")
            found = compare(commands(folder, visits, with_pandas=args.pandas, with_gate=args.gate), args.runs)
            difference = largest_difference(folder / "continuity.parquet", folder / "DuckDB.parquet")
            if difference > TOLERANCE:
                raise SystemExit(f"{name}: the indices differ by {difference:.1e}.")
            n = pl.scan_parquet(visits).select(pl.len()).collect().item()
        rows += [
            row(f"{name}: {who}", runs, found["continuity" if who == GATE else "DuckDB"]) for who, runs in found.items()
        ]
    print(f"\nIndices of every patient, {n:,} visits, {args.runs} runs; all values agree to {TOLERANCE}.\n")
    print(table(rows))


if __name__ == "__main__":
    main()
