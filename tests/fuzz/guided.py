"""Read inputs that atheris makes: it keeps those that reach new lines of the readers, and damages these further.

Run for as long as wanted: python tests/fuzz/guided.py fhir --seconds 600 --keep FOLDER (or csv in the place of fhir).
Only our own errors may come, and they must show no id: what must hold is that of fuzz.py, and the damage is that of
damage.py or libFuzzer's. A case that fails is kept in FOLDER with its traceback. It needs the package atheris, which
exists for Linux only.
"""

import argparse
import gzip
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports(include=["continuity"]):
    import damage
    import fuzz

_BETWEEN = b"\x1e"  # between the files of an input; no seed holds it
_LONGEST = 1 << 15
TARGETS = {
    "fhir": ("fhir", "fhir, gzipped"),
    "csv": ("table", "avohilmo", "omop", "synthea", "synthea of 2019"),
}


def files_of(data: bytes, target: str) -> tuple[str, damage.Files]:
    """Give the source and the files of an input: its first byte names the source, the rest is file after file."""
    names = TARGETS[target]
    source = names[data[0] % len(names)] if data else names[0]
    plain = damage.SEEDS[source.removesuffix(", gzipped")]()
    return source, {name: piece for name, piece in zip(plain, data[1:].split(_BETWEEN), strict=False) if piece}


def input_of(source: str, found: damage.Files, target: str) -> bytes:
    """Give the bytes that stand for the files of a source."""
    plain = damage.SEEDS[source.removesuffix(", gzipped")]()
    return bytes([TARGETS[target].index(source)]) + _BETWEEN.join(found.get(name, b"") for name in plain)


class Campaign:
    """One run: what came of each case, and the cases that failed.

    Parameters
    ----------
    target : {"fhir", "csv"}
    folder : Path
        Where each case is written.
    end : float
        When to stop, on the clock of `time.monotonic`.
    cases : int or None
        How many at most.
    keep : Path or None
        A folder for the cases that fail.
    """

    def __init__(self, target: str, folder: Path, end: float, cases: int | None, keep: Path | None) -> None:
        self.target, self.folder, self.end, self.cases, self.keep = target, folder, end, cases, keep
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.failures: dict[str, str] = {}

    def mutate(self, data: bytes, longest: int, seed: int) -> bytes:
        """Damage an input: its values and cells, so that it stays JSON or CSV, or in libFuzzer's own ways."""
        draw = random.Random(seed)
        if draw.random() < 0.5:
            return bytes(atheris.Mutate(data, longest))
        source, found = files_of(data, self.target)
        found = found or damage.SEEDS[source.removesuffix(", gzipped")]()
        return input_of(source, damage.damaged(found, draw), self.target)[:longest]

    @atheris.instrument_func
    def one(self, data: bytes) -> None:
        """Read one input; what fails is kept, and the run goes on."""
        if time.monotonic() > self.end or sum(self.outcomes.values()) == self.cases:
            self.stop()
        source, found = files_of(data, self.target)
        if source.endswith("gzipped"):
            found = {f"{name}.gz": gzip.compress(piece, mtime=0) for name, piece in found.items()}
        damage.write(found, self.folder)
        draw = random.Random(data[:1])
        kind = draw.choice(("auto", source.split(",")[0].split(" ")[0]))
        try:
            what = fuzz.outcome(self.folder, kind, fuzz.options(draw))
        except KeyboardInterrupt:
            raise
        except BaseException:  # a panic of a compiled library is no Exception
            what = "FAILED"
            self.failed(data, traceback.format_exc())
        self.outcomes[source, what] += 1

    def failed(self, data: bytes, trace: str) -> None:
        """Keep the first case of each distinct failure."""
        where = [line for line in trace.splitlines() if "continuity" in line and line.startswith("  File")]
        key = f"{trace.splitlines()[-1][:120]} at {where[-1].strip() if where else '?'}"
        if key not in self.failures and self.keep is not None:
            kept = self.keep / f"{self.target}-{len(self.failures)}"
            kept.mkdir(parents=True, exist_ok=True)
            for file in self.folder.iterdir():
                (kept / file.name).write_bytes(file.read_bytes())
            (kept / "traceback.log").write_text(trace)
            (kept / "input.log").write_bytes(data)
        self.failures.setdefault(key, trace)

    def stop(self) -> None:
        """Say what came, and leave: libFuzzer never gives the word back."""
        for (source, what), n in sorted(self.outcomes.items()):
            sys.stdout.write(f"{source:20} {what:20} {n:8,}\n")
        for key in self.failures:
            sys.stdout.write(f"FAILED: {key}\n")
        sys.stdout.write(f"{sum(self.outcomes.values()):,} cases, {len(self.failures)} distinct failures\n")
        sys.stdout.flush()
        os._exit(bool(self.failures))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--cases", type=int, help="at most as many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for the cases that fail")
    given = parser.parse_args()
    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as place:
        seeds = Path(place) / "seeds"
        seeds.mkdir()
        for source in TARGETS[given.target]:
            found = damage.SEEDS[source.removesuffix(", gzipped")]()
            (seeds / source.replace(" ", "-")).write_bytes(input_of(source, found, given.target))
        run = Campaign(given.target, Path(place) / "case", time.monotonic() + given.seconds, given.cases, given.keep)
        library = [
            f"-seed={given.seed}",
            f"-max_len={_LONGEST}",
            "-mutate_depth=2",
            "-timeout=120",
            "-rss_limit_mb=4096",
        ]
        library += [f"-artifact_prefix={given.keep}/"] if given.keep else []
        atheris.Setup([sys.argv[0], *library, str(seeds)], run.one, custom_mutator=run.mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
