"""Every way to ask a model, over every SDK, sync and async: one turn, one span, nothing changed."""

from __future__ import annotations

from typing import Any

import pytest

from wire.memory import Memory, assert_remembered
from wire.replies import Answer, Choice, ToolCall, text
from wire.sdks import PLACE_JSON, SDKS, Place, Sdk, each, entered, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")


@pytest.mark.mode("create")
async def test_create(sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory) -> None:
    reply = await resolve(sdk.create(sdk.client(server.url, asynchronous)))
    assert sdk.text(reply) == "You said: I live in Lisbon."
    assert_remembered(memory, sdk, server)


@pytest.mark.mode("stream")
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_stream_to_the_end(
    sdk: Sdk, asynchronous: bool, packed: bool, server: WireServer, memory: Memory
) -> None:
    server.script(text("Lisbon, then.", gzip=packed))
    client = sdk.client(server.url, asynchronous)
    stream = await resolve(sdk.stream(client))
    assert [event async for event in each(stream)]
    assert_remembered(memory, sdk, server)


async def test_types_are_the_sdks_own(
    sdk: Sdk, asynchronous: bool, server: WireServer, uninstrumented: Memory
) -> None:
    async def shapes() -> list[Any]:
        client = sdk.client(server.url, asynchronous)
        reply = await resolve(sdk.create(client))
        stream = await resolve(sdk.stream(client))
        events = [event async for event in each(stream)]
        hooks = [hasattr(stream, name) for name in ("response", "close", "__enter__", "aclose")]
        return [type(reply), type(stream), *hooks, [type(event) for event in events]]

    plain = await shapes()
    uninstrumented.instrument()
    assert await shapes() == plain


