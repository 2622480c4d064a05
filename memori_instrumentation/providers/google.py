"""Google's Gen AI SDK: ``generate_content`` in all its forms, for Gemini and Vertex AI.

All of them pass four methods of the API client, one per model turn: automatic function calling
makes several. A body is JSON text already; a stream is a series of JSON texts.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from time import time_ns
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import context

from memori_instrumentation._attribution import attach, detach
from memori_instrumentation.capture.call import Call, Chunk
from memori_instrumentation.capture.reading import first_api
from memori_instrumentation.capture.runtime import active
from memori_instrumentation.capture.tee import observe
from memori_instrumentation.providers import _gemini_interactions as interactions
from memori_instrumentation.providers._choke import (
    Args,
    Asked,
    Choke,
    Kwargs,
    server_at,
    unusable,
)
from memori_instrumentation.providers._gemini import APIS
from memori_instrumentation.providers._gemini_live import LiveTalk
from memori_instrumentation.providers._patching import Patch, Patcher
from memori_instrumentation.providers._stainless import patcher
from memori_instrumentation.providers._websockets import watch


def _describe(client: Any, args: Args, kwargs: Kwargs) -> Asked | None:
    path = args[1] if len(args) > 1 else kwargs["path"]
    api = first_api(APIS, path)
    if api is None:
        return None
    return Asked(
        api,
        "gcp.vertex_ai" if client.vertexai else "gcp.gemini",
        path.rpartition("/")[2].partition(":")[0],
        server_at(str(client._http_options.base_url)),
        # The SDK made this dictionary for the call and serialises it itself: nobody changes it.
        args[2] if len(args) > 2 else kwargs["request_dict"],
    )


def _returned(call: Call, ctx: context.Context, response: Any) -> Any:
    call.body = response.body
    whole = [*_begun(call), response.body]
    if len(whole) > 1:
        call.chunks, call.streamed = whole, True
    _remember(response.body, whole)
    call.finish()
    return response


_unfinished: deque[tuple[str, list[Chunk], int]] = deque(maxlen=32)
"""Long answers that the SDK may ask for the rest of: token, chunks, and how many were there. By
reference, so that the request for the rest tells of the whole answer."""
_TOKEN = re.compile(r'"continuationToken"\s*:\s*"([^"]+)"')


def _remember(body: Any, chunks: list[Chunk]) -> None:
    """Note where a chunk, the last one so far, says that the answer can be continued."""
    if isinstance(body, str) and "continuationToken" in body:
        for token in _TOKEN.findall(body):
            _unfinished.append((_spelt(token), chunks, len(chunks)))


def _begun(call: Call) -> list[Chunk]:
    """The chunks of the answer that a call asks for the rest of, if it does."""
    token = call.request.get("continuationToken")
    if token is None:
        return []
    found = (chunks[:n] for known, chunks, n in list(_unfinished) if known == _spelt(token))
    return next(found, [])


def _spelt(token: Any) -> str:
    """A token in one of the two alphabets of base64, which requests and replies differ in."""
    return str(token).replace("+", "-").replace("/", "_").rstrip("=")


def _failed(call: Call, args: Args, kwargs: Kwargs, error: BaseException) -> None:
    code = getattr(error, "code", None)
    if isinstance(code, int) and not call.first_ns:
        # In the middle of a stream it is an event's code; the response itself had begun well.
        call.status = code


class _Noting:
    """A stream of chunks inside the SDK that notes what passes. The user holds the SDK's own
    generator around it."""

    def __init__(self, stream: Any, call: Call, ctx: context.Context) -> None:
        self._stream = stream
        self._call = call
        self._ctx: context.Context | None = ctx
        call.streamed = True
        call.chunks = _begun(call)

    def __getattr__(self, name: str) -> Any:
        if name in ("_stream", "_call", "_ctx"):
            raise AttributeError(name)
        return getattr(self._stream, name)

    def __del__(self) -> None:
        call = self.__dict__.get("_call")
        if call is not None:
            call.finish()

    def _note(self, chunk: Any) -> Any:
        call = self._call
        if not call.first_ns:
            call.first_ns = time_ns()
        try:
            if chunk.body:
                call.chunks.append(chunk.body)
                _remember(chunk.body, call.chunks)
        except Exception as error:  # a release whose chunks are of another kind
            unusable("a part of a reply", error)
        return chunk


class _Chunks(_Noting):
    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        # The request itself goes out with the first step.
        token = attach(self._ctx) if self._ctx is not None else None
        self._ctx = None
        try:
            return self._note(next(self._stream))
        except StopIteration:
            self._call.finish()
            raise
        except BaseException as error:
            _failed(self._call, (), {}, error)
            self._call.finish(error)
            raise
        finally:
            if token is not None:
                detach(token)

    def close(self) -> None:
        self._call.finish()
        self._stream.close()


class _AsyncChunks(_Noting):
    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            return self._note(await self._stream.__anext__())
        except StopAsyncIteration:
            self._call.finish()
            raise
        except BaseException as error:
            _failed(self._call, (), {}, error)
            self._call.finish(error)
            raise

    async def aclose(self) -> None:
        self._call.finish()
        await self._stream.aclose()


_ASKED = re.compile(rb'\s*\{\s*"(model|agent)"\s*:\s*"([^"\\]+)"')
"""How the body of an interaction begins: its first field names who is asked."""


def _describe_interaction(client: Any, args: Args, kwargs: Kwargs) -> Asked | None:
    request = kwargs["request"]
    url = request.url
    api = first_api(interactions.APIS, url.path, request.method.lower())
    if api is None:
        return None
    asked = _ASKED.match(request.content)
    return Asked(
        interactions.AGENT_API if asked and asked[1] == b"agent" else api,
        "gcp.vertex_ai" if "/projects/" in url.path else "gcp.gemini",
        asked[2].decode() if asked else None,
        server_at(str(url)),
        request.content,
    )


def _interacted(call: Call, ctx: context.Context, response: Any, *, is_async: bool) -> Any:
    observe(response, call, is_async=is_async)
    if not call.streamed:
        call.finish()
    return response


def _unheard(call: Call, args: Args, kwargs: Kwargs, error: BaseException) -> None:
    """Nothing to note: an error status is a response here, and is raised later."""


def _connecting(wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
    """Around the Live API's ``connect`` of ``websockets``."""
    if active() is None:
        return wrapped(*args, **kwargs)
    try:
        noted = _noted(args[0], kwargs)
    except Exception as error:
        unusable("a socket", error)
        noted = {}
    return wrapped(*args, **{**kwargs, **noted})


