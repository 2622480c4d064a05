"""Messages and times that the tests of recall share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from memori_storage.records import Message, StoredMessage

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def said(role: str, text: str) -> Message:
    """A message of one text part."""
    return Message(role, ({"type": "text", "content": text},))


def stored(
    name: str,
    text: str,
    *,
    role: str = "user",
    session: str = "s1",
    process: str | None = None,
    parent: str | None = None,
    position: int = 0,
    at: datetime = NOON,
) -> StoredMessage:
    """A message as a store gives it back."""
    return StoredMessage(
        name, "ann", process, session, "turn", parent, position, role, text, (), at, "a", "b"
    )


class Tell(Protocol):
    """Stores one turn: what was asked, and the reply."""

    def __call__(
        self,
        entity: str,
        *pairs: tuple[str, str],
        session: str = "s1",
        process: str | None = None,
        at: datetime = NOON,
    ) -> None: ...