async def test_stream_helper(
    stainless: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    assert stainless.helper is not None
    async with entered(stainless.helper(stainless.client(server.url, asynchronous))) as stream:
        assert [event async for event in each(stream)]
    assert_remembered(memory, stainless, server)


@pytest.mark.mode("parse")
async def test_parse(sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory) -> None:
    assert sdk.parse is not None
    server.script(text(PLACE_JSON))
    client = sdk.client(server.url, asynchronous)
    reply = await resolve(sdk.parse(client))
    assert Place.model_validate_json(sdk.text(reply)) == Place(city="Lisbon")
    assert_remembered(memory, sdk, server)


async def raw_response(sdk: Sdk, asynchronous: bool, server: WireServer) -> Any:
    assert sdk.resource is not None
    assert sdk.arguments is not None
    raw = sdk.resource(sdk.client(server.url, asynchronous)).with_raw_response
    response = await resolve(raw.create(**sdk.arguments((("user", "Hi"),))))
    assert response.headers["x-request-id"] == "req_0"
    return response


@pytest.mark.mode("raw-parsed")
async def test_raw_response_parsed(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    response = await raw_response(sdk, asynchronous, server)
    assert sdk.text(await resolve(response.parse())) == "You said: Hi"
    assert_remembered(memory, sdk, server)


@pytest.mark.mode("raw")
async def test_raw_response(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    await raw_response(sdk, asynchronous, server)
    assert_remembered(memory, sdk, server)


@pytest.mark.mode("bytes")
@pytest.mark.parametrize("reading", ["iter_lines", "iter_bytes", "read", "parse"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_streaming_response(
    sdk: Sdk,
    asynchronous: bool,
    reading: str,
    stream: bool,
    server: WireServer,
    memory: Memory,
) -> None:
    assert sdk.resource is not None
    assert sdk.arguments is not None
    resource = sdk.resource(sdk.client(server.url, asynchronous))
    given = sdk.arguments((("user", "Hi"),))
    if stream:
        given["stream"] = True
    async with entered(resource.with_streaming_response.create(**given)) as response:
        result = getattr(response, reading)()
        if reading == "parse" and stream:
            result = await resolve(result)
        if reading.startswith("iter") or (reading == "parse" and stream):
            assert [piece async for piece in each(result)]
        else:
            assert await resolve(result)
    assert_remembered(memory, sdk, server)


async def test_with_options_copies(
    stainless: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = stainless.client(server.url, asynchronous).with_options(timeout=9)
    await resolve(stainless.create(client))
    assert_remembered(memory, stainless, server)


@pytest.mark.mode("http-400")
async def test_http_400(sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory) -> None:
    server.script(Answer(status=400, error="no such thing"))
    with pytest.raises(sdk.status_error, match="no such thing"):
        await resolve(sdk.create(sdk.client(server.url, asynchronous)))
    found = assert_remembered(memory, sdk, server, status="error")
    assert "no such thing" in found.turns[0]["error_message"]


@pytest.mark.mode("http-500")
async def test_http_500_on_a_stream(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    # Twice: the interactions of google-genai 2 take the number of attempts for one of retries.
    server.script(*[Answer(status=500, error="fell over")] * 2)
    with pytest.raises(sdk.status_error, match="fell over"):  # noqa: PT012 - Google raises late
        client = sdk.client(server.url, asynchronous)
        stream = await resolve(sdk.stream(client))
        async for _ in each(stream):
            pass
    assert_remembered(memory, sdk, server, status="error")


@pytest.mark.mode("http-429")
async def test_a_retried_call_is_one_turn(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(Answer(status=429, headers={"retry-after-ms": "1"}), text("at last"))
    reply = await resolve(sdk.create(sdk.client(server.url, asynchronous, retries=2)))
    assert sdk.text(reply) == "at last"
    assert len(server.journal) == 2
    assert_remembered(memory, sdk, server)


async def test_tool_calls(sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory) -> None:
    calls = (ToolCall("look", {"where": "é"}), ToolCall("go", {"n": 1}, "call_1"))
    server.script(Answer(choices=(Choice(text=None, tool_calls=calls),)))
    await resolve(sdk.create(sdk.client(server.url, asynchronous)))
    found = assert_remembered(memory, sdk, server)
    parts = [part for row in found.messages for part in row["parts"]]
    assert [part["name"] for part in parts if part["type"] == "tool_call"] == ["look", "go"]


async def test_streamed_tool_calls(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    calls = (ToolCall("look", {"where": "é"}), ToolCall("go", {"n": [1, 2]}, "call_1"))
    server.script(Answer(choices=(Choice(text="Wait.", tool_calls=calls),)))
    client = sdk.client(server.url, asynchronous)
    stream = await resolve(sdk.stream(client))
    assert [event async for event in each(stream)]
    assert_remembered(memory, sdk, server)


@pytest.mark.mode("choices")
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
async def test_several_choices(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    assert sdk.choices is not None
    server.script(Answer(choices=(Choice(text="one"), Choice(text="two"))))
    await resolve(sdk.choices(sdk.client(server.url, asynchronous)))
    found = assert_remembered(memory, sdk, server)
    assert found.turns[0]["usage"]["input_tokens"] == 11
    assert sorted(row["text"] for row in found.messages[1:]) == ["one", "two"]
    (span,) = memory.spans()
    assert (span.attributes or {})["gen_ai.request.choice.count"] == 2


async def test_a_choice_may_refuse(asynchronous: bool, server: WireServer, memory: Memory) -> None:
    sdk = SDKS[0]
    server.script(Answer(choices=(Choice(text="one"), Choice(text=None, refusal="no"))))
    await resolve(sdk.create(sdk.client(server.url, asynchronous), n=2))
    assert len(assert_remembered(memory, sdk, server).messages) == 3


@pytest.mark.mode("empty")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_empty_content(
    sdk: Sdk, asynchronous: bool, stream: bool, server: WireServer, memory: Memory
) -> None:
    server.script(text(""))
    client = sdk.client(server.url, asynchronous)
    if stream:
        async for _ in each(await resolve(sdk.stream(client))):
            pass
    else:
        await resolve(sdk.create(client))
    assert_remembered(memory, sdk, server)


async def test_thinking_is_kept_apart_from_text(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    sdk = next(item for item in SDKS if item.name == "anthropic")
    server.script(Answer(choices=(Choice(text="Yes.", thinking="Hm, let me see."),)))
    client = sdk.client(server.url, asynchronous)
    stream = await resolve(sdk.stream(client))
    assert [event async for event in each(stream)]
    found = assert_remembered(memory, sdk, server)
    assert found.messages[-1]["text"] == "Yes."
