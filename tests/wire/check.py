"""Compares what the database exports with what crossed the wire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from memori_storage import open_store
from wire import oracle, oracle_replies
from wire.dialects import dialect_of, streams
from wire.replies import Received

Row = dict[str, Any]


@dataclass
class Kept:
    """What a database holds of one entity, as exported."""

    turns: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    memories: list[Row] = field(default_factory=list)

    @property
    def said(self) -> list[oracle.Message]:
        """All messages in their order, in the oracle's form."""
        ordered = sorted(self.messages, key=lambda row: (row["session"], row["position"]))
        return [(row["role"], parts_of(row)) for row in ordered]


def parts_of(message: Row) -> tuple[oracle.Part, ...]:
    """A stored message's parts, in the oracle's form."""
    return oracle.said(oracle.stored(part) for part in message["parts"])


def kept(database: Any, entity: str) -> Kept:
    """Everything stored for ``entity``."""
    store = open_store(database)
    try:
        store.migrate()  # nothing stored yet leaves a database without tables
        return kept_in(store, entity)
    finally:
        store.close()


def kept_in(store: Any, entity: str) -> Kept:
    """The same of an open store."""
    found = Kept()
    lists = {"turn": found.turns, "message": found.messages, "memory": found.memories}
    for row in store.export(entity):
        lists[row["type"]].append(row)
    return found


def differences(
    received: Received, found: Kept, request: Any = None, *, status: str = "complete"
) -> list[str]:
    """How an entity's one turn differs from the one exchange it was; empty if it does not.

    Args:
        received: The exchange in the server's journal, read to its end by the client.
        found: What is stored for the entity, which made no other call.
        request: The request's JSON body, if not the one that arrived.
        status: How the turn is expected to have ended; of an error no reply is expected.
    """
    if len(found.turns) != 1:
        return [f"{len(found.turns)} turns"]
    (turn,) = found.turns
    dialect = dialect_of(received.path)
    assert dialect is not None, received.path
    asked = oracle.sent(dialect.name, received.json if request is None else request)
    reply = oracle_replies.Reply()
    if status != "error":
        streamed = streams(received.path, received.json)
        reply = oracle_replies.replied(dialect.name, received.answered, streamed)
    # Equal choices are one message: they answer in the same place with the same words.
    expected: list[Any] = [*asked, *dict.fromkeys(reply.messages)]
    said: list[Any] = found.said
    if dialect.name == "openai.responses":
        expected, said = oracle.flat(expected), oracle.flat(said)
    # A message with nothing in it is not required to have a row.
    expected = [message for message in expected if message[1]]
    said = [message for message in said if message[1]]
    pairs: list[tuple[str, Any, Any]] = [
        ("messages", said, expected),
        ("status", turn["status"], status),
        ("response_id", turn["response_id"], reply.id),
        ("input tokens", turn["usage"].get("input_tokens"), reply.input_tokens),
        ("output tokens", turn["usage"].get("output_tokens"), reply.output_tokens),
    ]
    return [f"{name}: {is_!r} is not {was!r}" for name, is_, was in pairs if is_ != was]


def texts(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Role and text of messages, in order of place."""
    ordered = sorted(rows, key=lambda row: (row["session"], row["position"]))
    return [(row["role"], row["text"]) for row in ordered]
