"""Vercel's AI SDK: what the real one sent through OTLP, beside what crossed its wire.

``data/record_vercel.mjs`` made the recordings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from foreign_spans import spans_of

from memori_instrumentation import MemoriSpanExporter
from wire import oracle, oracle_replies
from wire.check import Kept, kept, parts_of
from wire.dialects import dialect_of

_DATA = Path(__file__).parent / "data"


def stored(recording: dict[str, Any], database: str, **settings: Any) -> None:
    """Send a recording through the exporter, batch by batch."""
    exporter = MemoriSpanExporter(database=database, worker=False, **settings)
    for batch in recording["otlp"]:
        exporter.export(list(spans_of(batch)))
    exporter.shutdown()


@pytest.fixture(params=["vercel-6", "vercel-7"])
def recording(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_DATA / f"{request.param}.json").read_text())
    return found


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/m.db"


def test_each_call_of_a_model_is_one_turn(recording: dict[str, Any], database: str) -> None:
    stored(recording, database, entity="ana")
    found = kept(database, "ana")
    ids = sorted((turn["response_id"] or "", turn["status"]) for turn in found.turns)
    complete = [(f"reply-{number}", "complete") for number in (1, 2, 3, 4)]
    assert ids == [("", "error"), *complete]
    assert {turn["provider"] for turn in found.turns} == {"openai"}
    assert {turn["model"] for turn in found.turns} == {"gpt-5-mini"}
    assert {turn["usage"].get("input_tokens") for turn in found.turns} == {11, None}
    failed = next(turn for turn in found.turns if turn["status"] == "error")
    assert failed["error_message"] == "no such thing"


def test_what_is_stored_crossed_the_wire(recording: dict[str, Any], database: str) -> None:
    """All of it, and nothing else: bytes as references, answers of tools as answers."""
    stored(recording, database, entity="ana")
    found = kept(database, "ana")
    said = {_flat(row["role"], part) for row in found.messages for part in parts_of(row)}
    said |= {("system", ("text", turn["system"])) for turn in found.turns if turn["system"]}
    crossed = set()
    for exchange in recording["wire"]:
        dialect = dialect_of(exchange["path"])
        if dialect is None:
            continue  # embeddings
        request = exchange["body"]
        messages = oracle.sent(dialect.name, request)
        if '"error"' not in exchange["answered"][:20]:
            streamed = bool(request.get("stream"))
            messages += oracle_replies.replied(
                dialect.name, exchange["answered"].encode(), streamed
            ).messages
        crossed |= {_flat(role, part) for role, parts in messages for part in parts}
    assert said == crossed


def _flat(role: str, part: Any) -> Any:
    # The SDK knows what an image is and what OpenAI calls instructions only when it sends them.
    role = {"developer": "system"}.get(role, role)
    if part[0] == "blob":
        return role, ("blob", *part[2:])
    return role, part


def test_the_apps_own_names_serve_where_they_are_believed(database: str) -> None:
    recording = json.loads((_DATA / "vercel-6.json").read_text())
    stored(recording, database, span_attribution="app")
    found: Kept = kept(database, "user-1")
    assert {turn["session"] for turn in found.turns} == {"s"}
    assert len(found.turns) == 5


def test_the_apps_own_names_say_no_entity_unasked(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    stored(json.loads((_DATA / "vercel-6.json").read_text()), database)
    assert kept(database, "user-1").turns == []
    assert "names no entity" in caplog.text
