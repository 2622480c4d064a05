"""The ``gen_ai`` span of a call: started on the caller's thread, finished by the worker.

Names and attributes follow the OpenTelemetry semantic conventions for generative AI (inference
spans). Message content appears on the span only when
``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` asks for it; the memory store gets it
beside the span in any case.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from memori_instrumentation._attribution import KEYS
from memori_instrumentation._version import __version__
from memori_instrumentation.capture.call import Call
from memori_instrumentation.capture.reading import Request
from memori_instrumentation.telemetry import INSTRUMENTATION_NAME, content_on_spans
from memori_storage.records import Message, Turn


class Tracing:
    """Where spans go: the given provider, else whichever is the global one at the time of a call.

    Args:
        provider: Fixed, if given.
        adopt: Called once with each provider before its first span.
    """

    def __init__(
        self,
        provider: trace.TracerProvider | None,
        adopt: Callable[[trace.TracerProvider], None],
    ) -> None:
        self._given = provider
        self._adopt = adopt
        self._provider: trace.TracerProvider | None = None
        self._tracer: trace.Tracer | None = None

    def tracer(self) -> trace.Tracer:
        provider = self._given or trace.get_tracer_provider()
        if self._tracer is None or provider is not self._provider:
            self._adopt(provider)
            self._tracer = provider.get_tracer(INSTRUMENTATION_NAME, __version__)
            self._provider = provider
        return self._tracer


def start(call: Call, tracer: trace.Tracer, ctx: context.Context) -> None:
    """Start the call's span in ``ctx`` and give the call its ids.

    Without an SDK, with tracing off, or under a sampler that drops the trace there is no
    recording span; the call is captured all the same, under ids of its own in the trace it
    belongs to.
    """
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": call.api.operation,
        "gen_ai.provider.name": call.provider,
    }
    if call.model:
        attributes["gen_ai.request.model"] = call.model
    if call.server is not None:
        attributes["server.address"] = call.server[0]
        if call.server[1]:
            attributes["server.port"] = call.server[1]
    attributes.update(
        (key, value) for key, value in zip(KEYS, call.attribution, strict=True) if value is not None
    )
    name = f"{call.api.operation} {call.model}" if call.model else call.api.operation
    span = tracer.start_span(
        name, ctx, SpanKind.CLIENT, attributes=attributes, start_time=call.started_ns
    )
    ids = span.get_span_context()
    parent = trace.get_current_span(ctx).get_span_context()
    call.span = span
    call.trace_id = ids.trace_id or parent.trace_id or random.getrandbits(128)
    # A tracer that is switched off hands back its parent's span: not an id of this call.
    own = ids.span_id if ids.span_id != parent.span_id else 0
    call.span_id = own or random.getrandbits(64)


def inside(call: Call, ctx: context.Context) -> context.Context:
    """``ctx`` with the call's span current, if a tracer made one: ids of ours alone must not reach
    a wire."""
    span = call.span
    if span is None or not span.get_span_context().is_valid:
        return ctx
    return trace.set_span_in_context(span, ctx)


def finish(call: Call, request: Request | None, turn: Turn | None) -> None:
    """End the call's span with what was read, at the time the call itself ended."""
    span = call.span
    if span is None:
        return
    if span.is_recording():
        if request is not None:
            span.set_attributes(dict(request.attributes))
        if turn is not None:
            span.set_attributes(_described(call, turn))
        if call.status is not None and call.status >= 400:
            span.set_attribute("http.response.status_code", call.status)
        if turn is not None and turn.error_type:
            span.set_attribute("error.type", turn.error_type)
            if turn.status == "error":
                span.set_status(Status(StatusCode.ERROR, turn.error_message))
    span.end(call.ended_ns)


def _described(call: Call, turn: Turn) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "gen_ai.request.model": turn.model,
        "gen_ai.response.model": turn.response_model,
        "gen_ai.response.id": turn.response_id,
        "gen_ai.response.finish_reasons": list(turn.finish_reasons) or None,
        # The conventions' own names for what the app said; not for sessions that we made up.
        "user.id": turn.entity,
        "gen_ai.agent.name": turn.process,
        "gen_ai.conversation.id": call.attribution.session or turn.conversation_id,
    }
    attributes.update(
        {f"gen_ai.usage.{_USAGE.get(name, name)}": n for name, n in turn.usage.items()}
    )
    if call.first_ns and call.streamed:
        # Seconds, as the conventions measure it.
        attributes["gen_ai.response.time_to_first_chunk"] = (call.first_ns - call.started_ns) / 1e9
    if content_on_spans():
        attributes["gen_ai.input.messages"] = dumped(turn.input)
        attributes["gen_ai.output.messages"] = dumped(turn.output)
        if turn.system:
            attributes["gen_ai.system_instructions"] = json.dumps(
                [{"type": "text", "content": turn.system}], ensure_ascii=False
            )
    return {key: value for key, value in attributes.items() if value is not None}


_USAGE = {
    "cache_read_tokens": "cache_read.input_tokens",
    "cache_creation_tokens": "cache_creation.input_tokens",
    "reasoning_tokens": "reasoning.output_tokens",
}
"""Usage counts whose attribute has another name than the stored count."""


def dumped(messages: Sequence[Message]) -> str:
    """Messages in the JSON form of ``gen_ai.input.messages`` and ``gen_ai.output.messages``."""
    return json.dumps(
        [
            {
                "role": message.role,
                "parts": list(message.parts),
                **({"finish_reason": message.finish_reason} if message.finish_reason else {}),
            }
            for message in messages
        ],
        ensure_ascii=False,
    )
