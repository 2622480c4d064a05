"""Memory stays flat over thousands of streamed calls, half of them left: ``benchmarks/soak.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parents[2] / "benchmarks" / "soak.py"
CALLS = {"openai-chat": 2_000, "anthropic": 800, "google": 800, "xai": 400}
TOLERANCE = 6_000_000
"""Bytes that we may grow by beyond the SDK: a leak of 4 kB a call would be more than that."""
SLACK = 8
"""Contexts more than the SDK leaves alive: what the machine had not come to when they were counted.
gRPC keeps those of asynchronous streams that are left, for good."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="reads the resident set from /proc"),
]


@pytest.mark.parametrize(("sdk", "calls"), CALLS.items(), ids=CALLS)
def test_memory_stays_flat(sdk: str, calls: int) -> None:
    command = [sys.executable, "-W", "ignore", SOAK, "--json", "--sdk", sdk]
    sized = ["--calls", str(calls), "--every", str(calls // 8)]
    done = subprocess.run(
        [*command, *sized], capture_output=True, text=True, timeout=550, check=False
    )
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout)
    ours, plain = runs["memori"], runs["uninstrumented"]
    assert ours[-1]["calls"] == calls
    for row in ours:
        made = {"Call", "Turn", "Message", "Scope", "SyncTee", "AsyncTee", "open calls"}
        assert {name: n for name, n in row["alive"].items() if name in made and n} == {}
    # After a quarter of the calls everything is warm.
    for kind in {*ours[-1]["alive"], *plain[-1]["alive"]}:
        more, of_the_sdk = (
            rows[-1]["alive"].get(kind, 0) - rows[1]["alive"].get(kind, 0) for rows in (ours, plain)
        )
        assert more <= of_the_sdk + SLACK, kind
    grown, allowed = (rows[-1]["rss"] - rows[1]["rss"] for rows in (ours, plain))
    assert grown < max(allowed, 0) + TOLERANCE
