"""Conversations to recall from, in a real SQLite store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from recall_samples import NOON, Tell, said

from memori_storage import Store, open_store
from memori_storage.records import Message, Turn


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/memori.db"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    opened = open_store(database)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def tell(store: Store) -> Tell:
    count = 0

    def add(
        entity: str,
        *pairs: tuple[str, str],
        session: str = "s1",
        process: str | None = None,
        at: datetime = NOON,
    ) -> None:
        nonlocal count
        history: list[Message] = []
        for step, (asked, replied) in enumerate(pairs):
            count += 1
            history.append(said("user", asked))
            reply = said("assistant", replied)
            when = at + timedelta(minutes=step)
            turn = Turn(
                id=f"{count:048x}",
                entity=entity,
                process=process,
                session=session,
                provider="openai",
                operation="chat",
                model="gpt",
                status="complete",
                trace_id=f"{count:032x}",
                span_id=f"{count:016x}",
                started_at=when,
                ended_at=when,
                input=tuple(history),
                output=(reply,),
            )
            assert store.add_turns([turn]) == 1
            history.append(reply)

    return add