def _noted(uri: str, kwargs: Kwargs) -> dict[str, Any]:
    """What to add to the arguments of ``connect`` so that a line notes what passes."""
    from websockets.asyncio.client import ClientConnection

    url = urlsplit(uri)
    provider = "gcp.vertex_ai" if "aiplatform" in uri else "gcp.gemini"
    port = url.port or (80 if url.scheme == "ws" else 443)
    made_by = kwargs.get("create_connection") or ClientConnection

    def made(*args: Any, **kwargs: Any) -> Any:
        connection = made_by(*args, **kwargs)
        watch(connection, LiveTalk(), provider, (url.hostname or "", port), is_async=True)
        return connection

    return {"create_connection": made}


def _early_interactions() -> Sequence[Patch]:
    """For the releases before 2.9, in which Stainless had generated this part."""
    return patcher(
        "google.genai._interactions._base_client",
        "request",
        interactions.APIS,
        lambda client: "gcp.vertex_ai" if client._is_vertex else "gcp.gemini",
    ).patches


_MODULE = "google.genai._api_client"
_INTERACTIONS = "google.genai._gaos.basesdk"


def build() -> Patcher:
    """The patches of the ``google-genai`` package."""
    whole = Choke(_describe, _returned, _failed)
    stream = Choke(_describe, lambda call, ctx, chunks: _Chunks(chunks, call, ctx), _failed)
    async_stream = Choke(
        _describe, lambda call, ctx, chunks: _AsyncChunks(chunks, call, ctx), _failed
    )
    interaction = Choke(_describe_interaction, partial(_interacted, is_async=False), _unheard)
    async_interaction = Choke(_describe_interaction, partial(_interacted, is_async=True), _unheard)
    return Patcher(
        [
            Patch(_MODULE, "BaseApiClient.request", whole.sync),
            Patch(_MODULE, "BaseApiClient.async_request", whole.asynchronous),
            Patch(_MODULE, "BaseApiClient.request_streamed", stream.sync),
            Patch(_MODULE, "BaseApiClient.async_request_streamed", async_stream.asynchronous),
            Patch(_INTERACTIONS, "BaseSDK.do_request", interaction.sync),
            Patch(_INTERACTIONS, "AsyncBaseSDK.do_request_async", async_interaction.asynchronous),
            *_early_interactions(),
            Patch("google.genai.live", "ws_connect", _connecting),
        ]
    )
