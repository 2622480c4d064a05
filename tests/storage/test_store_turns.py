"""What every store does with turns."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storage_cases import START, assistant, exchange, text, texts, turn, user

from memori_storage import Store, StoreError, open_store
from memori_storage.columns import microseconds, moment, storable
from memori_storage.records import Message, Turn


def test_every_field_of_a_turn_comes_back(store: Store) -> None:
    call = {"type": "tool_call", "id": "c1", "name": "add", "arguments": {"a": 1.5, "b": None}}
    given_turn = turn(
        text("system", "be brief"),
        user("hello"),
        Message("assistant", [call], finish_reason="tool_calls"),
        system="instructions",
        response_model="gpt-x-2026",
        response_id="resp_1",
        previous_response_id="resp_0",
        conversation_id="conv_1",
        finish_reasons=("stop",),
        usage={"input_tokens": 3, "output_tokens": 5},
        status="incomplete",
        error_type="TimeoutError",
        error_message="timed out\nat last",
        first_chunk_at=START + timedelta(microseconds=1),
        framework="langchain",
    )
    assert store.add_turns([given_turn]) == 1
    exported = list(store.export("user-1"))
    assert json.loads(json.dumps(exported)) == exported
    row = exported[0]
    assert row["type"] == "turn"
    for field in fields(Turn):
        if field.name in ("input", "output", "session_given"):
            continue
        expected = getattr(given_turn, field.name)
        if isinstance(expected, datetime):
            assert datetime.fromisoformat(row[field.name]) == expected
        elif field.name == "finish_reasons":
            assert row[field.name] == list(expected)
        else:
            assert row[field.name] == expected
    system, question, answer = exported[1:]
    assert [row["position"] for row in (system, question, answer)] == [0, 1, 2]
    assert answer["parts"] == [call]
    assert answer["finish_reason"] == "tool_calls"
    assert (question["parent_id"], answer["parent_id"]) == (None, question["id"])
    assert (row["input_message_id"], row["output_message_id"]) == (question["id"], answer["id"])
    assert question["created_at"] == given_turn.started_at.isoformat(timespec="microseconds")
    assert answer["created_at"] == given_turn.ended_at.isoformat(timespec="microseconds")


def test_turns_are_stored_once(store: Store) -> None:
    first, second = exchange(1), exchange(2, session="other")
    assert store.add_turns([]) == 0
    assert store.add_turns([first, first]) == 1
    before = store.revision("user-1")
    assert store.add_turns([first]) == 0
    assert store.revision("user-1") == before
    assert store.add_turns([first, second]) == 1
    assert store.pending_jobs() == 2
    assert len(list(store.export("user-1"))) == 6


def test_history_is_recognised_by_another_store(shared_url: str) -> None:
    """Two processes that take turns in one session: neither trusts what it remembers."""
    stores = [open_store(shared_url) for _ in range(3)]
    stores[0].migrate()
    history = [user("hello")]
    for index in range(12):
        answer = assistant(f"answer {index}")
        stores[index % 3].add_turns([turn(*history, answer)])
        history += [answer, user("yes")]
    assert texts(stores[0]) == [message.text for message in history[:-1]]
    positions = [message.position for message in stores[0].messages_of("user-1")]
    assert positions == list(range(len(history) - 1))
    for store in stores:
        store.close()


def test_batch_is_one_conversation_whatever_its_order(store: Store) -> None:
    history, turns = [user("hello")], []
    for index in range(5):
        answer = assistant(f"answer {index}")
        turns.append(turn(*history, answer))
        history += [answer, user("yes")]
    assert store.add_turns(turns[::-1]) == 5
    assert texts(store) == [message.text for message in history[:-1]]


def test_history_kept_by_the_provider(shared_url: str) -> None:
    store = open_store(shared_url)
    store.migrate()
    store.add_turns([turn(user("yes"), assistant("ok"), response_id="r1")])
    store.add_turns(
        [turn(user("yes"), assistant("ok"), response_id="r2", previous_response_id="r1")]
    )
    # Without what the first store remembers, and not from the newest message:
    cold = open_store(shared_url)
    cold.add_turns([turn(user("yes"), assistant("other"), previous_response_id="r1")])
    assert texts(cold) == ["yes", "ok", "yes", "ok", "other"]
    # An unknown response continues the newest message.
    cold.add_turns([turn(user("yes"), assistant("fine"), previous_response_id="r9")])
    assert texts(cold)[-2:] == ["yes", "fine"]
    parents = {message.id: message.parent_id for message in cold.messages_of("user-1")}
    last = cold.messages_of("user-1")
    assert parents[last[5].id] == last[4].id
    store.close()
    cold.close()


def test_conversation_kept_by_the_provider(shared_url: str) -> None:
    for answer in ("ok 1", "ok 2", "ok 3"):
        store = open_store(shared_url)
        store.migrate()
        store.add_turns([turn(user("yes"), assistant(answer), conversation_id="c1")])
        assert texts(store)[-2:] == ["yes", answer]
        store.close()


def test_turn_of_nobody_is_kept_but_not_learned_from(store: Store) -> None:
    assert store.add_turns([exchange(1, entity=None, process=None)]) == 1
    assert store.add_turns([exchange(2)]) == 1
    assert store.pending_jobs() == 1
    assert texts(store) == ["question 2", "answer 2"]
    assert store.revision("None") == 0


def test_failed_turn_without_reply(store: Store) -> None:
    failed = turn(user("hello"), assistant(""), status="error", output=(), error_type="APIError")
    store.add_turns([failed])
    store.add_turns([turn(user("hello"), assistant("hi"))])
    assert texts(store) == ["hello", "hi"]
    rows = [row for row in store.export("user-1") if row["type"] == "turn"]
    assert [row["output_message_id"] is None for row in rows] == [True, False]


LOOKALIKES = [
    "user",
    "USER",
    "user ",
    " user",
    "usеr",  # noqa: RUF001 - a Cyrillic letter
    "é",
    "e\u0301",
    "ß",
    "ss",
    "\u200buser",
    "\U0001f642",
    "'; DROP TABLE memori_turns; --",
    "%",
    "_",
    "u" * 10_000,
    "u" * 9_999 + "v",
]


def test_entities_see_only_their_own(store: Store) -> None:
    turns = [
        turn(user(f"I am {number}"), assistant("hello"), entity=entity, session="chat")
        for number, entity in enumerate(LOOKALIKES)
    ]
    assert store.add_turns(turns) == len(LOOKALIKES)
    for number, entity in enumerate(LOOKALIKES):
        assert texts(store, entity) == [f"I am {number}", "hello"]
        assert {row["entity"] for row in store.export(entity)} == {entity}
        assert {message.entity for message in store.changes(entity).messages} == {entity}
        assert store.pending_jobs(entity) == 1
        assert store.revision(entity) == 1


def test_sessions_that_look_alike_are_distinct(store: Store) -> None:
    for number, session in enumerate(LOOKALIKES):
        store.add_turns([exchange(number, session=session, process=session)])
    for number, session in enumerate(LOOKALIKES):
        (question, answer) = store.messages_of("user-1", session)
        assert (question.text, answer.text) == (f"question {number}", f"answer {number}")
        assert (question.session, question.process) == (session, session)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "naïve café — 你好 привет مرحبا",
        "\U0001f469\u200d\U0001f52c \U00010348",
        "line\r\nline\u2028",
        "back\\slash 'quote' \"double\" %s :name {x}",
        "x" * 1_000_000,
        "\U0001f642" * 250_000,
    ],
    ids=lambda said: ascii(said[:12]) + f"-{len(said)}",
)
def test_text_comes_back_as_it_was(store: Store, said: str) -> None:
    store.add_turns([turn(user(said), assistant("ok"), system=said, error_message=said)])
    message = store.messages_of("user-1")[0]
    assert message.text == said
    assert message.parts == [{"type": "text", "content": said}]
    row = next(store.export("user-1"))
    assert row["system"] == row["error_message"] == said


@pytest.mark.parametrize("said", ["a\x00b", "a\ud800b"])
def test_text_that_no_database_can_hold(store: Store, said: str) -> None:
    store.add_turns([turn(user(said), assistant("ok"), model=said, framework=said)])
    message = store.messages_of("user-1")[0]
    assert message.text == "a\ufffdb"
    assert message.parts == [{"type": "text", "content": said}]
    assert texts(store) == ["a\ufffdb", "ok"]
    history = [user(said), assistant("ok"), user("next")]
    store.add_turns([turn(*history, assistant("ok"))])
    assert texts(store) == ["a\ufffdb", "ok", "next", "ok"]


@given(st.text(st.characters(exclude_categories=())))
def test_storable_text_can_be_stored(said: str) -> None:
    kept = storable(said)
    assert "\x00" not in kept
    kept.encode()
    if "\x00" not in said and not any(0xD800 <= ord(char) < 0xE000 for char in said):
        assert kept == said


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1901, 2, 3, 4, 5, 6, 7, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 11, 25, 8, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    ],
)
def test_times_keep_their_microseconds(store: Store, at: datetime) -> None:
    store.add_turns([turn(user("a"), assistant("b"), started_at=at, ended_at=at)])
    message = store.messages_of("user-1")[0]
    assert message.created_at == at
    assert message.created_at.utcoffset() == timedelta(0)


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_are_exact(at: datetime) -> None:
    assert moment(microseconds(at)) == at


def test_turn_ids_that_look_alike_are_distinct(store: Store) -> None:
    ids = ["abc", "ABC", "Abc", " abc", "abc\t", "ab", "x" * 127, "x" * 128]
    turns = [exchange(number, id=given) for number, given in enumerate(ids)]
    assert store.add_turns(turns[:4]) == 4
    assert store.add_turns(turns) == 4
    assert {row["id"] for row in store.export("user-1") if row["type"] == "turn"} == set(ids)


@pytest.mark.parametrize("turn_id", ["", "x" * 129, "é", "abc "])
def test_turn_id_that_cannot_be_kept(store: Store, turn_id: str) -> None:
    with pytest.raises(StoreError, match="ASCII"):
        store.add_turns([exchange(1), exchange(2, id=turn_id)])
    assert list(store.export("user-1")) == []


def test_values_that_are_no_json_are_kept_as_text(store: Store) -> None:
    part = {"type": "tool_call", "name": "at", "arguments": {"when": START}}
    store.add_turns([turn(user("a"), Message("assistant", [part]))])
    assert store.messages_of("user-1")[1].parts[0]["arguments"] == {"when": str(START)}


def test_sixteen_concurrent_writers(store: Store) -> None:
    """Each in a session of its own and all in one, for two entities: none lost, none doubled."""

    def write(writer: int) -> int:
        entity = f"user-{writer % 2}"
        history, stored = [user(f"hello from {writer}")], 0
        for index in range(8):
            answer = assistant(f"answer {writer}.{index}")
            stored += store.add_turns(
                [
                    turn(*history, answer, entity=entity, session="common"),
                    turn(*history, answer, entity=entity, session=f"own {writer}"),
                ]
            )
            history += [answer, user("yes")]
        return stored

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(write, range(16))) == 16 * 8 * 2
    for entity in ("user-0", "user-1"):
        common = store.messages_of(entity, "common")
        assert [message.position for message in common] == list(range(8 * 16))
        assert len({message.id for message in common}) == 8 * 16
        assert store.revision(entity) == 8 * 8
        assert store.pending_jobs(entity) == 8 * 8 * 2
    assert texts(store, "user-1", "own 3")[:3] == ["hello from 3", "answer 3.0", "yes"]


def test_export_of_more_than_a_page(store: Store) -> None:
    """One session longer than a page, many short ones: nothing missing, nothing twice, in order."""
    turns, history = [], []
    for index in range(350):
        history = [*history[-1:], user(f"long {index}")]
        turns.append(turn(*history, assistant(f"reply {index}"), session="long"))
        history.append(assistant(f"reply {index}"))
    turns += [exchange(index, session=f"short {index}") for index in range(700)]
    for start in range(0, len(turns), 200):
        store.add_turns(turns[start : start + 200])
    exported = list(store.export("user-1"))
    kinds = [row["type"] for row in exported]
    assert kinds == ["turn"] * 1050 + ["message"] * 2100
    assert [row["id"] for row in exported[:1050]] == [turn.id for turn in turns]
    expected = [said for index in range(350) for said in (f"long {index}", f"reply {index}")] + [
        said for index in range(700) for said in (f"question {index}", f"answer {index}")
    ]
    assert [row["text"] for row in exported[1050:]] == expected
    assert expected == texts(store)


def test_paused_export_holds_up_nobody(store: Store) -> None:
    store.add_turns([exchange(index, session=f"s{index}") for index in range(600)])
    rows = store.export("user-1")
    next(rows)
    store.add_turns([exchange(1000, session="later")])
    kinds = [row["type"] for row in rows]
    assert (kinds.count("turn"), kinds.count("message")) == (599, 1200)


def test_importing_the_package_loads_no_database_library() -> None:
    code = "import sys, memori_storage.store, memori_storage.records, memori_storage.lineage; "
    code += "sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
