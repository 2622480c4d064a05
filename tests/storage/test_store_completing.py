"""What every store does with answers that come after their turn was stored."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from storage_cases import START, assistant, exchange, memory, text, texts, turn, user

from memori_storage import Store, open_store
from memori_storage.records import Completion, Message, Turn, later_turn_id

LATER = START + timedelta(days=1)


def asked(said: str = "question", **fields: Any) -> Turn:
    """A turn without its answer."""
    return turn(user(said), assistant(""), output=(), status="incomplete", **fields)


def answered(of: Turn, *said: str, **fields: Any) -> Completion:
    values: dict[str, Any] = {
        "turn_id": of.id,
        "status": "complete",
        "ended_at": LATER,
        "output": tuple(Message("assistant", assistant(it).parts, "stop") for it in said),
        "response_model": "gpt-x-2026",
        "finish_reasons": ("stop",),
        "usage": {"input_tokens": 3, "output_tokens": 5},
    }
    return Completion(**(values | fields))


def turns_of(store: Store) -> list[dict[str, Any]]:
    return [row for row in store.export("user-1") if row["type"] == "turn"]


def test_an_answer_completes_its_turn(store: Store) -> None:
    pending = asked(response_id="r1")
    store.add_turns([pending])
    before = store.revision("user-1")
    assert store.complete_turns([answered(pending, "answer")]) == set()
    (row,) = turns_of(store)
    assert row["status"] == "complete"
    assert (row["finish_reasons"], row["response_model"]) == (["stop"], "gpt-x-2026")
    assert row["usage"] == {"input_tokens": 3, "output_tokens": 5}
    assert datetime.fromisoformat(row["ended_at"]) == LATER
    question, answer = store.messages_of("user-1")
    assert (question.text, answer.text) == ("question", "answer")
    assert (answer.parent_id, answer.position) == (question.id, 1)
    assert (answer.turn_id, answer.created_at) == (pending.id, LATER)
    assert row["output_message_id"] == answer.id
    assert [message.text for message in store.changes("user-1", before).messages] == ["answer"]


def test_the_same_answer_again_changes_nothing(store: Store) -> None:
    pending, stopped = asked(), asked("other")
    store.add_turns([pending, stopped])
    ends = [answered(pending, "answer"), answered(stopped, status="incomplete")]
    store.complete_turns(ends)
    before = list(store.export("user-1")), store.revision("user-1")
    later = [answered(pending, "answer", ended_at=LATER + timedelta(1)), *ends]
    for completions in ([ends[0]], [ends[1]], ends, later):
        assert store.complete_turns(completions) == set()
    assert (list(store.export("user-1")), store.revision("user-1")) == before


def test_what_is_complete_or_failed_stays(store: Store) -> None:
    done, failed = exchange(1), turn(user("q"), assistant(""), output=(), status="error")
    store.add_turns([done, failed])
    before = list(store.export("user-1"))
    assert store.complete_turns([answered(done, "other"), answered(failed, "other")]) == set()
    assert list(store.export("user-1")) == before


def test_turns_that_are_not_stored(store: Store) -> None:
    pending, unknown = asked(), asked()
    store.add_turns([pending])
    found = store.complete_turns([answered(unknown, "answer"), answered(pending, "answer")])
    assert found == {unknown.id}
    assert store.complete_turns([]) == set()
    assert texts(store) == ["question", "answer"]


def test_a_failure_completes_a_turn_too(store: Store) -> None:
    pending = asked()
    store.add_turns([pending])
    failure = {"status": "error", "error_type": "server_error", "error_message": "sorry"}
    store.complete_turns([answered(pending, finish_reasons=("failed",), **failure)])
    (row,) = turns_of(store)
    assert {name: row[name] for name in failure} == failure
    assert row["output_message_id"] is None


def test_another_store_completes(shared_url: str) -> None:
    stores = [open_store(shared_url) for _ in range(2)]
    stores[0].migrate()
    pending = asked("yes", response_id="r1")
    stores[0].add_turns([pending])
    stores[1].complete_turns([answered(pending, "ok")])
    # The first remembers the session as it was, and so must not trust what it remembers.
    stores[0].add_turns([turn(user("yes"), assistant("fine"), previous_response_id="r1")])
    assert texts(stores[0]) == ["yes", "ok", "yes", "fine"]
    rows = stores[0].messages_of("user-1")
    assert [row.parent_id for row in rows] == [None, *(row.id for row in rows[:-1])]
    for store in stores:
        store.close()


@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
def test_the_beginning_of_an_answer_grows(cold: bool, shared_url: str) -> None:
    store = open_store(shared_url)
    store.migrate()
    pending = turn(user("question"), assistant("I li"), status="incomplete", response_id="r1")
    store.add_turns([pending])
    beginning = store.messages_of("user-1")[1]
    revision = store.revision("user-1")
    if cold:
        store.close()
        store = open_store(shared_url)
    store.complete_turns([answered(pending, "I live in Lyon.")])
    _, whole = store.messages_of("user-1")
    assert (whole.id, whole.position) == (beginning.id, beginning.position)
    assert whole.text == "I live in Lyon."
    assert list(whole.parts) == list(assistant("I live in Lyon.").parts)
    assert [row.id for row in store.changes("user-1", revision).messages] == [whole.id]
    # Re-sent, the whole is that message, and so is its beginning.
    if cold:
        store.close()
        store = open_store(shared_url)
    for said in ("I live in Lyon.", "I li"):
        store.add_turns([turn(user("question"), assistant(said), user("And?"), assistant("So."))])
    assert texts(store) == ["question", "I live in Lyon.", "And?", "So."]
    store.close()


def test_the_beginning_of_a_tool_call_grows_beside_a_whole_message(store: Store) -> None:
    call = {"type": "tool_call", "id": "c1", "name": "add", "arguments": '{"a'}
    pending = turn(
        user("q"),
        assistant("Wait."),
        status="incomplete",
        output=(assistant("Wait."), Message("assistant", [call])),
    )
    store.add_turns([pending])
    whole = Message("assistant", [{**call, "arguments": {"a": 1}}])
    store.complete_turns([answered(pending, output=(assistant("Wait."), whole))])
    rows = store.messages_of("user-1")
    assert [list(row.parts) for row in rows[1:]] == [list(assistant("Wait.").parts), whole.parts]


def test_an_answer_that_another_turn_has_stored(store: Store) -> None:
    """Somebody re-sent it as history before it was fetched here."""
    pending = asked()
    store.add_turns([pending])
    store.add_turns([turn(user("question"), assistant("answer"), user("And?"), assistant("So."))])
    store.complete_turns([answered(pending, "answer")])
    assert texts(store) == ["question", "answer", "And?", "So."]
    row, _ = turns_of(store)
    assert row["output_message_id"] == store.messages_of("user-1")[1].id


def test_an_answer_to_a_request_that_said_nothing(store: Store) -> None:
    store.add_turns([turn(user("hello"), assistant("hi"), response_id="r1")])
    store.add_turns([turn(user("hello"), assistant("ho"))])
    pending = asked(input=(), previous_response_id="r1", response_id="r2")
    store.add_turns([pending])
    store.complete_turns([answered(pending, "more")])
    rows = {row.text: row for row in store.messages_of("user-1")}
    assert rows["more"].parent_id == rows["hi"].id
    alone = asked(input=(text("system", "be brief"),), session="other")
    store.add_turns([alone])
    store.complete_turns([answered(alone, "well")])
    assert [row.parent_id for row in store.messages_of("user-1", "other")] == [None, None]


def test_a_completed_turn_is_learned_from_again(store: Store) -> None:
    pending = asked("I drink tea")
    store.add_turns([pending])
    (job,) = store.claim_jobs("worker")
    store.complete_turns([answered(pending, "Noted.")])
    # Whoever had the job has not seen the answer.
    store.finish_job(job, [memory(job.messages[0])])
    (again,) = store.claim_jobs("worker")
    assert [message.text for message in again.messages] == ["I drink tea", "Noted."]
    store.finish_job(again, [memory(again.messages[0])])
    assert store.pending_jobs() == 0
    assert [kept.times_seen for kept in store.memories_of("user-1")] == [1]
    late = asked("And coffee")
    store.add_turns([late])
    (job,) = store.claim_jobs("worker")
    store.finish_job(job)
    store.complete_turns([answered(late, "Noted, too.")])
    (again,) = store.claim_jobs("worker")
    assert [message.text for message in again.messages] == ["And coffee", "Noted, too."]


def test_a_turn_of_nobody_is_completed_but_not_learned_from(store: Store) -> None:
    pending = asked(entity=None, process=None)
    store.add_turns([pending])
    assert store.complete_turns([answered(pending, "answer")]) == set()
    assert store.pending_jobs() == 0
    history = [user("question"), assistant("answer"), user("And?")]
    assert store.add_turns([turn(*history, assistant("So."), entity=None, process=None)]) == 1
    assert list(store.export("user-1")) == []


def test_many_complete_at_once(store: Store) -> None:
    pending = [asked(f"question {n}", session=f"s{n % 3}", response_id=f"r{n}") for n in range(30)]
    store.add_turns(pending)

    def complete(worker: int) -> None:
        for _ in range(2):
            store.complete_turns([answered(it, f"answer {it.response_id}") for it in pending])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(complete, range(8)))
    assert len(texts(store)) == 60
    for session in ("s0", "s1", "s2"):
        positions = [message.position for message in store.messages_of("user-1", session)]
        assert positions == list(range(20))
    assert {row["status"] for row in turns_of(store)} == {"complete"}


def test_ids_by_response() -> None:
    assert later_turn_id("openai", "resp_1") == later_turn_id("openai", "resp_1")
    others = [("openai", "resp_2"), ("x_ai", "resp_1"), ("openairesp_1", "")]
    assert later_turn_id("openai", "resp_1") not in {later_turn_id(*it) for it in others}
