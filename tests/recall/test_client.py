"""RecallClient end to end, on a real SQLite database."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from recall_samples import NOON, Tell

from memori_instrumentation.config import Settings, SettingsError
from memori_instrumentation.recall import flushing
from memori_instrumentation.recall.cache import IndexCache
from memori_instrumentation.recall.client import RecallClient, RecallError
from memori_storage import Store
from memori_storage.records import NewMemory


@pytest.fixture(params=["wordllama", "none"])
def client(request: pytest.FixtureRequest, database: str) -> Iterator[RecallClient]:
    with RecallClient(database, embedder=request.param) as made:
        yield made


def learn(store: Store, content: str = "Lives in Lisbon", kind: str = "fact") -> None:
    """Do the open jobs: each user message teaches the same memory."""
    for job in store.claim_jobs("test"):
        message = next(m for m in job.messages if m.role == "user")
        store.finish_job(
            job,
            [NewMemory(kind, content, content.casefold(), message.id, NOON, "test/1")],  # type: ignore[arg-type]
        )


def test_messages_are_recalled_before_anything_is_learned(tell: Tell, client: RecallClient) -> None:
    tell("ann", ("I moved to Lisbon", "Nice!"), process="support")
    tell("bob", ("I moved to Berlin", "Great!"))
    found = client.recall("where did she move?", entity="ann", limit=1)
    assert [m.content for m in found] == ["I moved to Lisbon"]
    memory = found[0]
    assert (memory.kind, memory.role, memory.entity) == ("message", "user", "ann")
    assert (memory.process, memory.session) == ("support", "s1")
    assert memory.message_ids == (memory.id,)
    assert memory.turn_ids == (f"{1:048x}",)
    assert (memory.trace_id, memory.span_id) == (f"{1:032x}", f"{1:016x}")
    assert memory.observed_at == NOON
    assert {"lexical", "session", "recency"} <= set(memory.parts)


def test_what_was_learned_comes_with_its_source(
    store: Store, tell: Tell, client: RecallClient
) -> None:
    tell("ann", ("Well, we have moved to Lisbon", "Nice!"))
    assert client.recall("Lisbon", entity="ann", kinds=["fact"]) == []
    learn(store)
    [memory] = client.recall("Lisbon", entity="ann", kinds=["fact"])
    assert (memory.content, memory.kind, memory.times_seen) == ("Lives in Lisbon", "fact", 1)
    assert memory.sources[0].text == "Well, we have moved to Lisbon"
    assert memory.trace_id == f"{1:032x}"
    assert memory.turn_ids == (f"{1:048x}",)


def test_entities_never_see_each_other(tell: Tell, client: RecallClient) -> None:
    tell("ann", ("My password is tulip", "Noted"))
    tell("bob", ("What is the password?", "No idea"))
    for memory in client.recall("password tulip", entity="bob", limit=50):
        assert memory.entity == "bob"
        assert "tulip" not in memory.content
    assert client.recall("password", entity="nobody") == []


def test_new_turns_are_seen_by_the_next_query(tell: Tell, client: RecallClient) -> None:
    tell("ann", ("I like tea", "Good"))
    assert client.recall("coffee beans", entity="ann", kinds="message", limit=1) is not None
    tell("ann", ("I bought coffee beans", "Fine"), session="s2")
    assert client.recall("coffee beans", entity="ann", limit=1)[0].content == (
        "I bought coffee beans"
    )


def test_scopes_limit_and_min_score(tell: Tell, client: RecallClient) -> None:
    for i in range(8):
        tell("ann", (f"tea number {i}", "ok"), session=f"s{i}", process=f"p{i % 2}")
    assert len(client.recall("tea", entity="ann", limit=3)) == 3
    assert {m.session for m in client.recall("tea", entity="ann", session="s3")} == {"s3"}
    assert {m.process for m in client.recall("tea", entity="ann", process="p1")} == {"p1"}
    ranked = client.recall("tea number 5", entity="ann", limit=8)
    assert [m.score for m in ranked] == sorted((m.score for m in ranked), reverse=True)
    best = client.recall("tea number 5", entity="ann", limit=8, min_score=ranked[0].score)
    assert best == ranked[:1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"entity": ""}, "entity must not be empty"),
        ({"entity": "  "}, "entity must not be empty"),
        ({"entity": None}, "entity is missing"),
        ({"entity": 7}, "entity must be a string"),
        ({"entity": "ann", "session": ""}, "session must not be empty"),
        ({"entity": "ann", "query": " \n"}, "query must be a text"),
        ({"entity": "ann", "query": None}, "query must be a text"),
        ({"entity": "ann", "limit": 0}, "limit=0"),
        ({"entity": "ann", "limit": 2.5}, r"limit=2\.5"),
        ({"entity": "ann", "limit": True}, "limit=True"),
        ({"entity": "ann", "kinds": ["fact", "gossip"]}, "unknown kind gossip: known are attrib"),
        ({"entity": "ann", "kinds": "gossip"}, "unknown kind gossip"),
    ],
)
def test_bad_requests_are_told_clearly(
    database: str, options: dict[str, object], message: str
) -> None:
    with (
        RecallClient(database, embedder="none") as client,
        pytest.raises(RecallError, match=message),
    ):
        client.recall(**{"query": "tea", **options})  # type: ignore[arg-type]


def test_a_fresh_database_gets_its_schema_and_knows_nobody(tmp_path: Path) -> None:
    with RecallClient(f"sqlite:///{tmp_path}/new.db") as client:
        assert not (tmp_path / "new.db").exists(), "nothing is opened before the first call"
        assert client.recall("tea", entity="ann") == []
        assert list(client.export("ann")) == []


def test_settings_say_where_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tell: Tell, database: str
) -> None:
    tell("ann", ("I like tea", "ok"))
    monkeypatch.setenv("MEMORI_DATABASE_URL", database)
    monkeypatch.setenv("MEMORI_EMBEDDER", "none")
    with RecallClient() as client:
        assert "dense" not in client.recall("tea", entity="ann")[0].parts
    with RecallClient(settings=Settings(database=database)) as client:
        assert "dense" in client.recall("tea", entity="ann")[0].parts
    with pytest.raises(SettingsError):
        RecallClient(database, embedder="gpt")


def test_a_store_that_was_given_stays_open(store: Store, tell: Tell) -> None:
    tell("ann", ("I like tea", "ok"))
    client = RecallClient(store, embedder="none")
    assert client.recall("tea", entity="ann")
    client.close()
    assert store.revision("ann") > 0
    with pytest.raises(RecallError, match="closed"):
        client.recall("tea", entity="ann")


async def test_arecall_answers_and_leaves_the_loop_free(
    tell: Tell, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell("ann", ("I like tea", "ok"))
    entered, go = threading.Event(), threading.Event()
    get = IndexCache.get

    def held(self: IndexCache, entity: str, store: Store) -> object:
        entered.set()
        assert go.wait(10)
        return get(self, entity, store)

    monkeypatch.setattr(IndexCache, "get", held)
    with RecallClient(database, embedder="none") as client:
        task = asyncio.create_task(client.arecall("tea", entity="ann", limit=1))
        while not entered.is_set():
            await asyncio.sleep(0.001)
        assert not task.done(), "the loop runs while recall is held"
        go.set()
        assert [m.content for m in await task] == ["I like tea"]


def test_export_is_json(tell: Tell, client: RecallClient) -> None:
    tell("ann", ("I like tea", "ok"))
    lines = [json.loads(json.dumps(line)) for line in client.export("ann")]
    assert [line["type"] for line in lines] == ["turn", "message", "message"]
    with pytest.raises(RecallError):
        client.export(" ")


class TestFlush:
    def test_nothing_open_is_done_at_once(self, client: RecallClient) -> None:
        assert client.flush(timeout=1)

    def test_waits_for_workers_elsewhere(
        self, store: Store, tell: Tell, client: RecallClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(flushing, "_learners", [])
        tell("ann", ("I moved to Lisbon", "ok"))
        assert not client.flush(timeout=0.1)
        worker = threading.Timer(0.2, learn, (store,))
        worker.start()
        assert client.flush(timeout=10)
        worker.join()

    def test_learns_here_and_now_where_nothing_else_does(
        self, tell: Tell, client: RecallClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(flushing, "_learners", [])

        def once(store: Store) -> int:
            before = store.pending_jobs()
            learn(store)
            return before - store.pending_jobs()

        flushing.register_learner(once)
        tell("ann", ("I moved to Lisbon", "ok"), ("And I like it", "ok"))
        assert client.flush(timeout=10)
        assert client.recall("Lisbon", entity="ann", kinds=["fact"])

    def test_asks_every_registered_runtime_with_the_time_left(self, client: RecallClient) -> None:
        asked: list[float] = []

        def busy(left: float) -> bool:
            asked.append(left)
            time.sleep(0.05)
            return False

        def quick(left: float) -> bool:
            asked.append(left)
            return True

        flushing.register(busy)
        flushing.register(quick)
        flushing.register(quick)
        try:
            assert not client.flush(timeout=5)
        finally:
            flushing.unregister(busy)
            flushing.unregister(quick)
        assert len(asked) == 2
        assert asked[1] <= asked[0] - 0.05


def test_each_recall_is_a_span(tell: Tell, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    tell("ann", ("I like tea", "ok"))
    with RecallClient(database, embedder="none") as client:
        client.recall("tea", entity="ann", limit=1)
        monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")
        client.recall("tea", entity="ann", limit=1)
    quiet, open_ = (
        dict(span.attributes or {})
        for span in exporter.get_finished_spans()
        if span.name == "search_memory"
    )
    assert quiet["gen_ai.operation.name"] == "search_memory"
    assert quiet["gen_ai.memory.record.count"] == 1
    assert "tea" not in str(quiet)
    assert open_["gen_ai.memory.query.text"] == "tea"
    assert json.loads(str(open_["gen_ai.memory.records"]))[0]["content"] == "I like tea"


def test_the_least_recently_used_index_is_dropped(store: Store, tell: Tell) -> None:
    for name in ("ann", "bob", "cid"):
        tell(name, ("I like tea", "ok"))
    cache = IndexCache(None, max_items=4)
    ann, bob = cache.get("ann", store), cache.get("bob", store)
    assert cache.get("ann", store) is ann
    cache.get("cid", store)
    assert len(cache) == 2
    assert cache.get("ann", store) is ann
    assert cache.get("bob", store) is not bob
    cache.get("stranger", store)
    assert len(cache) == 2


def test_many_threads_share_a_client(tell: Tell, database: str) -> None:
    for i in range(6):
        tell(f"user{i}", (f"My secret word is w{i}", "ok"))
    wrong: list[str] = []
    with RecallClient(database) as client:

        def ask(i: int) -> None:
            for n in range(20):
                who = (i + n) % 6
                [memory] = client.recall("secret word", entity=f"user{who}", limit=1)
                if memory.content != f"My secret word is w{who}":
                    wrong.append(memory.content)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_expired_memories_are_left_out(store: Store, tell: Tell, client: RecallClient) -> None:
    tell("ann", ("The meeting is on Friday", "ok"))
    past = datetime.now(UTC) - timedelta(days=1)
    [job] = store.claim_jobs("test")
    memory = NewMemory(
        "event", "Meeting on Friday", "meeting", job.messages[0].id, NOON, "t/1", valid_to=past
    )
    store.finish_job(job, [memory])
    assert client.recall("meeting", entity="ann", kinds=["event"]) == []
