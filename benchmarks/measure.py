"""Run whole processes and measure what a user would: seconds on the clock and peak memory."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).parents[2] / "shared" / "bench"


@dataclass(frozen=True)
class Run:
    """One finished process."""

    seconds: float
    peak_mib: float


def run(command: Sequence[str]) -> Run:
    """Run a command to its end; its output is thrown away unless it fails."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        complaint = process.stderr.read() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{Path(command[0]).name} failed ({process.returncode}):\n{complaint[-2000:]}")
    return Run(time.perf_counter() - started, usage.ru_maxrss / 1024)


def compare(commands: dict[str, Sequence[str]], runs: int) -> dict[str, list[Run]]:
    """Run the commands in turn, A B A B ..., so that a drift of the machine's speed strikes all alike."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(runs):
        for name, command in commands.items():
            found[name].append(run(command))
            last = found[name][-1]
            sys.stderr.write(f"run {number + 1}: {name} {last.seconds:.1f} s, {last.peak_mib:,.0f} MiB\n")
    return found


def row(name: str, runs: list[Run], peers: list[Run]) -> str:
    """Give medians, and the medians of ratios to the peer's runs, as a row of a Markdown table."""
    seconds, memory = (statistics.median(getattr(r, f) for r in runs) for f in ("seconds", "peak_mib"))
    pairs = list(zip(runs, peers, strict=True))
    times = statistics.median(a.seconds / b.seconds for a, b in pairs)
    memories = statistics.median(a.peak_mib / b.peak_mib for a, b in pairs)
    return f"| {name} | {seconds:.1f} | {memory:,.0f} | {times:.2f} | {memories:.2f} |"


def table(rows: list[str]) -> str:
    """Put a head over rows."""
    head = ["| | median s | peak MiB | time / peer | memory / peer |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])


def peer(name: str) -> str:
    """Give the path of a peer's script, or leave with the reason."""
    path = PEERS / name
    if not path.is_file():
        raise SystemExit(f"The peer {name} is not here: a folder shared/bench must lie beside the checkout.")
    return str(path)
