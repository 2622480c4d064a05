"""Writing what a call changes: all documents first, then the commit that makes them be seen."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from memori_storage.mongo.documents import (
    COMMITS,
    JOBS,
    MEMORIES,
    MESSAGES,
    SOURCES,
    TURNS,
    VECTORS,
    Document,
    encoded,
)
from memori_storage.mongo.ledger import Ledger, View, commit_id
from memori_storage.mongo.link import Link
from memori_storage.store import StoreError, StoreUnavailableError
from memori_storage.tree import Tree
from memori_storage.values import microseconds

_ORDER = (MESSAGES, TURNS, SOURCES, MEMORIES, VECTORS, JOBS)
_TRIES = 100
_LONGEST_WAIT = 0.2
_MAX_AGE = 300.0
"""Seconds after which an attempt is given up. What is much older is nobody's any more."""
ABANDONED = 3_600_000_000
"""Microseconds after which a job that nobody committed is one that nobody will."""
_KEPT = 60_000_000
"""Microseconds that a replaced version stays, for those who read what was true before."""
_GATES = 64


def job_id(turn_id: str, attempts: int) -> str:
    """The ``_id`` of a job's version."""
    return f"{turn_id}:{attempts}"


@dataclass(slots=True)
class Draft:
    """What an attempt changes for one owner."""

    owner: str
    revision: int
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    at: int = field(default_factory=lambda: microseconds(datetime.now(UTC)))
    documents: dict[str, list[Document]] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)
    """Sessions that it changes, with when they started as far as it knows."""
    replaced: list[tuple[str, str]] = field(default_factory=list)
    """Collections and ``_id`` of versions that nobody reads any more."""
    trees: list[Tree] = field(default_factory=list)
    """The sessions as they are if this is committed."""
    count: int = 0
    """How many of the things given are new."""

    def add(self, collection: str, row: Mapping[str, Any]) -> None:
        """Take in a row, as it is from now on."""
        documents = self.documents.setdefault(collection, [])
        document = encoded(row) | {
            "_id": (
                job_id(row["turn_id"], row["attempts"])
                if collection == JOBS
                else f"{self.token}:{len(documents)}"
            ),
            "owner": self.owner,
            "revision": self.revision,
            "token": self.token,
            "at": self.at,
        }
        documents.append(document)

    def touch(self, session: str, started_at: datetime) -> None:
        """Note that a session changes, one that started then or before."""
        at = microseconds(started_at)
        self.sessions[session] = min(at, self.sessions.get(session, at))

    def replace(self, collection: str, old: Document) -> None:
        """Have a version deleted that another has replaced, if that was long enough ago."""
        if old["at"] < self.at - _KEPT:
            self.replaced.append((collection, old["_id"]))

    def commit(self) -> Document:
        """The document that makes it true."""
        return {
            "_id": commit_id(self.owner, self.revision),
            "owner": self.owner,
            "revision": self.revision,
            "token": self.token,
            "at": self.at,
            "sessions": list(self.sessions),
            "starts": list(self.sessions.values()),
        }


Plan = Callable[[Mapping[str, View]], Iterable[Draft]]


class Committer:
    """Runs plans against what is true, again for owners whose truth changed meanwhile."""

    def __init__(self, link: Link, ledger: Ledger) -> None:
        self._link = link
        self._ledger = ledger
        self.reset()

    def reset(self) -> None:
        """Forget who is at what: for a forked child."""
        self._gates = [threading.Lock() for _ in range(_GATES)]

    def run(self, owners: Iterable[str], plan: Plan) -> list[Draft]:
        """Commit what ``plan`` makes of the owners.

        Args:
            owners: Everybody for whom something may change.
            plan: Drafts what changes, for those owners whose views it is given; called again, after
                others have written, for those whose drafts were too late.

        Returns:
            The drafts that are committed.

        Raises:
            StoreUnavailableError: Also if others keep being faster.
        """
        left = sorted(set(owners))
        done: list[Draft] = []
        with ExitStack() as stack:
            # Threads of one process need not find out by failing. Sorted, nobody waits in a circle.
            for gate in sorted({int(owner[:8], 16) % _GATES for owner in left}):
                stack.enter_context(self._gates[gate])
            for attempt in range(_TRIES):
                if attempt:
                    time.sleep(random.uniform(0, min(_LONGEST_WAIT, 0.005 * 2**attempt)))
                drafts = list(plan(self._ledger.views(left)))
                late = self._write(drafts)
                done += [draft for draft in drafts if draft.owner not in late]
                left = sorted(late)
                if not left:
                    break
            else:
                raise StoreUnavailableError(f"{self._link.name} is too busy: try again")
        self._clean(done)
        return done

    def _write(self, drafts: list[Draft]) -> set[str]:
        """Write drafts and commit them; returns the owners for whom someone was faster."""
        if not drafts:
            return set()
        begun = time.monotonic()
        try:
            for name in _ORDER:
                documents = [each for draft in drafts for each in draft.documents.get(name, ())]
                taken = self._link.insert(name, documents)
                if name == JOBS and taken:
                    self._number_jobs([documents[index] for index in taken])
            if time.monotonic() - begun > _MAX_AGE:
                raise StoreUnavailableError(f"{self._link.name} is too slow: try again")
        except StoreError:
            with suppress(StoreError):
                self._take_back(drafts)
            raise
        # From here on nothing is taken back before it is known that it is not committed.
        commits = [draft.commit() for draft in drafts]
        taken = self._link.insert(COMMITS, commits)
        if not taken:
            return set()
        ids = [commits[index]["_id"] for index in taken]
        found = self._link.find(COMMITS, {"_id": {"$in": ids}}, fields=["token"])
        tokens = {commit["_id"]: commit["token"] for commit in found}
        late = [
            draft
            for draft, commit in zip(drafts, commits, strict=True)
            if tokens.get(commit["_id"], draft.token) != draft.token
        ]
        self._take_back(late)
        return {draft.owner for draft in late}

    def _number_jobs(self, refused: list[Document]) -> None:
        """Insert jobs whose number was taken, by what a broken attempt left, under the next one."""
        for document in refused:
            versions = self._link.find(JOBS, {"turn_id": document["turn_id"]})
            if any(version["token"] == document["token"] for version in versions):
                continue  # it is there: the answer to its insertion was lost
            number = 1 + max((version["attempts"] for version in versions), default=-1)
            document["attempts"] = number
            document["_id"] = job_id(document["turn_id"], number)
            if self._link.insert(JOBS, [document]):
                raise StoreUnavailableError(f"{self._link.name} is too busy: try again")

    def _take_back(self, drafts: list[Draft]) -> None:
        """Delete what nobody will ever see."""
        for name in _ORDER:
            for draft in drafts:
                if ids := [document["_id"] for document in draft.documents.get(name, ())]:
                    self._link.delete(name, {"_id": {"$in": ids}, "token": draft.token})

    def _clean(self, drafts: list[Draft]) -> None:
        """Delete versions that were replaced long ago. If that fails they are in nobody's way."""
        replaced: dict[str, list[str]] = {}
        for draft in drafts:
            for name, version in draft.replaced:
                replaced.setdefault(name, []).append(version)
        with suppress(StoreError):
            for name, ids in replaced.items():
                self._link.delete(name, {"_id": {"$in": ids}})
