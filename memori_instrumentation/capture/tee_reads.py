"""Bodies that are read by asking for more, of urllib3 and aiohttp: what is read is noted.

Nothing that the user holds is replaced. A urllib3 response stays the object it is and gets a
subclass of its class; an aiohttp response stays untouched but for the reader inside it.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from time import time_ns
from typing import Any

from memori_instrumentation.capture.call import Call
from memori_instrumentation.capture.tee import tee


def tee_reads(response: Any, call: Call) -> None:
    """Let ``call`` note the body of ``response``, of urllib3 or alike, aiohttp or httpx, while the
    user reads it."""
    plain: Any = type(response)
    library = plain.__module__.partition(".")[0]
    if library == "aiohttp":
        response.content = _Reader(response.content, call)
    elif library.startswith("httpx"):
        tee(response, call, is_async=True)
    else:
        response._memori = _Noting(call)
        response.__class__ = _teed(plain)


def _note(call: Call, data: bytes | None) -> None:
    if data:
        if not call.first_ns:
            call.first_ns = time_ns()
        call.chunks.append(data)


# --- urllib3: a class for each class of responses -------------------------------------------------


class _Noting:
    """What notes the body of a response."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.busy = False

    def asked(self, ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What ``ask`` gives, noted; what it raises ends the call."""
        self.busy = True
        try:
            data = ask(*args, **kwargs)
        except BaseException as error:
            self.call.finish(error)
            raise
        finally:
            self.busy = False
        _note(self.call, data)
        return data


@functools.cache
def _teed(plain: type) -> type:
    """The subclass of ``plain`` that notes what is read; it adds no method but a finalizer."""
    methods: dict[str, Any] = {"__module__": plain.__module__}
    for name, around in _METHODS.items():
        if hasattr(plain, name):
            methods[name] = around(getattr(plain, name))
    methods["__del__"] = _deleting(getattr(plain, "__del__", lambda self: None))
    return type(plain.__name__, (plain,), methods)


def _reading(plain: Any) -> Any:
    @functools.wraps(plain)
    def read(self: Any, amt: int | None = None, *args: Any, **kwargs: Any) -> Any:
        data = self._memori.asked(plain, self, amt, *args, **kwargs)
        if amt != 0 and (not data or (amt is None and plain.__name__ == "read")):
            self._memori.call.finish()
        return data

    return read


def _chunking(plain: Any) -> Any:
    @functools.wraps(plain)
    def read_chunked(self: Any, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        chunks = plain(self, *args, **kwargs)
        try:
            while (data := self._memori.asked(next, chunks, None)) is not None:
                yield data
        finally:
            self._memori.call.finish()

    return read_chunked


def _streaming(plain: Any) -> Any:
    """It reads through the methods above, and may end without an empty read."""

    @functools.wraps(plain)
    def stream(self: Any, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        yield from plain(self, *args, **kwargs)
        self._memori.call.finish()

    return stream


def _closing(plain: Any) -> Any:
    @functools.wraps(plain)
    def close(self: Any) -> Any:
        try:
            return plain(self)
        finally:
            if not self._memori.busy:  # else it closes itself, about to raise
                self._memori.call.finish()

    return close


def _deleting(plain: Any) -> Any:
    def finalizer(self: Any) -> None:
        try:
            plain(self)
        finally:
            self._memori.call.finish()

    return finalizer


_METHODS = {
    "read": _reading,
    "read1": _reading,
    "read_chunked": _chunking,
    "stream": _streaming,
    "close": _closing,
}


# --- aiohttp: a reader around the reader ----------------------------------------------------------


class _Reader:
    """The content of an aiohttp response, noted as it is read."""

    def __init__(self, reader: Any, call: Call) -> None:
        self._reader = reader
        self._call = call

    def __getattr__(self, name: str) -> Any:
        if name in ("_reader", "_call"):
            raise AttributeError(name)
        return getattr(self._reader, name)

    def __del__(self) -> None:
        call = self.__dict__.get("_call")
        if call is not None:
            call.finish()

    async def read(self, n: int = -1) -> Any:
        return await self._noted(self._reader.read(n))

    async def readany(self) -> Any:
        return await self._noted(self._reader.readany())

    async def readchunk(self) -> Any:
        return await self._noted(self._reader.readchunk())

    async def readexactly(self, n: int) -> Any:
        return await self._noted(self._reader.readexactly(n))

    async def readline(self, *args: Any, **kwargs: Any) -> Any:
        return await self._noted(self._reader.readline(*args, **kwargs))

    async def readuntil(self, *args: Any, **kwargs: Any) -> Any:
        return await self._noted(self._reader.readuntil(*args, **kwargs))

    # The reader's own iterators, reading through the methods above.

    def __aiter__(self) -> Any:
        return type(self._reader).__aiter__(self)

    def iter_any(self) -> Any:
        return type(self._reader).iter_any(self)

    def iter_chunked(self, n: int) -> Any:
        return type(self._reader).iter_chunked(self, n)

    def iter_chunks(self) -> Any:
        return type(self._reader).iter_chunks(self)

    def set_exception(self, *args: Any, **kwargs: Any) -> None:
        """Called by the response when it is closed or released."""
        self._reader.set_exception(*args, **kwargs)
        self._call.finish()

    async def _noted(self, reading: Awaitable[Any]) -> Any:
        call = self._call
        try:
            read = await reading
        except BaseException as error:
            call.finish(error)
            raise
        _note(call, read[0] if isinstance(read, tuple) else read)
        if self._reader.at_eof():
            call.finish()
        return read
