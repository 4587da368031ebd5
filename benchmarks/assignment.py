"""Panel plans beside OR-Tools' flow: whole processes, files to files; ours is scored by the script of the peer.

    python benchmarks/assignment.py [--sizes 1x10x15000,25x20x40000] [--runs 3] [--national]

A size is UNITS x DOCTORS x PATIENTS of each unit. --national adds 140x30x40000, ours alone: 5.6 million patients.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Run, compare, peer, row, run, table

NATIONAL = "140x30x40000"
LARGEST_GAP = 1e-3


def commands(folder: Path) -> dict[str, list[str]]:
    """Give the command of each contestant; the second is the peer that ratios are taken to."""
    tables = [f"--{name}={folder / name}.parquet" for name in ("patients", "providers", "visits")]
    ours = [
        str(Path(sys.executable).with_name("continuity")),
        "assign",
        *tables,
        f"--output={folder / 'plan'}",
        "--quiet",
    ]
    return {"continuity": ours, "OR-Tools": [sys.executable, peer("ortools_panels.py"), str(folder)]}


def said(command: list[str]) -> dict[str, float]:
    """Give what a script of the peer prints."""
    printed: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return printed


def verdict(folder: Path, *, with_peer: bool) -> str:
    """Check the plan by the peer's own scoring, and give its figures as a row of a Markdown table."""
    summary = json.loads((folder / "plan" / "summary.json").read_text())
    judge = [sys.executable, peer("ortools_panels.py"), str(folder)]
    scored = said([*judge, "--assignments", str(folder / "plan" / "assignments.parquet")])
    if scored["cost"] != round(summary["cost"], 3):
        raise SystemExit(f"The peer scores {scored['cost']} and summary.json says {summary['cost']}.")
    theirs = said(judge) if with_peer else {}
    if theirs and summary["lower_bound"] > theirs["lower_bound"] + 1e-3:
        raise SystemExit(f"Our bound {summary['lower_bound']} lies above the peer's {theirs['lower_bound']}.")
    if summary["gap"] > LARGEST_GAP:
        raise SystemExit(f"The gap is {summary['gap']:.2%}.")
    figures = [f"{summary['cost']:,.0f}", f"{theirs['cost']:,.0f}" if theirs else "-"]
    figures += [f"{summary['lower_bound']:,.1f}", f"{theirs['lower_bound']:,.1f}" if theirs else "-"]
    figures += [f"{100 * summary['gap']:.4f} %", f"{100 * scored['worst_outside_band']:.3f} %"]
    return " | ".join([*figures, f"{100 * theirs['worst_outside_band']:.3f} %" if theirs else "-"])


def measured(size: str, runs: int, *, with_peer: bool) -> tuple[list[str], str]:
    """Make one size, run all in turn, and give the rows of the two tables."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run([sys.executable, peer("make_panels.py"), *size.split("x"), str(folder)])
        sys.stderr.write(f"{size}\n")
        asked = commands(folder)
        if not with_peer:
            del asked["OR-Tools"]
        found: dict[str, list[Run]] = compare(asked, runs)
        beside = found.get("OR-Tools", found["continuity"])
        rows = [row(f"{size}: {who}", times, beside) for who, times in found.items()]
        return rows, f"| {size} | {verdict(folder, with_peer=with_peer)} |"


def main() -> None:
    """Measure every size and print two tables: time and memory, cost and proof."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1x10x15000,25x20x40000")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--national", action="store_true")
    args = parser.parse_args()
    found = [measured(size, args.runs, with_peer=True) for size in args.sizes.split(",")]
    if args.national:
        found.append(measured(NATIONAL, 1, with_peer=False))
    print(f"\n{table([line for rows, _ in found for line in rows])}\n")
    print("| | cost | peer's | lower bound | peer's | gap | outside band | peer's |\n|" + " --- |" * 8)
    print("\n".join(line for _, line in found))


if __name__ == "__main__":
    main()
