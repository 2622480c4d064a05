"""Every recorded exchange through the real SDKs, and through frameworks over them: see
``benchmarks/replay.py`` and ``benchmarks/replay_frameworks.py``, run here whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT.parent / "shared" / "recorded"

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason=f"no recorded exchanges at {RECORDED}"
)


def run(script: str, limit: float) -> str:
    command = [sys.executable, "-W", "ignore", ROOT / "benchmarks" / script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_recorded_exchanges_are_stored_exactly() -> None:
    run("replay.py", 100)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_recorded_exchanges_through_frameworks_are_stored_exactly() -> None:
    rows = [line.split() for line in run("replay_frameworks.py", 550).splitlines()]
    fitted = [int(row[-2]) for row in rows if row[-3:] and all(map(str.isdigit, row[-3:]))]
    assert sum(fitted) > 500  # most fit, so that nothing is passed by
