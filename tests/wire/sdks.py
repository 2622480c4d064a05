"""The SDKs' ways to ask a model, as data, so that one suite runs over all of them.

Each :class:`Sdk` turns a neutral history (``(role, text)`` pairs) into a call of the real SDK.
Calls give whatever the SDK gives: a result, or a coroutine of it for the asynchronous clients.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import anthropic
import openai
from google.genai import errors, types
from pydantic import BaseModel

from wire import clients

History = Sequence[tuple[str, str]]
HELLO: History = (("user", "I live in Lisbon."),)


class Place(BaseModel):
    """What ``parse`` asks for; a reply of :data:`PLACE_JSON` fits."""

    city: str


PLACE_JSON = '{"city": "Lisbon"}'


async def resolve(value: Any) -> Any:
    """``value``, awaited if it is awaitable."""
    return await value if inspect.isawaitable(value) else value


async def each(stream: Any) -> AsyncIterator[Any]:
    """The items of a sync or an async iterable."""
    if hasattr(stream, "__aiter__"):
        async for item in stream:
            yield item
    else:
        for item in stream:
            yield item


async def step(iterator: Any) -> Any:
    """The next item of a sync or an async iterator."""
    return await resolve(iterator.__anext__() if hasattr(iterator, "__anext__") else next(iterator))


@asynccontextmanager
async def entered(manager: Any) -> AsyncIterator[Any]:
    """A sync or an async context manager, or a coroutine of one, entered."""
    manager = await resolve(manager)
    if hasattr(manager, "__aenter__"):
        async with manager as value:
            yield value
    else:
        with manager as value:
            yield value


@dataclass(frozen=True)
class Sdk:
    """One API of one SDK.

    ``create``, ``stream``, ``helper`` and ``parse`` take a client, a history and further arguments;
    ``None`` where the SDK has no such thing.
    """

    name: str
    provider: str
    """``gen_ai.provider.name``."""
    operation: str
    model: str
    client: Callable[..., Any]
    """Of a URL and whether it is to be asynchronous; ``retries`` after the first attempt."""
    create: Callable[..., Any]
    stream: Callable[..., Any]
    text: Callable[[Any], str]
    """What a result of ``create`` says."""
    status_error: type[Exception]
    resource: Callable[[Any], Any] | None = None
    """What has ``create``, ``with_raw_response`` and ``with_streaming_response``."""
    arguments: Callable[[History], dict[str, Any]] | None = None
    """The keyword arguments of the resource's methods."""
    helper: Callable[..., Any] | None = None
    parse: Callable[..., Any] | None = None


def _stainless(
    name: str,
    provider: str,
    model: str,
    client: Callable[..., Any],
    resource: Callable[[Any], Any],
    arguments: Callable[[History], dict[str, Any]],
    text: Callable[[Any], str],
    errors: type[Exception],
    schema: str,
) -> Sdk:
    """An API of the OpenAI or Anthropic SDK; ``schema`` is how ``parse`` takes the model class."""

    def called(method: str, **fixed: Any) -> Callable[..., Any]:
        def call(client: Any, history: History = HELLO, **more: Any) -> Any:
            given = {**arguments(history), **fixed, **more}
            return getattr(resource(client), method)(**given)

        return call

    return Sdk(
        name=name,
        provider=provider,
        operation="chat",
        model=model,
        client=client,
        create=called("create"),
        stream=called("create", stream=True),
        text=text,
        status_error=errors,
        resource=resource,
        arguments=arguments,
        helper=called("stream"),
        parse=called("parse", **{schema: Place}),
    )


def _openai_client(url: str, asynchronous: bool, *, retries: int = 0) -> Any:
    make = clients.async_openai_client if asynchronous else clients.openai_client
    return make(url, max_retries=retries)


def _anthropic_client(url: str, asynchronous: bool, *, retries: int = 0) -> Any:
    make = clients.async_anthropic_client if asynchronous else clients.anthropic_client
    return make(url, max_retries=retries)


def _messages(history: History) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in history]


def _chat_text(reply: Any) -> str:
    return reply.choices[0].message.content or ""


def _blocks_text(reply: Any) -> str:
    return "".join(block.text for block in reply.content if block.type == "text")


def _anthropic_arguments(history: History) -> dict[str, Any]:
    return {
        "model": clients.ANTHROPIC_MODEL,
        "max_tokens": 100,
        "messages": _messages(history),
    }


