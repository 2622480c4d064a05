"""The pipeline of one process: calls in, spans ended, turns stored, memories learned.

The caller's thread only puts a call into a queue. A decoding thread reads it, ends its span and
passes the turn to the writer. Threads start with the first call, and again in a child after a
fork.
"""

from __future__ import annotations

import atexit
import os
import queue
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from opentelemetry import baggage, context, trace

from memori_instrumentation._attribution import Attribution, for_provider, read, suppressed
from memori_instrumentation._forking import gate
from memori_instrumentation.capture import spans
from memori_instrumentation.capture.call import (
    Call,
    UnderWay,
    finish_open_calls,
    forget_open_calls,
)
from memori_instrumentation.capture.line import Frame, Line, Talk
from memori_instrumentation.capture.once import SPANS, Key, calls_of, key_of
from memori_instrumentation.capture.reading import Api
from memori_instrumentation.capture.scope import Scope, current
from memori_instrumentation.capture.stats import Stats, publish
from memori_instrumentation.config import Settings
from memori_storage.store import Store

if TYPE_CHECKING:
    from memori_instrumentation.capture.foreign import Heard
    from memori_instrumentation.capture.writer import Writer

_T = TypeVar("_T")
_Item: TypeAlias = "Call | Frame | Heard | threading.Event | None"
"""What our queue takes; ``None`` ends it."""


class Learner(Protocol):
    """What learns from stored turns: the augmentation worker."""

    def start(self) -> None: ...
    def wake(self) -> None: ...
    def drain(self, timeout: float) -> bool: ...
    def settle(self, timeout: float) -> bool: ...
    def stop(self, timeout: float) -> object: ...


