"""When two messages say the same, however a client writes them."""

from __future__ import annotations

import json
from typing import Any

from memori_storage.keys import digest
from memori_storage.records import Message, Part


def message_key(message: Message) -> str:
    """Digest of what a message says, whatever form a client re-sends it in.

    Reasoning and empty text do not count: clients drop them. An assistant's adjacent text parts
    count as one, and tool arguments as the JSON value they are, be they given as text or not.
    """
    content: list[str] = []
    for part in message.parts:
        said = _canonical(part)
        if said is None:
            continue
        if message.role == "assistant" and said[0] == "text" and content[-2:-1] == ["text"]:
            content[-1] += said[1]
        else:
            content.extend(said)
    return digest(message.role, *content)


def _canonical(part: Part) -> tuple[str, str] | None:
    """The kind of a part and what it says, in the one form that counts; ``None`` if nothing."""
    kind = part.get("type")
    if kind == "text":
        text = str(part.get("content") or "")
        return ("text", text) if text else None
    if kind == "reasoning":
        return None
    if kind == "tool_call":
        said: Any = [part.get("id"), part.get("name"), _value(part.get("arguments"))]
    elif kind == "tool_call_response":
        said = [part.get("id"), part.get("response")]
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
