"""xAI's own SDK, over gRPC: whatever a ``Chat`` asks a model, sync and async.

The methods of ``Chat`` do not call one another. Inside each, the request passes ``_make_request``,
which copies what the user goes on changing, and a whole reply is put into a ``Response`` before
anything can fail on it (``parse`` validates): both are noted there. A stream's chunks are noted as
they pass.
"""

from __future__ import annotations

import inspect
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from opentelemetry import context

from memori_instrumentation.capture.call import MAX_ERROR, Call, call_under_way
from memori_instrumentation.providers._choke import Args, Asked, Choke, Kwargs, unusable
from memori_instrumentation.providers._patching import Patch, Patcher
from memori_instrumentation.providers._xai import APIS, DONE


def _describe(chat: Any, args: Args, kwargs: Kwargs) -> Asked:
    return Asked(APIS[0], "x_ai", chat._proto.model or None, _server(chat._stub))


_servers: WeakKeyDictionary[Any, tuple[str, int | None] | None] = WeakKeyDictionary()
"""Host and port by stub."""


def _server(stub: Any) -> tuple[str, int | None] | None:
    if stub not in _servers:
        try:
            _servers[stub] = _address(_target(stub.GetCompletion))
        except Exception as error:
            _servers[stub] = None
            unusable("a server's address", error)
    return _servers[stub]


def _target(method: Any) -> str:
    """The target of the channel that a stub's method belongs to.

    gRPC has no way to ask for it: an async method knows its channel, a sync one has it in the
    function that an interceptor's channel made, and channels wrap channels.
    """
    channel = method if hasattr(method, "_channel") else _closed_over(method._thunk)
    while hasattr(channel, "_channel"):
        channel = channel._channel
    target = channel.target() if callable(channel.target) else channel.target
    return target.decode() if isinstance(target, bytes) else str(target)


def _closed_over(function: Any) -> Any:
    return inspect.getclosurevars(function).nonlocals["self"]


def _address(target: str) -> tuple[str, int | None]:
    """Host and port of a gRPC target, such as ``api.x.ai`` or ``dns:///host:443``."""
    url = urlsplit(f"//{target.rpartition('/')[2]}")
    return url.hostname or target, url.port or 443


def _current() -> Call | None:
    """The call under way, if it is one of ours to note here."""
    call = call_under_way()
    return call if call is not None and call.api in APIS else None


def _note_request(wrapped: Any, chat: Any, args: Args, kwargs: Any) -> Any:
    request = wrapped(*args, **kwargs)
    if (call := _current()) is not None:
        # A copy that the SDK made for this call: nobody changes it.
        call.request = request, getattr(chat, "_conversation_id", None)
    return request


def _note_reply(wrapped: Any, response: Any, args: Args, kwargs: Any) -> Any:
    result = wrapped(*args, **kwargs)
    call = _current()
    if call is not None and call.body is None and not call.streamed:
        _keep(call, response)
    return result


def _keep(call: Call, reply: Any) -> None:
    """Note a whole reply, as a copy: the user may change what the SDK returns."""
    try:
        proto = getattr(reply, "_proto", reply)
        copy = type(proto)()
        copy.CopyFrom(proto)
        call.body = copy
    except Exception as error:
        unusable("a reply", error)


def _returned(call: Call, ctx: context.Context, result: Any) -> Any:
    call.finish()
    return result


def _deferred(call: Call, ctx: context.Context, result: Any) -> Any:
    if call.body is None:  # early releases make no ``Response`` of it on the way
        _keep(call, result)
    return _returned(call, ctx, result)


def _passed(call: Call, item: Any) -> None:
    if item is None:
        call.chunks.append(DONE)
        return
    _, chunk = item
    # The chunks of several responses are views of one message.
    call.chunks.append((chunk[0] if isinstance(chunk, list) else chunk)._proto)


def _failed(call: Call, args: Args, kwargs: Kwargs, error: BaseException) -> None:
    code, details = getattr(error, "code", None), getattr(error, "details", None)
    if callable(code) and callable(details):
        # What gRPC raises has private classes, and texts of several lines.
        call.error = code().name, str(details())[:MAX_ERROR]


_SYNC, _ASYNC, _SHARED = "xai_sdk.sync.chat", "xai_sdk.aio.chat", "xai_sdk.chat"


def build() -> Patcher:
    """The patches of the ``xai-sdk`` package."""
    whole = Choke(_describe, _returned, _failed)
    deferred = Choke(_describe, _deferred, _failed)
    stream = Choke(_describe, _returned, _failed, _passed)
    patches = [
        Patch(_SHARED, "BaseChat._make_request", _note_request),
        Patch(_SHARED, "Response.__init__", _note_reply),
        Patch(_SYNC, "Chat._defer", deferred.sync),
        Patch(_ASYNC, "Chat._defer", deferred.asynchronous),
    ]
    for name in ("sample", "sample_batch", "parse"):
        patches.append(Patch(_SYNC, f"Chat.{name}", whole.sync))
        patches.append(Patch(_ASYNC, f"Chat.{name}", whole.asynchronous))
    for name in ("stream", "stream_batch"):
        patches.append(Patch(_SYNC, f"Chat.{name}", stream.generator))
        patches.append(Patch(_ASYNC, f"Chat.{name}", stream.async_generator))
    return Patcher(patches)
