"""The call of a framework around the calls of SDKs: whose it is, and what becomes of it if no SDK
that we know makes the call.

A framework (LangChain, Pydantic AI) asks a model through somebody's SDK. Where that is patched the
call is captured there, and the scope only lends it what the framework knows: its name, and whose
conversation it is. Where it is not (a model of the user's own, a fake in a test, an SDK that we do
not know) the framework's own messages are the record. Scopes nest; the innermost that has no
captured call inside is the one that records.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from memori_instrumentation._attribution import Attribution

# Not in OpenTelemetry's context: frameworks carry that one over to their consumers' code.
_current: ContextVar[Scope | None] = ContextVar("memori-scope", default=None)


def current() -> Scope | None:
    """The innermost scope that is open here."""
    return _current.get()


class Captured(Protocol):
    """A captured call, or a connection that calls are made over."""

    error: tuple[str, str] | None
    status: int | None


class Scope:
    """One call of a framework.

    Args:
        framework: Its name, for the turns of the calls inside.
        attribution: Whose it is, as far as was known when the call began. What is left open, the
            scope around this one says.
    """

    __slots__ = ("_around", "_latest", "answered", "attribution", "framework")

    def __init__(self, framework: str, attribution: Attribution) -> None:
        self.framework = framework
        self._around: Scope | None = _current.get()
        if self._around is not None:
            attribution = attribution.otherwise(self._around.attribution)
        self.attribution: Attribution = attribution
        self.answered = False
        """Whether the framework's call came to its end with an answer."""
        self._latest: Captured | None = None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Calls made in this block are inside the scope."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def join(self, call: Captured) -> None:
        """Note a captured call inside this scope, and inside those around it."""
        scope: Scope | None = self
        while scope is not None:
            scope._latest = call
            scope = scope._around

    def needs(self, own: Captured) -> bool:
        """Whether ``own``, the framework's record of its call, tells of one that was not captured.

        That is so without a captured call inside, and where the last of them failed and the
        framework found its answer elsewhere: it fell back on a model without a known SDK.
        """
        latest = self._latest
        if latest is not None:
            failed = latest.error is not None or (latest.status or 0) >= 400
            if not failed or not self.answered:
                return False
        self.announce(own)
        return True

    def announce(self, own: Captured) -> None:
        """Note ``own``, the framework's record of its call, in the scopes around this one.

        Done when the call begins, too: a call around it may be over sooner, and from here on either
        ``own`` or a call inside it is the record of what happened.
        """
        if self._around is not None:
            self._around.join(own)
