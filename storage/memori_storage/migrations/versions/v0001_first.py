"""Entities, processes, sessions, turns, messages, memories with their sources, vectors, jobs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A migration says what was created then, whatever the columns of today are.
_MYSQL = ("mysql", "mariadb")
_KEY = sa.String(32)
_ID = sa.String(128)
_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), *_MYSQL)
_BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *_MYSQL)
_OPTIONS: dict[str, Any] = {
    f"{family}_{option}": value
    for family in _MYSQL
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "memori_entities",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("external_id", _TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_memori_entities"),
        **_OPTIONS,
    )
    op.create_table(
        "memori_processes",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("external_id", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_memori_processes"),
        **_OPTIONS,
    )
    op.create_table(
        "memori_sessions",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("entity_key", _KEY, nullable=True),
        sa.Column("external_id", _TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("next_position", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entity_key"], ["memori_entities.key"], name="fk_memori_sessions_entity_key"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_memori_sessions"),
        **_OPTIONS,
    )
    op.create_index("ix_memori_sessions_entity", "memori_sessions", ["entity_key", "started_at"])
    op.create_table(
        "memori_vectors",
        sa.Column("entity_key", _KEY, nullable=False),
        sa.Column("item_id", _ID, nullable=False),
        sa.Column("model_key", _KEY, nullable=False),
        sa.Column("model", _TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("data", _BYTES, nullable=False),
        sa.ForeignKeyConstraint(
            ["entity_key"], ["memori_entities.key"], name="fk_memori_vectors_entity_key"
        ),
        sa.PrimaryKeyConstraint("entity_key", "item_id", "model_key", name="pk_memori_vectors"),
        **_OPTIONS,
    )
    op.create_index(
        "ix_memori_vectors_entity", "memori_vectors", ["entity_key", "model_key", "revision"]
    )
    op.create_table(
        "memori_memories",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("entity_key", _KEY, nullable=False),
        sa.Column("process_key", _KEY, nullable=True),
        sa.Column("session_key", _KEY, nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kind", _KEY, nullable=False),
        sa.Column("content", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=True),
        sa.Column("predicate", _TEXT, nullable=True),
        sa.Column("object", _TEXT, nullable=True),
        sa.Column("status", _KEY, nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("times_seen", sa.Integer(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("extractor", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["entity_key"], ["memori_entities.key"], name="fk_memori_memories_entity_key"
        ),
        sa.ForeignKeyConstraint(
            ["process_key"], ["memori_processes.key"], name="fk_memori_memories_process_key"
        ),
        sa.ForeignKeyConstraint(
            ["session_key"], ["memori_sessions.key"], name="fk_memori_memories_session_key"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_memori_memories"),
        **_OPTIONS,
    )
    op.create_index("ix_memori_memories_entity", "memori_memories", ["entity_key", "revision"])
    op.create_table(
        "memori_turns",
        sa.Column("id", _ID, nullable=False),
        sa.Column("entity_key", _KEY, nullable=True),
        sa.Column("process_key", _KEY, nullable=True),
        sa.Column("session_key", _KEY, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("provider", _TEXT, nullable=False),
        sa.Column("operation", _TEXT, nullable=False),
        sa.Column("model", _TEXT, nullable=True),
        sa.Column("response_model", _TEXT, nullable=True),
        sa.Column("response_id", _TEXT, nullable=True),
        sa.Column("previous_response_id", _TEXT, nullable=True),
        sa.Column("conversation_id", _TEXT, nullable=True),
        sa.Column("status", _KEY, nullable=False),
        sa.Column("finish_reasons", _TEXT, nullable=False),
        sa.Column("usage", _TEXT, nullable=False),
        sa.Column("trace_id", _ID, nullable=False),
        sa.Column("span_id", _ID, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("first_chunk_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("system", _TEXT, nullable=True),
        sa.Column("error_type", _TEXT, nullable=True),
        sa.Column("error_message", _TEXT, nullable=True),
        sa.Column("framework", _TEXT, nullable=True),
        sa.Column("input_message_id", _KEY, nullable=True),
        sa.Column("output_message_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(
            ["entity_key"], ["memori_entities.key"], name="fk_memori_turns_entity_key"
        ),
        sa.ForeignKeyConstraint(
            ["process_key"], ["memori_processes.key"], name="fk_memori_turns_process_key"
        ),
        sa.ForeignKeyConstraint(
            ["session_key"], ["memori_sessions.key"], name="fk_memori_turns_session_key"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_memori_turns"),
        **_OPTIONS,
    )
    op.create_index("ix_memori_turns_entity", "memori_turns", ["entity_key", "started_at", "id"])
    op.create_index("ix_memori_turns_session", "memori_turns", ["session_key", "started_at"])
    op.create_table(
        "memori_jobs",
        sa.Column("turn_id", _ID, nullable=False),
        sa.Column("entity_key", _KEY, nullable=False),
        sa.Column("session_key", _KEY, nullable=False),
        sa.Column("state", _KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("available_at", sa.BigInteger(), nullable=False),
        sa.Column("worker", _TEXT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", _TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["entity_key"], ["memori_entities.key"], name="fk_memori_jobs_entity_key"
        ),
        sa.ForeignKeyConstraint(
            ["session_key"], ["memori_sessions.key"], name="fk_memori_jobs_session_key"
        ),
        sa.ForeignKeyConstraint(["turn_id"], ["memori_turns.id"], name="fk_memori_jobs_turn_id"),
        sa.PrimaryKeyConstraint("turn_id", name="pk_memori_jobs"),
        **_OPTIONS,
    )
    op.create_index("ix_memori_jobs_entity", "memori_jobs", ["entity_key", "state"])
    op.create_index("ix_memori_jobs_state", "memori_jobs", ["state", "created_at", "turn_id"])
    op.create_table(
        "memori_messages",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("entity_key", _KEY, nullable=True),
        sa.Column("session_key", _KEY, nullable=False),
        sa.Column("turn_id", _ID, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", _KEY, nullable=True),
        sa.Column("content_key", _KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", _TEXT, nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.Column("parts", _TEXT, nullable=False),
        sa.Column("finish_reason", _TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entity_key"], ["memori_entities.key"], name="fk_memori_messages_entity_key"
        ),
        sa.ForeignKeyConstraint(
            ["session_key"], ["memori_sessions.key"], name="fk_memori_messages_session_key"
        ),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["memori_turns.id"], name="fk_memori_messages_turn_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_memori_messages"),
        **_OPTIONS,
    )
    op.create_index("ix_memori_messages_entity", "memori_messages", ["entity_key", "revision"])
    op.create_index(
        "ix_memori_messages_session", "memori_messages", ["session_key", "position"], unique=True
    )
    op.create_index("ix_memori_messages_turn", "memori_messages", ["turn_id", "position"])
    op.create_table(
        "memori_memory_sources",
        sa.Column("memory_id", _KEY, nullable=False),
        sa.Column("message_id", _KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["memory_id"], ["memori_memories.id"], name="fk_memori_memory_sources_memory_id"
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["memori_messages.id"], name="fk_memori_memory_sources_message_id"
        ),
        sa.PrimaryKeyConstraint("memory_id", "message_id", name="pk_memori_memory_sources"),
        **_OPTIONS,
    )
    op.create_index("ix_memori_memory_sources_message", "memori_memory_sources", ["message_id"])
