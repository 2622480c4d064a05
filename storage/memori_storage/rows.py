"""The rows that turns become: what is written, whichever database writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from memori_storage import keys
from memori_storage.lineage import Placement, anchors_of, place, start_of
from memori_storage.records import Source, StoredMemory, StoredMessage, Turn
from memori_storage.store import StoreError
from memori_storage.tree import Keyed, Tree, keyed
from memori_storage.values import MAX_ID_LENGTH

OPEN, PARKED = "open", "parked"
"""States of a job. A leased job is one that is open, but only later."""


class Prepared(NamedTuple):
    """A turn with all that can be computed before the transaction."""

    turn: Turn
    entity: str | None
    process: str | None
    session: str
    given: list[Keyed]
    output: list[Keyed]

    @property
    def anchors(self) -> list[tuple[str, str]]:
        """Names of the history that the turn goes on from, where its provider keeps that."""
        return anchors_of(self.turn.previous_response_id, self.turn.conversation_id)


def in_order(turns: Iterable[Turn]) -> list[Turn]:
    """Each turn once, in the order in which they began.

    Turns that ran at the same time may end in any order; a conversation has but one.
    """
    by_id = {turn.id: turn for turn in turns}
    return sorted(by_id.values(), key=lambda turn: turn.started_at)


def prepare(turn: Turn) -> Prepared:
    """A turn with its keys.

    Raises:
        StoreError: If its id is not one of ours.
    """
    # MySQL compares as if the shorter one were filled up with spaces.
    if not (turn.id.isascii() and 0 < len(turn.id) <= MAX_ID_LENGTH) or turn.id[-1] == " ":
        raise StoreError(
            f"a turn's id is 1 to {MAX_ID_LENGTH} ASCII characters, the last one no space: "
            f"{turn.id!r:.200}"
        )
    return Prepared(
        turn,
        keys.entity_key(turn.entity) if turn.entity is not None else None,
        keys.process_key(turn.process) if turn.process is not None else None,
        keys.session_key(turn.entity, turn.session),
        keyed(turn.input),
        keyed(turn.output),
    )


def unknown_anchors(
    new: Iterable[Prepared], trees: Mapping[str, Tree]
) -> dict[str, set[tuple[str, str]]]:
    """Names of histories that the trees do not know, by session: the store may."""
    unknown: dict[str, set[tuple[str, str]]] = {}
    for item in new:
        tree = trees[item.session]
        for name in item.anchors:
            if tree.nodes and name not in tree.anchors:
                unknown.setdefault(item.session, set()).add(name)
    return unknown


def place_turn(tree: Tree, item: Prepared, looked_up: Mapping[tuple[str, str], str]) -> Placement:
    """Add a turn to the tree of its session; see :func:`memori_storage.lineage.place`.

    Args:
        tree: The session's messages; changed in place.
        item: The turn.
        looked_up: What was found of :func:`unknown_anchors` of the session.
    """
    start = start_of(tree, item.anchors, looked_up)
    placement = place(tree, item.given, item.output, start=start)
    end = placement.last_output or placement.last_input
    if end is not None:
        for name in anchors_of(item.turn.response_id, item.turn.conversation_id):
            tree.anchor(name, end)
    return placement


@dataclass(slots=True)
class Rows:
    """What turns insert."""

    turns: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)

    def collect(self, item: Prepared, placement: Placement, revision: int) -> None:
        """Take in a turn that was placed."""
        turn = item.turn
        self.turns.append(_turn_row(item, placement, revision))
        self.messages.extend(
            {
                "id": node.id,
                "entity_key": item.entity,
                "session_key": item.session,
                "turn_id": turn.id,
                "revision": revision,
                "parent_id": node.parent,
                "position": node.position,
                "role": of.message.role,
                **content_columns(of),
                "created_at": turn.ended_at if is_output else turn.started_at,
            }
            for of, node, is_output in placement.new
        )
        if item.entity is not None and placement.new:
            self.jobs.append(new_job(turn.id, item.entity, item.session, turn.started_at))


def content_columns(item: Keyed) -> dict[str, Any]:
    """The columns of a message that say what it says."""
    return {
        "content_key": item.key,
        "text": item.message.text,
        "parts": [part if isinstance(part, dict) else dict(part) for part in item.message.parts],
        "finish_reason": item.message.finish_reason,
    }


class Row(Protocol):
    """What a database gives of a row, values by their names."""

    def __getitem__(self, name: str, /) -> Any: ...


def message_of(row: Row, entity: str | None) -> StoredMessage:
    """The message in a row, which names its session and process and the span of its turn."""
    return StoredMessage(
        id=row["id"],
        entity=entity,
        process=row["process"],
        session=row["session"],
        turn_id=row["turn_id"],
        parent_id=row["parent_id"],
        position=row["position"],
        role=row["role"],
        text=row["text"],
        parts=row["parts"],
        created_at=row["created_at"],
        trace_id=row["trace_id"],
        span_id=row["span_id"],
    )


def memory_of(row: Row, entity: str, sources: Iterable[Source]) -> StoredMemory:
    """The memory in a row, which names the session and process of its first source."""
    return StoredMemory(
        id=row["id"],
        entity=entity,
        kind=row["kind"],
        content=row["content"],
        status=row["status"],
        observed_at=row["observed_at"],
        last_seen_at=row["last_seen_at"],
        times_seen=row["times_seen"],
        confidence=row["confidence"],
        extractor=row["extractor"],
        subject=row["subject"],
        predicate=row["predicate"],
        object=row["object"],
        process=row["process"],
        session=row["session"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        sources=tuple(sources),
    )


def new_job(
    turn_id: str, entity_key: str, session_key: str, created_at: datetime
) -> dict[str, Any]:
    """The row of a job that is open at once."""
    return {
        "turn_id": turn_id,
        "entity_key": entity_key,
        "session_key": session_key,
        "state": OPEN,
        "created_at": created_at,
        "available_at": datetime.now(UTC),
        "worker": None,
        "attempts": 0,
        "error": None,
    }


_AS_THEY_ARE = (
    "id",
    "provider",
    "operation",
    "model",
    "response_model",
    "response_id",
    "previous_response_id",
    "conversation_id",
    "status",
    "trace_id",
    "span_id",
    "started_at",
    "first_chunk_at",
    "ended_at",
    "system",
    "error_type",
    "error_message",
    "framework",
)


def _turn_row(item: Prepared, placement: Placement, revision: int) -> dict[str, Any]:
    turn = item.turn
    row = {name: getattr(turn, name) for name in _AS_THEY_ARE}
    row.update(
        entity_key=item.entity,
        process_key=item.process,
        session_key=item.session,
        revision=revision,
        finish_reasons=list(turn.finish_reasons),
        usage=dict(turn.usage),
        input_message_id=placement.last_input,
        output_message_id=placement.last_output,
    )
    return row


def pages(sizes: Sequence[tuple[str, int]], page: int) -> Iterable[tuple[list[str], int]]:
    """Sessions of about a page together, and a position to start from; several start at 0.

    Args:
        sizes: Sessions with how many messages each has.
        page: Messages of a page.
    """
    together: list[str] = []
    weight = 0
    for key, size in sizes:
        if together and weight + size > page:
            yield together, 0
            together, weight = [], 0
        if size > page:
            yield from (([key], position) for position in range(0, size, page))
        else:
            together.append(key)
            weight += max(size, 1)
    if together:
        yield together, 0
