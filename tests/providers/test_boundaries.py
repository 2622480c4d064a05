"""What is not captured, what does not leave, and what others' tracing choices do not change."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from memori_instrumentation import attribution
from wire.check import differences
from wire.clients import anthropic_client, google_client, openai_client
from wire.memory import ENTITY, Memory, assert_remembered
from wire.offers import offered
from wire.sdks import HELLO, SDKS, Sdk, resolve
from wire.server import WireServer
from wire.tracing import wire_instrumentor

CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@pytest.fixture
def propagators() -> Iterator[None]:
    """The W3C propagators, trace context and baggage, in force."""
    before = propagate.get_global_textmap()
    both = [TraceContextTextMapPropagator(), W3CBaggagePropagator()]
    propagate.set_global_textmap(CompositePropagator(both))
    yield
    propagate.set_global_textmap(before)


@pytest.mark.mode("suppressed")
async def test_suppressed_calls_are_not_captured(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory, user: None
) -> None:
    with suppress_instrumentation():
        await resolve(sdk.create(sdk.client(server.url, asynchronous)))
    assert memory.kept().turns == []
    assert memory.spans() == []


def test_what_is_no_conversation_is_not_captured(
    server: WireServer, memory: Memory, user: None
) -> None:
    openai = openai_client(server.url)
    openai.embeddings.create(model="e", input="x", encoding_format="float")
    openai.moderations.create(input="x")
    openai.models.list()
    counting = offered("openai.resources.responses:Responses.input_tokens")
    if counting:
        openai.responses.input_tokens.count(model="m", input="x")
    anthropic = anthropic_client(server.url)
    anthropic.messages.count_tokens(model="m", messages=[{"role": "user", "content": "x"}])
    anthropic.models.list()
    google = google_client(server.url)
    google.models.count_tokens(model="m", contents="x")
    google.models.embed_content(model="m", contents="x")
    assert len(server.journal) == 7 + counting
    assert memory.kept().turns == []
    assert memory.spans() == []


def test_calls_without_an_entity_keep_nothing(
    server: WireServer, uninstrumented: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    uninstrumented.instrument()
    sdk = SDKS[0]
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            sdk.create(sdk.client(server.url, False))
        assert len(uninstrumented.spans()) == 3
    lines = [record.getMessage() for record in caplog.records if "entity" in record.getMessage()]
    assert len(lines) == 1


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "always_off"])
@pytest.mark.parametrize("content", [None, "true", "span_only", "false"])
async def test_storing_does_not_depend_on_tracing(
    sampled: bool,
    content: str | None,
    sdk: Sdk,
    server: WireServer,
    uninstrumented: Memory,
    user: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(CONTENT, raising=False)
    if content is not None:
        monkeypatch.setenv(CONTENT, content)
    provider = uninstrumented.provider if sampled else TracerProvider(sampler=ALWAYS_OFF)
    uninstrumented.instrument(tracer_provider=provider)
    await resolve(sdk.create(sdk.client(server.url, False)))
    found = uninstrumented.kept()
    assert differences(server.journal[-1], found) == []
    spans = uninstrumented.spans()
    assert len(spans) == int(sampled)
    for span in spans:
        attributes = dict(span.attributes or {})
        names = {name for name in attributes if name.endswith(".messages")}
        if content in ("true", "span_only"):
            assert names == {"gen_ai.input.messages", "gen_ai.output.messages"}
            asked = json.loads(str(attributes["gen_ai.input.messages"]))
            part = {"type": "text", "content": "I live in Lisbon."}
            assert asked == [{"role": "user", "parts": [part]}]
        else:
            assert names == set()


async def test_turns_join_the_callers_trace(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory, user: None
) -> None:
    tracer = memory.provider.get_tracer("app")
    with tracer.start_as_current_span("request") as parent:
        await resolve(sdk.create(sdk.client(server.url, asynchronous)))
        assert trace.get_current_span() is parent
    (turn,) = memory.kept().turns
    assert turn["trace_id"] == f"{parent.get_span_context().trace_id:032x}"


@pytest.mark.parametrize("tracing", ["sdk", "wire"])
async def test_no_request_carries_memori_baggage(
    tracing: str,
    sdk: Sdk,
    asynchronous: bool,
    server: WireServer,
    memory: Memory,
    propagators: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not with the SDK's own tracing (anthropic sends baggage), not with that of its requests."""
    wire: Any = None
    if tracing == "wire":
        wire = wire_instrumentor(sdk, asynchronous, monkeypatch)
        wire.instrument(tracer_provider=memory.provider)
    try:
        ctx = baggage.set_baggage("app.tenant", "acme")
        token = context.attach(ctx)
        with attribution(entity="secret-user", process="p", session="s"):
            client = sdk.client(server.url, asynchronous)
            await resolve(sdk.create(client))
            async for _ in each_event(sdk, client):
                pass
        context.detach(token)
    finally:
        if wire is not None:
            wire.uninstrument()
    assert len(memory.kept("secret-user").turns) == 2
    for received in server.journal:
        sent = json.dumps(received.headers) + received.body.decode()
        assert "memori" not in sent
        assert "secret-user" not in sent
        if wire is not None:  # it was at work, and the app's own baggage went along
            assert "traceparent" in received.headers
            assert received.headers["baggage"] == "app.tenant=acme"


