"""Our place in a tracer provider's pipeline. Imported only where the OpenTelemetry SDK already
is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from memori_instrumentation._attribution import KEYS, Attribution, read, suppressed
from memori_instrumentation.capture.foreign import Heard, is_call, is_ours, is_to_be_told
from memori_instrumentation.capture.once import SPANS, Recent, key_of

if TYPE_CHECKING:
    from memori_instrumentation.capture.runtime import Runtime

_MARKS = ("gen_ai.", "openinference.", "llm.", "ai.", "traceloop.")
"""How attributes of spans around models begin."""


class Stamping(SpanProcessor):
    """Stamps attribution on spans around models as they start. Never raises.

    Args:
        failed: Takes what went wrong.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        try:
            self._start(span, parent_context)
        except Exception as error:
            self._failed(error)

    def _start(self, span: Span, ctx: otel_context.Context | None) -> Attribution | None:
        """Whose a span is that bears no mark of models; ``None`` if it is stamped or nobody's."""
        who = read(baggage.get_all(ctx), ctx)
        if not any(who):
            return None
        attributes = span.attributes or {}
        if not any(name.startswith(_MARKS) for name in attributes):
            return who
        for key, value in zip(KEYS, who, strict=True):
            if value is not None and key not in attributes:
                span.set_attribute(key, value)
        return None


class PipelineProcessor(Stamping):
    """Stamps attribution on spans around models as they start and hands model calls over as they
    end.

    Calls that our own patches captured are handed over beside their span. Spans of other
    instrumentations become turns if they carry message content and nothing else tells of their
    call. ``force_flush`` and ``shutdown`` wait until every finished call is read and its span
    ended, so that exporters behind this processor see those spans. Failures are counted and said
    once, never raised.

    Args:
        runtime: Takes the calls.
        drain: Waits until finished calls are read, at most so many seconds; whether that was so.
    """

    def __init__(self, runtime: Runtime, drain: Callable[[float], bool]) -> None:
        super().__init__(lambda error: unusable(runtime, error))
        self._runtime = runtime
        self._drain = drain
        self._whose: Recent[Attribution | None] = Recent()
        """Whose the spans are that bear no mark when they start; ``None`` for those made under
        suppression, which are nobody's business."""

    def _start(self, span: Span, ctx: otel_context.Context | None) -> None:
        own = key_of(span.get_span_context())
        if own is None or is_ours(span):
            return
        if suppressed(ctx):
            self._whose.note(own, None)
            SPANS.captured(None, own)
            return
        above = key_of(span.parent)
        if above and SPANS.is_below(above) and is_call(span.attributes or {}) is not False:
            SPANS.started(own, above)
        if (who := super()._start(span, ctx)) is not None:
            self._whose.note(own, who)

    def on_end(self, span: ReadableSpan) -> None:
        try:
            self._end(span)
        except Exception as error:
            self._failed(error)

    def _end(self, span: ReadableSpan) -> None:
        own = key_of(span.get_span_context())
        if own is None or is_ours(span):
            return
        who = self._whose.pop(own, Attribution())
        if who is not None and is_to_be_told(span):
            self._runtime.hear(Heard.of_span(span, who))

    def shutdown(self) -> None:
        self._drain(5.0)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._drain(timeout_millis / 1_000)


def unusable(runtime: Runtime, error: Exception) -> None:
    """Count a failure of ours and say it once."""
    runtime.stats.failed += 1
    runtime.stats.once("span", "a span could not be looked at: %r", error)


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
