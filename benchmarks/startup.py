"""What memori-instrument adds to the start of a program.

Each program is run with and without it in turn, so that whatever else the machine does falls on
both. Prints medians in milliseconds and the median of the paired differences.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = {"pass": "python -c pass", "import openai": "python -c 'import openai'"}


def seconds(command: list[str], environ: dict[str, str]) -> float:
    """Wall-clock time of a command that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, env=environ, check=True)
    return time.perf_counter() - start


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
    print(f"{'program':24}{'bare':>9}{'memori':>9}{'added':>9}   ms, medians of {runs} pairs")
    for code, shown in PROGRAMS.items():
        bare_command = [sys.executable, "-c", code]
        for command in (bare_command, [str(script), *bare_command]):
            seconds(command, environ)  # byte code and disk cache
        bare, ours = [], []
        for _ in range(runs):
            bare.append(1000 * seconds(bare_command, environ))
            ours.append(1000 * seconds([str(script), *bare_command], environ))
        added = statistics.median(b - a for a, b in zip(bare, ours, strict=True))
        print(f"{shown:24}{statistics.median(bare):9.1f}{statistics.median(ours):9.1f}{added:9.1f}")


if __name__ == "__main__":
    main()
