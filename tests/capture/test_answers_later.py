"""Answers that come after their turn: on the way to the store, in whatever order, over its
absence."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from test_spool import turn

from memori_instrumentation.capture.reading import Api, Reply, Request, first_api
from memori_instrumentation.capture.spool import Spool, turn_from_json, turn_to_json
from memori_instrumentation.capture.stats import Stats
from memori_instrumentation.capture.writer import _EARLY, Writer
from memori_storage import Store, StoreError, StoreUnavailableError, open_store
from memori_storage.records import Completion, Message, Turn

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)


def answer(number: int, said: str = "an answer") -> Completion:
    output = (Message("assistant", ({"type": "text", "content": said},), "stop"),)
    return Completion(turn(number).id, "complete", NOW, output, "m-1", ("stop",), {"a": 1})


def asked(number: int) -> Turn:
    return turn(number, f"question {number}", status="incomplete", response_id=f"r{number}")


class Unsteady:
    """A store that is away, or refuses things, as long as it is told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = False
        self.refused: set[str] = set()
        self.completed: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def add_turns(self, turns: Sequence[Turn]) -> int:
        if self.away:
            raise StoreUnavailableError("away")
        return self._store.add_turns(turns)

    def complete_turns(self, completions: Sequence[Completion]) -> set[str]:
        if self.away:
            raise StoreUnavailableError("away")
        if self.refused & {it.turn_id for it in completions}:
            raise StoreError("refused")
        self.completed.append([it.turn_id for it in completions])
        return self._store.complete_turns(completions)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Unsteady]:
    opened = open_store(f"sqlite:///{tmp_path}/m.db")
    opened.migrate()
    yield Unsteady(opened)
    opened.close()


@contextmanager
def writing(store: Any, folder: Path, *, limit: int = 1000) -> Iterator[tuple[Writer, Stats]]:
    stats = Stats()
    writer = Writer(
        lambda: store, Spool(folder), stats, limit=limit, stored=lambda store, seconds: None
    )
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        yield writer, stats
    finally:
        writer.stop(20)
        thread.join(20)


def statuses(store: Any) -> list[str]:
    rows = sorted((row for row in store.export("ana") if row["type"] == "turn"), key=_by_id)
    return [row["status"] for row in rows]


def _by_id(row: dict[str, Any]) -> str:
    return str(row["id"])


def test_a_completion_survives_the_spool() -> None:
    for before in (
        answer(1),
        Completion("t", "error", NOW, error_type="e", error_message="\ud800"),
    ):
        line = turn_to_json(before)
        assert b"\n" not in line
        assert turn_from_json(line) == before


def test_in_order(store: Unsteady, tmp_path: Path) -> None:
    """What follows an answer in the queue is said after it."""
    with writing(store, tmp_path / "spool") as (writer, stats):
        more = turn(2, "more", previous_response_id="r1")
        for item in (asked(1), answer(1), more):
            writer.put(item)
        assert writer.flush(20)
    assert [row.text for row in store.messages_of("ana")] == ["question 1", "an answer", "more"]
    assert (stats.stored, stats.failed) == (2, 0)


def test_before_its_turn(store: Unsteady, tmp_path: Path) -> None:
    """As of a stream that was left without being closed: the turn comes when it is collected."""
    with writing(store, tmp_path / "spool") as (writer, _):
        for number in range(_EARLY + 10):
            writer.put(answer(number))
        assert writer.flush(20)
        assert len(writer._early) == _EARLY
        writer.put(asked(5))  # too many others came since
        writer.put(asked(500))
        assert writer.flush(20)
        assert len(writer._early) == _EARLY - 1
    assert statuses(store) == ["incomplete", "complete"]


def test_while_the_store_is_away(store: Unsteady, tmp_path: Path) -> None:
    store.away = True
    with writing(store, tmp_path / "spool", limit=3) as (writer, stats):
        for number in range(6):
            writer.put(asked(number))
            writer.put(answer(number))
        for _ in range(200):
            if stats.spooled >= 9:
                break
            time.sleep(0.05)
        store.away = False
        assert writer.flush(20)
    assert statuses(store) == ["complete"] * 6


def test_what_a_program_left_is_completed_by_the_next(store: Unsteady, tmp_path: Path) -> None:
    store.away = True
    with writing(store, tmp_path / "spool") as (writer, _):
        writer.put(asked(1))
        writer.put(answer(1))
    assert statuses(store) == []
    store.away = False
    with writing(store, tmp_path / "spool") as (writer, _):
        assert writer.flush(20)
    assert statuses(store) == ["complete"]


def test_one_that_the_store_refuses_does_not_hold_up_others(
    store: Unsteady, tmp_path: Path
) -> None:
    store.refused = {turn(1).id}
    with writing(store, tmp_path / "spool") as (writer, stats):
        for number in range(3):
            writer.put(asked(number))
        for number in range(3):
            writer.put(answer(number))
        assert writer.flush(20)
    assert statuses(store) == ["complete", "incomplete", "complete"]
    assert stats.failed == 1
    assert b"refused" in (tmp_path / "spool" / "rejected.json").read_bytes()


def test_paths_with_a_step_left_open() -> None:
    def read(body: Any) -> Any:
        return Request(()) if body else Reply()

    one = Api("/talks/*", "chat", read, read, method="get")
    stop = Api("/talks/*/stop", "chat", read, read)
    plain = Api("/talks", "chat", read, read)
    apis = (one, stop, plain)
    for path, method, found in (
        ("/v1/talks/t1", "get", one),
        ("/talks/t1?a=/talks", "get", one),
        ("/talks/t1/", "get", one),
        ("/v1/talks/t1", "post", None),
        ("/v1/talks/t1", "delete", None),
        ("/v1/talks/t1/items", "get", None),
        ("/v1/talks", "get", None),
        ("/v1/talks/", "get", None),
        ("/v1//t1", "get", None),
        ("/v1/talks/t1/stop", "post", stop),
        ("/v1/talks//stop", "post", None),
        ("/v1/talks/t1/stop", "get", None),
        ("/v1/talks", "post", plain),
    ):
        assert first_api(apis, path, method) is found, (path, method)
