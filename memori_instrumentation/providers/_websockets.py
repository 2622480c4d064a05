"""Connections of the ``websockets`` package, sync and async, with a line that notes what passes.

The connection stays the one that the SDK made: its ``send``, ``recv`` and ``close`` are put before
their originals on the object itself. Everything that the SDK sends, queued or not, goes through
them.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any
from urllib.parse import urlsplit

from memori_instrumentation.capture.line import Line, Talk
from memori_instrumentation.capture.runtime import active
from memori_instrumentation.providers._choke import unusable


def server_of(connection: Any) -> tuple[str, int | None] | None:
    """Host and port that a connection was made to, as its handshake says."""
    url = urlsplit(f"//{connection.request.headers['Host']}")
    return (url.hostname, url.port) if url.hostname else None


def watch(
    connection: Any,
    talk: Talk,
    provider: str,
    server: tuple[str, int | None] | None,
    *,
    is_async: bool,
) -> None:
    """Let a line note what passes over a connection from now on. Never raises."""
    runtime = active()
    if runtime is None:
        return
    try:
        line = runtime.line(talk, provider, server)
        if line is None:
            return
        (_tap_async if is_async else _tap_sync)(connection, line)
        weakref.finalize(connection, line.finish)
    except Exception as error:
        unusable("a connection", error)


def _tap_sync(connection: Any, line: Line) -> None:
    send, receive, close = connection.send, connection.recv, connection.close

    def sending(message: Any, *args: Any, **kwargs: Any) -> Any:
        _sent(line, message)
        try:
            return send(message, *args, **kwargs)
        except BaseException as error:
            _broken(line, error)
            raise

    def receiving(*args: Any, **kwargs: Any) -> Any:
        try:
            message = receive(*args, **kwargs)
        except BaseException as error:
            _broken(line, error)
            raise
        _received(line, message)
        return message

    def closing(*args: Any, **kwargs: Any) -> Any:
        try:
            return close(*args, **kwargs)
        finally:
            line.finish()

    connection.send, connection.recv, connection.close = sending, receiving, closing


def _tap_async(connection: Any, line: Line) -> None:
    send, receive, close = connection.send, connection.recv, connection.close

    async def sending(message: Any, *args: Any, **kwargs: Any) -> Any:
        _sent(line, message)
        try:
            return await send(message, *args, **kwargs)
        except BaseException as error:
            _broken(line, error)
            raise

    async def receiving(*args: Any, **kwargs: Any) -> Any:
        try:
            message = await receive(*args, **kwargs)
        except BaseException as error:
            _broken(line, error)
            raise
        _received(line, message)
        return message

    async def closing(*args: Any, **kwargs: Any) -> Any:
        try:
            return await close(*args, **kwargs)
        finally:
            line.finish()

    connection.send, connection.recv, connection.close = sending, receiving, closing


def _sent(line: Line, message: Any) -> None:
    if isinstance(message, str | bytes) and active() is not None:
        try:
            line.sent(message)
        except Exception as error:
            unusable("what was sent over a connection", error)


def _received(line: Line, message: Any) -> None:
    if active() is not None:
        line.received(message)


def _broken(line: Line, error: BaseException) -> None:
    """Note that a connection is closed, if that is what an error says."""
    exceptions = sys.modules["websockets.exceptions"]
    if isinstance(error, exceptions.ConnectionClosedOK):
        line.finish()
    elif isinstance(error, exceptions.ConnectionClosed):
        line.finish(error)
