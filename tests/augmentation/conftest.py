"""Messages and jobs as the store hands them out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from memori_storage.records import Job, Part, StoredMessage

SAID_AT = datetime(2026, 3, 4, 10, tzinfo=UTC)
"""A Wednesday."""


def message(*texts: str, role: str = "user", parts: list[Part] | None = None) -> StoredMessage:
    parts = parts or [{"type": "text", "content": text} for text in texts]
    return StoredMessage(
        id="message-1",
        entity="user-1",
        process=None,
        session="chat-1",
        turn_id="turn-1",
        parent_id=None,
        position=0,
        role=role,
        text="\n".join(texts),
        parts=parts,
        created_at=SAID_AT,
        trace_id="a" * 32,
        span_id="b" * 16,
    )


@pytest.fixture
def job_of() -> Callable[..., Job]:
    """Makes a job of messages, or of one user message with the given texts."""

    def make(*said: str | StoredMessage) -> Job:
        messages = [item if isinstance(item, StoredMessage) else message(item) for item in said]
        return Job("job-1", "turn-1", "user-1", "chat-1", 1, messages)

    return make


@pytest.fixture
def message_of() -> Callable[..., StoredMessage]:
    return message
