"""What the wire formats share."""

from __future__ import annotations

import itertools
import json
from typing import Any

from wire.replies import Answer

Json = dict[str, Any]
CREATED = 1_790_000_000


def pieces(text: str, count: int) -> list[str]:
    """``text`` in at most ``count`` parts of nearly equal length; none for an empty text."""
    count = min(count, len(text))
    edges = [len(text) * i // count for i in range(count + 1)] if count else []
    return [text[a:b] for a, b in itertools.pairwise(edges)]


def answering_model(answer: Answer, asked: str) -> str:
    return answer.model or f"{asked}-0001"


def sse(data: Json | str, event: str | None = None, end: str = "\n\n") -> bytes:
    """One server-sent event."""
    line = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {line}{end}".encode()
