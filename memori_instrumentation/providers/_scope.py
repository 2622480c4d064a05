"""What is put around a framework's calls of models: a scope, and a record in case nobody else makes
one.

What differs between frameworks is where a model is called and how that call and its reply read
(:class:`Framework`). The patched functions come in five kinds, each a method of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from time import time_ns
from typing import Any, NamedTuple

from memori_instrumentation._attribution import KEYS, Attribution, current
from memori_instrumentation._stepping import astepped, stepped
from memori_instrumentation.capture.call import Call
from memori_instrumentation.capture.reading import Api
from memori_instrumentation.capture.runtime import active
from memori_instrumentation.capture.scope import Scope
from memori_instrumentation.config import SettingsError, checked_id
from memori_instrumentation.providers._choke import Args, Kwargs, unusable

_PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "google": "gcp.gemini",
    "google-cloud": "gcp.vertex_ai",
    "google-vertex": "gcp.vertex_ai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "ibm": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""The frameworks' names of providers that the semantic conventions have other names for."""


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


class Framework(NamedTuple):
    """How a framework is seen through.

    Args:
        name: For ``Turn.framework``.
        api: Reads requests as ``asking`` gives them, and replies as mappings: ``reply``, a result
            as it is, or ``items`` of a stream, and ``whole``, whether it came to its end.
        asking: What a call says, from the object and the arguments of the patched function.
        last: Whether a piece of a reply is the last one: who reads that far may well stop there.
    """

    name: str
    api: Api
    asking: Callable[[Any, Args, Kwargs], Asking]
    last: Callable[[Any], bool] = lambda item: False

    def function(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around a function that gives the reply."""
        if (record := self._record(instance, args, kwargs)) is None:
            return wrapped(*args, **kwargs)
        try:
            with record.inside():
                reply = wrapped(*args, **kwargs)
        except BaseException as error:
            record.end(error)
            raise
        record.end(None, reply)
        return reply

    async def coroutine(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around a coroutine function that gives the reply."""
        if (record := self._record(instance, args, kwargs)) is None:
            return await wrapped(*args, **kwargs)
        try:
            with record.inside():
                reply = await wrapped(*args, **kwargs)
        except BaseException as error:
            record.end(error)
            raise
        record.end(None, reply)
        return reply

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
        self._asking = asking
        self._who = who
        self._items: list[Any] = []
        self._begun = False
        self._scope: Scope | None = None
        self._call: Call | None = None

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The scope, opened the first time."""
        if not self._begun:
            self._begun = True
            self._begin()
        if self._scope is None:
            yield
        else:
            with self._scope.entered():
                yield

    def _begin(self) -> None:
        runtime = active()
        if runtime is None:
            return
        framework, asking = self._framework, self._asking
        if asking.request is None:
            self._scope = Scope(framework.name, self._who)
            return
        provider = _PROVIDERS.get(asking.provider, asking.provider)
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
        call, scope = self._call, self._scope
        self._call = None
        if call is None or scope is None:
            return
        scope.answered = error is None
        if reply is not None:
            call.body = {"reply": reply}
        elif self._items or error is None:
            call.body = {"items": self._items, "whole": error is None}
        # Giving a stream up is no error.
        call.finish(None if isinstance(error, GeneratorExit) else error)


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
