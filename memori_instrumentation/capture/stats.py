"""What the pipeline counts, and the OpenTelemetry metrics that show it.

Counting is a plain addition on whichever thread it happens; the metrics are observable
instruments that read the sums when the team's metric reader asks, so nothing is paid for them on
the caller's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from memori_instrumentation._version import __version__

log = logging.getLogger("memori_instrumentation")


@dataclass(slots=True)
class Stats:
    """Sums since the program started."""

    captured: int = 0
    """Model calls handed over by the caller's thread."""
    stored: int = 0
    """Turns the store has taken, replayed ones included."""
    unattributed: int = 0
    """Turns dropped because nobody said whose they are."""
    spooled: int = 0
    """Turns put into the spool because the store was away."""
    dropped: int = 0
    """Turns lost: neither store nor spool would take them."""
    failed: int = 0
    """Failures of ours: calls that could not be captured or read in full, learning jobs that
    failed."""
    learned: int = 0
    """Memories learned or reinforced."""
    said: set[str] = field(default_factory=set)

    def once(self, key: str, message: str, *args: object) -> None:
        """Log a warning the first time that ``key`` comes up."""
        if key not in self.said:
            self.said.add(key)
            log.warning(message, *args)


_COUNTERS = {
    "captured": "Model calls captured",
    "stored": "Turns stored",
    "unattributed": "Turns not kept because no entity was named",
    "spooled": "Turns spooled to disk while the store was away",
    "dropped": "Turns lost because neither store nor spool would take them",
    "failed": "Failures of the instrumentation itself",
    "learned": "Memories learned or reinforced",
}


def publish(stats: Stats, queued: Callable[[], int]) -> Callable[[float], None]:
    """Show ``stats`` as OpenTelemetry metrics.

    Args:
        stats: The sums, read whenever metrics are collected.
        queued: Turns waiting to be stored.

    Returns:
        What to call with the duration of a write to the store, in seconds.
    """
    from opentelemetry import metrics
    from opentelemetry.metrics import CallbackOptions, Observation

    meter = metrics.get_meter("memori_instrumentation", __version__)

    def reading(read: Callable[[], int]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda options: [Observation(read())]

    for name, description in _COUNTERS.items():
        unit = "{memory}" if name == "learned" else "{turn}"
        meter.create_observable_counter(
            f"memori.turns.{name}" if name != "learned" else "memori.memories.learned",
            [reading(lambda name=name: getattr(stats, name))],  # type: ignore[misc]
            unit=unit,
            description=description,
        )
    meter.create_observable_gauge(
        "memori.queue.length",
        [reading(queued)],
        unit="{turn}",
        description="Turns waiting to be stored",
    )
    return meter.create_histogram(
        "memori.store.write.duration", unit="s", description="Time of one write to the store"
    ).record
