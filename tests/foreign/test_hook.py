"""The completion hook of OpenTelemetry's official instrumentations, in real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wire.check import differences, kept
from wire.server import WireServer

ROOT = Path(__file__).parent.parent
_SDKS = ("openai-chat", "openai-responses", "anthropic")


def run(server: WireServer, database: str, *options: str, **environment: str) -> str:
    """Run the program to its end; gives what it said."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "foreign" / "hooked_program.py"), server.url, *options],
        capture_output=True,
        text=True,
        timeout=100,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MEMORI_DATABASE_URL": database,
            "MEMORI_WORKER": "false",
            "OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK": "memori",
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/m.db"


def _check(server: WireServer, database: str, lost: frozenset[str] = frozenset()) -> None:
    """One turn of each call, equal to what crossed the wire but for what is lost."""
    assert len(server.journal) == 2 * len(_SDKS)
    calls = [f"{sdk} {mode}" for sdk in _SDKS for mode in ("create", "stream")]
    for entity, received in zip(calls, server.journal, strict=True):
        found = kept(database, entity)
        assert [
            difference
            for difference in differences(received, found)
            if difference.partition(":")[0] not in lost
        ] == [], entity
        assert [turn["session"] for turn in found.turns] == ["s"]
    assert kept(database, "agent").turns == []


def test_every_call_is_one_turn(server: WireServer, database: str) -> None:
    assert "memori" not in run(server, database)
    _check(server, database)


def test_unsampled_calls_keep_what_was_said(server: WireServer, database: str) -> None:
    """Of spans that are not recorded nothing else is known."""
    assert "memori" not in run(server, database, "inside", OTEL_TRACES_SAMPLER="always_off")
    _check(server, database, frozenset({"response_id", "input tokens", "output tokens"}))


@pytest.mark.parametrize(
    "sampler", [pytest.param("always_on", marks=pytest.mark.slow), "always_off"]
)
def test_beside_ours_calls_are_ours(sampler: str, server: WireServer, database: str) -> None:
    assert "memori" not in run(server, database, "ours", OTEL_TRACES_SAMPLER=sampler)
    _check(server, database)


@pytest.mark.slow
def test_content_on_spans_too_makes_no_second_turn(server: WireServer, database: str) -> None:
    capture = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}
    run(server, database, **capture)
    _check(server, database)


@pytest.mark.slow
def test_settings_that_cannot_be_used_are_said_once(server: WireServer, database: str) -> None:
    said = run(server, database, MEMORI_UNATTRIBUTED="maybe")
    assert said.count("memori is not active: MEMORI_UNATTRIBUTED") == 1
    assert len(server.journal) == 2 * len(_SDKS)


@pytest.mark.slow
def test_switched_off_it_stores_nothing(server: WireServer, database: str) -> None:
    assert "memori" not in run(server, database, MEMORI_DISABLED="true")
    assert not Path(database.removeprefix("sqlite:///")).exists()
