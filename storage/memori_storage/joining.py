"""Which session a turn belongs to that continues a response, where nobody named its session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from memori_storage import keys
from memori_storage.records import Turn

Response = tuple[str | None, str | None]
"""An entity, and the id of a response to it."""

_KEPT = timedelta(days=31)
"""How far back a response may be: providers keep them for 30 days."""


def joined(
    batch: Sequence[Turn],
    knows: Callable[[str, tuple[str, str]], bool],
    sessions_of: Callable[[Mapping[str, Sequence[Turn]]], Mapping[Response, str]],
) -> list[Turn]:
    """The turns in the sessions that they belong to.

    A process that nobody told of sessions makes up one. Another process's turns that go on from its
    responses would be in another, made up there, for requests name the response only.

    Args:
        batch: Turns in the order in which they began.
        knows: Whether a session is remembered to have had a response, which saves looking.
        sessions_of: Finds, for turns by entity, the sessions of the responses that they continue,
            as far back as :func:`kept_since`.
    """
    unknown: dict[str, list[Turn]] = {}
    for turn in batch:
        if turn.entity is not None and _adrift(turn) and not _at_home(knows, turn):
            unknown.setdefault(turn.entity, []).append(turn)
    if not unknown:
        return list(batch)
    found = dict(sessions_of(unknown))
    placed: list[Turn] = []
    for turn in batch:
        if _adrift(turn) and (session := found.get((turn.entity, turn.previous_response_id))):
            turn = replace(turn, session=session)
        if turn.response_id is not None:
            found[turn.entity, turn.response_id] = turn.session
        placed.append(turn)
    return placed


def kept_since(adrift: Sequence[Turn]) -> datetime:
    """When the oldest response can have begun that one of the turns continues."""
    return min(turn.started_at for turn in adrift) - _KEPT


def _adrift(turn: Turn) -> bool:
    return not turn.session_given and turn.previous_response_id is not None


def _at_home(knows: Callable[[str, tuple[str, str]], bool], turn: Turn) -> bool:
    own = keys.session_key(turn.entity, turn.session)
    return knows(own, ("response", turn.previous_response_id or ""))
