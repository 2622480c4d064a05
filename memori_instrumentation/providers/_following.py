"""Streams that a framework hands out as objects of its own: their reader is followed step by step.

The object stays what it is. Its class's methods are wrapped, and whose record a stream belongs to
is known here, by the stream: it can be asked for nothing that it does not have, and takes its
record along when it is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from memori_instrumentation.providers._choke import Args
from memori_instrumentation.providers._patching import Patch


class Record(Protocol):
    """What is told of a stream."""

    def inside(self) -> AbstractContextManager[None]:
        """What is in force during a step."""

    def note(self, item: Any) -> None:
        """An item, before its reader gets it."""

    def end(self, error: BaseException | None) -> None:
        """The stream is over: it came to its end, or ``error`` ended it."""


_records: WeakKeyDictionary[Any, Record] = WeakKeyDictionary()
"""By stream. A record must not hold its stream, or neither is ever let go."""


def is_stream(reply: Any) -> bool:
    """Whether what was returned gives the reply step by step."""
    kind = type(reply)
    return hasattr(kind, "__anext__") or hasattr(kind, "__next__")


def follow(stream: Any, record: Record) -> None:
    """Tell ``record`` of what is read from ``stream``, whose class has :func:`patches`."""
    _records[stream] = record


def patches(module: str, classes: Iterable[str]) -> list[Patch]:
    """What makes the streams of some classes fit to be followed; not all have all the methods."""
    wrappers = {"__next__": _step, "__anext__": _astep, "close": _left, "aclose": _left}
    return [
        Patch(module, f"{name}.{method}", wrapper, optional=True)
        for name in classes
        for method, wrapper in wrappers.items()
    ]


# During a step the record is taken out, so that a method that calls its parent's, or that closes
# the stream, is one step. Whatever raises ends the stream.


def _step(wrapped: Any, stream: Any, args: Args, kwargs: Any) -> Any:
    record = _records.pop(stream, None)
    if record is None:
        return wrapped(*args, **kwargs)
    try:
        with record.inside():
            item = wrapped(*args, **kwargs)
    except BaseException as error:
        record.end(None if isinstance(error, StopIteration) else error)
        raise
    record.note(item)
    _records[stream] = record
    return item


async def _astep(wrapped: Any, stream: Any, args: Args, kwargs: Any) -> Any:
    record = _records.pop(stream, None)
    if record is None:
        return await wrapped(*args, **kwargs)
    try:
        with record.inside():
            item = await wrapped(*args, **kwargs)
    except BaseException as error:
        record.end(None if isinstance(error, StopAsyncIteration) else error)
        raise
    record.note(item)
    _records[stream] = record
    return item


def _left(wrapped: Any, stream: Any, args: Args, kwargs: Any) -> Any:
    record = _records.pop(stream, None)
    if record is not None:
        record.end(GeneratorExit())
    return wrapped(*args, **kwargs)