async def each_event(sdk: Sdk, client: Any) -> Any:
    """The events of a streamed call, as an async iterator."""
    from wire.sdks import each

    async for event in each(await resolve(sdk.stream(client))):
        yield event


@pytest.mark.mode("stacked")
async def test_beside_an_instrumentation_of_the_requests(
    sdk: Sdk,
    asynchronous: bool,
    server: WireServer,
    uninstrumented: Memory,
    propagators: None,
    user: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request carries its span, which is in our trace; ours is the only one of the model's
    call. Switched off, it leaves ours at work."""
    wire = wire_instrumentor(sdk, asynchronous, monkeypatch)
    wire.instrument(tracer_provider=uninstrumented.provider)
    try:
        uninstrumented.instrument()
        await resolve(sdk.create(sdk.client(server.url, asynchronous)))
        assert_remembered(uninstrumented, sdk, server)
        (ours,) = uninstrumented.spans()
        own = ours.get_span_context()
        assert own is not None
        _, trace_id, parent_id, _ = server.journal[-1].headers["traceparent"].split("-")
        assert trace_id == f"{own.trace_id:032x}"
        # The synchronous instrumentor of gRPC knows the global tracer provider only.
        assert (parent_id != f"{own.span_id:016x}") is (sdk.provider != "x_ai" or asynchronous)
    finally:
        wire.uninstrument()
    await resolve(sdk.create(sdk.client(server.url, asynchronous)))
    assert len(uninstrumented.kept().turns) == 2


@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
def test_incoming_memori_baggage(
    trusted: bool, server: WireServer, uninstrumented: Memory, propagators: None
) -> None:
    uninstrumented.instrument(trust_baggage=trusted, unattributed="store")
    carrier = {"baggage": "memori.entity.id=mallory,app.tenant=acme"}
    ctx = propagate.extract(carrier)
    assert baggage.get_baggage("app.tenant", ctx) == "acme"
    token = context.attach(ctx)
    sdk = SDKS[0]
    sdk.create(sdk.client(server.url, False))
    context.detach(token)
    assert len(uninstrumented.kept("mallory").turns) == int(trusted)


def test_attribution_set_with_the_opentelemetry_api(server: WireServer, memory: Memory) -> None:
    ctx = baggage.set_baggage("memori.entity.id", ENTITY)
    token = context.attach(baggage.set_baggage("memori.session.id", "chat-7", ctx))
    sdk = SDKS[0]
    sdk.create(sdk.client(server.url, False), HELLO)
    context.detach(token)
    (turn,) = memory.kept().turns
    assert turn["session"] == "chat-7"
    (span,) = memory.spans()
    assert (span.attributes or {})["memori.entity.id"] == ENTITY
