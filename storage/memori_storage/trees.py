"""Reading the trees of sessions, and where the histories end that providers keep."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, RowMapping, func, select

from memori_storage import keys
from memori_storage.joining import Response, kept_since
from memori_storage.records import Turn
from memori_storage.schema import messages, sessions, turns
from memori_storage.tree import UNCHAINED_ROLES, Node, Tree
from memori_storage.treecache import TreeCache
from memori_storage.values import chunks


def trees_of(
    cache: TreeCache, connection: Connection, rows: Mapping[str, RowMapping]
) -> dict[str, Tree]:
    """The trees of sessions whose rows are locked, by key: taken out of the cache, or read."""
    kept = {key: cache.take(key, row["revision"]) for key, row in rows.items()}
    trees = {key: tree for key, tree in kept.items() if tree is not None}
    trees.update(load_trees(connection, rows.keys() - trees.keys()))
    return trees


def load_trees(connection: Connection, wanted: Collection[str]) -> dict[str, Tree]:
    """The trees of sessions, by key, as stored."""
    trees = {session: Tree(session) for session in wanted}
    columns = messages.c
    for some in chunks(list(wanted)):
        rows = connection.execute(
            select(
                columns.session_key,
                columns.id,
                columns.parent_id,
                columns.content_key,
                columns.position,
                columns.role,
            )
            .where(columns.session_key.in_(some))
            .order_by(columns.session_key, columns.position)
        )
        for session, node, parent, key, position, role in rows:
            trees[session].add(
                Node(node, parent, key, position), chained=role not in UNCHAINED_ROLES
            )
    return trees


def load_anchors(
    connection: Connection, wanted: Mapping[str, Collection[tuple[str, str]]]
) -> dict[str, dict[tuple[str, str], str]]:
    """Where histories kept by providers end, by session and name (:func:`lineage.anchors_of`)."""
    found: dict[str, dict[tuple[str, str], str]] = {session: {} for session in wanted}
    named = {"response": turns.c.response_id, "conversation": turns.c.conversation_id}
    for kind, column in named.items():
        names = {
            session: {name for of, name in names if of == kind} for session, names in wanted.items()
        }
        for some in chunks([session for session, of_kind in names.items() if of_kind]):
            rows = connection.execute(
                select(
                    turns.c.session_key,
                    column,
                    func.coalesce(turns.c.output_message_id, turns.c.input_message_id),
                )
                .where(turns.c.session_key.in_(some), column.is_not(None))
                .order_by(turns.c.ended_at)
            )
            for session, name, message in rows:
                if name in names[session] and message is not None:
                    found[session][kind, name] = message
    return found


def load_sessions_of(
    connection: Connection, wanted: Mapping[str, Sequence[Turn]]
) -> dict[Response, str]:
    """Sessions by entity and the response that ended a turn there; see :mod:`joining`."""
    found: dict[Response, str] = {}
    for entity, adrift in wanted.items():
        for some in chunks([turn.previous_response_id for turn in adrift]):
            rows = connection.execute(
                select(turns.c.response_id, sessions.c.external_id)
                .join(sessions, sessions.c.key == turns.c.session_key)
                .where(
                    turns.c.entity_key == keys.entity_key(entity),
                    turns.c.started_at >= kept_since(adrift),
                    turns.c.response_id.in_(some),
                )
                .order_by(turns.c.started_at)
            )
            found.update({(entity, response): session for response, session in rows})
    return found
