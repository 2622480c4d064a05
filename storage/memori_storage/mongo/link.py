"""A MongoDB database and how to use it: one client per process, with the errors of stores."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from bson.codec_options import CodecOptions
from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from memori_storage import forks
from memori_storage.mongo.errors import RAISED, as_store_error, is_worth_another_try

T = TypeVar("T")
Document = dict[str, Any]
Client = MongoClient[Document]
Order = Sequence[tuple[str, int]]

_PLAIN: CodecOptions[Document] = CodecOptions(document_class=dict)
_TRIES = 4
_DUPLICATE = 11000


class Settings(NamedTuple):
    """Which database, and how to come to it."""

    make_client: Callable[[], Client]
    database: str
    prefix: str
    name: str
    """What errors call it; without credentials."""
    given: Client | None = None
    """The caller's client, for the process in which it was given."""


class Link:
    """A database. Usable from any thread and in forked children, which get clients of their own."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.name
        self.at_fork: list[Callable[[], None]] = []
        """Called in a forked child, before anything else uses this object there."""
        self._settings = settings
        self._given = settings.given
        self._own: Client | None = None
        self._inherited: list[Client | None] = []
        self._lock = threading.Lock()
        forks.tell(self)

    def close(self) -> None:
        """Close the client that was made here, if any; another use makes another."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.close()

    def after_fork(self) -> None:
        """Leave the parent's clients alone; neither use nor close them in this process."""
        self._lock = threading.Lock()
        self._inherited += [self._own, self._given]
        self._own = self._given = None
        for callback in self.at_fork:
            callback()

    def run(self, work: Callable[[], T]) -> T:
        """Run ``work``, again if the connection was lost: it must be idempotent.

        Raises:
            StoreUnavailableError: For what may pass: no connection, no primary, too slow.
            StoreConfigurationError: For what will not: wrong password, missing role.
            StoreError: For anything else the database refused.
        """
        for tries_left in reversed(range(_TRIES)):
            try:
                return work()
            except RAISED as error:
                if tries_left and is_worth_another_try(error):
                    time.sleep(0.02 * (_TRIES - tries_left))
                    continue
                raise as_store_error(error, self.name) from error
        raise AssertionError("unreachable")

    def collection(self, name: str) -> Collection[Document]:
        """One of our collections, read at the primary and written with acknowledgement.

        Those are the settings that correctness needs, whatever the client's own are.
        """
        database = self._client()[self._settings.database]
        concern = database.write_concern
        return database.get_collection(
            self._settings.prefix + name,
            codec_options=_PLAIN,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("local"),
            write_concern=concern if concern.acknowledged else WriteConcern("majority"),
        )

    def find(
        self,
        name: str,
        wanted: Mapping[str, Any],
        *,
        fields: Iterable[str] | None = None,
        order: Order | None = None,
        limit: int = 0,
    ) -> list[Document]:
        """Documents of a collection."""
        shown = None if fields is None else dict.fromkeys(fields, 1)

        def work() -> list[Document]:
            found = self.collection(name).find(wanted, shown, limit=limit)
            return list(found.sort(list(order)) if order else found)

        return self.run(work)

    def insert(self, name: str, documents: Sequence[Document]) -> set[int]:
        """Insert documents; returns the indexes of those whose ``_id`` was taken.

        That may be by themselves, if the connection was lost before the answer had come.
        """
        if not documents:
            return set()

        def work() -> set[int]:
            try:
                self.collection(name).insert_many(documents, ordered=False)
            except BulkWriteError as error:
                refused = (error.details or {}).get("writeErrors", ())
                others = (error.details or {}).get("writeConcernErrors", ())
                if others or any(one.get("code") != _DUPLICATE for one in refused):
                    raise
                return {int(one["index"]) for one in refused}
            return set()

        return self.run(work)

    def delete(self, name: str, wanted: Mapping[str, Any]) -> int:
        """Delete documents; returns how many there were."""
        return self.run(lambda: self.collection(name).delete_many(wanted).deleted_count)

    def _client(self) -> Client:
        if self._given is not None:
            return self._given
        with self._lock:
            if self._own is None:
                self._own = self._settings.make_client()
            return self._own
