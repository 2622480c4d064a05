"""The instrumentor: settings in, pipeline built, SDKs patched as they are imported."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from memori_instrumentation import baggage_guard
from memori_instrumentation.assembly import build_runtime
from memori_instrumentation.capture import runtime as pipeline
from memori_instrumentation.capture.runtime import Runtime
from memori_instrumentation.config import Settings, SettingsError
from memori_instrumentation.providers import build_all
from memori_instrumentation.recall import flushing

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from memori_instrumentation.providers._patching import Patcher

log = logging.getLogger("memori_instrumentation")


class MemoriInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Captures every conversation the process has with an LLM, and remembers it.

    One per process, as all instrumentors: each ``MemoriInstrumentor()`` is the same object::

        MemoriInstrumentor().instrument(database="sqlite:///memori.db")

    Supported SDKs are patched when they are imported, or now if they are; clients made before
    count too.
    """

    _is_instrumented_by_opentelemetry: bool
    _runtime: Runtime | None = None
    _automatic = False
    _patchers: list[Patcher]

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: an SDK that is not there is not patched."""
        return ()

    def instrument(self, **kwargs: Any) -> None:
        """Start capturing.

        Without arguments, settings come from ``MEMORI_*`` environment variables, and settings
        that cannot be used are logged in one line while the program runs on, uninstrumented.
        Called in a program that was started with ``memori-instrument`` or
        ``opentelemetry-instrument``, arguments given here replace what was set up there.

        Args:
            tracer_provider: Where spans go; default: the global provider at the time of each call.
            **kwargs: Any :class:`~memori_instrumentation.config.Settings` field, ``database``
                first of all.

        Raises:
            SettingsError: An argument that cannot be used; the message says what to do.
        """
        automatic = kwargs.keys() <= _FROM_LAUNCHERS
        if self._is_instrumented_by_opentelemetry:
            if automatic or not self._automatic:
                super().instrument(**kwargs)  # says that it is instrumented already
                return
            self.uninstrument()
        super().instrument(**kwargs)
        self._automatic = automatic
        if self._runtime is None:
            # Switched off, or unusable settings in the environment.
            self._is_instrumented_by_opentelemetry = False

    def _instrument(self, **kwargs: Any) -> None:
        provider: TracerProvider | None = kwargs.pop("tracer_provider", None)
        given = {key: value for key, value in kwargs.items() if key not in _FROM_OTEL}
        try:
            settings = Settings.resolve(**given)
        except SettingsError as error:
            if any(value is not None for value in given.values()):
                raise
            log.error("memori is not active: %s", error)
            return
        if settings.disabled:
            return
        runtime = build_runtime(settings, provider)
        runtime.tracing.tracer()  # a provider set up already is joined now
        self._runtime = runtime
        pipeline.set_current(runtime)
        flushing.register(runtime.flush)
        baggage_guard.install(trust=settings.trust_baggage)
        self._patchers = build_all()
        for patcher in self._patchers:
            patcher.apply()

    def _uninstrument(self, **kwargs: Any) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is None:
            return
        for patcher in self._patchers:
            patcher.undo()
        baggage_guard.remove()
        flushing.unregister(runtime.flush)
        pipeline.set_current(None)
        runtime.shutdown()
        runtime.leave_tracing()

    def flush(self, timeout: float = 30.0) -> bool:
        """Wait until everything captured so far is stored and learned.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether all of it was, in time. ``True`` when nothing is instrumented.
        """
        return self._runtime is None or self._runtime.flush(timeout)


_FROM_LAUNCHERS = frozenset({"skip_dep_check", "raise_exception_on_conflict"})
"""What ``opentelemetry-instrument`` passes to every instrumentor."""
_FROM_OTEL = _FROM_LAUNCHERS | {"meter_provider", "logger_provider"}
"""Arguments that instrumentors take by convention and that mean nothing here."""
