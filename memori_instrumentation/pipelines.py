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
from memori_instrumentation.capture.foreign import turn_of_span
from memori_instrumentation.capture.processor import PipelineProcessor
from memori_instrumentation.config import Settings

_STORING = 10.0
"""Seconds that an export waits until its turns are stored; after that they are still kept."""


class MemoriSpanProcessor(PipelineProcessor):
    """Stores and learns from the model calls among the spans of a tracer provider.

    Stamps attribution on ``gen_ai`` spans as they start. A span that ends becomes a turn if it
    carries message content in ``gen_ai.input.messages`` and ``gen_ai.output.messages``. Handing
    over is one queue put.

    Args:
        **settings: Any :class:`~memori_instrumentation.config.Settings` field, ``database`` first.

    Raises:
        SettingsError: For a setting that cannot be used.
    """

    def __init__(self, **settings: Any) -> None:
        self._runtime = build_runtime(Settings.resolve(**settings))
        super().__init__(
            self._runtime.keep, self._runtime.flush, lambda: self._runtime.default_session
        )

    def shutdown(self) -> None:
        self._runtime.shutdown()


class MemoriSpanExporter(SpanExporter):
    """Stores and learns from the model calls among exported spans.

    Spans must carry message content (``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true``
    where they are made) and ``memori.*`` attributes. Turn ids come from the spans', so a span
    that is exported twice, or whose call was captured in process too, is stored once. While the
    database is away turns wait in memory, then on disk.

    Args:
        **settings: Any :class:`~memori_instrumentation.config.Settings` field, ``database`` first.

    Raises:
        SettingsError: For a setting that cannot be used.
    """

    def __init__(self, **settings: Any) -> None:
        self._runtime = build_runtime(Settings.resolve(**settings))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        session = self._runtime.default_session
        turns = [turn for span in spans if (turn := turn_of_span(span, session)) is not None]
        for turn in turns:
            self._runtime.keep(turn)
        if turns:
            self._runtime.flush_storing(_STORING)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._runtime.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._runtime.flush(timeout_millis / 1_000)
