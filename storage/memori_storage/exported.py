"""What an export says of each row: JSON-ready dictionaries, the same of every database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from memori_storage.records import StoredMemory, StoredMessage
from memori_storage.values import iso

_TURN_FIELDS = (
    "process",
    "provider",
    "operation",
    "model",
    "response_model",
    "response_id",
    "previous_response_id",
    "conversation_id",
    "status",
    "finish_reasons",
    "usage",
    "trace_id",
    "span_id",
    "system",
    "error_type",
    "error_message",
    "framework",
    "input_message_id",
    "output_message_id",
)


def exported_turn(row: Mapping[str, Any], entity: str) -> dict[str, Any]:
    """A turn, from its row with the names of its session and process."""
    return {
        "type": "turn",
        "id": row["id"],
        "entity": entity,
        "session": row["session"],
        **{name: row[name] for name in _TURN_FIELDS},
        "started_at": iso(row["started_at"]),
        "first_chunk_at": iso(row["first_chunk_at"]),
        "ended_at": iso(row["ended_at"]),
    }


def exported_message(message: StoredMessage, finish_reason: str | None) -> dict[str, Any]:
    """A message."""
    return {
        "type": "message",
        **asdict(message),
        "finish_reason": finish_reason,
        "created_at": iso(message.created_at),
    }


def exported_memory(memory: StoredMemory) -> dict[str, Any]:
    """A memory, with the span of its first source."""
    first = memory.sources[0] if memory.sources else None
    times = ("observed_at", "last_seen_at", "valid_from", "valid_to")
    return {
        "type": "memory",
        **asdict(memory),
        **{name: iso(getattr(memory, name)) for name in times},
        "sources": [asdict(source) for source in memory.sources],
        "trace_id": first and first.trace_id,
        "span_id": first and first.span_id,
    }
