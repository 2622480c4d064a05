"""Where a request's messages belong in a session: what is re-sent history, and what is new.

Clients send their history again with every call; they also shorten it, edit it and branch it. This
module is pure: it takes the tree of a session (:mod:`memori_storage.tree`) as it is known and a
request, and adds what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from memori_storage.content import said_by, same
from memori_storage.tree import UNCHAINED_ROLES, Keyed, Node, Tree

_MAX_CANDIDATES = 256
"""How many equal messages a search considers, newest first: bounds the work in sessions that repeat
themselves."""


class Placement(NamedTuple):
    """What a turn brought: its new messages in order, and where its input and output end."""

    new: list[tuple[Keyed, Node, bool]]
    """Message, place, and whether it is of the turn's output."""
    last_input: str | None
    last_output: str | None


def place(
    tree: Tree, given: Sequence[Keyed], output: Sequence[Keyed], *, start: str | None = None
) -> Placement:
    """Add a turn's messages to its session's tree, each unless it is there already.

    Messages up to the request's last assistant message are history, and are looked for wherever the
    client may have cut it (:func:`_align`). What follows is the caller's new input: it is only ever
    equal to a message in the very same place, so that a user who says "yes" again is heard.

    Args:
        tree: The session's messages; changed in place.
        given: The request's messages.
        output: The reply's messages: siblings below the last of the request.
        start: Where a history kept by the provider ends; ``None`` if the request holds it all.
    """
    chain = [item for item in given if item.message.role not in UNCHAINED_ROLES]
    history = 1 + max(
        (index for index, item in enumerate(chain) if item.message.role == "assistant"), default=-1
    )
    known = iter(_align(tree, chain[:history], start) + [None] * (len(chain) - history))

    new: list[tuple[Keyed, Node, bool]] = []
    at = start

    def child_or_new(item: Keyed, *, is_output: bool = False) -> str:
        chained = item.message.role not in UNCHAINED_ROLES
        parent = at if chained else None
        if chained:
            if (known := tree.children.get((parent, item.key))) is not None:
                return known
            node_id = tree.child_id(parent, item.key)
            if (known := tree.other_child(node_id, parent, item.key)) is not None:
                return known
        else:
            node_id = tree.unchained_id(item.message.role, item.key)
        if node_id not in tree.nodes:
            node = Node(node_id, parent, item.key, tree.next_position)
            tree.add(node, chained=chained)
            new.append((item, node, is_output))
        return node_id

    last_input = None
    for item in given:
        if item.message.role in UNCHAINED_ROLES:
            child_or_new(item)
        else:
            at = last_input = next(known) or child_or_new(item)
    last_output = None
    for item in output:
        last_output = child_or_new(item, is_output=True)
    return Placement(new, last_input, last_output)


def _align(tree: Tree, history: Sequence[Keyed], start: str | None) -> list[str | None]:
    """For each message of a re-sent history, the stored message that it is, or ``None`` if new.

    From ``start`` the history is followed down the tree. Where it leaves the tree, the longest run
    of messages is sought that continues further down (something was edited, inserted or left out)
    or, failing that, stands anywhere in the session (a sliding window, a summary put in front).
    Messages between there and the point of leaving are known if they stand, in order, on the path
    between. No stored message is taken for two messages of one request.
    """
    keys = [item.key for item in history]
    found: list[str | None] = [None] * len(keys)
    used: set[str] = set()
    at, index = start, 0
    while index < len(keys):
        child = tree.child(at, keys[index])
        if child is not None and child not in used:
            first, run = index, [child]
        else:
            search = _Search(tree, history, index, used)
            best = search.longest_run(below=at) or (at and search.longest_run(below=None))
            if not best:
                break
            first, run = best
            if first > index:
                between = [node for node in tree.path(at, run[0]) if node not in used]
                known = _in_order(keys[index:first], [tree.nodes[node] for node in between])
                found[index:first] = known
                used.update(filter(None, known))
        found[first : first + len(run)] = run
        used.update(run)
        at, index = run[-1], first + len(run)
    return found


def _in_order(keys: Sequence[str], path: Sequence[Node]) -> list[str | None]:
    """For each key the next node of a path that has it, going on from there; ``None`` for none."""
    found: list[str | None] = []
    ahead = 0
    for key in keys:
        at = next((i for i in range(ahead, len(path)) if same(path[i].key, key)), None)
        found.append(None if at is None else path[at].id)
        ahead = ahead if at is None else at + 1
    return found


class _Search(NamedTuple):
    """A search for the rest of a history, from message ``start`` on."""

    tree: Tree
    history: Sequence[Keyed]
    start: int
    used: set[str]

    def longest_run(self, *, below: str | None) -> tuple[int, list[str]] | None:
        """Index and stored ids of the longest run of messages that is a chain below a node.

        Of equal runs the newest. A run of nothing but user messages proves nothing: people repeat
        themselves. It needs a message that a model or a tool wrote.
        """
        best: tuple[tuple[int, int], int, list[str]] | None = None
        seen: set[tuple[int, str]] = set()
        for first in range(self.start, len(self.history)):
            if best is not None and best[0][0] > len(self.history) - first:
                break
            key = self.history[first].key
            for head in self.tree.by_said.get(said_by(key), ())[-_MAX_CANDIDATES:]:
                if head in self.used or (first, head) in seen:
                    continue
                if not same(self.tree.nodes[head].key, key):
                    continue
                if not self.tree.is_below(head, below):
                    continue
                run = self._run(first, head)
                seen.update(enumerate(run, first))
                rank = (len(run), self.tree.nodes[run[-1]].position)
                if (best is None or rank > best[0]) and self._proves(first, len(run)):
                    best = (rank, first, run)
        return best and (best[1], best[2])

    def _run(self, first: int, head: str) -> list[str]:
        run = [head]
        for item in self.history[first + 1 :]:
            child = self.tree.child(run[-1], item.key)
            if child is None or child in self.used:
                break
            run.append(child)
        return run

    def _proves(self, first: int, length: int) -> bool:
        return any(item.message.role != "user" for item in self.history[first : first + length])


def anchors_of(
    previous_response_id: str | None, conversation_id: str | None
) -> list[tuple[str, str]]:
    """Names under which a provider keeps the history that a request continues, best first."""
    names = {"response": previous_response_id, "conversation": conversation_id}
    return [(kind, name) for kind, name in names.items() if name]


def start_of(
    tree: Tree, names: Sequence[tuple[str, str]], looked_up: Mapping[Any, str]
) -> str | None:
    """The message that a request continues: ``None``, the root, if the provider keeps no history.

    Args:
        tree: The session's messages.
        names: What :func:`anchors_of` gives for the request.
        looked_up: Further anchors of this session, from the database.

    If the history's end is not known here, the session's newest message is the best guess.
    """
    for name in names:
        known = tree.anchors.get(name) or looked_up.get(name)
        if known is not None and known in tree.nodes:
            return known
    return tree.newest if names else None
