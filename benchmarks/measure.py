"""Run whole processes and measure what a user would: seconds on the clock and peak memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PEERS = Path(__file__).parents[2] / "shared" / "bench"


@dataclass(frozen=True)
class Run:
    """One finished process."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def run(command: Sequence[str]) -> Run:
    """Run a command to its end; its output is thrown away unless it fails.

    A fresh interpreter starts it: a process begins with the peak memory of the one that it was forked from, and this
    one may have compared large tables.
    """
    done = subprocess.run([sys.executable, __file__, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{Path(command[0]).name} failed ({done.returncode}):\n{done.stderr[-2000:]}")
    return Run(**json.loads(done.stdout))


def _watch(command: Sequence[str]) -> int:
    """Run a command in this process's child and print what it took as JSON."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took = Run(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    sys.stdout.write(json.dumps(asdict(took)))
    return process.returncode


def compare(commands: dict[str, Sequence[str]], runs: int) -> dict[str, list[Run]]:
    """Run the commands in turn, A B A B ..., so that a drift of the machine's speed strikes all alike."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(runs):
        for name, command in commands.items():
            found[name].append(run(command))
            last = found[name][-1]
            times = f"{last.seconds:.1f} s, {last.cpu_seconds:.1f} s of processors"
            sys.stderr.write(f"run {number + 1}: {name} {times}, {last.peak_mib:,.0f} MiB\n")
    return found


def row(name: str, runs: list[Run], peers: list[Run]) -> str:
    """Give the least of the runs and its ratio to the peer's least, as a row of a Markdown table.

    The least is what the machine can do; all else is what other work on it took away. Memory is the most.
    """
    pairs = [(min(r.seconds for r in runs), min(r.seconds for r in peers))]
    pairs += [(min(r.cpu_seconds for r in runs), min(r.cpu_seconds for r in peers))]
    pairs += [(max(r.peak_mib for r in runs), max(r.peak_mib for r in peers))]
    values = [f"{mine:,.1f} | {mine / theirs:.2f}" for mine, theirs in pairs]
    return f"| {name} | {' | '.join(values)} |"


def table(rows: list[str]) -> str:
    """Put a head over rows."""
    head = ["| | least s | / peer | least s of processors | / peer | peak MiB | / peer |", "|" + " --- |" * 7]
    return "\n".join([*head, *rows])


def peer(name: str) -> str:
    """Give the path of a peer's script, or leave with the reason."""
    path = PEERS / name
    if not path.is_file():
        raise SystemExit(f"The peer {name} is not here: a folder shared/bench must lie beside the checkout.")
    return str(path)


if __name__ == "__main__":
    sys.exit(_watch(sys.argv[1:]))
