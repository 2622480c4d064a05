"""What an extractor is: anything that reads a turn's new messages and names what they teach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from memori_storage.records import Job, NewMemory


@runtime_checkable
class Extractor(Protocol):
    """Turns what was said into candidates for memory.

    Extractors are called on a worker thread, one job at a time, and must not keep state between
    jobs.
    """

    @property
    def name(self) -> str:
        """Name and version, stored with each memory, e.g. ``local/1``."""
        ...

    def extract(self, job: Job) -> Sequence[NewMemory]:
        """What the job's messages teach about the job's entity; empty when nothing.

        Args:
            job: A turn's new messages in order, the assistant's and tools' included as context.
        """
        ...
