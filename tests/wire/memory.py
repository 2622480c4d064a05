"""The instrumentation under test, over a database of its own, with its spans in memory."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from memori_instrumentation import MemoriInstrumentor
from memori_storage import open_store
from wire.check import Kept, differences, kept
from wire.sdks import Sdk
from wire.server import WireServer

ENTITY = "user-1"


@functools.cache
def _empty() -> bytes:
    """A database with all its tables: migrating costs more than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/memori.db")
        store.migrate()
        store.close()
        return (Path(folder) / "memori.db").read_bytes()


class Memory:
    """The instrumentation at work, and what a test asks it."""

    def __init__(self, folder: Path) -> None:
        self.database = f"sqlite:///{folder}/memori.db"
        (folder / "memori.db").write_bytes(_empty())
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.instrumentor = MemoriInstrumentor()

    def instrument(self, **settings: Any) -> None:
        """Switch on, learning nothing: these tests are about capture."""
        given = {
            "database": self.database,
            "tracer_provider": self.provider,
            "extractor": "none",
            "embedder": "none",
            "worker": False,
            **settings,
        }
        self.instrumentor.instrument(**given)

    def uninstrument(self) -> None:
        self.instrumentor.uninstrument()

    def flush(self) -> None:
        assert self.instrumentor.flush(timeout=20)

    def kept(self, entity: str = ENTITY) -> Kept:
        """What is stored for an entity, once everything captured is."""
        self.flush()
        return kept(self.database, entity)

    def spans(self) -> list[ReadableSpan]:
        """The finished ``gen_ai`` inference spans."""
        self.flush()
        names = ("chat", "generate_content", "invoke_agent", "text_completion")
        return [
            span
            for span in self.exporter.get_finished_spans()
            if (span.attributes or {}).get("gen_ai.operation.name") in names
        ]


def assert_conformant(memory: Memory, sdk: Sdk, server: WireServer, found: Kept) -> None:
    """Exactly one span, with what the GenAI semantic conventions ask for, joined to the turn."""
    (span,) = memory.spans()
    (turn,) = found.turns
    attributes = dict(span.attributes or {})
    assert span.name == f"{sdk.operation} {sdk.model}"
    assert span.kind is SpanKind.CLIENT
    expected = {
        "gen_ai.operation.name": sdk.operation,
        "gen_ai.provider.name": sdk.provider,
        "gen_ai.request.model": sdk.model,
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert {name: attributes.get(name) for name in expected} == expected
    context = span.get_span_context()
    assert context is not None
    assert turn["trace_id"] == f"{context.trace_id:032x}"
    assert turn["span_id"] == f"{context.span_id:016x}"
    assert (turn["provider"], turn["model"]) == (sdk.provider, sdk.model)
    if turn["status"] == "complete":
        answering = (f"{sdk.model}-0001", turn["response_id"]) if sdk.names_itself else (None, None)
        names = ("gen_ai.response.model", "gen_ai.response.id")
        assert tuple(attributes.get(name) for name in names) == answering
        assert attributes["gen_ai.response.finish_reasons"]
        assert "error.type" not in attributes
        for name in ("input_tokens", "output_tokens"):
            # OpenAI chat streams count tokens only on request.
            assert attributes.get(f"gen_ai.usage.{name}") == turn["usage"].get(name)
    if turn["status"] == "error":
        assert span.status.status_code is StatusCode.ERROR
        assert attributes["error.type"]
    # Memory content never leaks to the trace backend unasked.
    assert not {name for name in attributes if name.endswith(("messages", "instructions"))}


def assert_remembered(
    memory: Memory, sdk: Sdk, server: WireServer, *, status: str = "complete"
) -> Kept:
    """One turn, equal to the last exchange in the journal, and its span."""
    found = memory.kept()
    assert differences(server.journal[-1], found, status=status) == []
    assert_conformant(memory, sdk, server, found)
    return found
