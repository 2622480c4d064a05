"""Pydantic AI over the real SDKs: single requests, as its agents make them."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic_ai import Agent, BinaryContent, NativeOutput
from pydantic_ai.direct import (
    model_request,
    model_request_stream,
    model_request_stream_sync,
    model_request_sync,
)
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model

from frameworks.pydantic_models import MODELS, Asked
from wire.content import CALL, PICTURE, QUESTION, RESULT
from wire.offers import offered
from wire.sdk import HELLO, History, Place, Sdk

_END = object()


class _Client:
    """A model and how it is asked. The synchronous methods run an event loop themselves, so they
    are called from a thread that has none: always the same, for the model's client stays with its
    loop."""

    def __init__(self, over: Asked, url: str, asynchronous: bool, retries: int) -> None:
        self.model = over.make(url, max_retries=retries)
        self.asynchronous = asynchronous
        self._thread = ThreadPoolExecutor(1)

    async def elsewhere(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function on the thread without a loop, in the caller's context."""
        context = contextvars.copy_context()
        call = asyncio.get_running_loop().run_in_executor
        return await call(self._thread, lambda: context.run(function, *args, **kwargs))


def _client(over: Asked) -> Callable[..., _Client]:
    def client(url: str, asynchronous: bool, *, retries: int = 0) -> _Client:
        return _Client(over, url, asynchronous, retries)

    return client


def _history(history: History) -> list[ModelMessage]:
    return [
        ModelRequest([UserPromptPart(text)]) if role == "user" else ModelResponse([TextPart(text)])
        for role, text in history
    ]


def _create(
    client: _Client, history: History = HELLO, messages: list[ModelMessage] | None = None
) -> Any:
    given = messages or _history(history)
    if client.asynchronous:
        return model_request(client.model, given)
    return client.elsewhere(model_request_sync, client.model, given)


def _parse(client: _Client) -> Any:
    agent = Agent(client.model, output_type=NativeOutput(Place))
    return (
        agent.run("Where?") if client.asynchronous else client.elsewhere(agent.run_sync, "Where?")
    )


def _stream(client: _Client, history: History = HELLO) -> AsyncIterator[Any]:
    given = _history(history)
    return _events(client.model, given) if client.asynchronous else _Stepped(client, given)


async def _events(model: Model[Any], messages: list[ModelMessage]) -> AsyncIterator[Any]:
    async with model_request_stream(model, messages) as stream:
        async for event in stream:
            yield event


def _sync_events(model: Model[Any], messages: list[ModelMessage]) -> Iterator[Any]:
    with model_request_stream_sync(model, messages) as stream:
        yield from stream


class _Stepped:
    """A synchronous stream, stepped on the thread without a loop."""

    def __init__(self, client: _Client, messages: list[ModelMessage]) -> None:
        self._client = client
        self._events = _sync_events(client.model, messages)

    def __aiter__(self) -> _Stepped:
        return self

    async def __anext__(self) -> Any:
        event = await self._client.elsewhere(next, self._events, _END)
        if event is _END:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        await self._client.elsewhere(self._events.close)  # type: ignore[attr-defined]


def _text(reply: Any) -> str:
    if isinstance(reply, ModelResponse):
        return reply.text or ""
    return reply.output.model_dump_json()


def _picture() -> dict[str, Any]:
    content = ["Look", BinaryContent(PICTURE, media_type="image/png")]
    return {"messages": [ModelRequest([UserPromptPart(content)])]}


def _tool_round() -> dict[str, Any]:
    return {
        "messages": [
            ModelRequest([UserPromptPart(QUESTION)]),
            ModelResponse([ToolCallPart(CALL.name, CALL.arguments, CALL.id)]),
            ModelRequest([ToolReturnPart(CALL.name, RESULT, CALL.id)]),
        ]
    }


def _row(over: Asked) -> Sdk:
    return Sdk(
        name=f"pydantic-ai over {over.sdk.name}",
        provider=over.sdk.provider,
        operation=over.sdk.operation,
        model=over.sdk.model,
        client=_client(over),
        create=_create,
        stream=_stream,
        text=_text,
        status_error=ModelHTTPError,
        parse=_parse,
        positional=lambda client: _create(client, (("user", "Hi"),)),
        picture=_picture,
        tool_round=_tool_round,
        framework="pydantic-ai",
        lacks={
            **_older(over),
            **dict.fromkeys(("raw-parsed", "raw", "bytes"), "Pydantic AI gives messages only"),
            "unset": "Pydantic AI knows no such arguments",
            "choices": "Pydantic AI asks for one answer",
            **dict.fromkeys(
                ("break/sync", "raise/sync"),
                "Pydantic AI's synchronous streams are closed by their `with` block",
            ),
        },
    )


def _older(over: Asked) -> dict[str, str]:
    """What a model does not offer in releases before 2."""
    if offered("pydantic_ai.result:StreamedRunResultSync.__enter__"):
        return {}
    unknown = {"parse": "this release knows of no schemas for the model"}
    return {
        "break-close/sync": "this release reads the rest of a stream that is closed",
        **(unknown if over.sdk.provider == "anthropic" else {}),
    }


# Google's need another environment: see ``frameworks.pydantic_models``.
ROWS = [_row(over) for over in MODELS if over.sdk.provider in ("openai", "anthropic")]
