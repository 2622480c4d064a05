"""Which revisions an owner's writers have committed: what makes documents be seen."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from memori_storage.mongo.documents import COMMITS, Document
from memori_storage.mongo.link import Link
from memori_storage.values import chunks

_MAX_KEPT = 200_000
"""Commits remembered over all owners, some 40 MB."""
_CLAUSES = 100


class Touched(NamedTuple):
    """What commits say of a session."""

    revision: int
    """The newest that changed it."""
    started_at: int


@dataclass(slots=True)
class View:
    """An owner's commits up to one of them: later ones do not change what it says."""

    owner: str
    revision: int = 0
    tokens: dict[int, str] = field(default_factory=dict)
    touched: dict[str, Touched] = field(default_factory=dict)

    def holds(self, document: Document) -> bool:
        """Whether one of the owner's documents was committed by then."""
        revision = int(document["revision"])
        return revision <= self.revision and self.tokens.get(revision) == document["token"]

    def committed(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Those of the owner's documents that were committed by then."""
        return filter(self.holds, documents)

    def touched_at(self, session: str) -> int:
        """The newest revision that changed a session; 0 if none has."""
        known = self.touched.get(session)
        return known.revision if known else 0


def commit_id(owner: str, revision: int) -> str:
    """The ``_id`` that only one attempt at a revision gets."""
    return f"{owner}:{revision:012d}"


class Ledger:
    """The commits of owners, remembered: a commit never changes."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.reset()

    def reset(self) -> None:
        """Forget everything, the lock's holder included: for a forked child."""
        self._lock = threading.Lock()
        self._views: dict[str, View] = {}
        self._weight = 0

    def views(self, owners: Iterable[str]) -> dict[str, View]:
        """What is committed of owners as of now."""
        wanted = list(dict.fromkeys(owners))
        with self._lock:
            known = {owner: self._views[owner] for owner in wanted if owner in self._views}
        views = {
            owner: view
            for some in chunks(wanted, _CLAUSES)
            for owner, view in self._read(some, known)
        }
        with self._lock:
            for view in views.values():
                self._keep(view)
        return views

    def view(self, owner: str) -> View:
        """What is committed of one owner as of now."""
        return self.views([owner])[owner]

    def committed(self, documents: Sequence[Document]) -> list[Document]:
        """Those of any owners' documents that are committed."""
        ids = {commit_id(document["owner"], document["revision"]) for document in documents}
        tokens = {
            commit["_id"]: commit["token"]
            for some in chunks(sorted(ids))
            for commit in self._link.find(COMMITS, {"_id": {"$in": list(some)}}, fields=["token"])
        }
        return [
            document
            for document in documents
            if tokens.get(commit_id(document["owner"], document["revision"])) == document["token"]
        ]

    def _read(self, owners: Collection[str], known: dict[str, View]) -> Iterator[tuple[str, View]]:
        cold = [owner for owner in owners if owner not in known]
        # The newest known one is read again: a database that was emptied or restored lacks it.
        clauses: list[Document] = [
            {"owner": owner, "revision": {"$gte": known[owner].revision}}
            for owner in owners
            if owner in known
        ]
        if cold:
            clauses.append({"owner": {"$in": cold}})
        found: dict[str, list[Document]] = {owner: [] for owner in owners}
        wanted = clauses[0] if len(clauses) == 1 else {"$or": clauses}
        for commit in self._link.find(COMMITS, wanted):
            found[commit["owner"]].append(commit)
        for owner, commits in found.items():
            commits.sort(key=lambda commit: int(commit["revision"]))
            base = known.get(owner)
            if base is None:
                yield owner, _grown(View(owner), commits)
            elif commits and base.tokens.get(commits[0]["revision"]) == commits[0]["token"]:
                yield owner, base if len(commits) == 1 else _grown(base, commits)
            else:
                yield from self._read([owner], {})

    def _keep(self, view: View) -> None:
        if not view.revision:
            return
        replaced = self._views.pop(view.owner, None)
        if replaced is not None and replaced.revision > view.revision:
            view = replaced  # another thread has read more meanwhile
        self._weight += view.revision - (replaced.revision if replaced else 0)
        self._views[view.owner] = view
        while self._weight > _MAX_KEPT and len(self._views) > 1:
            oldest = next(iter(self._views))
            self._weight -= self._views.pop(oldest).revision


def _grown(base: View, commits: Iterable[Document]) -> View:
    """A view of more commits. What is known of sessions is this view's own."""
    view = View(base.owner, base.revision, base.tokens, dict(base.touched))
    for commit in commits:
        revision = int(commit["revision"])
        view.revision = max(view.revision, revision)
        view.tokens[revision] = commit["token"]
        for session, started_at in zip(commit["sessions"], commit["starts"], strict=True):
            before = view.touched.get(session)
            first = min(started_at, before.started_at) if before else started_at
            view.touched[session] = Touched(revision, first)
    return view
