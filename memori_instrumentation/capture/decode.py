"""A finished call becomes a turn: pure, on the worker's thread."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from memori_instrumentation.blocks import strip_blocks
from memori_instrumentation.capture import eventstream, sse
from memori_instrumentation.capture.call import MAX_ERROR, Call
from memori_instrumentation.capture.reading import Json, Reply, Request, mapping
from memori_storage.records import Completion, Message, Turn, TurnStatus, later_turn_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_request(call: Call) -> Request:
    """What the call asked. Empty where the request never became a body."""
    return call.api.read_request(mapping(_json(call, call.request)))


def _json(call: Call, raw: Any) -> Any:
    """What a body, or an event that an SDK has taken off its stream, says."""
    if isinstance(raw, bytes | str):
        return sse.document(raw) if raw else None
    return raw if raw is None or call.api.plain is None else call.api.plain(raw)


def read_reply(call: Call) -> Reply:
    """What came back, as far as it came."""
    reply = _reply_alone(call)
    if call.api.against is None:
        return reply
    return call.api.against(mapping(_json(call, call.request)), reply)


def _reply_alone(call: Call) -> Reply:
    if call.streamed and any(isinstance(chunk, bytes) for chunk in call.chunks):
        whole = b"".join(chunk for chunk in call.chunks if isinstance(chunk, bytes))
        if call.decoder is not None:
            whole = call.decoder(whole)
        if eventstream.is_framed(call.content_type):
            return _assembled(call, eventstream.events(whole))
        if sse.is_event_stream(call.content_type, whole):
            return _assembled(call, sse.events(whole))
        return _whole(call, sse.document(whole))
    if call.streamed:
        # Other chunks are events that the SDK has already taken apart.
        return _assembled(call, (mapping(_json(call, chunk)) for chunk in call.chunks))
    return _whole(call, _json(call, call.body))


def _assembled(call: Call, events: Any) -> Reply:
    assembled = call.api.assemble(events)
    reply = call.api.read_reply(assembled.body)
    return replace(reply, complete=assembled.complete, error=assembled.error or reply.error)


def _whole(call: Call, body: Any) -> Reply:
    if not isinstance(body, dict):
        return Reply(complete=False)
    if call.status is not None and call.status >= 400:
        return Reply(complete=False, error=error_of(body))
    return call.api.read_reply(body)


def error_of(body: Json) -> tuple[str, str] | None:
    """Type and message of an error body, in any of the shapes the providers use."""
    error = body.get("error", body)
    if isinstance(error, str):
        return "error", error
    error = mapping(error)
    kind = error.get("type") or error.get("status") or error.get("code") or "error"
    message = error.get("message")
    return (str(kind), str(message)) if message else None


def turn_of(call: Call, request: Request, reply: Reply, session: str) -> Turn | None:
    """The turn that a call was; ``None`` if its reply tells that it was no conversation.

    Args:
        session: The session of calls that name none.
    """
    if not reply.conversation:
        return None
    if reply.key is not None:
        digest = hashlib.sha256(reply.key.encode("utf-8", "surrogatepass")).digest()
        call.trace_id = int.from_bytes(digest[:16], "big")
        call.span_id = int.from_bytes(digest[16:24], "big")
    status, error = _outcome(call, reply)
    entity, process, given = call.attribution
    given = given or request.conversation_id
    return Turn(
        id=(
            later_turn_id(call.provider, reply.id)
            if request.later and reply.id
            else f"{call.trace_id:032x}{call.span_id:016x}"
        ),
        entity=entity,
        process=process,
        session=given or session,
        session_given=given is not None,
        provider=call.provider,
        operation=call.api.operation,
        model=request.model or call.model,
        status=status,
        trace_id=f"{call.trace_id:032x}",
        span_id=f"{call.span_id:016x}",
        started_at=moment(call.started_ns),
        ended_at=moment(call.ended_ns),
        input=tuple(without_blocks(message) for message in request.messages),
        output=_said(reply),
        system=strip_blocks(request.system) or None if request.system else None,
        response_model=reply.model,
        response_id=reply.id,
        previous_response_id=request.previous_response_id,
        conversation_id=request.conversation_id,
        finish_reasons=tuple(reply.finish_reasons),
        usage=dict(reply.usage),
        error_type=error[0] if error else None,
        error_message=error[1][:MAX_ERROR] if error else None,
        first_chunk_at=moment(call.first_ns) if call.first_ns else None,
        framework=call.framework,
    )


def completion_of(call: Call) -> Completion | None:
    """How the turn ended whose answer a call fetched; ``None`` if it did not bring the end."""
    reply = read_reply(call)
    if reply.id is None or reply.pending:
        return None
    status, error = _outcome(call, reply)
    return Completion(
        turn_id=later_turn_id(call.provider, reply.id),
        status=status,
        ended_at=moment(call.ended_ns),
        output=_said(reply),
        response_model=reply.model,
        finish_reasons=tuple(reply.finish_reasons),
        usage=dict(reply.usage),
        error_type=error[0] if error else None,
        error_message=error[1][:MAX_ERROR] if error else None,
    )


def _said(reply: Reply) -> tuple[Message, ...]:
    """A reply's messages. One cut off before its first word is none; one that was meant to be
    empty is."""
    return tuple(m for m in reply.messages if m.parts or reply.complete)


def _outcome(call: Call, reply: Reply) -> tuple[TurnStatus, tuple[str, str] | None]:
    """How the call ended. The content decides whether a reply is whole: SDKs stop reading at its
    last
    event, so neither a close nor an unread rest means that anything is missing."""
    if call.status is not None and call.status >= 400:
        return "error", call.error or reply.error or (str(call.status), "")
    if reply.error is not None and not reply.complete:
        return ("incomplete" if any(m.parts for m in reply.messages) else "error"), reply.error
    arrived = bool(call.chunks) or call.body is not None
    if call.error is not None and not arrived:
        cancelled = call.error[0].rpartition(".")[2] in _LEFT
        return ("incomplete" if cancelled else "error"), call.error
    if reply.complete:
        return "complete", None
    return "incomplete", call.error


_LEFT = frozenset({"CancelledError", "GeneratorExit", "KeyboardInterrupt", "SystemExit"})
"""What the caller's side raises when it gives a call up; no fault of the provider's."""


def without_blocks(message: Message) -> Message:
    """A message without the memory block that recall put into it."""
    if not any(_injected(part) for part in message.parts):
        return message
    parts = [
        {**part, "content": strip_blocks(part["content"])} if _injected(part) else part
        for part in message.parts
    ]
    return Message(message.role, [part for part in parts if part.get("content") != ""])


def _injected(part: Json) -> bool:
    return part.get("type") == "text" and strip_blocks(part["content"]) != part["content"]


def moment(ns: int) -> datetime:
    """A time in nanoseconds since the epoch, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=ns // 1_000)


def frozen(body: Any) -> bytes | None:
    """A JSON copy of a request that may change after the call, bytes in it as base64; ``None`` if
    it is no JSON."""
    try:
        return json.dumps(body, default=_spelt).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError):
        return None


def _spelt(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
