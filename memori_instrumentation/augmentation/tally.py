"""What a background thread reports: counts of what happened, and each kind of failure once."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

OnEvent = Callable[[str, int], None]
"""Called with an event's name and how many there were."""


class Tally:
    """Counts events and logs failures, from any thread.

    Args:
        logger: Where failures go.
        on_event: Called for each count, on the counting thread. What it raises is logged, once.
    """

    def __init__(self, logger: logging.Logger, on_event: OnEvent | None = None) -> None:
        self._logger = logger
        self._on_event = on_event
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._failures: set[tuple[str, type[BaseException]]] = set()

    @property
    def counts(self) -> dict[str, int]:
        """How often each event happened so far."""
        with self._lock:
            return dict(self._counts)

    def count(self, event: str, n: int = 1) -> None:
        """Note that ``event`` happened ``n`` times; nothing for ``n`` of 0."""
        if not n:
            return
        with self._lock:
            self._counts[event] += n
        if self._on_event is None:
            return
        try:
            self._on_event(event, n)
        except Exception as error:
            self.failure("on_event", error, "the on_event callback failed")

    def failure(self, where: str, error: BaseException, message: str, *args: object) -> None:
        """Log a failure: the first of its place and type as a warning, the rest for debugging.

        The traceback goes along with the debug level only: it may quote what users said.
        """
        kind = (where, type(error))
        with self._lock:
            first = kind not in self._failures
            self._failures.add(kind)
        level = logging.WARNING if first else logging.DEBUG
        self._logger.log(
            level,
            message + ": %s: %s",
            *args,
            type(error).__name__,
            error,
            exc_info=error if self._logger.isEnabledFor(logging.DEBUG) else None,
        )
