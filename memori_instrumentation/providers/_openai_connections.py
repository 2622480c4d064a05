"""OpenAI's WebSockets, Realtime and Responses: where the SDK makes the connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from memori_instrumentation.capture.line import Talk
from memori_instrumentation.providers._choke import Args, unusable
from memori_instrumentation.providers._openai_realtime import RealtimeTalk
from memori_instrumentation.providers._openai_socket import ResponsesTalk
from memori_instrumentation.providers._patching import Patch
from memori_instrumentation.providers._websockets import server_of, watch

Provider = Callable[[Any], str]


def connections(provider: Provider) -> list[Patch]:
    """Patches that put a line to each connection that a client makes.

    Args:
        provider: Names the provider that a client talks to.
    """
    resources = "openai.resources"
    return [
        *_made(f"{resources}.realtime.realtime", "Realtime", _realtime, provider),
        *_made(f"{resources}.responses.responses", "Responses", _responses, provider),
        *_made(f"{resources}.beta.responses.responses", "Responses", _responses, provider),
        *_made(f"{resources}.beta.realtime.realtime", "Realtime", _realtime, provider),
    ]


def _realtime(connection: Any) -> Talk:
    query = parse_qs(urlsplit(connection.request.path).query)
    named = query.get("model") or query.get("deployment")
    return RealtimeTalk(named[0] if named else None)


def _responses(connection: Any) -> Talk:
    return ResponsesTalk()


def _made(
    module: str,
    api: str,
    talk: Callable[[Any], Talk],
    provider: Provider,
) -> list[Patch]:
    """The patches of what makes an API's connections, sync and async: a method of the manager that
    does nothing else or, where there is none, those that enter the manager."""

    def noted(manager: Any, made: Any, owner: str, *, is_async: bool) -> None:
        try:
            # The SDK's own connection, or the one under it.
            connection = getattr(made, "_connection", made)
            server = server_of(connection)
            named = provider(getattr(manager, f"_{owner}__client"))
        except Exception as error:
            unusable("a connection", error)
            return
        watch(connection, talk(connection), named, server, is_async=is_async)

    name = f"{api}ConnectionManager"

    def sync(wrapped: Any, manager: Any, args: Args, kwargs: Any) -> Any:
        made = wrapped(*args, **kwargs)
        noted(manager, made, name, is_async=False)
        return made

    async def asynchronous(wrapped: Any, manager: Any, args: Args, kwargs: Any) -> Any:
        made = await wrapped(*args, **kwargs)
        noted(manager, made, f"Async{name}", is_async=True)
        return made

    return [
        patch
        for owner, wrapper, enter in (
            (name, sync, "__enter__"),
            (f"Async{name}", asynchronous, "__aenter__"),
        )
        for patch in (
            Patch(module, f"{owner}._connect_ws", wrapper, optional=True),
            *(
                Patch(module, f"{owner}.{it}", wrapper, feature=True, unless=f"{owner}._connect_ws")
                for it in (enter, "enter")
            ),
        )
    ]
