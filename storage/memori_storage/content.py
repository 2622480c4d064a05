"""When two messages say the same, however a client writes them.

Providers number tool calls, but not all of them do (Gemini's ids are optional), and frameworks
drop ids or make up their own. So a message's key has two halves: what it says without the ids, and
the ids. Messages are the same if both halves are equal, or the first is and one of the two has no
ids at all; of two calls with ids of their own, neither is the other.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from memori_storage.keys import KEY_LENGTH, digest
from memori_storage.records import Message, Part

_SAID = 24
"""Characters of a key that tell what a message says; the rest tells its ids."""
_NO_TOOLS = "0" * (KEY_LENGTH - _SAID)
_NO_IDS = "1" * (KEY_LENGTH - _SAID)
_SHORT, _REMEMBERED = 1000, 4096
"""Characters of a text whose key is remembered, and how many are: histories are sent again and
again."""


def message_key(message: Message) -> str:
    """Digest of what a message says, whatever form a client re-sends it in.

    Reasoning and empty text do not count: clients drop them. An assistant's adjacent text parts
    count as one, and tool arguments as the JSON value they are, be they given as text or not.
    """
    parts = message.parts
    if len(parts) == 1 and parts[0].get("type") == "text":
        text = str(parts[0].get("content") or "")
        return (_key_of_short if len(text) <= _SHORT else _key_of_text)(message.role, text)
    content: list[str] = []
    ids: list[str | None] = []
    for part in parts:
        said = _canonical(part)
        if said is None:
            continue
        if said[0] in _OF_TOOLS:
            named = part.get("id")
            ids.append(None if named is None else str(named))
        if message.role == "assistant" and said[0] == "text" and content[-2:-1] == ["text"]:
            content[-1] += said[1]
        else:
            content.extend(said)
    told = digest(message.role, *content)[:_SAID]
    if not ids:
        return told + _NO_TOOLS
    return told + (digest(*ids)[_SAID:] if any(ids) else _NO_IDS)


def _key_of_text(role: str, text: str) -> str:
    told = digest(role, "text", text) if text else digest(role)
    return told[:_SAID] + _NO_TOOLS


_key_of_short = lru_cache(_REMEMBERED)(_key_of_text)


def said_by(key: str) -> str:
    """What the message of a key says, ids aside: equal for all that may be the same message."""
    return key[:_SAID]


def of_tools(key: str) -> bool:
    """Whether the message of a key calls tools or answers for them: others have nothing but
    equal keys."""
    return key[_SAID:] != _NO_TOOLS


def same(one: str, other: str) -> bool:
    """Whether messages of these keys are the same, standing in the same place."""
    return one == other or (
        said_by(one) == said_by(other) and _NO_IDS in (one[_SAID:], other[_SAID:])
    )


_OF_TOOLS = frozenset({"tool_call", "tool_call_response"})


def _canonical(part: Part) -> tuple[str, str] | None:
    """The kind of a part and what it says, in the one form that counts; ``None`` if nothing."""
    kind = part.get("type")
    if kind == "text":
        text = str(part.get("content") or "")
        return ("text", text) if text else None
    if kind == "reasoning":
        return None
    if kind == "tool_call":
        said: Any = [part.get("name"), _value(part.get("arguments"))]
    elif kind == "tool_call_response":
        said = part.get("response")
    else:
        named = _IDENTITY.get(str(kind))
        said = part.get(named) if named else dict(part)
    return str(kind), _json(said)


_IDENTITY = {"blob": "sha256", "uri": "uri", "file": "file_id"}
"""What tells parts of a kind apart."""


def _value(arguments: Any) -> Any:
    """Tool arguments as the value they stand for; none at all are an empty object."""
    if arguments is None or arguments == "":
        return {}
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        # A model can write what is no JSON; it is re-sent letter by letter then.
        return arguments


def _json(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, default=str)
    except TypeError:  # an object with keys of several types cannot be sorted
        return json.dumps(value, default=str)
