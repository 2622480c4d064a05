"""What memori-instrument adds to the start of a program.

Each program is run with and without it in turn, so that whatever else the machine does falls on
both. Prints medians in milliseconds, by the clock and by the CPU (user and system, which a busy
machine disturbs less), and the medians of the paired differences.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PROGRAMS = {"pass": "python -c pass", "import openai": "python -c 'import openai'"}


def cost(command: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """Milliseconds of wall-clock and of CPU time of a command that must succeed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environ, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return 1000 * wall, 1000 * cpu


def line(name: str, bare: Sequence[float], ours: Sequence[float]) -> str:
    """One row: both medians and the median of what each pair differs by."""
    added = statistics.median(b - a for a, b in zip(bare, ours, strict=True))
    return f"{name:32}{statistics.median(bare):9.1f}{statistics.median(ours):9.1f}{added:9.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="pairs per program [15]")
    runs = parser.parse_args().runs
    script = Path(sys.executable).with_name("memori-instrument")
    if not script.exists():
        sys.exit("benchmarks/startup.py: install the package in this environment first")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MEMORI_")}
    environ["MEMORI_DATABASE_URL"] = "sqlite://"
    environ.pop("PYTHONPATH", None)
    print(f"{'program':32}{'bare':>9}{'memori':>9}{'added':>9}   ms, medians of {runs} pairs")
    for code, shown in PROGRAMS.items():
        bare_command = [sys.executable, "-c", code]
        for command in (bare_command, [str(script), *bare_command]):
            cost(command, environ)  # byte code and disk cache
        pairs = [
            (cost(bare_command, environ), cost([str(script), *bare_command], environ))
            for _ in range(runs)
        ]
        for place, clock in enumerate(("wall", "CPU")):
            bare, ours = ([run[place] for run in side] for side in zip(*pairs, strict=True))
            print(line(f"{shown}, {clock}", bare, ours))


if __name__ == "__main__":
    main()