class Runtime:
    """One instrumented process's pipeline.

    Args:
        settings: As resolved.
        provider: Where spans go; default: the global tracer provider at the time of each call.
        open_store: Opens and migrates the store, on the writer's thread.
        make_learner: Makes the learner once the store is open; ``None`` when this process does
            not learn.
    """

    def __init__(
        self,
        settings: Settings,
        provider: trace.TracerProvider | None = None,
        *,
        open_store: Callable[[], Store],
        make_learner: Callable[[Store, Stats], Learner] | None,
    ) -> None:
        self.settings = settings
        self.tracing = spans.Tracing(provider, self._adopt)
        self._adopted: list[Callable[[], None]] = []
        self.stats = Stats()
        self._calls = calls_of(settings.database)
        self._open_store = open_store
        self._make_learner = make_learner
        self._defaults = Attribution(settings.entity, settings.process, settings.session)
        self._lock = threading.Lock()
        self._reset()
        atexit.register(self.shutdown)
        reset = weakref.WeakMethod(self._after_fork)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: (method := reset()) and method())

    def _reset(self) -> None:
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._writer: Writer | None = None
        self._learner: Learner | None = None
        self._thread: threading.Thread | None = None
        self._observe_write: Callable[[float], None] | None = None
        self.default_session = self.settings.session or f"run-{uuid.uuid4()}"

    def _after_fork(self) -> None:
        # Calls and turns of the parent are the parent's to store; its threads are not here.
        self._lock = threading.Lock()
        forget_open_calls()
        self._reset()
        if (util := sys.modules.get("multiprocessing.util")) is not None:
            # Its children end without running atexit, and clear their finalizers when they begin.
            util.register_after_fork(
                self, lambda it: util.Finalize(None, it.shutdown, exitpriority=0)
            )

    # --- the caller's thread --------------------------------------------------------------------

    def begin(
        self,
        api: Api,
        provider: str,
        *,
        model: str | None,
        server: tuple[str, int | None] | None,
    ) -> tuple[Call, context.Context] | None:
        """Start capturing a call; ``None`` where capture is suppressed.

        Returns:
            The call, and the context to run the SDK in: the call's span is current there, and no
            ``memori.*`` baggage is left that could reach the provider.
        """
        ctx = context.get_current()
        if suppressed(ctx):
            return None
        entries = baggage.get_all(ctx)
        who = read(entries, ctx)
        scope = current()
        if scope is not None:
            who = scope.attribution.otherwise(who)
        call = Call(api, provider, who.otherwise(self._defaults), self.hand_over)
        call.model = model
        call.server = server
        try:
            if not api.fetches:
                spans.start(call, self.tracing.tracer(), ctx)
                SPANS.captured(_around(ctx), (call.trace_id, call.span_id))
            if self._thread is None:
                self._start()
            inside = spans.inside(call, for_provider(ctx, entries, UnderWay(call)))
        except BaseException:
            call.abandon()
            raise
        if scope is not None:
            call.framework = scope.framework
            scope.join(call)
        return call, inside

    def observe(
        self, framework: str, api: Api, who: Attribution, provider: str, *, model: str | None
    ) -> tuple[Scope, Call] | None:
        """Begin a framework's call of a model; ``None`` where capture is suppressed.

        Args:
            who: Whose it is, as the framework and the context of the call say.

        Returns:
            The scope to run it in, and the framework's own record of it, to be finished with the
            reply. It is handed over only if the scope needs it.
        """
        ctx = context.get_current()
        if suppressed(ctx):
            return None
        scope = Scope(framework, who.otherwise(read(baggage.get_all(ctx), ctx)))
        # The span around this call may be the framework's own.
        SPANS.captured(_around(ctx))
        call = Call(
            api,
            provider,
            scope.attribution.otherwise(self._defaults),
            lambda it: self.hand_over(it) if scope.needs(it) else None,
        )
        call.framework = framework
        call.model = model
        call.begun_in = ctx
        scope.announce(call)
        if self._thread is None:
            self._start()
        return scope, call

    def past(self, api: Api, provider: str, who: Attribution) -> Call:
        """A call that was made before, whose reply is fetched now. It has no span."""
        call = Call(api, provider, who.otherwise(self._defaults), self.hand_over)
        if self._thread is None:
            self._start()
        return call

    def line(self, talk: Talk, provider: str, server: tuple[str, int | None] | None) -> Line | None:
        """Begin noting what passes over a connection; ``None`` where capture is suppressed."""
        if suppressed(context.get_current()):
            return None
        if self._thread is None:
            self._start()
        return Line(talk, provider, server, self._queue.put, self._defaults)

    def hand_over(self, call: Call) -> None:
        """Give a finished call to the worker. Safe anywhere, also inside the garbage collector."""
        self._queue.put(call)

    def flush(self, timeout: float = 30.0) -> bool:
        """Wait until all captured turns are stored and learned from; whether that was so in
        time."""
        deadline = time.monotonic() + timeout
        if not self.flush_storing(timeout):
            return False
        learner = self._learner
        return learner is None or learner.drain(max(0.0, deadline - time.monotonic()))

    def flush_storing(self, timeout: float) -> bool:
        """Wait until all captured turns are stored; whether that was so in time."""
        deadline = time.monotonic() + timeout
        if not self.drain_decoding(timeout):
            return False
        writer = self._writer
        return writer is None or writer.flush(max(0.0, deadline - time.monotonic()))

    def drain_decoding(self, timeout: float) -> bool:
        """Wait until all finished calls are read and their spans ended."""
        if self._thread is None or self._thread is threading.current_thread():
            return True
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout)

    def shutdown(self) -> None:
        """End the pipeline: what was captured is stored or, failing that, spooled."""
        atexit.unregister(self.shutdown)
        if self._thread is None:
            return
        deadline = time.monotonic() + self.settings.exit_timeout
        finish_open_calls()
        self.drain_decoding(self.settings.exit_timeout)
        self._queue.put(None)
        self._thread.join(1.0)
        if self._writer is not None:
            self._writer.stop(max(1.0, deadline - time.monotonic()))
        if self._learner is not None:
            # Jobs that are not done by then are rows in the database: the next program does them.
            self._learner.settle(max(0.1, deadline - time.monotonic()))
            self._learner.stop(max(0.1, deadline - time.monotonic()))
        if self._writer is not None and self._writer.ended:
            self._close(self._writer.store)
        self._reset()

    def _close(self, store: Store | None) -> None:
        """Close the store, unless it is the caller's own."""
        if store is not None and store is not self.settings.database:
            store.close()

    def _adopt(self, provider: trace.TracerProvider) -> None:
        """Join the pipeline of a tracer provider of the OpenTelemetry SDK; another has none."""
        if not hasattr(provider, "_active_span_processor"):
            # Logfire's stands before one that has.
            provider = getattr(provider, "provider", provider)
        if not hasattr(provider, "_active_span_processor"):
            return
        from memori_instrumentation.capture import processor

        ours = processor.PipelineProcessor(self, self.drain_decoding)
        processor.put_first(provider, ours)
        self._adopted.append(lambda: processor.take_out(provider, ours))

    def hear(self, heard: Heard) -> None:
        """Store a call that was not captured here but told of, as if it had been."""
        if self._thread is None:
            self._start()
        self._queue.put(heard)

    def leave_tracing(self) -> None:
        """Undo what joined tracer providers' pipelines."""
        while self._adopted:
            self._adopted.pop()()

    # --- our threads ----------------------------------------------------------------------------

    def _start(self) -> None:
        """Start the threads. All of them here: at the end of the program none can be started."""
        with self._lock:
            if self._thread is None:
                calls = self._queue
                writers: queue.SimpleQueue[Writer] = queue.SimpleQueue()
                threading.Thread(
                    target=lambda: writers.get().run(), name="memori-write", daemon=True
                ).start()
                self._thread = threading.Thread(
                    target=self._run, args=(calls, writers), name="memori-decode", daemon=True
                )
                self._thread.start()

    def _run(
        self,
        calls: queue.SimpleQueue[_Item],
        writers: queue.SimpleQueue[Writer],
    ) -> None:
        with gate.working():
            # What the caller's thread must not pay for is imported here.
            from memori_instrumentation.capture.digest import Digester

            writer = self._begin_writing(calls)
            digester = Digester(
                self.settings,
                self._defaults,
                self.default_session,
                self.tracing,
                self.stats,
                self._calls,
                writer.put,
            )
        writers.put(writer)
        while (item := calls.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            with gate.working():
                digester.take(item)
            item = None  # not kept until the next one comes

    def _begin_writing(self, calls: queue.SimpleQueue[_Item]) -> Writer:
        from memori_instrumentation.capture.spool import Spool, spool_directory
        from memori_instrumentation.capture.writer import Writer

        spool = Spool(
            spool_directory(
                self.settings.spool,
                self.settings.database,
                self.settings.table_prefix,
                self.settings.schema,
            )
        )
        writer = self._writer = Writer(
            self._open_store,
            spool,
            self.stats,
            limit=self.settings.queue_size,
            stored=self._on_stored,
        )
        self._observe_write = publish(self.stats, lambda: calls.qsize() + writer.length())
        return writer

    def _on_stored(self, store: Store, seconds: float) -> None:
        """After a write: measure it and wake the learner. Learning that fails must not stop
        storing."""
        if self._observe_write is not None:
            self._observe_write(seconds)
        if self._make_learner is None:
            return
        try:
            if self._learner is None:
                self._learner = self._make_learner(store, self.stats)
                self._learner.start()
            self._learner.wake()
        except Exception as error:
            self.stats.failed += 1
            self.stats.once("learner", "turns are stored, but learning does not start: %s", error)


def _around(ctx: context.Context) -> Key | None:
    """The span that is current in ``ctx``."""
    return key_of(trace.get_current_span(ctx).get_span_context())


_current: Runtime | None = None


def active() -> Runtime | None:
    """The pipeline in force; ``None`` when nothing is instrumented, and patches pass through."""
    return _current


def set_current(runtime: Runtime | None) -> None:
    global _current
    _current = runtime
