"""A span processor and a span exporter for trace pipelines of one's own.

``MemoriInstrumentor`` needs neither: it joins the tracer provider by itself. These are for
programs that are instrumented otherwise and whose spans carry message content, and for spans that
arrive from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from memori_instrumentation.assembly import build_runtime
from memori_instrumentation.capture.foreign import Heard, is_call, is_ours, is_to_be_told
from memori_instrumentation.capture.once import SPANS, key_of
from memori_instrumentation.capture.processor import PipelineProcessor, unusable
from memori_instrumentation.config import Settings

_STORING = 10.0
"""Seconds that an export waits until its turns are stored; after that they are still kept."""


class MemoriSpanProcessor(PipelineProcessor):
    """Stores and learns from the model calls among the spans of a tracer provider.

    Stamps attribution on spans around models as they start. A span of a model call that ends
    becomes a turn if it carries message content, in any of the forms that
    :mod:`memori_instrumentation.capture.foreign` reads, unless its call is known already: captured
    by ``MemoriInstrumentor``, or told of by another span. Handing over is one queue put.

    Args:
        **settings: Any :class:`~memori_instrumentation.config.Settings` field, ``database`` first.

    Raises:
        SettingsError: For a setting that cannot be used.
    """

    def __init__(self, **settings: Any) -> None:
        runtime = build_runtime(Settings.resolve(**settings))
        super().__init__(runtime, runtime.flush)

    def shutdown(self) -> None:
        self._runtime.shutdown()


class MemoriSpanExporter(SpanExporter):
    """Stores and learns from the model calls among exported spans.

    Spans must carry message content (``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT``
    where they are made, or what else their instrumentation has for it) and say whose they are, in
    ``memori.*`` attributes or as ``span_attribution`` says. Turn ids come from the spans', so a
    span that is exported twice, or whose call was captured in process too, is stored once. While
    the database is away turns wait in memory, then on disk.

    Args:
        **settings: Any :class:`~memori_instrumentation.config.Settings` field, ``database`` first.

    Raises:
        SettingsError: For a setting that cannot be used.
    """

    def __init__(self, **settings: Any) -> None:
        self._runtime = build_runtime(Settings.resolve(**settings))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if sum([self._take(span) for span in spans]):
            self._runtime.flush_storing(_STORING)
        return SpanExportResult.SUCCESS

    def _take(self, span: ReadableSpan) -> bool:
        """Whether a span is to be stored."""
        try:
            if is_ours(span) and is_call(span.attributes or {}):
                # Its call is stored where it was made, if it does not tell of it here.
                SPANS.captured(key_of(span.parent), key_of(span.get_span_context()))
            if not is_to_be_told(span):
                return False
            self._runtime.hear(Heard.of_span(span))
        except Exception as error:
            unusable(self._runtime, error)
            return False
        return True

    def shutdown(self) -> None:
        self._runtime.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._runtime.flush(timeout_millis / 1_000)
