"""What every store does with jobs, memories and vectors."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from storage_cases import assistant, exchange, memory, turn, user

from memori_storage import Store, StoreError
from memori_storage.records import Job, Vector


def only_job(store: Store, **options: float) -> Job:
    (job,) = store.claim_jobs("worker", **options)  # type: ignore[arg-type]
    return job


def test_jobs_carry_a_turns_new_messages(store: Store) -> None:
    history = [user("hello"), assistant("hi")]
    store.add_turns([turn(*history), turn(*history, user("yes"), assistant("ok"))])
    store.add_turns([turn(*history)])  # nothing new, nothing to learn
    first, second = store.claim_jobs("worker")
    assert [message.text for message in first.messages] == ["hello", "hi"]
    assert [message.text for message in second.messages] == ["yes", "ok"]
    assert (first.entity, first.session, first.attempts) == ("user-1", "chat", 1)
    assert first.messages[0].process == "agent"
    assert first.turn_id == first.messages[0].turn_id


def test_jobs_are_claimed_oldest_first_and_once(store: Store) -> None:
    turns = [exchange(index, session=f"s{index}") for index in range(5)]
    store.add_turns(turns[3:])
    store.add_turns(turns[:3])
    claimed = [store.claim_jobs("a", limit=2), store.claim_jobs("b", limit=2)]
    claimed.append(store.claim_jobs("a"))
    assert [[job.turn_id for job in jobs] for jobs in claimed] == [
        [turns[0].id, turns[1].id],
        [turns[2].id, turns[3].id],
        [turns[4].id],
    ]
    assert store.claim_jobs("b") == []
    assert store.pending_jobs() == 5


def test_lease_runs_out(store: Store) -> None:
    store.add_turns([exchange(1)])
    first = only_job(store, lease=0.05)
    time.sleep(0.06)
    second = only_job(store)
    assert (first.attempts, second.attempts) == (1, 2)
    store.fail_job(first, "too late", retry_in=0)  # it is not the first worker's any more
    assert store.claim_jobs("worker") == []
    store.finish_job(second)
    assert store.pending_jobs() == 0


def test_failed_jobs_come_back_or_are_parked(store: Store) -> None:
    store.add_turns([exchange(1)])
    store.fail_job(only_job(store), "try later", retry_in=60)
    assert store.claim_jobs("worker") == []
    assert store.pending_jobs("user-1") == 1
    store.add_turns([exchange(2)])
    job = only_job(store)
    store.fail_job(job, "at once", retry_in=0)
    again = only_job(store)
    assert (again.id, again.attempts) == (job.id, 2)
    store.fail_job(again, "never\x00 again", retry_in=None)
    assert store.claim_jobs("worker") == []
    assert store.pending_jobs("user-1") == 1


def test_claims_of_many_workers_do_not_overlap(store: Store) -> None:
    store.add_turns([exchange(index, session=f"s{index}") for index in range(200)])

    def work(worker: int) -> list[str]:
        done: list[str] = []
        while jobs := store.claim_jobs(f"worker {worker}", limit=7):
            for job in jobs:
                store.finish_job(job, [memory(job.messages[0], f"said {job.messages[0].text}")])
                done.append(job.id)
        return done

    with ThreadPoolExecutor(8) as pool:
        done = [job for jobs in pool.map(work, range(8)) for job in jobs]
    while rest := store.claim_jobs("last"):  # a worker may stop while others hold a row
        for job in rest:
            store.finish_job(job, [memory(job.messages[0], f"said {job.messages[0].text}")])
            done.append(job.id)
    assert len(done) == len(set(done)) == 200
    assert store.pending_jobs() == 0
    assert len(store.memories_of("user-1")) == 200


def test_memory_comes_back_with_its_source(store: Store) -> None:
    given = exchange(1)
    store.add_turns([given])
    job = only_job(store)
    new = memory(
        job.messages[0],
        "likes tea",
        subject="user",
        predicate="likes",
        object="tea",
        confidence=0.75,
        status="quarantined",
        valid_from=given.started_at,
        valid_to=given.ended_at,
    )
    (stored,) = store.finish_job(job, [new])
    for name in (
        "kind",
        "content",
        "status",
        "observed_at",
        "confidence",
        "extractor",
        "subject",
        "predicate",
        "object",
        "valid_from",
        "valid_to",
    ):
        assert getattr(stored, name) == getattr(new, name)
    assert (stored.entity, stored.process, stored.session) == ("user-1", "agent", "chat")
    assert (stored.times_seen, stored.last_seen_at) == (1, new.observed_at)
    (source,) = stored.sources
    assert (source.message_id, source.turn_id) == (job.messages[0].id, given.id)
    assert (source.session, source.trace_id, source.span_id) == (
        "chat",
        given.trace_id,
        given.span_id,
    )
    assert store.memories_of("user-1") == [stored]
    row = list(store.export("user-1"))[-1]
    assert (row["type"], row["trace_id"], row["span_id"]) == (
        "memory",
        given.trace_id,
        given.span_id,
    )
    assert row["sources"] == [
        {
            "message_id": source.message_id,
            "turn_id": given.id,
            "session": "chat",
            "trace_id": given.trace_id,
            "span_id": given.span_id,
        }
    ]


def test_job_done_twice_changes_nothing(store: Store) -> None:
    store.add_turns([exchange(1)])
    job = only_job(store)
    learned = [memory(job.messages[0]), memory(job.messages[0])]
    embedded = [Vector(job.messages[0].id, "m", b"\x00" * 8)]
    first = store.finish_job(job, learned, embedded)
    before = store.revision("user-1")
    assert store.finish_job(job, learned, embedded) == first
    assert store.revision("user-1") == before
    assert len(first) == 1
    assert first[0].times_seen == 1


def test_memory_is_reinforced_by_another_message(store: Store) -> None:
    store.add_turns([exchange(1), exchange(2, session="later")])
    early, late = store.claim_jobs("worker")
    store.finish_job(late, [memory(late.messages[0], confidence=0.5)])
    revision = store.revision("user-1")
    (learned,) = store.finish_job(early, [memory(early.messages[0], confidence=0.9)])
    assert [source.message_id for source in learned.sources] == [early.messages[0].id]
    (stored,) = store.memories_of("user-1")
    assert learned.times_seen == stored.times_seen == len(stored.sources) == 2
    assert stored.confidence == 0.9
    assert stored.observed_at == early.messages[0].created_at
    assert stored.last_seen_at == late.messages[0].created_at
    assert [source.session for source in stored.sources] == ["chat", "later"]
    assert [memory.id for memory in store.changes("user-1", revision).memories] == [stored.id]


def test_memories_differ_by_kind_key_and_entity(store: Store) -> None:
    store.add_turns([exchange(1), exchange(2, entity="user-2")])
    one, two = store.claim_jobs("worker")
    kept = store.finish_job(
        one,
        [
            memory(one.messages[0], "C"),
            memory(one.messages[0], "C++"),
            memory(one.messages[0], "C", kind="skill"),
        ],
    )
    kept += store.finish_job(two, [memory(two.messages[0], "C")])
    assert len({memory.id for memory in kept}) == 4
    assert len(store.memories_of("user-1")) == 3
    assert store.memories_of("user-2", [kept[0].id]) == []
    assert store.memories_of("user-1", [kept[0].id, "unknown"]) == [kept[0]]
    assert store.memories_of("user-1", []) == []


def test_memory_cannot_cite_another_entitys_message(store: Store) -> None:
    store.add_turns([exchange(1), exchange(2, entity="user-2")])
    one, two = store.claim_jobs("worker")
    with pytest.raises(StoreError, match="cites"):
        store.finish_job(one, [memory(one.messages[0]), memory(two.messages[0], "stolen")])
    assert store.memories_of("user-1") == []
    assert store.pending_jobs("user-1") == 1


def test_vectors_newest_wins(store: Store) -> None:
    store.add_turns([exchange(1)])
    store.add_vectors("user-1", [Vector("a", "m", b"1"), Vector("a", "m", b"2")])
    store.add_vectors("user-1", [Vector("a", "M", b"3"), Vector("b", "m", b"")])
    before = store.revision("user-1")
    store.add_vectors("user-1", [Vector("a", "m", b"2")])
    store.add_vectors("user-1", [])
    assert store.revision("user-1") == before
    store.add_vectors("user-1", [Vector("a", "m", bytes(range(256)) * 4)])
    of_m = store.changes("user-1", model="m").vectors
    assert {(v.item_id, v.model, v.data) for v in of_m} == {
        ("a", "m", bytes(range(256)) * 4),
        ("b", "m", b""),
    }
    assert len(store.changes("user-1").vectors) == 3
    assert [v.item_id for v in store.changes("user-1", before, model="m").vectors] == ["a"]
    assert store.changes("user-2").vectors == ()


def test_items_that_look_alike_have_vectors_of_their_own(store: Store) -> None:
    store.add_turns([exchange(1)])
    given = [Vector(item, "m", item.encode()) for item in ("abc", "ABC", " abc", "abc\t")]
    store.add_vectors("user-1", given[:2])
    store.add_vectors("user-1", given)
    assert {(v.item_id, v.data) for v in store.changes("user-1").vectors} == {
        (v.item_id, v.data) for v in given
    }


def test_changes_add_up(store: Store) -> None:
    """Increments read between writes are together what a first read gives."""
    assert store.changes("user-1").revision == store.revision("user-1") == 0
    since, messages, memories = 0, {}, {}
    for index in range(6):
        store.add_turns([exchange(index)])
        store.add_turns([exchange(index, entity="user-2")])
        for job in store.claim_jobs("worker"):
            if index % 2 and job.entity == "user-1":
                store.finish_job(job, [memory(job.messages[0])])
        changes = store.changes("user-1", since)
        assert changes.revision > since
        assert not messages.keys() & {message.id for message in changes.messages}
        since = changes.revision
        messages.update({message.id: message for message in changes.messages})
        memories.update({memory.id: memory for memory in changes.memories})
    assert list(messages.values()) == store.messages_of("user-1")
    assert list(memories.values()) == store.memories_of("user-1")
    assert next(iter(memories.values())).times_seen == 3
    nothing = store.changes("user-1", since)
    assert (nothing.messages, nothing.memories, nothing.vectors) == ((), (), ())


def test_a_thousand_memories_at_once(store: Store) -> None:
    store.add_turns([exchange(1)])
    job = only_job(store)
    new = [memory(job.messages[index % 2], f"fact {index}") for index in range(1200)]
    kept = store.finish_job(job, new)
    assert [memory.content for memory in kept] == [memory.content for memory in new]
    exported = [row for row in store.export("user-1") if row["type"] == "memory"]
    assert {row["id"] for row in exported} == {memory.id for memory in kept}
    assert len(exported) == 1200


def test_times_of_memories_keep_their_order(store: Store) -> None:
    store.add_turns([exchange(1)])
    job = only_job(store)
    at = job.messages[0].created_at
    new = [
        memory(job.messages[0], f"fact {index}", observed_at=at - timedelta(microseconds=index))
        for index in range(3)
    ]
    store.finish_job(job, new)
    stored = store.memories_of("user-1")
    assert [memory.content for memory in stored] == ["fact 2", "fact 1", "fact 0"]
    assert replace(stored[0], sources=()).observed_at == at - timedelta(microseconds=2)
