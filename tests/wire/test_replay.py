"""Every recorded exchange through the real SDKs: see ``benchmarks/replay.py``, run here whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT.parent / "shared" / "recorded"


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded exchanges at {RECORDED}")
def test_recorded_exchanges_are_stored_exactly() -> None:
    command = [sys.executable, "-W", "ignore", ROOT / "benchmarks" / "replay.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
