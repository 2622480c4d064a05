"""What is put around a framework's calls of models: a scope, and a record in case nobody else makes
one.

What differs between frameworks is where a model is called and how that call and its reply read
(:class:`Framework`). The patched functions come in five kinds, each a method of it.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from time import time_ns
from typing import Any, NamedTuple

from opentelemetry import baggage, context

from memori_instrumentation._attribution import KEYS, Attribution, current, for_provider, using
from memori_instrumentation._stepping import astepped, stepped
from memori_instrumentation.capture.call import Call
from memori_instrumentation.capture.reading import Api
from memori_instrumentation.capture.runtime import active
from memori_instrumentation.capture.scope import Scope
from memori_instrumentation.config import SettingsError, checked_id
from memori_instrumentation.platforms import provider_called
from memori_instrumentation.providers._choke import Args, Kwargs, unusable
from memori_instrumentation.providers._following import follow, is_stream


class Asking(NamedTuple):
    """A framework's call of a model, by reference; its parts are read only if they are needed."""

    attribution: Attribution
    """What the framework has been told of whose the call is."""
    provider: str = ""
    """As the framework names it."""
    model: str | None = None
    request: Mapping[str, Any] | None = None
    """For the reader of requests; ``None`` for a function that only knows whose the calls inside
    it are."""
    named: Callable[[], tuple[str, str | None]] | None = None
    """Tells provider and model where the framework knows them only once the call is made."""


