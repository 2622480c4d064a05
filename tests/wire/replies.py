"""What a scripted model says and how the server misbehaves while saying it: plain data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ToolCall:
    """A call that the model asks for."""

    name: str
    arguments: dict[str, Any]
    id: str = "call_0"


@dataclass(frozen=True)
class Choice:
    """One answer of the model; providers other than OpenAI chat and Google send one only."""

    text: str | None = "Hello there, how are you?"
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None
    thinking: str | None = None
    """Reasoning text, for the formats that show it (Anthropic, Google)."""
    finish: str | None = None
    """The provider's own finish reason; by default its words for stopping or calling tools. In the
    Responses API ``failed``, or why an answer is incomplete."""
    items: tuple[dict[str, Any], ...] = ()
    """Further output items of the Responses API, as they are when done; before the text."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: a model's reply, or an error, and the faults on the way."""

    choices: tuple[Choice, ...] = (Choice(),)
    id: str = "reply-1"
    model: str | None = None
    """The model that answers; by default the one asked for with ``-0001`` appended."""
    input_tokens: int = 11
    output_tokens: int = 7
    pieces: int = 5
    """How many chunks each streamed text is cut into."""
    status: int = 200
    error: str = "something is wrong with this request"
    """The message of an error status or of an error event."""
    raw: bytes | None = None
    """Replay: this body as it is, instead of one built from ``choices``."""
    gzip: bool = False
    first_byte_after: float = 0.0
    """Seconds of silence before the status line."""
    between_events: float = 0.0
    """Seconds of silence before each streamed event but the first."""
    cut_after: int | None = None
    """Close the socket after this many streamed events (or, unstreamed, after half the body)."""
    error_after: int | None = None
    """Send an error event after this many streamed events, and end the stream."""
    headers: dict[str, str] = field(default_factory=dict)
    polls: int = 0
    """How often a background response is still in the making when it is asked for."""


def text(said: str, **how: Any) -> Answer:
    """An answer that says ``said``; ``how`` are further fields of :class:`Answer`."""
    return Answer(choices=(Choice(text=said),), **how)


@dataclass
class Received:
    """One request as it arrived, and the body it was answered with: a line of the journal."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    status: int = 0
    answered: bytes = b""
    """The response body sent so far, before compression and transfer encoding."""

    @property
    def json(self) -> Any:
        """The request's body as JSON; ``None`` if it is empty."""
        return json.loads(self.body) if self.body else None
