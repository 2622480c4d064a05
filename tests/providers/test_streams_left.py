"""Streams that do not reach their end: what arrived is kept, marked, and once.

The user sees no more than the SDK's own behaviour.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from wire.check import Kept
from wire.memory import Memory
from wire.offers import offered
from wire.replies import text
from wire.sdks import Sdk, each, resolve, step
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

SAID = "One two three four five six seven eight nine ten. " * 8
# Long enough that the end is not on the wire when the reader leaves: 20 events, 20 ms apart.
SLOW = text(SAID, pieces=20, between_events=0.02)


# In the words of httpx2, aiohttp, urllib3 and gRPC.
CUT = r"(?i)peer closed|connection|incomplete|not completed|stream removed|ended prematurely"


def assert_partial(found: Kept, *, some: bool = True) -> None:
    """One incomplete turn: the user's message, then a beginning of the reply."""
    (turn,) = found.turns
    assert turn["status"] == "incomplete"
    rows = sorted(found.messages, key=lambda row: int(row["position"]))
    assert (rows[0]["role"], rows[0]["text"]) == ("user", "I live in Lisbon.")
    reply = "".join(row["text"] for row in rows[1:])
    assert SAID.startswith(reply)
    assert reply != SAID
    assert bool(reply) is some


async def opened(sdk: Sdk, server: WireServer, asynchronous: bool) -> tuple[Any, Any, Any]:
    """Client, stream and its iterator, some events of the reply read."""
    client = sdk.client(server.url, asynchronous)
    stream = await resolve(sdk.stream(client))
    iterator = stream.__aiter__() if hasattr(stream, "__aiter__") else iter(stream)
    for _ in range(8):
        await step(iterator)
    return client, stream, iterator


@pytest.fixture(autouse=True)
def old_objects_out_of_the_way() -> None:
    """Each test collects garbage several times: what earlier tests left need not be looked at."""
    gc.freeze()


async def settled() -> None:
    """Let go of what is unreachable: async generators are closed by tasks the event loop makes,
    one for each generator around the next."""
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0.01)
    gc.collect()


@pytest.mark.mode("break-close")
async def test_break_and_close(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(SLOW)
    _client, stream, _ = await opened(sdk, server, asynchronous)
    close = getattr(stream, "close", None) or stream.aclose
    await resolve(close())
    await settled()
    assert_partial(memory.kept())
    assert len(memory.spans()) == 1


@pytest.mark.mode("break")
async def test_break_without_close(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(SLOW)
    client, stream, iterator = await opened(sdk, server, asynchronous)
    del stream, iterator
    await settled()
    assert_partial(memory.kept())
    assert len(memory.spans()) == 1
    del client


@pytest.mark.mode("raise")
async def test_exception_in_the_loop_body(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(SLOW)
    client = sdk.client(server.url, asynchronous)

    async def consume() -> None:
        seen = 0
        async for _ in each(await resolve(sdk.stream(client))):
            seen += 1
            if seen == 8:
                raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await consume()
    await settled()
    assert_partial(memory.kept())


@pytest.mark.mode("cancelled")
async def test_cancelled_while_streaming(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(SLOW)
    client = sdk.client(server.url, asynchronous)
    read: list[Any] = []

    async def consume() -> None:
        async for event in await resolve(sdk.stream(client)):
            read.append(event)  # noqa: PERF401 - counted while it runs

    task = asyncio.create_task(consume())
    while len(read) < 8:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settled()
    assert_partial(memory.kept())


@pytest.mark.mode("cancelled")
async def test_cancelled_before_the_first_byte(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(text("too late", first_byte_after=1.0))
    client = sdk.client(server.url, asynchronous)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(resolve(sdk.create(client)), 0.2)
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["incomplete"]
    assert [(row["role"], row["text"]) for row in found.messages] == [("user", "I live in Lisbon.")]
    (span,) = memory.spans()
    assert "CancelledError" in str((span.attributes or {})["error.type"])


@pytest.mark.mode("cut")
async def test_connection_cut_midway(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(text(SAID, pieces=20, cut_after=9, between_events=0.02))
    client = sdk.client(server.url, asynchronous)
    stream = await resolve(sdk.stream(client))
    with pytest.raises(Exception, match=CUT) as raised:
        async for _ in each(stream):
            pass
    assert not type(raised.value).__module__.startswith(("memori", "builtins"))
    found = memory.kept()
    assert_partial(found)
    (span,) = memory.spans()
    assert (span.attributes or {})["error.type"]


@pytest.mark.parametrize(("after", "status"), [(0, "error"), (9, "incomplete")])
async def test_error_event_inside_a_stream(
    sdk: Sdk, asynchronous: bool, after: int, status: str, server: WireServer, memory: Memory
) -> None:
    """An error before any words is an error; after some, they are kept, with the error."""
    server.script(text(SAID, pieces=20, error_after=after, error="fell over"))
    failure: Exception | None = None
    client = sdk.client(server.url, asynchronous)
    try:
        async for _ in each(await resolve(sdk.stream(client))):
            pass
    except Exception as error:
        failure = error
    # These hand the error event to the reader instead of raising it; Google's did before 1.50.
    handed_over = sdk.name in ("openai-responses", "google-interactions") or (
        sdk.name.startswith("google") and not offered("google.genai.errors:APIError.raise_error")
    )
    assert (failure is None) is handed_over
    del failure  # older SDKs leave the stream open, which their exception keeps alive
    await settled()
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["status"], "fell over" in turn["error_message"]) == (status, True)
    assert found.messages[0]["text"] == "I live in Lisbon."
    reply = "".join(row["text"] for row in found.messages[1:])
    assert SAID.startswith(reply)
    assert bool(reply) is (after > 0)
    (span,) = memory.spans()
    assert (span.attributes or {})["error.type"]


@pytest.mark.mode("unread")
async def test_never_read(sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory) -> None:
    """A stream that is opened and dropped is a call all the same, where the SDK sent it."""
    server.script(SLOW)
    client = sdk.client(server.url, asynchronous)
    stream = await resolve(sdk.stream(client))
    del stream
    await settled()
    found = memory.kept()
    assert len(found.turns) == len(server.journal)
    assert all(turn["status"] == "incomplete" for turn in found.turns)
