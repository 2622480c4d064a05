"""OpenAI's SDK over other clients than its plain one: Azure's, older httpx, aiohttp."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from test_calls import (
    test_a_retried_call_is_one_turn,
    test_create,
    test_http_400,
    test_stream_helper,
    test_stream_to_the_end,
    test_streamed_tool_calls,
)
from test_streams_left import (
    old_objects_out_of_the_way,
    test_break_and_close,
    test_connection_cut_midway,
    test_exception_in_the_loop_body,
)

from wire.clients import async_openai_client, openai_client
from wire.memory import Memory
from wire.replies import text
from wire.sdks import SDKS, Sdk, resolve
from wire.server import WireServer

__all__ = [
    "old_objects_out_of_the_way",
    "test_a_retried_call_is_one_turn",
    "test_break_and_close",
    "test_connection_cut_midway",
    "test_create",
    "test_exception_in_the_loop_body",
    "test_http_400",
    "test_stream_helper",
    "test_stream_to_the_end",
    "test_streamed_tool_calls",
]

pytestmark = pytest.mark.usefixtures("user")

CHAT, RESPONSES = SDKS[:2]


def azure(url: str, asynchronous: bool, *, retries: int = 0) -> Any:
    make = openai.AsyncAzureOpenAI if asynchronous else openai.AzureOpenAI
    return make(
        azure_endpoint=url, api_key="wire", api_version="2025-04-01-preview", max_retries=retries
    )


def legacy(url: str, asynchronous: bool, *, retries: int = 0) -> Any:
    if asynchronous:
        client: Any = httpx.AsyncClient()
        return async_openai_client(url, max_retries=retries, http_client=client)
    client = httpx.Client()
    return openai_client(url, max_retries=retries, http_client=client)


def over_aiohttp(url: str, asynchronous: bool, *, retries: int = 0) -> Any:
    client = openai.DefaultAioHttpClient()
    return async_openai_client(url, max_retries=retries, http_client=client)


def door(name: str, sdk: Sdk, client: Callable[..., Any], provider: str = "openai") -> Sdk:
    return dataclasses.replace(sdk, name=name, client=client, provider=provider)


AZURE = "azure.ai.openai"
DOORS = {
    "azure-chat": door("azure-chat", CHAT, azure, AZURE),
    "azure-responses": door("azure-responses", RESPONSES, azure, AZURE),
    "httpx": door("httpx", CHAT, legacy),
    "aiohttp": door("aiohttp", CHAT, over_aiohttp),
}


CELLS = [
    (sdk, asynchronous)
    for name, sdk in DOORS.items()
    for asynchronous in (False, True)
    if asynchronous or name != "aiohttp"
]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_azures_deployments_and_versions(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = azure(server.url, asynchronous)
    await resolve(CHAT.create(client, model="my-gpt"))
    await resolve(RESPONSES.create(client, [("user", "Hi")], model="my-gpt"))
    version = "api-version=2025-04-01-preview"
    assert [received.path for received in server.journal] == [
        f"/openai/deployments/my-gpt/chat/completions?{version}",
        f"/openai/responses?{version}",
    ]
    found = memory.kept()
    assert [turn["provider"] for turn in found.turns] == [AZURE] * 2
    assert [turn["model"] for turn in found.turns] == ["my-gpt"] * 2
    assert len(found.messages) == 4


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_azures_background_responses(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = azure(server.url, asynchronous)
    server.script(text("At last.", id="resp_1", polls=1))
    await resolve(RESPONSES.create(client, background=True))
    for _ in range(3):
        await resolve(client.responses.retrieve("resp_1"))
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["complete"]
    assert [row["text"] for row in found.messages] == ["I live in Lisbon.", "At last."]
