"""Which session a turn belongs to that continues a response, where nobody named its session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from memori_storage import keys
from memori_storage.database import Database, chunks
from memori_storage.records import Turn
from memori_storage.schema import sessions, turns
from memori_storage.trees import TreeCache

_KEPT = timedelta(days=31)
"""How far back a response may be: providers keep them for 30 days."""


def joined(database: Database, cache: TreeCache, batch: Sequence[Turn]) -> list[Turn]:
    """The turns in the sessions that they belong to.

    A process that nobody told of sessions makes up one. Another process's turns that go on from its
    responses would be in another, made up there, for requests name the response only.

    Args:
        database: Where the responses may be found.
        cache: What is remembered of the sessions written from here, which saves looking.
        batch: Turns in the order in which they began.
    """
    unknown = [turn for turn in batch if _adrift(turn) and not _at_home(cache, turn)]
    if not unknown:
        return list(batch)
    found = database.read(lambda connection: _sessions(connection, unknown))
    placed: list[Turn] = []
    for turn in batch:
        if _adrift(turn) and (session := found.get((turn.entity, turn.previous_response_id))):
            turn = replace(turn, session=session)
        if turn.response_id is not None:
            found[turn.entity, turn.response_id] = turn.session
        placed.append(turn)
    return placed


def _adrift(turn: Turn) -> bool:
    return not turn.session_given and turn.previous_response_id is not None


def _at_home(cache: TreeCache, turn: Turn) -> bool:
    own = keys.session_key(turn.entity, turn.session)
    return cache.knows(own, ("response", turn.previous_response_id or ""))


def _sessions(
    connection: Connection, adrift: Sequence[Turn]
) -> dict[tuple[str | None, str | None], str]:
    """Sessions by entity and the response that ended a turn there."""
    wanted: dict[str, list[Turn]] = {}
    for turn in adrift:
        if turn.entity is not None:
            wanted.setdefault(turn.entity, []).append(turn)
    found: dict[tuple[str | None, str | None], str] = {}
    for entity, its_turns in wanted.items():
        since: datetime = min(turn.started_at for turn in its_turns) - _KEPT
        for some in chunks([turn.previous_response_id for turn in its_turns]):
            rows = connection.execute(
                select(turns.c.response_id, sessions.c.external_id)
                .join(sessions, sessions.c.key == turns.c.session_key)
                .where(
                    turns.c.entity_key == keys.entity_key(entity),
                    turns.c.started_at >= since,
                    turns.c.response_id.in_(some),
                )
                .order_by(turns.c.started_at)
            )
            found.update({(entity, response): session for response, session in rows})
    return found
