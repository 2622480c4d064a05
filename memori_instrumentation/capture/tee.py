"""Byte streams that note what passes through them, for responses of httpx and httpx2 alike.

The SDK's response keeps its class and its behaviour; only ``response.stream``, the bytes
underneath, is replaced. The replacement subclasses the stream base of the response's own library,
because responses check for it, and forwards unknown attributes, because SDKs hang their own
there.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from time import time_ns
from typing import Any

from memori_instrumentation.capture.call import Call


def tee(response: Any, call: Call, *, is_async: bool) -> None:
    """Let ``call`` note the body of ``response`` while the user reads it."""
    library = type(response).__module__.partition(".")[0]
    response.stream = _tee_class(library, is_async)(response.stream, call)


@functools.cache
def _tee_class(library: str, is_async: bool) -> type:
    """The tee for the responses of ``library``, which the response proves to be imported."""
    module = sys.modules[library]
    if is_async:
        return type("AsyncTee", (_AsyncTee, module.AsyncByteStream), {})
    return type("SyncTee", (_SyncTee, module.SyncByteStream), {})


class _Tee:
    def __init__(self, stream: Any, call: Call) -> None:
        self._stream = stream
        self._call = call

    def __getattr__(self, name: str) -> Any:
        # Reached for names that this object lacks. Not for its own, or a half-made one would
        # recurse.
        if name in ("_stream", "_call"):
            raise AttributeError(name)
        return getattr(self._stream, name)

    def __del__(self) -> None:
        # An abandoned stream: whatever arrived is what there is. Only a queue put happens here.
        call = self.__dict__.get("_call")
        if call is not None:
            call.finish()


class _SyncTee(_Tee):
    def __iter__(self) -> Iterator[bytes]:
        call = self._call
        note = call.chunks.append
        try:
            for chunk in self._stream:
                if not call.first_ns:
                    call.first_ns = time_ns()
                note(chunk)
                yield chunk
        except GeneratorExit:
            call.finish()
            raise
        except BaseException as error:
            call.finish(error)
            raise
        call.finish()

    def close(self) -> None:
        # First the connection, then the hand-over: it wakes our worker, which would only be in the
        # way of the SDK's last bytes.
        try:
            self._stream.close()
        finally:
            self._call.finish()


class _AsyncTee(_Tee):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        call = self._call
        note = call.chunks.append
        try:
            async for chunk in self._stream:
                if not call.first_ns:
                    call.first_ns = time_ns()
                note(chunk)
                yield chunk
        except GeneratorExit:
            call.finish()
            raise
        except BaseException as error:
            call.finish(error)
            raise
        call.finish()

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._call.finish()


def observe(response: Any, call: Call, *, is_async: bool) -> None:
    """Let ``call`` note what a response says and the request that it answers: its body at once if
    it is read already, else while the user reads it."""
    call.status = response.status_code
    call.request = response.request.content
    call.content_type = response.headers.get("content-type")
    if response.is_stream_consumed or response.is_closed:
        call.streamed = False
        call.body = response.content
        return
    call.streamed = True
    if encoding := response.headers.get("content-encoding"):
        call.decoder = _decoder(type(response), encoding)
    tee(response, call, is_async=is_async)


def _decoder(response_class: Any, encoding: str) -> Callable[[bytes], bytes]:
    """Undo a content encoding as the response's own library does."""

    def decode(body: bytes) -> bytes:
        headers = {"content-encoding": encoding}
        decoded: bytes = response_class(200, headers=headers, content=body).content
        return decoded

    return decode
