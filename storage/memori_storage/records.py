"""The records that stores keep and give back: plain, immutable data, no behaviour of any database.

Names follow the OpenTelemetry GenAI semantic conventions where they have one: message parts are
the dictionaries of ``gen_ai.input.messages`` (``{"type": "text", "content": …}``, ``tool_call``,
``tool_call_response``, ``reasoning``, ``blob``, ``uri``, ``file``), with one deliberate
difference: a ``blob`` never carries its bytes, only ``modality``, ``mime_type``, ``size`` (bytes)
and ``sha256``. All times are timezone-aware UTC datetimes with microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from memori_storage.keys import digest

Part = Mapping[str, Any]
"""One message part, JSON-serialisable, shaped as in the GenAI semantic conventions."""

TurnStatus = Literal["complete", "incomplete", "error"]
MemoryStatus = Literal["active", "superseded", "retracted", "quarantined"]
MemoryKind = Literal[
    "fact", "preference", "skill", "attribute", "event", "person", "relationship", "rule"
]


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a request or a reply carried it, before it has a place in a conversation."""

    role: str
    """``user``, ``assistant``, ``tool``, ``system`` or ``developer``, as sent (``model`` reads
    ``assistant``)."""
    parts: Sequence[Part]
    finish_reason: str | None = None
    """Why the model stopped; only on messages of a reply."""

    @property
    def text(self) -> str:
        """What the message says: its text parts; where it has none, what its tools answered."""
        said = [str(part["content"]) for part in self.parts if part.get("type") == "text"]
        if not said:
            said = [
                part["response"]
                for part in self.parts
                if part.get("type") == "tool_call_response"
                and isinstance(part.get("response"), str)
            ]
        return ("" if self.role == "assistant" else "\n").join(said)


@dataclass(frozen=True, slots=True)
class Turn:
    """One call to a model: what was sent, what came back, whose it was."""

    id: str
    """Trace id and span id of the call's span, hex, joined, or :func:`later_turn_id`: storing a
    turn twice is a no-op."""
    entity: str | None
    process: str | None
    session: str
    provider: str
    """``gen_ai.provider.name``: ``openai``, ``anthropic``, ``gcp.gemini``, …"""
    operation: str
    """``gen_ai.operation.name``: ``chat``, ``generate_content``, …"""
    model: str | None
    """The model that was asked for."""
    status: TurnStatus
    trace_id: str
    span_id: str
    started_at: datetime
    ended_at: datetime
    input: Sequence[Message] = ()
    """The request's messages in order, inline system messages included."""
    output: Sequence[Message] = ()
    """The reply's messages; several when the provider was asked for several choices."""
    system: str | None = None
    """Instructions given beside the messages (Anthropic ``system``, Responses ``instructions``,
    …)."""
    response_model: str | None = None
    response_id: str | None = None
    previous_response_id: str | None = None
    """The response this request continues, when the provider keeps the history."""
    conversation_id: str | None = None
    """The provider's own conversation, when it keeps the history."""
    finish_reasons: Sequence[str] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    """Token counts: ``input_tokens``, ``output_tokens``, and finer ones where the provider has
    them."""
    error_type: str | None = None
    error_message: str | None = None
    first_chunk_at: datetime | None = None
    """When the first bytes of a streamed reply arrived."""
    framework: str | None = None
    session_given: bool = True
    """Whether somebody named the session. Where nobody did, a turn that continues a response of the
    same entity joins that one's session."""


def later_turn_id(provider: str, response_id: str) -> str:
    """Id of a turn whose answer comes later, by the provider's id for it: whoever fetches the
    answer, in whichever process, names the turn by it."""
    return digest("later", provider, response_id)


@dataclass(frozen=True, slots=True)
class Completion:
    """How a turn ended that was stored before its answer had come."""

    turn_id: str
    status: TurnStatus
    ended_at: datetime
    output: Sequence[Message] = ()
    """The whole reply: what the turn was stored with is the beginning of it."""
    response_model: str | None = None
    finish_reasons: Sequence[str] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    error_type: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message in its place: whose, in which session, after which message."""

    id: str
    entity: str | None
    process: str | None
    session: str
    turn_id: str
    """The turn that first carried it."""
    parent_id: str | None
    position: int
    """Order of first appearance in the session, from 0."""
    role: str
    text: str
    parts: Sequence[Part]
    created_at: datetime
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a memory was learned: the provenance that recall hands back."""

    message_id: str
    turn_id: str
    session: str
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class StoredMemory:
    """Something known about an entity, with where it came from."""

    id: str
    entity: str
    kind: MemoryKind
    content: str
    status: MemoryStatus
    observed_at: datetime
    """When it was said, first."""
    last_seen_at: datetime
    times_seen: int
    confidence: float
    extractor: str
    """Name and version of what read it, e.g. ``local/1``."""
    subject: str | None = None
    predicate: str | None = None
    object: str | None = None
    process: str | None = None
    session: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    sources: Sequence[Source] = ()


@dataclass(frozen=True, slots=True)
class NewMemory:
    """A memory to keep, as an extractor's findings are handed to the store."""

    kind: MemoryKind
    content: str
    key: str
    """Normal form of the content: two memories of one entity and kind with equal keys are one."""
    message_id: str
    """The message it was read from."""
    observed_at: datetime
    extractor: str
    confidence: float = 1.0
    subject: str | None = None
    predicate: str | None = None
    object: str | None = None
    status: MemoryStatus = "active"
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Vector:
    """An embedding of a stored message or memory."""

    item_id: str
    model: str
    """Name of the embedding model: vectors of different models are never compared."""
    data: bytes
    """Little-endian float32, one after the other."""


@dataclass(frozen=True, slots=True)
class Job:
    """A turn whose new messages are still to be learned from, leased to one worker."""

    id: str
    turn_id: str
    entity: str
    session: str
    attempts: int
    """How often it was claimed, this time included."""
    messages: Sequence[StoredMessage] = ()
    """The messages that this turn brought into the store, in order."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed for an entity since a revision: the increment of a recall index."""

    revision: int
    messages: Sequence[StoredMessage] = ()
    memories: Sequence[StoredMemory] = ()
    vectors: Sequence[Vector] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database has of our schema, and what this release has.

    Args:
        stored: The database's version; ``None`` if it has none of our tables.
        newest: This release's.
    """

    stored: str | None
    newest: str

    @property
    def is_current(self) -> bool:
        return self.stored == self.newest

    @property
    def is_newer(self) -> bool:
        """Whether a newer release has upgraded the database."""
        # Versions are numbers of one length.
        return self.stored is not None and self.stored > self.newest
