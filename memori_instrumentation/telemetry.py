"""Spans of the memory operations themselves, after the GenAI semantic conventions.

The conventions are those of ``open-telemetry/semantic-conventions-genai``, section "Memory" of
``docs/gen-ai/gen-ai-spans.md`` (status: development). The released constants of
``opentelemetry-semantic-conventions`` do not hold these names yet, so they are spelled out here.

Attributes set: ``gen_ai.operation.name``, ``gen_ai.memory.store.id`` (the entity: its memories are
the store that an operation addresses, and no operation spans two of them),
``gen_ai.memory.record.count``, ``gen_ai.conversation.id`` (the session), ``error.type``, and ours,
``memori.entity.id``, ``memori.process.id`` and ``memori.session.id``. What was asked and what was
found or kept (``gen_ai.memory.query.text``, ``gen_ai.memory.records``) is set only where
:func:`content_on_spans` says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TracerProvider,
)

from memori_instrumentation._version import __version__

INSTRUMENTATION_NAME = "memori_instrumentation"
CAPTURE_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

MemoryOperation = Literal["search_memory", "upsert_memory", "delete_memory"]

_CONTENT_ON_SPANS = frozenset({"true", "span_only", "span_and_event"})


def content_on_spans(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the user asked for content on spans.

    True where ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` is ``span_only`` or
    ``span_and_event`` (``opentelemetry-util-genai``'s values) or ``true`` (the older form), in any
    case; ``no_content``, ``event_only``, anything else and nothing mean no.
    """
    environ = os.environ if environ is None else environ
    return environ.get(CAPTURE_CONTENT, "").strip().lower() in _CONTENT_ON_SPANS


class MemorySpan:
    """The span of a running memory operation: what the operation reports goes through here."""

    __slots__ = ("_content", "span")

    def __init__(self, span: Span, *, content: bool) -> None:
        self.span = span
        self._content = content

    def set_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Report the memories found or kept: how many, and which where content is asked for.

        Args:
            records: One JSON-serialisable mapping per memory, as in the conventions'
                ``gen-ai-memory-records.json``: ``content`` and, where known, ``id``, ``score``
                and ``metadata``.
        """
        self.span.set_attribute("gen_ai.memory.record.count", len(records))
        if self._content and self.span.is_recording():
            text = json.dumps([dict(record) for record in records], ensure_ascii=False)
            self.span.set_attribute("gen_ai.memory.records", text)


@contextmanager
def memory_span(
    operation: MemoryOperation,
    *,
    entity: str | None = None,
    process: str | None = None,
    session: str | None = None,
    query: str | None = None,
    links: Iterable[Link] = (),
    context: otel_context.Context | None = None,
    tracer_provider: TracerProvider | None = None,
) -> Iterator[MemorySpan]:
    """Run a block as a memory operation's span: named after the operation, kind ``INTERNAL``.

    ``INTERNAL`` because the memory system runs in this process. An exception that leaves the block
    sets ``error.type`` and the status, and goes on. The span is current inside the block.

    Args:
        operation: ``search_memory``, ``upsert_memory`` or ``delete_memory``.
        entity: Whose memories.
        process: The agent or program, where the operation is confined to one or comes from one.
        session: The conversation, likewise.
        query: What is searched for; recorded only where content is asked for.
        links: Spans that the operation follows from (see :func:`link_to`).
        context: The parent context; the current one unless given.
        tracer_provider: Where the span goes; the global provider unless given.
    """
    content = content_on_spans()
    attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.memory.store.id": entity,
        "gen_ai.conversation.id": session,
        "gen_ai.memory.query.text": query if content else None,
        "memori.entity.id": entity,
        "memori.process.id": process,
        "memori.session.id": session,
    }
    tracer = trace.get_tracer(INSTRUMENTATION_NAME, __version__, tracer_provider)
    with tracer.start_as_current_span(
        operation,
        context=context,
        kind=SpanKind.INTERNAL,
        attributes={name: value for name, value in attributes.items() if value is not None},
        links=list(links),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield MemorySpan(span, content=content)
        except Exception as error:
            # The type alone: an error's message may quote what users said.
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(Status(StatusCode.ERROR, type(error).__qualname__))
            raise


def link_to(trace_id: str, span_id: str) -> Link | None:
    """A link to a span that may have run in another process; ``None`` for ids that are none.

    Args:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
    """
    try:
        target = SpanContext(
            int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags()
        )
    except ValueError:
        return None
    return Link(target) if target.is_valid else None
