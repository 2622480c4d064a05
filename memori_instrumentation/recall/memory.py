"""What recall answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args

from memori_storage.records import MemoryKind

MESSAGE = "message"
"""The kind of a result that is a stored message, as it was said."""

KINDS: frozenset[str] = frozenset({MESSAGE, *get_args(MemoryKind)})


class RecallError(ValueError):
    """A request to recall that cannot be answered as asked; the message says what to change."""


@dataclass(frozen=True, slots=True)
class MemorySource:
    """A message that a memory was learned from, or the message that the result is."""

    message_id: str
    turn_id: str
    session: str
    trace_id: str
    span_id: str
    role: str | None = None
    text: str | None = None
    """What was said; ``None`` where the message itself is not a candidate of recall."""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing remembered about an entity: something learned, or a message as it was said."""

    id: str
    content: str
    kind: str
    """``message``, or the kind of memory: ``fact``, ``preference``, …"""
    score: float
    """Weighted sum of ``parts``, in standard deviations over the candidates of this query: it
    orders the results of one query and does not compare between queries."""
    entity: str
    observed_at: datetime
    """When it was said, first."""
    last_seen_at: datetime
    times_seen: int = 1
    role: str | None = None
    """Who said it; for messages only."""
    process: str | None = None
    session: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    """Standardised score by component: ``dense``, ``lexical``, ``session``, ``recency``."""
    sources: tuple[MemorySource, ...] = ()
    """Where it comes from, first source first."""

    @property
    def message_ids(self) -> tuple[str, ...]:
        """The messages it comes from; its own id for a message."""
        return tuple(source.message_id for source in self.sources)

    @property
    def turn_ids(self) -> tuple[str, ...]:
        """The turns that those messages came in, each once."""
        return tuple(dict.fromkeys(source.turn_id for source in self.sources))

    @property
    def trace_id(self) -> str | None:
        """Trace of the model call that it first came from."""
        return self.sources[0].trace_id if self.sources else None

    @property
    def span_id(self) -> str | None:
        """Span of the model call that it first came from."""
        return self.sources[0].span_id if self.sources else None

    def as_record(self) -> dict[str, Any]:
        """The conventions' ``gen-ai-memory-records`` form, for spans."""
        return {
            "id": self.id,
            "content": self.content,
            "score": self.score,
            "metadata": {"kind": self.kind, "observed_at": self.observed_at.isoformat()},
        }