class Framework(NamedTuple):
    """How a framework is seen through.

    Args:
        name: For ``Turn.framework``.
        api: Reads requests as ``asking`` gives them, and replies as mappings: ``reply``, a result
            as it is, or ``items`` of a stream, and ``whole``, whether it came to its end. One that
            makes things plain is given a reply as it is, and the pieces of streams to assemble.
        asking: What a call says, from the object and the arguments of the patched function.
        last: Whether a piece of a reply is the last one: who reads that far may well stop there.
        kept: What a stream object keeps beside what its reader gets; it is given to the API as a
            last piece.
        sends: Whether the request may be sent from here, by nobody's SDK that we know. Then no
            ``memori.*`` baggage is left in force that could go along.
    """

    name: str
    api: Api
    asking: Callable[[Any, Args, Kwargs], Asking]
    last: Callable[[Any], bool] = lambda item: False
    kept: Callable[[Any], Any] = lambda stream: None
    sends: bool = False

    def function(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around a function that gives the reply, a stream object, or a coroutine of either."""
        if (record := self._record(instance, args, kwargs)) is None:
            return wrapped(*args, **kwargs)
        try:
            with record.inside():
                reply = wrapped(*args, **kwargs)
        except BaseException as error:
            record.end(error)
            raise
        if inspect.iscoroutine(reply):
            return _awaited(lambda: reply, record)
        record.returned(reply)
        return reply

    async def coroutine(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around a coroutine function that gives the reply, or a stream object."""
        if (record := self._record(instance, args, kwargs)) is None:
            return await wrapped(*args, **kwargs)
        return await _awaited(partial(wrapped, *args, **kwargs), record)

    def generator(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around a generator function that gives a reply in pieces."""
        if (record := self._record(instance, args, kwargs)) is None:
            return wrapped(*args, **kwargs)
        return stepped(wrapped, record.inside, record.note, record.end)(*args, **kwargs)

    def async_generator(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around an asynchronous generator function that gives a reply in pieces."""
        if (record := self._record(instance, args, kwargs)) is None:
            return wrapped(*args, **kwargs)
        return astepped(wrapped, record.inside, record.note, record.end)(*args, **kwargs)

    def stream_manager(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around what gives an asynchronous context manager of a stream, which asks the model as
        it is entered; the stream's ``get()`` tells what has arrived."""
        if (record := self._record(instance, args, kwargs)) is None:
            return wrapped(*args, **kwargs)
        return _managed(wrapped(*args, **kwargs), record)

    def _record(self, instance: Any, args: Args, kwargs: Kwargs) -> _Record | None:
        if active() is None:
            return None
        try:
            asking = self.asking(instance, args, kwargs)
            # A generator runs later, but it is of those for whom it was made.
            return _Record(self, asking, current().otherwise(asking.attribution))
        except Exception as error:
            unusable(f"a call through {self.name}", error)
            return None


class _Record:
    """One call through a framework, from when it really begins."""

    def __init__(self, framework: Framework, asking: Asking, who: Attribution) -> None:
        self._framework = framework
        self._asking: Asking | None = asking
        self._named = asking.named
        self._who = who
        self._items: list[Any] = []
        self._kept: Any = None
        self._streams = False
        self._scope: Scope | None = None
        self._call: Call | None = None

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The scope, opened the first time."""
        if self._asking is not None:
            # Not held on to: the framework may refer to its stream from there.
            asking, self._asking = self._asking, None
            self._begin(asking)
        scope = self._scope
        if scope is None:
            yield
            return
        with scope.entered():
            if not self._framework.sends:
                yield
                return
            ctx = context.get_current()
            with using(for_provider(ctx, baggage.get_all(ctx), scope)):
                yield

    def _begin(self, asking: Asking) -> None:
        runtime = active()
        if runtime is None:
            return
        framework = self._framework
        if asking.request is None:
            self._scope = Scope(framework.name, self._who)
            return
        provider = provider_called(asking.provider)
        try:
            observed = runtime.observe(
                framework.name, framework.api, self._who, provider, model=asking.model
            )
        except Exception as error:
            unusable(f"a call through {framework.name}", error)
            return
        if observed is not None:
            self._scope, self._call = observed
            self._call.request = asking.request

    def returned(self, reply: Any) -> None:
        """What the call gave: all of it, or a stream that is still to be read."""
        if self._call is None or not is_stream(reply):
            self.end(None, reply)
            return
        self._name()
        self._streams = True
        try:
            self._kept = self._framework.kept(reply)
            follow(reply, self)
        except Exception as error:
            unusable("a framework's stream", error)

    def _name(self) -> None:
        """Say provider and model, as far as they are known by now."""
        named, self._named = self._named, None
        if named is None or self._call is None:
            return
        try:
            provider, self._call.model = named()
            self._call.provider = provider_called(provider)
        except Exception as error:
            unusable("the provider of a framework's call", error)

    def note(self, item: Any) -> None:
        """One piece of the reply."""
        call = self._call
        if call is not None:
            if not call.first_ns:
                call.first_ns = time_ns()
            self._items.append(item)
            if self._framework.last(item):
                self.end(None)

    def end(self, error: BaseException | None, reply: Any = None) -> None:
        """The call is over; what comes later does not count.

        Args:
            error: What ended it; ``None`` if it came to its end.
            reply: What it gave, if not in pieces.
        """
        self._name()
        call, scope = self._call, self._scope
        self._call = None
        if call is None or scope is None:
            return
        scope.answered = error is None
        if self._streams:
            call.streamed = True
            call.chunks = [*self._items, self._kept] if self._kept else self._items
        elif reply is not None:
            call.body = {"reply": reply} if self._framework.api.plain is None else reply
        elif self._items or error is None:
            call.body = {"items": self._items, "whole": error is None}
        # Giving a stream up is no error.
        call.finish(None if isinstance(error, GeneratorExit) else error)

    def __del__(self) -> None:
        # A stream, or a coroutine, that was dropped.
        self.end(GeneratorExit())


async def _awaited(giving: Callable[[], Awaitable[Any]], record: _Record) -> Any:
    """The reply that ``giving`` leads to, and the end of its record."""
    try:
        with record.inside():
            reply = await giving()
    except BaseException as error:
        record.end(error)
        raise
    record.returned(reply)
    return reply


@asynccontextmanager
async def _managed(manager: Any, record: _Record) -> AsyncIterator[Any]:
    stack = AsyncExitStack()
    try:
        with record.inside():
            stream = await stack.enter_async_context(manager)
    except BaseException as error:
        record.end(error)
        raise
    ended: BaseException | None = None
    try:
        async with stack:
            yield stream
    except BaseException as error:
        ended = error
        raise
    finally:
        record.end(ended, _so_far(stream))
        del ended  # it holds this frame


def _so_far(stream: Any) -> Any:
    try:
        return stream.get()
    except Exception as error:
        unusable("a framework's stream", error)
        return None


def said(*sources: Mapping[str, Any], session: Any = None) -> Attribution:
    """The attribution in a framework's metadata.

    Args:
        sources: Mappings that may have ``memori.entity.id`` or ``memori_entity``, and so for
            process and session; the first that has one counts.
        session: The framework's own conversation id, where they name no session.
    """
    entity, process, named = (_first_id(sources, names) for names in _NAMES)
    return Attribution(entity, process, named or _id(session))


_NAMES = tuple((key, key.removesuffix(".id").replace(".", "_")) for key in KEYS)


def _first_id(sources: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str | None:
    for source in sources:
        for name in names:
            if name in source and (found := _id(source[name])) is not None:
                return found
    return None


def _id(value: Any) -> str | None:
    """``value`` as an id; ``None`` where it says nothing or cannot be one."""
    if value is None or value == "":
        return None
    try:
        return checked_id("an id in a framework's metadata", str(value))
    except SettingsError as error:
        unusable("whose a framework's call is", error)
        return None
