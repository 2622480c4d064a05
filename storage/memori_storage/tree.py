"""The messages of a session: a tree in which each is stored once, below the message it answers.

A message's key is a digest of its role and content; its id is a digest of session, parent and key.
Ids are thus the same whoever computes them, and looking for a child is one look into a dictionary,
or two where tools are called, since clients may leave out the ids of the calls (see
:mod:`memori_storage.content`). Only a message that was stored before it had come in full has the id
of its beginning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from memori_storage.content import message_key, of_tools, said_by, same
from memori_storage.keys import digest
from memori_storage.records import Message

UNCHAINED_ROLES = frozenset({"system", "developer"})
"""Instructions stand beside the conversation: stored once per session, below no message."""

_REMEMBERED_ANCHORS = 64


class Keyed(NamedTuple):
    """A message with its key."""

    message: Message
    key: str


class Node(NamedTuple):
    """A message's place in its session."""

    id: str
    parent: str | None
    key: str
    position: int


def keyed(messages: Iterable[Message]) -> list[Keyed]:
    """The messages with their keys."""
    return [Keyed(message, message_key(message)) for message in messages]


@dataclass(slots=True)
class Tree:
    """What is known of a session's messages."""

    session: str
    """Key of the session."""
    next_position: int = 0
    newest: str | None = None
    """The message that came last: a leaf, since children come after their parents."""
    nodes: dict[str, Node] = field(default_factory=dict)
    by_said: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Ids of the chained messages that say the same, oldest first."""
    tool_children: defaultdict[tuple[str | None, str], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Ids of messages about tools by parent and by what they say, oldest first."""
    children: dict[tuple[str | None, str], str] = field(default_factory=dict)
    """Ids of the chained messages by parent and key. One that came in full later has both keys."""
    anchors: dict[tuple[str, str], str] = field(default_factory=dict)
    """The message at the end of a provider-kept history; see :meth:`anchor`."""

    @property
    def weight(self) -> int:
        """Entries held, to bound a cache by."""
        return len(self.nodes) + len(self.anchors) + 1

    def child_id(self, parent: str | None, key: str) -> str:
        """Id of the message of ``key`` below ``parent``, known or not."""
        return digest("message", self.session, parent, key)

    def child(self, parent: str | None, key: str) -> str | None:
        """Id of the known message of ``key`` below ``parent`` (``None``: the root); of several that
        it may be, the newest."""
        known = self.children.get((parent, key))
        return known or self.other_child(self.child_id(parent, key), parent, key)

    def other_child(self, found: str, parent: str | None, key: str) -> str | None:
        """:meth:`child` where none of them has that key, for who has the id that such a one would
        have. What came in full later has the id of its beginning, but not the key."""
        if found in self.nodes:
            return found
        siblings = self.tool_children.get((parent, said_by(key)), ()) if of_tools(key) else ()
        return next((node for node in reversed(siblings) if same(self.nodes[node].key, key)), None)

    def unchained_id(self, role: str, key: str) -> str:
        """Id of an instruction, of which a session has one of each."""
        return digest("instruction", self.session, role, key)

    def add(self, node: Node, *, chained: bool) -> None:
        """Take in a node, in order of position."""
        self.nodes[node.id] = node
        self.next_position = max(self.next_position, node.position + 1)
        if chained:
            self._name(node.parent, node.key, node.id)
            for ids in self._listed(node):
                ids.append(node.id)
            self.newest = node.id

    def _listed(self, node: Node) -> list[list[str]]:
        """The lists that a chained node is found by."""
        said = said_by(node.key)
        lists = [self.by_said[said]]
        if of_tools(node.key):
            lists.append(self.tool_children[node.parent, said])
        return lists

    def grow(self, node_id: str, key: str) -> None:
        """Give a message the key of its full content; that of its beginning still finds it."""
        node = self.nodes[node_id]
        for ids in self._listed(node):
            ids.remove(node_id)
        self.nodes[node_id] = node._replace(key=key)
        for ids in self._listed(self.nodes[node_id]):
            ids.append(node_id)
        self._name(node.parent, key, node_id)

    def _name(self, parent: str | None, key: str, node_id: str) -> None:
        """Have a message found by its place; of two, the one whose id is of that place."""
        known = self.children.setdefault((parent, key), node_id)
        if known != node_id and self.child_id(parent, key) == node_id:
            self.children[parent, key] = node_id

    def anchor(self, name: tuple[str, str], node: str) -> None:
        """Remember where ``("response", id)`` or ``("conversation", id)`` ends."""
        if len(self.anchors) >= _REMEMBERED_ANCHORS:
            self.anchors.clear()  # the store looks up what is not here
        self.anchors[name] = node

    def is_below(self, node: str, ancestor: str | None) -> bool:
        """Whether ``node`` is a descendant of ``ancestor``; everything is below the root."""
        if ancestor is None:
            return True
        oldest = self.nodes[ancestor].position
        at: str | None = self.nodes[node].parent
        while at is not None and self.nodes[at].position > oldest:
            at = self.nodes[at].parent
        return at == ancestor

    def path(self, ancestor: str | None, node: str) -> list[str]:
        """Ids strictly between ``ancestor`` and its descendant ``node``, downwards; up to the root
        if it is none."""
        between: list[str] = []
        at = self.nodes[node].parent
        while at is not None and at != ancestor:
            between.append(at)
            at = self.nodes[at].parent
        return between[::-1]
