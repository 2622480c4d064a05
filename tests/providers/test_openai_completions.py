"""OpenAI's completions before there was chat: the suites of all SDKs, and what is peculiar."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from test_calls import (
    test_a_retried_call_is_one_turn,
    test_create,
    test_empty_content,
    test_http_400,
    test_http_500_on_a_stream,
    test_raw_response,
    test_stream_to_the_end,
    test_streaming_response,
    test_types_are_the_sdks_own,
)
from test_streams_left import (
    old_objects_out_of_the_way,
    test_break_and_close,
    test_break_without_close,
    test_cancelled_before_the_first_byte,
    test_cancelled_while_streaming,
    test_connection_cut_midway,
    test_error_event_inside_a_stream,
    test_exception_in_the_loop_body,
    test_never_read,
)

from wire.check import differences, texts
from wire.clients import OPENAI_MODEL, async_openai_client, openai_client
from wire.memory import Memory
from wire.replies import Answer, Choice, text
from wire.sdks import HELLO, History, Sdk, each, resolve
from wire.server import WireServer

__all__ = [
    "old_objects_out_of_the_way",
    "test_a_retried_call_is_one_turn",
    "test_break_and_close",
    "test_break_without_close",
    "test_cancelled_before_the_first_byte",
    "test_cancelled_while_streaming",
    "test_connection_cut_midway",
    "test_create",
    "test_empty_content",
    "test_error_event_inside_a_stream",
    "test_exception_in_the_loop_body",
    "test_http_400",
    "test_http_500_on_a_stream",
    "test_never_read",
    "test_raw_response",
    "test_stream_to_the_end",
    "test_streaming_response",
    "test_types_are_the_sdks_own",
]

pytestmark = pytest.mark.usefixtures("user")


def _client(url: str, asynchronous: bool, *, retries: int = 0) -> Any:
    make = async_openai_client if asynchronous else openai_client
    return make(url, max_retries=retries)


def _arguments(history: History) -> dict[str, Any]:
    return {"model": OPENAI_MODEL, "prompt": history[-1][1]}


def _create(client: Any, history: History = HELLO, **more: Any) -> Any:
    return client.completions.create(**{**_arguments(history), **more})


COMPLETIONS = Sdk(
    name="openai-completions",
    provider="openai",
    operation="text_completion",
    model=OPENAI_MODEL,
    client=_client,
    create=_create,
    stream=lambda client, history=HELLO, **more: _create(client, history, stream=True, **more),
    text=lambda reply: reply.choices[0].text,
    status_error=openai.APIStatusError,
    resource=lambda client: client.completions,
    arguments=_arguments,
)


CELLS = [(COMPLETIONS, False), (COMPLETIONS, True)]


async def test_several_prompts_and_choices(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(Answer(tuple(Choice(said) for said in ("1a", "1b", "2a", "2b"))))
    client = _client(server.url, asynchronous)
    await resolve(_create(client, prompt=["One", "Two"], n=2))
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    assert [row["text"] for row in found.messages] == ["One", "Two", "1a", "1b", "2a", "2b"]
    (span,) = memory.spans()
    assert (span.attributes or {})["gen_ai.request.choice.count"] == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_echo_is_not_said_again(
    stream: bool, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    said = ("One plus one", "One plus two", "Two plus one", "Two plus two")
    server.script(Answer(tuple(map(Choice, said))))
    client = _client(server.url, asynchronous)
    reply = await resolve(_create(client, prompt=["One", "Two"], n=2, echo=True, stream=stream))
    if stream:
        assert [event async for event in each(reply)]
    rows = [row["text"] for row in memory.kept().messages]
    assert rows == ["One", "Two", " plus one", " plus two"]  # equal answers are one message


@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1, 2, 3]]], ids=["one", "list"])
async def test_tokens(prompt: Any, asynchronous: bool, server: WireServer, memory: Memory) -> None:
    server.script(text("one two three four"))
    await resolve(_create(_client(server.url, asynchronous), prompt=prompt, echo=True))
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    (part,) = found.messages[0]["parts"]
    assert (part["type"], part["count"], len(part["sha256"])) == ("tokens", 3, 64)
    assert texts(found.messages) == [("user", ""), ("assistant", "one two three four")]


async def test_what_comes_after_the_gap_is_kept(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    await resolve(_create(_client(server.url, asynchronous), suffix="in Portugal."))
    parts = memory.kept().messages[0]["parts"]
    assert parts == [
        {"type": "text", "content": "I live in Lisbon."},
        {"type": "suffix", "content": "in Portugal."},
    ]
