"""The tables. Migrations in :mod:`memori_storage.migrations` create exactly these.

Rows are found by digests (:mod:`memori_storage.keys`); ids from outside stand beside them as text.
Rows of an entity carry the entity's ``revision`` as of the transaction that wrote them last: "what
changed since" is a range of an index.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, MetaData, Table

from memori_storage.columns import (
    AnyText,
    Json,
    Moment,
    bytes_type,
    id_type,
    key_type,
    word_type,
)

SCHEMA_VERSION = "0001"
"""The newest migration."""
VERSION_TABLE = "memori_schema_version"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


def _table(name: str, *columns: Any) -> Table:
    options: dict[str, Any] = {
        f"{family}_{option}": value
        for family in ("mysql", "mariadb")
        for option, value in (
            ("engine", "InnoDB"),
            ("charset", "utf8mb4"),
            ("collate", "utf8mb4_bin"),
        )
    }
    return Table(name, metadata, *columns, **options)


def _key(name: str, references: str | None = None, **options: Any) -> Column[str]:
    constraint = (ForeignKey(references),) if references else ()
    return Column(name, key_type(), *constraint, **options)


entities = _table(
    "memori_entities",
    _key("key", primary_key=True),
    Column("external_id", AnyText, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

processes = _table(
    "memori_processes",
    _key("key", primary_key=True),
    Column("external_id", AnyText, nullable=False),
)

sessions = _table(
    "memori_sessions",
    _key("key", primary_key=True),
    _key("entity_key", "memori_entities.key"),
    Column("external_id", AnyText, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("next_position", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Index("ix_memori_sessions_entity", "entity_key", "started_at"),
)

turns = _table(
    "memori_turns",
    Column("id", id_type(), primary_key=True),
    _key("entity_key", "memori_entities.key"),
    _key("process_key", "memori_processes.key"),
    _key("session_key", "memori_sessions.key", nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("provider", AnyText, nullable=False),
    Column("operation", AnyText, nullable=False),
    Column("model", AnyText),
    Column("response_model", AnyText),
    Column("response_id", AnyText),
    Column("previous_response_id", AnyText),
    Column("conversation_id", AnyText),
    Column("status", word_type(), nullable=False),
    Column("finish_reasons", Json, nullable=False),
    Column("usage", Json, nullable=False),
    Column("trace_id", id_type(), nullable=False),
    Column("span_id", id_type(), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("first_chunk_at", Moment),
    Column("ended_at", Moment, nullable=False),
    Column("system", AnyText),
    Column("error_type", AnyText),
    Column("error_message", AnyText),
    Column("framework", AnyText),
    Column("input_message_id", key_type()),
    Column("output_message_id", key_type()),
    Index("ix_memori_turns_entity", "entity_key", "started_at", "id"),
    Index("ix_memori_turns_session", "session_key", "started_at"),
)

messages = _table(
    "memori_messages",
    _key("id", primary_key=True),
    _key("entity_key", "memori_entities.key"),
    _key("session_key", "memori_sessions.key", nullable=False),
    Column("turn_id", id_type(), ForeignKey("memori_turns.id"), nullable=False),
    Column("revision", BigInteger, nullable=False),
    _key("parent_id"),
    _key("content_key", nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", AnyText, nullable=False),
    Column("text", AnyText, nullable=False),
    Column("parts", Json, nullable=False),
    Column("finish_reason", AnyText),
    Column("created_at", Moment, nullable=False),
    Index("ix_memori_messages_session", "session_key", "position", unique=True),
    Index("ix_memori_messages_entity", "entity_key", "revision"),
    Index("ix_memori_messages_turn", "turn_id", "position"),
)

memories = _table(
    "memori_memories",
    _key("id", primary_key=True),
    _key("entity_key", "memori_entities.key", nullable=False),
    _key("process_key", "memori_processes.key"),
    _key("session_key", "memori_sessions.key"),
    Column("revision", BigInteger, nullable=False),
    Column("kind", word_type(), nullable=False),
    Column("content", AnyText, nullable=False),
    Column("subject", AnyText),
    Column("predicate", AnyText),
    Column("object", AnyText),
    Column("status", word_type(), nullable=False),
    Column("confidence", Double, nullable=False),
    Column("times_seen", Integer, nullable=False),
    Column("observed_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("valid_from", Moment),
    Column("valid_to", Moment),
    Column("extractor", AnyText, nullable=False),
    Index("ix_memori_memories_entity", "entity_key", "revision"),
)

memory_sources = _table(
    "memori_memory_sources",
    _key("memory_id", "memori_memories.id", primary_key=True),
    _key("message_id", "memori_messages.id", primary_key=True),
    Index("ix_memori_memory_sources_message", "message_id"),
)

vectors = _table(
    "memori_vectors",
    _key("entity_key", "memori_entities.key", primary_key=True),
    Column("item_id", id_type(), primary_key=True),
    _key("model_key", primary_key=True),
    Column("model", AnyText, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("data", bytes_type(), nullable=False),
    Index("ix_memori_vectors_entity", "entity_key", "model_key", "revision"),
)

jobs = _table(
    "memori_jobs",
    Column("turn_id", id_type(), ForeignKey("memori_turns.id"), primary_key=True),
    _key("entity_key", "memori_entities.key", nullable=False),
    _key("session_key", "memori_sessions.key", nullable=False),
    Column("state", word_type(), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("available_at", Moment, nullable=False),
    Column("worker", AnyText),
    Column("attempts", Integer, nullable=False),
    Column("error", AnyText),
    Index("ix_memori_jobs_state", "state", "created_at", "turn_id"),
    Index("ix_memori_jobs_entity", "entity_key", "state"),
)
