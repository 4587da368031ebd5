"""Damage valid inputs of every source at random and read them: only our own errors may come, and they must show no id.

Run for as long as wanted: python tests/fuzz/fuzz.py --seconds 600 --seed 1 --keep FOLDER
A case that fails is kept in FOLDER with its traceback; the same seed gives the same cases.
"""

import argparse
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import damage

from continuity import sources
from continuity.errors import ContinuityError
from continuity.sources import ReadOptions

Failure = tuple[str, str]


def options(draw: random.Random) -> ReadOptions:
    """Choose the options of a case."""
    return ReadOptions(
        visit_concepts=draw.choice((None, ("all",), ("9202", "x*"))),
        visit_detail=draw.random() < 0.05,
        max_malformed=draw.choice((0.001, 0.5, 1.0)),
    )


def outcome(folder: Path, kind: str, chosen: ReadOptions) -> str:
    """Read a folder to its end, and check what must hold.

    Returns
    -------
    str
        "read", or the name of the error in our words.

    Raises
    ------
    AssertionError
        A message shows an id, or the counts do not add up.
    """
    try:
        tables = sources.read(folder, kind=kind, options=chosen)
        heights = {name: frame.collect(engine="streaming").height for name, frame in tables.present().items()}
    except ContinuityError as error:
        if damage.SECRET in str(error):
            raise AssertionError("a message shows an id") from error
        return type(error).__name__
    for name, height in heights.items():
        read = sum(c.n_rows for c in tables.counts if (c.table, c.kind) == (name, "rows_in"))
        left_out = sum(c.n_rows for c in tables.counts if (c.table, c.kind) == (name, "filter"))
        known = any((c.table, c.kind) == (name, "rows_in") for c in tables.counts)
        assert not known or read - left_out == height, f"counts of {name} do not add up"
    assert damage.SECRET not in repr(tables.counts), "a count shows an id"
    return "read"


def one_case(seed: int, folder: Path) -> tuple[str, str, str | None]:
    """Make, write and read one case; give its source, its outcome and the traceback of a failure."""
    draw = random.Random(seed)
    name = draw.choice(sorted(set(damage.SEEDS) - (set() if "avohilmo" in sources.KINDS else {"avohilmo"})))
    damage.write(damage.damaged(damage.SEEDS[name](), draw), folder)
    kind = draw.choice(("auto", name.split(",")[0].split(" ")[0]))
    try:
        return name, outcome(folder, kind, options(draw)), None
    except KeyboardInterrupt:
        raise
    except BaseException:  # a panic of a compiled library is no Exception
        return name, "FAILED", traceback.format_exc()


def run(seconds: float, seed: int, keep: Path | None, cases: int | None = None) -> tuple[Counter, dict[str, str]]:
    """Run cases until the time is over, or a number of them.

    Returns
    -------
    tuple of (Counter, dict)
        How often each source had each outcome; and of each distinct failure the first traceback.
    """
    warnings.simplefilter("error")
    outcomes: Counter[tuple[str, str]] = Counter()
    failures: dict[str, str] = {}
    end, number = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as place:
        while time.monotonic() < end and (cases is None or number < cases):
            name, what, trace = one_case(seed * 1_000_003 + number, Path(place))
            outcomes[name, what] += 1
            if trace is not None:
                where = [line for line in trace.splitlines() if "continuity" in line and line.startswith("  File")]
                key = f"{trace.splitlines()[-1][:120]} at {where[-1].strip() if where else '?'}"
                if key not in failures and keep is not None:
                    kept = keep / f"case-{seed}-{number}"
                    kept.mkdir(parents=True, exist_ok=True)
                    for file in Path(place).iterdir():
                        (kept / file.name).write_bytes(file.read_bytes())
                    (kept / "traceback.log").write_text(f"{name}\n{trace}")
                failures.setdefault(key, trace)
            number += 1
    return outcomes, failures


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for the cases that fail")
    given = parser.parse_args()
    outcomes, failures = run(given.seconds, given.seed, given.keep)
    for (name, what), n in sorted(outcomes.items()):
        sys.stdout.write(f"{name:20} {what:20} {n:8,}\n")
    for key in failures:
        sys.stdout.write(f"FAILED: {key}\n")
    sys.stdout.write(f"{sum(outcomes.values()):,} cases, {len(failures)} distinct failures\n")
    return bool(failures)


if __name__ == "__main__":
    raise SystemExit(main())