class _Google:
    """A Google client and its ``.aio``, kept together: the first closes when it is collected."""

    def __init__(self, url: str, asynchronous: bool, retries: int) -> None:
        self.root = clients.google_client(url, retries=retries)
        self.face: Any = self.root.aio if asynchronous else self.root
        self.asynchronous = asynchronous


def _google_client(url: str, asynchronous: bool, *, retries: int = 0) -> _Google:
    return _Google(url, asynchronous, retries)


def _contents(history: History) -> list[dict[str, Any]]:
    names = {"assistant": "model"}
    return [{"role": names.get(role, role), "parts": [{"text": text}]} for role, text in history]


def _generate(method: str) -> Callable[..., Any]:
    def call(client: _Google, history: History = HELLO, **more: Any) -> Any:
        given = {"model": clients.GOOGLE_MODEL, "contents": _contents(history), **more}
        return getattr(client.face.models, method)(**given)

    return call


def _send(method: str) -> Callable[..., Any]:
    def call(client: _Google, history: History = HELLO, **more: Any) -> Any:
        past: Any = [types.Content.model_validate(item) for item in _contents(history[:-1])]
        chat = client.face.chats.create(model=clients.GOOGLE_MODEL, history=past)
        return getattr(chat, method)(history[-1][1], **more)

    return call


def _google_parse(client: _Google, history: History = HELLO) -> Any:
    config = {"response_mime_type": "application/json", "response_schema": Place}
    return _generate("generate_content")(client, history, config=config)


def _chat(method: str, *given: Any) -> Callable[..., Any]:
    from wire import xai

    def call(client: Any, history: History = HELLO, **more: Any) -> Any:
        return getattr(xai.chat(client, history, **more), method)(*given)

    return call


def _google_text(reply: Any) -> str:
    return reply.text or ""


def _xai() -> tuple[Sdk, ...]:
    """xAI's, where it is installed; where it is not, ``tests/providers/test_xai.py`` says so."""
    if find_spec("xai_sdk") is None:
        return ()
    import grpc

    from wire import xai

    return (
        Sdk(
            name="xai",
            provider="x_ai",
            operation="chat",
            model=xai.MODEL,
            client=xai.client,
            create=_chat("sample"),
            stream=_chat("stream"),
            text=xai.text,
            status_error=grpc.RpcError,
            parse=_chat("parse", Place),
        ),
    )


SDKS = (
    _stainless(
        "openai-chat",
        "openai",
        clients.OPENAI_MODEL,
        _openai_client,
        lambda client: client.chat.completions,
        lambda history: {"model": clients.OPENAI_MODEL, "messages": _messages(history)},
        _chat_text,
        openai.APIStatusError,
        "response_format",
    ),
    _stainless(
        "openai-responses",
        "openai",
        clients.OPENAI_MODEL,
        _openai_client,
        lambda client: client.responses,
        lambda history: {"model": clients.OPENAI_MODEL, "input": _messages(history)},
        lambda reply: reply.output_text,
        openai.APIStatusError,
        "text_format",
    ),
    _stainless(
        "anthropic",
        "anthropic",
        clients.ANTHROPIC_MODEL,
        _anthropic_client,
        lambda client: client.messages,
        _anthropic_arguments,
        _blocks_text,
        anthropic.APIStatusError,
        "output_format",
    ),
    _stainless(
        "anthropic-beta",
        "anthropic",
        clients.ANTHROPIC_MODEL,
        _anthropic_client,
        lambda client: client.beta.messages,
        _anthropic_arguments,
        _blocks_text,
        anthropic.APIStatusError,
        "output_format",
    ),
    Sdk(
        name="google",
        provider="gcp.gemini",
        operation="generate_content",
        model=clients.GOOGLE_MODEL,
        client=_google_client,
        create=_generate("generate_content"),
        stream=_generate("generate_content_stream"),
        text=_google_text,
        status_error=errors.APIError,
        parse=_google_parse,
    ),
    Sdk(
        name="google-chats",
        provider="gcp.gemini",
        operation="generate_content",
        model=clients.GOOGLE_MODEL,
        client=_google_client,
        create=_send("send_message"),
        stream=_send("send_message_stream"),
        text=_google_text,
        status_error=errors.APIError,
    ),
    *_xai(),
)
STAINLESS = tuple(sdk for sdk in SDKS if sdk.resource is not None)
