"""What a way to ask a model is to the tests: data, so that one suite runs over all of them.

Each :class:`Sdk` turns a neutral history (``(role, text)`` pairs) into a call of the real SDK.
Calls give whatever the SDK gives: a result, or a coroutine of it for the asynchronous clients.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

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
    choices: Callable[[Any], Any] | None = None
    """Asks for two answers at once."""
    positional: Callable[[Any], Any] | None = None
    """Says ``Hi`` in positional arguments."""
    unset: Callable[[Any], Any] | None = None
    """``create`` with arguments that stand for none given."""
    picture: Callable[[], dict[str, Any]] | None = None
    """Further arguments of ``create`` that send :data:`wire.content.PICTURE`."""
    tool_round: Callable[[], dict[str, Any]] | None = None
    """Further arguments that send a question, :data:`wire.content.CALL` and its answer."""
    names_itself: bool = True
    """Whether a reply says its id and its model."""
    framework: str | None = None
    """The framework through which the SDK is called."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """What of :data:`wire.modes.MODES` it does not offer, and why; by mode, or by mode and
    ``/sync`` or ``/async``."""


def without_raw(reason: str) -> dict[str, str]:
    """What an SDK lacks that does not hand out its responses."""
    return dict.fromkeys(("raw-parsed", "raw", "bytes"), reason)


ONE_ANSWER = {"choices": "the API gives one answer to a request"}
