"""Spans that others made of their model calls, read as turns.

What instrumentations write differs (:class:`~.shapes.Dialect`) and is data: which spans are calls
of a model (:mod:`.facts`), where their content is, and how it reads. Recognised are attributes,
whoever set them. Read are GenAI semantic conventions of all years, OpenLLMetry and xAI's SDK,
OpenInference, Logfire, and Vercel's AI SDK.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.trace import StatusCode

from memori_instrumentation._attribution import Attribution
from memori_instrumentation.blocks import strip_blocks
from memori_instrumentation.capture.call import MAX_ERROR
from memori_instrumentation.capture.decode import moment, without_blocks
from memori_instrumentation.capture.foreign import (
    facts,
    logfire,
    openinference,
    openllmetry,
    semconv,
    vercel,
)
from memori_instrumentation.capture.foreign.facts import is_call
from memori_instrumentation.capture.foreign.shapes import Said, Told
from memori_instrumentation.capture.once import SPANS, key_of
from memori_instrumentation.capture.reading import Json
from memori_instrumentation.config import SpanAttribution
from memori_instrumentation.telemetry import INSTRUMENTATION_NAME
from memori_storage.records import Turn, TurnStatus

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = [
    "Heard",
    "Said",
    "Told",
    "error_of",
    "is_call",
    "is_ours",
    "is_to_be_told",
    "turn_of",
]

DIALECTS = (
    semconv.CURRENT,
    openinference.DIALECT,
    openllmetry.DIALECT,
    vercel.DIALECT,
    semconv.EVENTS,
    semconv.TWO_EVENTS,
    logfire.DIALECT,
)
"""Best first: some instrumentations write a call in two of them."""

_ATTRIBUTES = frozenset[str]().union(*(dialect.attributes for dialect in DIALECTS))
_PREFIXES = tuple(prefix for dialect in DIALECTS for prefix in dialect.prefixes)
_EVENTS = frozenset[str]().union(*(dialect.events for dialect in DIALECTS))

_NOBODY = Attribution()


class Heard(NamedTuple):
    """A call that was not captured but told of, by reference; it is read on our worker."""

    read: Callable[[], tuple[Told, Said]]
    source: str
    """The instrumentation that tells."""
    who: Attribution = _NOBODY
    """Whose call it is, as the context said when it began."""

    @classmethod
    def of_span(cls, span: ReadableSpan, who: Attribution = _NOBODY) -> Heard:
        """What a finished span tells."""
        scope = span.instrumentation_scope
        return cls(partial(_read, span), scope.name if scope is not None else "", who)


def _read(span: ReadableSpan) -> tuple[Told, Said]:
    told = _told_by(span)
    return told, next((said for dialect in DIALECTS if (said := dialect.read(told))), Said())


def is_ours(span: ReadableSpan) -> bool:
    """Whether we made a span: its call was captured when it was made."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name == INSTRUMENTATION_NAME


def is_to_be_told(span: ReadableSpan) -> bool:
    """Whether a span that has ended is to be made a turn: it tells of a call that nothing else on
    its branch of the trace tells of."""
    own, kind = key_of(span.get_span_context()), is_call(span.attributes or {})
    if own is None or kind is False:
        return False
    tells = _tells(span, kind)
    above = key_of(span.parent)
    return SPANS.taken(own, above, span.start_time or 0, span.end_time or 0, tells=tells)


def _tells(span: ReadableSpan, kind: bool | None) -> bool:
    """Whether a span seems to have the content of a call of a model. A glance: names are looked at,
    nothing is read."""
    attributes = span.attributes or {}
    if not kind and "request_data" not in attributes:
        return False
    if logfire.kind(attributes) == logfire.PENDING:
        return False
    return any(name in _ATTRIBUTES or name.startswith(_PREFIXES) for name in attributes) or any(
        event.name in _EVENTS for event in span.events
    )


def _told_by(span: ReadableSpan) -> Told:
    """A finished span as plain data."""
    ids = span.get_span_context()
    attributes = span.attributes or {}
    return Told(
        ids.trace_id if ids is not None else 0,
        ids.span_id if ids is not None else 0,
        attributes,
        [(event.name, event.attributes or {}) for event in span.events],
        span.start_time or 0,
        span.end_time or span.start_time or 0,
        error_of(span),
    )


def error_of(span: Any) -> tuple[str, str | None] | None:
    """Type and message of what went wrong, as a span of the OpenTelemetry SDK has it."""
    status = getattr(span, "status", None)
    failed = facts.text(getattr(span, "attributes", None) or {}, ("error.type",))
    if failed is None and (status is None or status.status_code is not StatusCode.ERROR):
        return None
    raised: Json = {}
    for event in getattr(span, "events", ()):
        if event.name == "exception":
            raised = event.attributes or {}
    message = facts.text(raised, ("exception.message",)) or (status and status.description)
    return failed or facts.text(raised, ("exception.type",)) or "error", message


def turn_of(
    heard: Heard, believed: SpanAttribution, defaults: Attribution, session: str
) -> Turn | None:
    """The turn that a call was; ``None`` if nothing of what was said is known.

    Args:
        heard: Who tells of it, and how to read that.
        believed: Which names of the app's are believed to say whose call it is.
        defaults: Whose calls are that nobody says anything of.
        session: The session of calls that name none.
    """
    told, said = heard.read()
    output = tuple(without_blocks(message) for message in said.output)
    error = told.error
    if not said:
        return None
    if not output and error is None and logfire.kind(told.attributes) == "span":
        return None  # of a streamed call, whose log is still to come
    who = facts.stated(told.attributes).otherwise(heard.who)
    who = who.otherwise(facts.named_by_app(told.attributes, believed)).otherwise(defaults)
    of: Any = ChainMap(dict(said.facts), dict(told.attributes))
    trace_id, span_id = f"{told.trace_id:032x}", f"{told.span_id:016x}"
    return Turn(
        id=trace_id + span_id,
        entity=who.entity,
        process=who.process,
        session=who.session or session,
        provider=facts.provider(of),
        operation=facts.text(of, ("gen_ai.operation.name",)) or "chat",
        model=facts.text(of, facts.MODEL),
        status=_status(error, answered=bool(output)),
        trace_id=trace_id,
        span_id=span_id,
        started_at=moment(told.started_ns - int(logfire.hindsight(told.attributes) * 1e9)),
        ended_at=moment(told.ended_ns),
        input=tuple(without_blocks(message) for message in said.input),
        output=output,
        system=strip_blocks(said.system) or None if said.system else None,
        response_model=facts.text(of, facts.RESPONSE_MODEL),
        response_id=facts.text(of, facts.RESPONSE_ID),
        previous_response_id=facts.text(of, facts.PREVIOUS_RESPONSE),
        conversation_id=facts.text(of, ("gen_ai.conversation.id",)),
        finish_reasons=facts.reasons(of),
        usage=facts.usage(of),
        error_type=error[0] if error else None,
        error_message=error[1][:MAX_ERROR] if error and error[1] else None,
    )


def _status(error: object, *, answered: bool) -> TurnStatus:
    if error is None:
        return "complete" if answered else "incomplete"
    return "incomplete" if answered else "error"
