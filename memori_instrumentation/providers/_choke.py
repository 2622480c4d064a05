"""What every patched function does around the original, sync and async: begin, run, note the end.

What differs between SDKs is three functions: what a call is, what to note of what it returned, and
what to note of what it raised. None of them can hurt the call: failures of ours are counted, said
once, and the call goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from opentelemetry import context

from memori_instrumentation._attribution import attach, detach
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
    server: tuple[str, int | None]
    request: Any = None
    """The body, where it is at hand and nobody will change it."""


class Choke(NamedTuple):
    """The two wrappers of a choke point, for ``wrapt``.

    Args:
        describe: Tells what a call is, from the instance and its arguments; ``None`` if it is no
            conversation.
        returned: Notes what came back, and gives what the caller gets: the very same, or, inside
            the SDK, a stream around it.
        failed: Notes what the arguments and the exception tell.
    """

    describe: Callable[[Any, Args, Kwargs], Asked | None]
    returned: Callable[[Call, context.Context, Any], Any]
    failed: Callable[[Call, Args, Kwargs, BaseException], None]

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


def unusable(what: str, error: Exception) -> None:
    """Count a failure of ours and say it once."""
    runtime = active()
    if runtime is not None:
        runtime.stats.failed += 1
        runtime.stats.once(f"capture {what}", "%s could not be captured: %r", what, error)
