"""xAI's streams: generators that the SDK hands to the user, stepped by ours around them."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import ReadableSpan

from memori_instrumentation import attribution
from wire.check import differences
from wire.memory import ENTITY, Memory
from wire.replies import Answer, Choice, text
from wire.sdks import HELLO, each, resolve, step
from wire.server import WireServer

xai_sdk = pytest.importorskip("xai_sdk", reason="xai-sdk is not installed")

from wire import xai  # noqa: E402

TWO = Answer(choices=(Choice(text="Porto."), Choice(text="Faro.")), id="two")


@pytest.fixture(autouse=True)
def no_deprecations() -> Any:
    """The SDK says that its batches will go."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        yield


@pytest.fixture
def client(server: WireServer, asynchronous: bool) -> Any:
    return lambda **options: xai.client(server.url, asynchronous, **options)


@pytest.mark.usefixtures("user")
async def test_streamed_batches(client: Any, server: WireServer, memory: Memory) -> None:
    server.script(TWO)
    items = [item async for item in each(xai.chat(client(), HELLO).stream_batch(2))]
    assert [reply.content for reply in items[-1][0]] == ["Porto.", "Faro."]
    assert differences(server.journal[-1], memory.kept()) == []


@pytest.mark.usefixtures("user")
async def test_leaving_at_the_last_word(client: Any, server: WireServer, memory: Memory) -> None:
    """The finish reason has come: nothing is missing, though the stream was not read to its end."""
    server.script(text("Lisbon.", pieces=2))
    stream = xai.chat(client(), HELLO).stream()
    for _ in range(3):
        await step(stream)
    await resolve(stream.aclose() if hasattr(stream, "aclose") else stream.close())
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["complete"]
    assert found.messages[-1]["text"] == "Lisbon."


def test_kinds_of_functions_and_results(
    server: WireServer, memory: Memory, asynchronous: bool
) -> None:
    from xai_sdk.aio.chat import Chat as AsyncChat
    from xai_sdk.sync.chat import Chat

    assert inspect.isgeneratorfunction(Chat.stream)
    assert inspect.isasyncgenfunction(AsyncChat.stream)
    assert inspect.iscoroutinefunction(AsyncChat.sample)
    assert list(inspect.signature(Chat.parse).parameters) == ["self", "shape"]
    stream = xai.chat(xai.client(server.url, False), HELLO).stream()
    assert inspect.isgenerator(stream)
    stream.close()


async def test_whose_stream_it_is_was_said_at_the_call(
    client: Any, server: WireServer, memory: Memory
) -> None:
    """A web app returns the stream, and the framework reads it when the block is left."""
    with attribution(entity=ENTITY, session="s"):
        stream = xai.chat(client(), HELLO).stream()
    with attribution(entity="somebody-else"):
        assert [item async for item in each(stream)]
    assert differences(server.journal[-1], memory.kept()) == []
    assert memory.kept("somebody-else").turns == []


async def test_the_reader_of_a_stream_keeps_its_context(
    client: Any, server: WireServer, memory: Memory
) -> None:
    tracer = memory.provider.get_tracer("app")
    with attribution(entity=ENTITY), tracer.start_as_current_span("request") as own:
        before = baggage.get_all()
        async for _ in each(xai.chat(client(), HELLO).stream()):
            assert trace.get_current_span() is own
            assert baggage.get_all() == before
        assert trace.get_current_span() is own
        assert baggage.get_all() == before
    (turn,) = memory.kept().turns
    assert turn["trace_id"] == f"{own.get_span_context().trace_id:032x}"


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_the_sdks_own_spans_make_no_second_turn(
    streamed: bool,
    client: Any,
    server: WireServer,
    memory: Memory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = memory.provider.get_tracer("xai_sdk")
    monkeypatch.setattr("xai_sdk.sync.chat.tracer", own)
    monkeypatch.setattr("xai_sdk.aio.chat.tracer", own)
    chat = xai.chat(client(), HELLO)
    if streamed:
        assert [item async for item in each(chat.stream())]
    else:
        await resolve(chat.sample())
    assert differences(server.journal[-1], memory.kept()) == []
    theirs, ours = sorted(memory.spans(), key=lambda span: span.name, reverse=True)
    assert ours.name == f"chat {xai.MODEL}"
    assert theirs.name == f"chat.{'stream' if streamed else 'sample'} {xai.MODEL}"
    assert parent_id(theirs) == own_id(ours)


def own_id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def parent_id(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None
