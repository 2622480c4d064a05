"""``memori-instrument worker``: learning in processes of its own, here or on other machines.

Jobs are leased rows, so any number of processes may learn from one database. A process that is
killed loses nothing: its jobs are another's when their lease ends. The first process does no
learning unless it is alone; it replaces what is killed.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, Final

from memori_instrumentation.assembly import make_worker
from memori_instrumentation.config import Settings
from memori_storage.store import StoreConfigurationError

logger = logging.getLogger("memori_instrumentation.worker")

UNUSABLE: Final = 2
"""Exit code of a process whose database cannot be used as it stands: another would fare alike."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a process that died is replaced; twice as long each time until one lives on."""
_LIVED: Final = 60.0
"""Seconds after which a process counts as having lived."""


def learn(settings: Mapping[str, Any], *, drain: bool) -> int:
    """Learn in this process until SIGTERM or SIGINT, or until there is nothing left.

    Args:
        settings: As for :meth:`Settings.resolve`.
        drain: End when nothing is left to learn from, what others have in hand included.

    Returns:
        The exit code: 0, or 2 if the database cannot be used.

    Raises:
        SettingsError: For a setting that cannot be used.
        StoreError: When the database cannot be used at the start.
    """
    resolved = Settings.resolve(**settings)
    store = resolved.open_store(create=False)
    store.migrate()
    worker = make_worker(resolved, store)

    def stop(*_: object) -> None:
        # Not here: a handler may interrupt this thread where it holds what stopping waits for.
        threading.Thread(target=worker.stop, kwargs={"timeout": 0}, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive, args=(parent.sentinel, stop), daemon=True).start()
    try:
        return 0 if worker.run(until_done=drain) else UNUSABLE
    finally:
        store.close()


def _outlive(sentinel: int, stop: Any) -> None:
    """End with the process that started this one, however that ends."""
    wait([sentinel])
    stop()


def _learn_and_exit(settings: Mapping[str, Any], drain: bool) -> None:
    try:
        code = learn(settings, drain=drain)
    except StoreConfigurationError as error:
        logger.error("%s", error)
        code = UNUSABLE
    sys.exit(code)


class Crew:
    """Several processes that learn, kept at their number.

    Args:
        settings: As for :func:`learn`.
        concurrency: How many processes.
        drain: As for :func:`learn`.
    """

    def __init__(self, settings: Mapping[str, Any], concurrency: int, *, drain: bool) -> None:
        self._settings = dict(settings)
        self._drain = drain
        self._context = multiprocessing.get_context("spawn")
        self._ready = [0.0] * concurrency
        """When each place may be filled again, by the monotonic clock."""
        self._pauses = [_FIRST_PAUSE] * concurrency
        self._at_work: dict[int, tuple[SpawnProcess, float]] = {}
        """Process and when it was started, by place."""
        self._told: set[int] = set()
        """Places whose process was told to end."""
        self._stopping = False

    def run(self) -> int:
        """Run them until SIGTERM or SIGINT, or until all are done; returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        left = set(range(len(self._ready)))
        code = 0
        while (left and not self._stopping) or self._at_work:
            for place in sorted(left - self._at_work.keys()):
                if not self._stopping and self._ready[place] <= time.monotonic():
                    self._start(place)
            if self._stopping:
                self._tell()
            wait([process.sentinel for process, _ in self._at_work.values()], timeout=0.2)
            for place, ended in self._ended():
                if ended == 0:
                    left.discard(place)
                elif ended == UNUSABLE:
                    code = UNUSABLE
                    self._stopping = True
                elif not self._stopping:
                    logger.warning("a worker ended (%s): another takes its place", _why(ended))
        return code

    def _start(self, place: int) -> None:
        process = self._context.Process(
            target=_learn_and_exit, args=(self._settings, self._drain), name=f"memori-{place}"
        )
        process.start()
        self._at_work[place] = process, time.monotonic()

    def _ended(self) -> list[tuple[int, int]]:
        """Places whose process has ended, with its exit code."""
        found = []
        for place, (process, since) in list(self._at_work.items()):
            if process.exitcode is None:
                continue
            del self._at_work[place]
            found.append((place, process.exitcode))
            lived = time.monotonic() - since > _LIVED
            pause = _FIRST_PAUSE if lived else self._pauses[place]
            self._ready[place] = time.monotonic() + pause
            self._pauses[place] = min(2 * pause, _LONGEST_PAUSE)
            process.close()
        return found

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self._stopping = True

    def _tell(self) -> None:
        """Have all processes end after the job in hand."""
        for place in self._at_work.keys() - self._told:
            self._told.add(place)
            self._at_work[place][0].terminate()


def _why(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
