"""Spans as OTLP delivers them, and made by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags


def spans_of(batch: Mapping[str, Any]) -> Iterator[ReadableSpan]:
    """The spans of one export request in OTLP's JSON form."""
    for resource in batch["resourceSpans"]:
        for scoped in resource["scopeSpans"]:
            scope = InstrumentationScope(scoped["scope"]["name"])
            for span in scoped["spans"]:
                yield _span(span, scope)


def _span(told: Mapping[str, Any], scope: InstrumentationScope) -> ReadableSpan:
    trace_id, above = int(told["traceId"], 16), told.get("parentSpanId")
    code = StatusCode(told.get("status", {}).get("code", 0))
    return ReadableSpan(
        told["name"],
        ids(trace_id, int(told["spanId"], 16)),
        ids(trace_id, int(above, 16)) if above else None,
        attributes=_attributes(told.get("attributes", [])),
        events=[
            Event(event["name"], _attributes(event.get("attributes", [])))
            for event in told.get("events", [])
        ],
        status=Status(code, told["status"].get("message") if code is StatusCode.ERROR else None),
        start_time=int(told["startTimeUnixNano"]),
        end_time=int(told["endTimeUnixNano"]),
        instrumentation_scope=scope,
    )


def _attributes(pairs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: _value(pair["value"]) for pair in pairs}


def _value(value: Mapping[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    if kind == "arrayValue":
        return tuple(_value(each) for each in inner.get("values", []))
    return int(inner) if kind == "intValue" else inner


def ids(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(1))


def span(
    attributes: Mapping[str, Any],
    *,
    events: Iterable[tuple[str, Mapping[str, Any]]] = (),
    above: ReadableSpan | None = None,
    trace: int | None = None,
    start: int = 1_000_000_000,
    end: int = 2_000_000_000,
    scope: str = "by-hand",
    status: Status | None = None,
) -> ReadableSpan:
    """A finished span."""
    around = above.get_span_context() if above is not None else None
    trace = around.trace_id if around is not None else trace or random.getrandbits(128)
    return ReadableSpan(
        "span",
        ids(trace, random.getrandbits(64)),
        around,
        attributes=dict(attributes),
        events=[Event(name, dict(of)) for name, of in events],
        status=status or Status(),
        start_time=start,
        end_time=end,
        instrumentation_scope=InstrumentationScope(scope),
    )


def content(said: str = "Hi.", answer: str = "Hello.", **more: Any) -> dict[str, Any]:
    """The attributes of a model call in today's conventions."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.input.messages": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": said}]}]
        ),
        "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
        ),
        **more,
    }
