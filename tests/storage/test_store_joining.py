"""Turns that continue a response of another session, where nobody named their own."""

from __future__ import annotations

from datetime import timedelta

from storage_cases import START, assistant, texts, turn, user

from memori_storage import Store, open_store
from memori_storage.records import Turn


def answer(number: int, *, after: int | None = None, session: str, **fields: object) -> Turn:
    values = {
        "response_id": f"r{number}",
        "previous_response_id": None if after is None else f"r{after}",
        "session": session,
        "session_given": False,
        **fields,
    }
    return turn(user(f"question {number}"), assistant(f"answer {number}"), **values)


def said(*numbers: int) -> list[str]:
    return [text for n in numbers for text in (f"question {n}", f"answer {n}")]


def test_processes_that_take_turns_share_a_session(shared_url: str) -> None:
    stores = [open_store(shared_url) for _ in range(2)]
    stores[0].migrate()
    stores[0].add_turns([answer(1, session="run-0")])
    stores[0].add_turns([answer(2, session="run-0")])
    stores[1].add_turns([answer(3, after=1, session="run-1")])
    stores[0].add_turns([answer(4, after=3, session="run-0")])
    stores[1].add_turns([answer(5, after=4, session="run-1")])
    assert texts(stores[0], session="run-0") == said(1, 2, 3, 4, 5)
    rows = {row.text: row for row in stores[0].messages_of("user-1")}
    assert rows["question 3"].parent_id == rows["answer 1"].id
    assert rows["question 5"].parent_id == rows["answer 4"].id
    for store in stores:
        store.close()


def test_a_batch_joins_as_one(store: Store) -> None:
    store.add_turns([answer(1, session="run-0")])
    batch = [answer(n, after=n - 1, session="run-1") for n in (2, 3, 4)]
    store.add_turns(batch[::-1])
    assert texts(store, session="run-0") == said(1, 2, 3, 4)


def test_who_names_a_session_gets_it(store: Store) -> None:
    store.add_turns([answer(1, session="run-0")])
    store.add_turns([answer(2, after=1, session="chat", session_given=True)])
    assert texts(store, session="chat") == said(2)


def test_unknown_old_and_other_peoples_responses(store: Store) -> None:
    long_ago = START - timedelta(days=365)
    store.add_turns([answer(1, session="run-0", started_at=long_ago, ended_at=long_ago)])
    store.add_turns([answer(2, session="run-0", entity="user-2")])
    store.add_turns([answer(n + 3, after=n, session="run-1") for n in (1, 2, 9)])
    assert texts(store, session="run-1") == said(4, 5, 12)
    store.add_turns([answer(20, after=4, session="run-2", entity=None)])
    assert len(texts(store)) == 8
