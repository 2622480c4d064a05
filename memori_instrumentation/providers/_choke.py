"""What every patched function does around the original, sync and async: begin, run, note the end.

What differs between SDKs is few functions: what a call is, what to note of what it returned (or, of
a generator, of each item), and what to note of what it raised. None of them can hurt the call:
failures of ours are counted, said once, and the call goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from opentelemetry import context

from memori_instrumentation._attribution import attach, detach, using
from memori_instrumentation._stepping import astepped, stepped
from memori_instrumentation.capture.call import Call
from memori_instrumentation.capture.reading import Api
from memori_instrumentation.capture.runtime import active

Args = tuple[Any, ...]
Kwargs = Mapping[str, Any]


class Asked(NamedTuple):
    """What a call is, as far as can be told without reading its body."""

    api: Api
    provider: str
    model: str | None
    server: tuple[str, int | None] | None
    request: Any = None
    """The body, where it is at hand and nobody will change it."""


def server_at(url: str) -> tuple[str, int]:
    """Host and port of a base URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


class Choke(NamedTuple):
    """The wrappers of a choke point, for ``wrapt``.

    Args:
        describe: Tells what a call is, from the instance and its arguments; ``None`` if it is no
            conversation.
        returned: Notes what came back, and gives what the caller gets: the very same, or, inside
            the SDK, a stream around it.
        failed: Notes what the arguments and the exception tell.
        passed: Notes an item of a generator, and its own end as ``None``.
    """

    describe: Callable[[Any, Args, Kwargs], Asked | None]
    returned: Callable[[Call, context.Context, Any], Any]
    failed: Callable[[Call, Args, Kwargs, BaseException], None]
    passed: Callable[[Call, Any], None] = lambda call, item: None

    def sync(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around a function."""
        begun = self._begin(instance, args, kwargs)
        if begun is None:
            return wrapped(*args, **kwargs)
        call, ctx = begun
        token = attach(ctx)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            self._failed(call, args, kwargs, error)
            raise
        finally:
            detach(token)
        return self._returned(call, ctx, result)

    async def asynchronous(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around a coroutine function."""
        begun = self._begin(instance, args, kwargs)
        if begun is None:
            return await wrapped(*args, **kwargs)
        call, ctx = begun
        token = attach(ctx)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            self._failed(call, args, kwargs, error)
            raise
        finally:
            detach(token)
        return self._returned(call, ctx, result)

    def generator(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around a generator function."""
        if active() is None:
            return wrapped(*args, **kwargs)
        run = _Run(self, instance, args, kwargs)
        return stepped(wrapped, lambda: run, run.note, run.end)(*args, **kwargs)

    def async_generator(self, wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
        """Around an async generator function."""
        if active() is None:
            return wrapped(*args, **kwargs)
        run = _Run(self, instance, args, kwargs)
        return astepped(wrapped, lambda: run, run.note, run.end)(*args, **kwargs)

    def _begin(
        self, instance: Any, args: Args, kwargs: Kwargs
    ) -> tuple[Call, context.Context] | None:
        runtime = active()
        if runtime is None:
            return None
        try:
            asked = self.describe(instance, args, kwargs)
            if asked is None:
                return None
            begun = runtime.begin(asked.api, asked.provider, model=asked.model, server=asked.server)
            if begun is not None:
                begun[0].request = asked.request
        except Exception as error:
            unusable("a call", error)
            return None
        return begun

    def _returned(self, call: Call, ctx: context.Context, result: Any) -> Any:
        try:
            return self.returned(call, ctx, result)
        except Exception as error:
            unusable("a reply", error)
            call.finish()
            return result

    def _failed(self, call: Call, args: Args, kwargs: Kwargs, error: BaseException) -> None:
        try:
            self.failed(call, args, kwargs, error)
        except Exception as problem:
            unusable("an error", problem)
        call.finish(error)


class _Run:
    """A generator's call. It begins with the first item asked for, since nothing is sent before and
    a generator that is dropped before would never tell, but in the context that the function was
    called in: there it was said whose call it is.

    Entered and left around each of its steps, one after the other."""

    def __init__(self, choke: Choke, instance: Any, args: Args, kwargs: Kwargs) -> None:
        self._choke = choke
        self._asked = instance, args, kwargs
        self._called_in: context.Context | None = context.get_current()
        self._begun: tuple[Call, context.Context] | None = None
        self._token: Any = None

    def __enter__(self) -> None:
        if self._called_in is not None:
            with using(self._called_in):
                self._begun = self._choke._begin(*self._asked)
            self._called_in = None
            if self._begun is not None:
                self._begun[0].streamed = True
        if self._begun is not None:
            self._token = attach(self._begun[1])

    def __exit__(self, *raised: object) -> None:
        if self._begun is not None:
            detach(self._token)

    def note(self, item: Any) -> None:
        if self._begun is None:
            return
        call = self._begun[0]
        if not call.first_ns:
            call.first_ns = time_ns()
        self._passed(call, item)

    def end(self, error: BaseException | None) -> None:
        if self._begun is None:
            return
        call = self._begun[0]
        if error is None:
            self._passed(call, None)
        if error is None or isinstance(error, GeneratorExit):
            call.finish()
        else:
            self._choke._failed(call, *self._asked[1:], error)

    def _passed(self, call: Call, item: Any) -> None:
        try:
            self._choke.passed(call, item)
        except Exception as error:
            unusable("a part of a reply", error)


def unusable(what: str, error: Exception) -> None:
    """Count a failure of ours and say it once."""
    runtime = active()
    if runtime is not None:
        runtime.stats.failed += 1
        runtime.stats.once(f"capture {what}", "%s could not be captured: %r", what, error)
