"""Spans of others, our place among span processors, and the exporter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from memori_instrumentation import MemoriInstrumentor, MemoriSpanExporter, attribution
from memori_storage import open_store
from wire.clients import openai_client
from wire.server import WireServer

CONTENT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "mistral_ai",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 3,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.input.messages": json.dumps(
        [{"role": "user", "parts": [{"type": "text", "content": "I live in Lyon."}]}]
    ),
    "gen_ai.output.messages": json.dumps(
        [
            {
                "role": "assistant",
                "parts": [{"type": "text", "content": "Nice."}],
                "finish_reason": "stop",
            }
        ]
    ),
}


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/m.db"


@pytest.fixture
def instrumented(database: str) -> Iterator[TracerProvider]:
    provider = TracerProvider()
    MemoriInstrumentor().instrument(
        database=database, tracer_provider=provider, worker=False, embedder="none"
    )
    yield provider
    MemoriInstrumentor().uninstrument()


def rows(database: str, kind: str, entity: str = "ana") -> list[dict[str, Any]]:
    store = open_store(database)
    store.migrate()
    return [row for row in store.export(entity) if row["type"] == kind]


def test_a_span_of_another_instrumentation_becomes_a_turn(
    instrumented: TracerProvider, database: str
) -> None:
    tracer = instrumented.get_tracer("opentelemetry.instrumentation.mistral")
    with (
        attribution(entity="ana", process="bot", session="s"),
        tracer.start_as_current_span("chat m", attributes=CONTENT) as span,
    ):
        pass
    assert span.attributes["memori.entity.id"] == "ana"  # type: ignore[attr-defined]
    assert MemoriInstrumentor().flush(10)
    (turn,) = rows(database, "turn")
    assert (turn["provider"], turn["process"], turn["session"]) == ("mistral_ai", "bot", "s")
    assert turn["usage"] == {"input_tokens": 3}
    assert [row["text"] for row in rows(database, "message")] == ["I live in Lyon.", "Nice."]


def test_spans_without_content_or_of_tools_are_no_turns(
    instrumented: TracerProvider, database: str
) -> None:
    tracer = instrumented.get_tracer("elsewhere")
    bare = {key: value for key, value in CONTENT.items() if not key.endswith("messages")}
    tool = {**CONTENT, "gen_ai.operation.name": "execute_tool"}
    with attribution(entity="ana"):
        for attributes in (bare, tool, {}):
            tracer.start_span("x", attributes=attributes).end()
    assert MemoriInstrumentor().flush(10)
    assert rows(database, "turn") == []


def test_a_span_around_a_call_we_captured_is_the_same_turn(
    instrumented: TracerProvider, database: str, server: WireServer
) -> None:
    tracer = instrumented.get_tracer("opentelemetry.instrumentation.openai")
    with (
        attribution(entity="ana"),
        tracer.start_as_current_span("chat m", attributes=CONTENT),
    ):
        openai_client(server.url).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "I live in Lyon."}]
        )
    assert MemoriInstrumentor().flush(10)
    assert len(rows(database, "turn")) == 1


def test_the_users_own_flush_exports_our_spans(database: str, server: WireServer) -> None:
    """A batch processor added before us must still get spans that end on our worker."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=60_000))
    MemoriInstrumentor().instrument(database=database, tracer_provider=provider, worker=False)
    try:
        for _ in range(5):
            openai_client(server.url).chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}]
            )
        assert provider.force_flush()
        assert len(exporter.get_finished_spans()) == 5
    finally:
        MemoriInstrumentor().uninstrument()
    assert all(type(each) is BatchSpanProcessor for each in processors(provider))
    provider.shutdown()


def processors(provider: TracerProvider) -> tuple[object, ...]:
    return provider._active_span_processor._span_processors


def test_the_exporter_stores_what_a_pipeline_exports_once(database: str) -> None:
    exporter = MemoriSpanExporter(database=database, worker=False)
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    for each in (exporter, kept):
        provider.add_span_processor(SimpleSpanProcessor(each))
    attributes = {**CONTENT, "memori.entity.id": "ana", "memori.session.id": "s"}
    provider.get_tracer("x").start_span("chat m", attributes=attributes).end()
    provider.get_tracer("x").start_span("chat m", attributes=CONTENT).end()  # nobody's
    exporter.export(kept.get_finished_spans())
    (turn,) = rows(database, "turn")
    assert (turn["session"], turn["status"]) == ("s", "complete")
    assert len(rows(database, "message")) == 2


def test_attribution_set_through_opentelemetry_counts(
    instrumented: TracerProvider, database: str, server: WireServer
) -> None:
    token = context.attach(baggage.set_baggage("memori.entity.id", "ana"))
    try:
        openai_client(server.url).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}]
        )
    finally:
        context.detach(token)
    assert MemoriInstrumentor().flush(10)
    assert len(rows(database, "turn")) == 1
