"""The gate beside Great Expectations' own pandas engine: 15 expectations of ours on the same file, whole processes.

    python benchmarks/quality.py [--rows 10e6] [--runs 3]

The verdicts and the counts of both must agree on every expectation. `work` is the time from the file to the verdicts;
the whole process adds the imports: Great Expectations for the pandas engine alone.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measure import Run, row, run, table

KEYS = (
    "visit_patient_known", "visit_time_known", "visit_provider_known_mostly", "visit_provider_known_half",
    "visit_unit_known_mostly", "visit_id_unique", "visit_id_unique_mostly", "visit_id_known", "visit_rows_unique",
    "visit_role_in_words", "visit_mode_in_words", "visit_urgency_in_words", "contact_before_visit",
    "assessment_before_visit", "contact_before_assessment",
)  # fmt: skip
MODES = ("in_person", "phone", "video", "message", "home", "other", "fax")


def make(path: Path, n: int) -> None:
    """Write visits with ten columns, and with faults that some of the expectations find."""
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({
        "patient_id": rng.integers(0, n // 10 + 1, n),
        "visit_at": rng.integers(1_735_689_600, 1_767_225_600, n) * 1_000_000,
        "provider_id": rng.integers(0, 4_000, n),
        "visit_id": np.arange(n),
        "unit_id": rng.integers(1, 201, n),
        "provider_role": rng.integers(0, 2, n),
        "contact_mode": rng.integers(0, 700_000, n),
        "urgency": rng.integers(0, 3, n),
        "wait": rng.integers(-1_000, 1_000_000, n),
    })  # fmt: skip
    number, moment = pl.int_range(pl.len()), pl.col("visit_at").cast(pl.Datetime("us"))
    words = {"provider_role": ("doctor", "nurse"), "urgency": ("planned", "acute", None)}
    frame.select(
        "patient_id",
        moment,
        provider_id=pl.when(number % 7 != 0).then("provider_id"),
        visit_id=pl.when(number % 1000 == 0).then(number - 1).otherwise(number),
        unit_id=pl.format("U{}", pl.col("unit_id")),
        provider_role=pl.col("provider_role").replace_strict(list(range(2)), words["provider_role"]),
        contact_mode=(pl.col("contact_mode") // 116_600).replace_strict(list(range(7)), MODES),
        urgency=pl.col("urgency").replace_strict(list(range(3)), words["urgency"], return_dtype=pl.String),
        contacted_at=moment - pl.duration(seconds=pl.col("wait") + 600),
        assessed_at=moment - pl.duration(seconds=pl.col("wait")),
    ).write_parquet(path)


def expectations() -> list[Any]:
    """Give the 15 expectations of the package's own suite."""
    from continuity.quality.suites import read_suites

    by_key = {e.key: e for suite in read_suites() for e in suite.expectations}
    return [by_key[key] for key in KEYS]


def work(engine: str, visits: Path, output: Path) -> None:
    """Evaluate with one engine in this process, and write verdicts, counts and seconds."""
    from continuity.quality import validator
    from continuity.quality.quiet import quiet

    chosen = expectations()
    with quiet():
        if engine == "pandas":  # its imports are no part of the work
            from great_expectations.execution_engine import PandasExecutionEngine

            import continuity.quality.expectations  # noqa: F401

        started, started_cpu = time.perf_counter(), time.process_time()
        if engine == "continuity":
            frame = pl.scan_parquet(visits)
            found = validator.evaluate(frame, frame.collect_schema().names(), chosen)
        else:
            import pandas as pd

            rows = pd.read_parquet(visits)
            found = validator._run(PandasExecutionEngine(batch_data_dict={"visits": rows}), chosen, "pandas")
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
    said = {key: [outcome.success, outcome.n_unexpected, outcome.n_rows] for key, outcome in found.items()}
    output.write_text(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "found": said}))


def main() -> None:
    """Make the visits, run both engines in turn, and compare verdicts, time and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=10e6)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker[0], Path(args.worker[1]), Path(args.worker[2]))
        return
    names = ("continuity", "pandas")
    wholes: dict[str, list[Run]] = {name: [] for name in names}
    works: dict[str, list[Run]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as place:
        visits, said = Path(place) / "visits.parquet", {}
        make(visits, int(args.rows))
        for _ in range(args.runs):
            for name in names:
                output = Path(place) / f"{name}.json"
                wholes[name].append(run([sys.executable, __file__, "--worker", name, str(visits), str(output)]))
                said[name] = json.loads(output.read_text())
                works[name].append(
                    Run(seconds := said[name]["seconds"], said[name]["cpu_seconds"], wholes[name][-1].peak_mib)
                )
                sys.stderr.write(f"{name}: work {seconds:.1f} s, whole {wholes[name][-1].seconds:.1f} s\n")
            if said["continuity"]["found"] != said["pandas"]["found"]:
                raise SystemExit("The two engines differ in a verdict or a count.")
    failed = sum(not success for success, _, _ in said["pandas"]["found"].values())
    print(f"\n{len(KEYS)} expectations, {int(args.rows):,} rows, {args.runs} runs; all agree, {failed} fail.\n")
    parts = (("work", works), ("whole process", wholes))
    print(table([row(f"{what}: {name}", runs[name], runs["pandas"]) for what, runs in parts for name in names]))


if __name__ == "__main__":
    main()
