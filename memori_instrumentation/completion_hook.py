"""OpenTelemetry's own GenAI instrumentations as a source of memory.

``opentelemetry-util-genai`` hands each finished call, with its content, to the hook that
``OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK`` names. ``memori`` is this one (entry point group
``opentelemetry_genai_completion_hook``). No content needs to be on spans for it, nor need there be
spans at all: an unsampled call is remembered, too.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from enum import Enum
from functools import cached_property, partial
from time import time_ns
from typing import Any

from opentelemetry import context, trace

from memori_instrumentation._attribution import current, suppressed
from memori_instrumentation.assembly import build_runtime
from memori_instrumentation.capture.foreign import Heard, Said, Told, error_of, is_call
from memori_instrumentation.capture.foreign.shapes import message, system
from memori_instrumentation.capture.once import SPANS, key_of
from memori_instrumentation.capture.reading import Json, mapping
from memori_instrumentation.capture.runtime import Runtime, active
from memori_instrumentation.capture.stats import Stats
from memori_instrumentation.config import Settings, SettingsError
from memori_instrumentation.recall import flushing

log = logging.getLogger("memori_instrumentation")

_INVOCATION = "opentelemetry.genai.client.inference.context"
"""Context key that ``opentelemetry-util-genai`` sets around calls of models (from 1.3b0 on)."""


class MemoriCompletionHook:
    """Stores and learns from the calls that OpenTelemetry's GenAI instrumentations complete.

    It feeds the pipeline of ``MemoriInstrumentor`` where that is active, else one of its own, set
    up from the ``MEMORI_*`` environment variables with the first call. A call that is captured
    anyway is left to who captures it. On the caller's thread there is one queue put.
    """

    def __init__(self) -> None:
        if _own.settings is not None:
            _own.join()

    def on_completion(
        self,
        *,
        inputs: Sequence[Any] = (),
        outputs: Sequence[Any] = (),
        system_instruction: Sequence[Any] = (),
        span: trace.Span | None = None,
        log_record: object = None,
        **more: object,
    ) -> None:
        """Take a completed operation; anything but a model call is passed over. Never raises.

        Args:
            inputs: The request's messages, as data classes.
            outputs: The reply's messages.
            system_instruction: Parts of the instructions.
            span: The operation's span, not ended yet; default: the current one.
            log_record: The operation's event, where one is emitted.
            **more: What else the protocol has, now or later.
        """
        try:
            runtime = active() or _own.runtime()
            if runtime is None or suppressed():
                return
            read = partial(_said, inputs, outputs, system_instruction)
            heard = _heard(span or trace.get_current_span(), log_record, read)
            if heard is not None:
                runtime.hear(heard)
        except Exception as error:
            _own.failed(error)


class _Own:
    """The pipeline of hooks where ``MemoriInstrumentor`` is not active. One for the process: each
    instrumentation makes a hook of its own."""

    def __init__(self) -> None:
        self._joined: object = None
        self._stats = Stats()

    @cached_property
    def settings(self) -> Settings | None:
        """From the environment; ``None`` if it does not allow for a pipeline."""
        try:
            settings = Settings.resolve()
        except SettingsError as error:
            log.error("memori is not active: %s", error)
            return None
        return None if settings.disabled else settings

    def join(self) -> None:
        """Have spans stamped with whose they are: some are completed where nothing says so any
        more."""
        provider = trace.get_tracer_provider()
        if provider is self._joined or not hasattr(provider, "_active_span_processor"):
            return
        self._joined = provider
        from memori_instrumentation.capture.processor import Stamping, put_first

        put_first(provider, Stamping(self.failed))

    def runtime(self) -> Runtime | None:
        """The pipeline, made when it is first needed."""
        if self.settings is None:
            return None
        self.join()
        runtime: Runtime | None = self.__dict__.get("_runtime")
        if runtime is None:
            # No lock: a stream may be given up, and complete, inside the garbage collector. Of two
            # that are built at a time the first is taken, and the other never starts.
            built = build_runtime(self.settings)
            runtime = self.__dict__.setdefault("_runtime", built)
            if runtime is built:
                flushing.register(runtime.flush)
        return runtime

    def failed(self, error: Exception) -> None:
        """Count a failure of ours and say it once."""
        stats = getattr(active() or self.__dict__.get("_runtime"), "stats", self._stats)
        stats.failed += 1
        stats.once("hook", "a completed call could not be taken: %r", error)


_own = _Own()


def _heard(span: trace.Span, record: Any, read: Callable[[], Said]) -> Heard | None:
    """A completed operation, if it is a model call and nothing else tells of it."""
    attributes: Json = (
        getattr(span, "attributes", None) or getattr(record, "attributes", None) or {}
    )
    kind = is_call(attributes)
    if kind is None:
        # Of an unsampled span nothing is known but what it is of.
        kind = context.get_value(_INVOCATION) is not None
    if not kind:
        return None
    ended = time_ns()
    started = getattr(span, "start_time", None) or ended
    own, above = key_of(span.get_span_context()), key_of(getattr(span, "parent", None))
    if own is None:
        own = (random.getrandbits(128), random.getrandbits(64))
    elif not SPANS.taken(own, above, started, ended, tells=True):
        return None
    told = Told(*own, attributes, (), started, ended, error_of(span))
    scope = getattr(span, "instrumentation_scope", None)
    source = scope.name if scope is not None else "completion hook"
    return Heard(lambda: (told, read()), source, current())


def _said(inputs: Sequence[Any], outputs: Sequence[Any], instructions: Sequence[Any]) -> Said:
    return Said(
        [message(_plain(item)) for item in inputs],
        [message(_plain(item), "assistant") for item in outputs],
        system([_plain(part) for part in instructions]),
    )


def _plain(item: Any) -> Json:
    """A message or part as JSON has it."""
    if is_dataclass(item) and not isinstance(item, type):
        return asdict(item, dict_factory=_without_enums)
    return mapping(item)


def _without_enums(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: it.value if isinstance(it, Enum) else it for name, it in pairs}
