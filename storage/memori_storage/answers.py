"""Where an answer that comes later stands, and what it changes in its turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from memori_storage.lineage import anchors_of, start_of
from memori_storage.records import Completion
from memori_storage.tree import Keyed, Node, Tree


class Reply(NamedTuple):
    """Where the messages of a reply went: into new places, or over their own beginnings."""

    new: list[tuple[Node, Keyed]]
    grown: list[tuple[str, Keyed]]
    last: str | None


def history_of(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names of the history that a stored turn goes on from, if it said nothing itself: what has to
    be looked up before :func:`parent_of`."""
    if row["input_message_id"] is not None:
        return []
    return anchors_of(row["previous_response_id"], row["conversation_id"])


def parent_of(
    tree: Tree, row: Mapping[str, Any], looked_up: Mapping[tuple[str, str], str]
) -> str | None:
    """The message that a stored turn's reply stands below; ``None`` is the root.

    Args:
        tree: The session's messages.
        row: The turn.
        looked_up: What was found of :func:`history_of`.
    """
    if names := history_of(row):
        # The request said nothing itself; it went on from where the provider's history ends.
        return start_of(tree, names, looked_up)
    parent: str | None = row["input_message_id"]
    return parent


def place_reply(
    tree: Tree,
    row: Mapping[str, Any],
    output: Sequence[Keyed],
    parent: str | None,
    stored: Sequence[str],
) -> Reply:
    """Add a reply to the session's tree, where the reply of its turn stands.

    Args:
        tree: The session's messages; changed in place.
        row: The turn.
        output: The whole reply.
        parent: The message it stands below.
        stored: Ids of the messages of the turn's reply so far, in order.
    """
    wanted = {item.key for item in output}
    beginnings = [node for node in stored if tree.nodes[node].key not in wanted]
    reply = Reply([], [], None)
    last: str | None = row["output_message_id"]
    for item in output:
        last = tree.child(parent, item.key)
        if last is None and beginnings:
            last = beginnings.pop(0)
            tree.grow(last, item.key)
            reply.grown.append((last, item))
        elif last is None:
            last = tree.child_id(parent, item.key)
            node = Node(last, parent, item.key, tree.next_position)
            tree.add(node, chained=True)
            reply.new.append((node, item))
    for name in anchors_of(row["response_id"], row["conversation_id"]):
        if last is not None:
            tree.anchor(name, last)
    return reply._replace(last=last)


def changed_values(
    row: Mapping[str, Any], completion: Completion, reply: Reply
) -> dict[str, Any] | None:
    """What a completion changes in its turn; ``None`` if that and its reply are nothing new."""
    values = {
        "status": completion.status,
        "response_model": completion.response_model or row["response_model"],
        "finish_reasons": list(completion.finish_reasons),
        "usage": dict(completion.usage),
        "error_type": completion.error_type,
        "error_message": completion.error_message,
        "output_message_id": reply.last,
    }
    if not reply.new and not reply.grown and all(row[name] == values[name] for name in values):
        return None
    return values | {"ended_at": completion.ended_at}
