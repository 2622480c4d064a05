"""Our place in a tracer provider's pipeline. Imported only where the OpenTelemetry SDK already
is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from memori_instrumentation._attribution import KEYS, current
from memori_instrumentation.capture.foreign import is_inference, turn_of_span
from memori_instrumentation.telemetry import INSTRUMENTATION_NAME
from memori_storage.records import Turn

_COVERED = 4_096


class PipelineProcessor(SpanProcessor):
    """Stamps attribution on ``gen_ai`` spans as they start and hands model calls over as they end.

    Calls that our own patches captured are handed over beside their span. Spans of other
    instrumentations become turns if they carry message content and the call they tell of is not one
    of ours. ``force_flush`` and ``shutdown`` wait until every finished call is read and its span
    ended, so that exporters behind this processor see those spans.

    Args:
        put: Takes a turn: stores it, soon, on another thread.
        drain: Waits until finished calls are read, at most so many seconds; whether that was so.
        session: The session of spans that name none.
    """

    def __init__(
        self,
        put: Callable[[Turn], None],
        drain: Callable[[float], bool],
        session: Callable[[], str],
    ) -> None:
        self._put = put
        self._drain = drain
        self._session = session
        self._covered: OrderedDict[int, None] = OrderedDict()
        self._lock = threading.Lock()

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        attributes = span.attributes or {}
        if _ours(span):
            # The span around ours, if another instrumentation made one, tells of the same call.
            if span.parent is not None:
                self.cover(span.parent.span_id)
            return
        if any(key.startswith("gen_ai.") for key in attributes):
            for key, value in zip(KEYS, current(parent_context), strict=True):
                if value is not None and key not in attributes:
                    span.set_attribute(key, value)

    def cover(self, span_id: int) -> None:
        """Make no turn of a span when it ends: the call it may tell of is captured."""
        with self._lock:
            self._covered[span_id] = None
            while len(self._covered) > _COVERED:
                self._covered.popitem(last=False)

    def on_end(self, span: ReadableSpan) -> None:
        if _ours(span) or not is_inference(span.attributes or {}):
            return
        ids = span.get_span_context()
        with self._lock:
            covered = ids is not None and ids.span_id in self._covered
        if not covered and (turn := turn_of_span(span, self._session())) is not None:
            self._put(turn)

    def shutdown(self) -> None:
        self._drain(5.0)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._drain(timeout_millis / 1_000)


def _ours(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and scope.name == INSTRUMENTATION_NAME


def put_first(provider: Any, processor: SpanProcessor) -> None:
    """Put a processor before all others of a tracer provider, present and future.

    The SDK only appends. A flush runs down the list, so ours must come before the exporters.
    """
    pipeline = provider._active_span_processor
    with pipeline._lock:
        pipeline._span_processors = (processor, *pipeline._span_processors)


def take_out(provider: Any, processor: SpanProcessor) -> None:
    """Undo :func:`put_first`."""
    pipeline = provider._active_span_processor
    with pipeline._lock:
        pipeline._span_processors = tuple(
            each for each in pipeline._span_processors if each is not processor
        )
