"""AWS's SDKs for Bedrock, boto3 and aiobotocore, and their ways to ask a model."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiobotocore.config
import aiobotocore.session
import anthropic
import boto3
import botocore.config

from wire.replies import ToolCall

MODEL = "eu.anthropic.claude-sonnet-5-20260701-v1:0"
REGION = "eu-west-1"
KEYS = {"aws_access_key_id": "wire", "aws_secret_access_key": "wire"}

_session = boto3.Session()
_async_session = aiobotocore.session.get_session()


class AsyncClient:
    """An aiobotocore client, which is made with the first call, since making one needs a loop."""

    def __init__(self, **options: Any) -> None:
        self._lifetime = _lifetime(options)
        self._making: asyncio.Future[Any] | None = None
        _in_use.append(self)

    async def __call__(self) -> Any:
        if self._making is None:
            self._making = asyncio.ensure_future(anext(self._lifetime))
        return await asyncio.shield(self._making)


async def _lifetime(options: dict[str, Any]) -> AsyncIterator[Any]:
    """A client, open until the event loop closes its generators, at its own end."""
    async with _async_session.create_client("bedrock-runtime", **options) as made:
        yield made


_in_use: deque[AsyncClient] = deque(maxlen=8)
"""A client that is collected is closed, also with a stream of its open."""


def client(url: str, asynchronous: bool, *, retries: int = 0, **options: Any) -> Any:
    """A client of the wire server at ``url``; ``retries`` after the first attempt."""
    config = aiobotocore.config.AioConfig if asynchronous else botocore.config.Config
    given = {
        "region_name": REGION,
        "endpoint_url": url,
        "config": config(
            retries={"total_max_attempts": retries + 1, "mode": "standard"},
            max_pool_connections=64,
        ),
        **KEYS,
        **options,
    }
    return AsyncClient(**given) if asynchronous else _session.client("bedrock-runtime", **given)


def anthropic_client(
    url: str, asynchronous: bool = False, *, retries: int = 0, **options: Any
) -> Any:
    """Anthropic's client for Bedrock, likewise."""
    make = anthropic.AsyncAnthropicBedrock if asynchronous else anthropic.AnthropicBedrock
    given = {"aws_access_key": "wire", "aws_secret_key": "wire", "aws_region": REGION}
    return make(base_url=url, max_retries=retries, **given, **options)


# --- arguments ------------------------------------------------------------------------------------


def _converse(history: Sequence[tuple[str, str]], given: dict[str, Any]) -> dict[str, Any]:
    messages = [{"role": role, "content": [{"text": text}]} for role, text in history]
    return {"modelId": MODEL, "messages": messages, **given}


def _invoke(history: Sequence[tuple[str, str]], given: dict[str, Any]) -> dict[str, Any]:
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 100,
        "messages": [{"role": role, "content": text} for role, text in history],
        **given,
    }
    return {"modelId": MODEL, "body": json.dumps(body)}


ARGUMENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "converse": _converse,
    "invoke_model": _invoke,
}


def picture(words: str, data: bytes) -> dict[str, Any]:
    """Arguments of ``converse`` that send words and a picture."""
    image = {"image": {"format": "png", "source": {"bytes": data}}}
    return {"messages": [{"role": "user", "content": [{"text": words}, image]}]}


def tool_round(question: str, call: ToolCall, result: str) -> dict[str, Any]:
    """Arguments of ``converse`` that send a question, the model's call and what the tool said."""
    use = {"toolUseId": call.id, "name": call.name, "input": call.arguments}
    answer = {"toolUseId": call.id, "content": [{"text": result}]}
    return {
        "messages": [
            {"role": "user", "content": [{"text": question}]},
            {"role": "assistant", "content": [{"toolUse": use}]},
            {"role": "user", "content": [{"toolResult": answer}]},
        ]
    }


# --- calls ----------------------------------------------------------------------------------------


def asks(method: str) -> Callable[..., Any]:
    """``converse`` or ``invoke_model``, to the end: the reply's JSON."""

    def call(client: Any, history: Sequence[tuple[str, str]], **more: Any) -> Any:
        given = ARGUMENTS[method](history, more)
        if isinstance(client, AsyncClient):
            return _asked(client, method, given)
        reply = getattr(client, method)(**given)
        return json.loads(reply["body"].read()) if "body" in reply else reply

    return call


async def _asked(client: AsyncClient, method: str, given: dict[str, Any]) -> Any:
    reply = await getattr(await client(), method)(**given)
    return json.loads(await reply["body"].read()) if "body" in reply else reply


def streams(method: str, arguments: str, member: str) -> Callable[..., Any]:
    """The streamed form of a method: the stream of its events, a member of the reply."""

    def call(client: Any, history: Sequence[tuple[str, str]], **more: Any) -> Any:
        given = ARGUMENTS[arguments](history, more)
        if isinstance(client, AsyncClient):
            return _streamed(client, method, given, member)
        return getattr(client, method)(**given)[member]

    return call


async def _streamed(client: AsyncClient, method: str, given: dict[str, Any], member: str) -> Any:
    reply = await getattr(await client(), method)(**given)
    return reply[member]


def text(reply: Any) -> str:
    """What a reply's JSON says, of either method."""
    message = reply["output"]["message"] if "output" in reply else reply
    return "".join(block.get("text", "") for block in message["content"])
