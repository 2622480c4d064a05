"""What the MongoDB store promises where things break, and what it takes and refuses.

Connections are lost, and processes killed, at a command of a test's choice: between the store and
the real server is a proxy that reads the wire protocol (:mod:`mongo_proxy`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pymongo")

from mongo_proxy import Fate, Proxy, command
from pymongo import AsyncMongoClient, MongoClient
from storage_cases import assistant, exchange, memory, text, texts, turn, user

from memori_storage import (
    SchemaTooNewError,
    StoreConfigurationError,
    StoreError,
    StoreUnavailableError,
    open_store,
)
from memori_storage.mongo import migrate as mongo_migrate
from memori_storage.records import Message

pytestmark = pytest.mark.mongodb

LOSSES = [Fate.LOSE_COMMAND, Fate.LOSE_ANSWER]
COLLECTIONS = ["messages", "turns", "jobs", "commits"]


@pytest.fixture
def proxy(mongodb_url: str) -> Iterator[Proxy]:
    """A way to a server, with an empty database of its own."""
    proxy = Proxy(mongodb_url)
    yield proxy
    proxy.refuse()


class Times:
    """The fate of a command the first ``count`` times; then it passes."""

    def __init__(self, fate: Fate, name: str, collection: str, count: int = 1) -> None:
        self._fate = fate
        self._what = command(name, f"memori_{collection}")
        self.left = count

    def __call__(self, message: bytes) -> Fate:
        if self.left and self._what in message:
            self.left -= 1
            return self._fate
        return Fate.PASS


@pytest.mark.parametrize("losses", [1, 4])
@pytest.mark.parametrize("fate", LOSSES, ids=lambda fate: fate.value)
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_connection_lost_in_the_middle_of_a_batch(
    proxy: Proxy, collection: str, fate: Fate, losses: int
) -> None:
    """Lost once, it is stored at the next try; lost at every try, once the way is free again."""
    store = open_store(proxy.url)
    store.migrate()
    batch = [exchange(number, session=f"s{number % 3}") for number in range(30)]
    lose = proxy.decide = Times(fate, "insert", collection, losses)
    if losses == 4:
        with pytest.raises(StoreUnavailableError, match="not available now"):
            store.add_turns(batch)
        # A commit whose answer never came may be done; everything else is not.
        committed = (collection, fate) == ("commits", Fate.LOSE_ANSWER)
        assert len(texts(store)) == (60 if committed else 0)
        assert store.add_turns(batch) == (0 if committed else 30)
    else:
        assert store.add_turns(batch) == 30
    assert lose.left == 0
    assert store.add_turns(batch) == 0
    assert len(texts(store)) == 60
    assert len({message.id for message in store.messages_of("user-1")}) == 60
    assert store.pending_jobs("user-1") == 30
    store.close()


def test_server_that_is_away_for_a_while(proxy: Proxy) -> None:
    store = open_store(f"{proxy.url}?serverSelectionTimeoutMS=1500")
    store.migrate()
    store.add_turns([exchange(1)])
    proxy.refuse()
    for _ in range(2):
        with pytest.raises(StoreUnavailableError) as caught:
            store.add_turns([exchange(2)])
        assert "\n" not in str(caught.value)
    with pytest.raises(StoreUnavailableError):
        store.messages_of("user-1")
    proxy.take()
    assert store.add_turns([exchange(2)]) == 1
    assert len(texts(store)) == 4
    store.close()


ADD = """
import sys
from storage_cases import exchange
from memori_storage import open_store
store = open_store(sys.argv[1])
if len(sys.argv) > 2:
    store.add_turns([exchange(int(number), id=f"turn-{number}") for number in sys.argv[2:]])
else:
    store.migrate()
"""


def started(*arguments: str) -> subprocess.Popen[str]:
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-c", ADD, *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def kill_at(proxy: Proxy, fate: Fate, name: str, collection: str, *numbers: str) -> None:
    """Run a process that adds turns, or migrates, and kill it at a command."""
    proxy.holding.clear()
    proxy.decide = Times(fate, name, collection)
    process = started(proxy.url, *numbers)
    assert proxy.holding.wait(60), process.poll()
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("fate", [Fate.HOLD_COMMAND, Fate.HOLD_ANSWER], ids=lambda fate: fate.value)
def test_killed_writer_leaves_nothing_or_all(proxy: Proxy, fate: Fate, collection: str) -> None:
    store = open_store(proxy.url)
    store.migrate()
    store.add_turns([exchange(1, id="turn-1")])
    kill_at(proxy, fate, "insert", collection, "2", "3")
    done = (collection, fate) == ("commits", Fate.HOLD_ANSWER)
    before = ["question 1", "answer 1"]
    after = ["question 2", "answer 2", "question 3", "answer 3"]
    assert texts(store) == before + (after if done else [])
    assert store.pending_jobs("user-1") == (3 if done else 1)
    # Its spool hands them to another process.
    batch = [exchange(number, id=f"turn-{number}") for number in (2, 3)]
    assert store.add_turns(batch) == (0 if done else 2)
    assert texts(store) == before + after
    assert store.pending_jobs("user-1") == 3
    assert {job.turn_id for job in store.claim_jobs("worker")} == {"turn-1", "turn-2", "turn-3"}
    store.close()


@pytest.mark.parametrize("collection", ["commits", "messages", "jobs"])
def test_migration_killed_midway_is_gone_on_with(
    proxy: Proxy, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_migrate, "LEASE_SECONDS", 2)
    kill_at(proxy, Fate.HOLD_COMMAND, "createIndexes", collection)
    store = open_store(proxy.url)
    # The lock of the process that was killed, as a short lease leaves it.
    with MongoClient[dict[str, Any]](proxy.url) as client:
        locks = client.get_default_database()["memori_schema"]
        until = locks.find_one({"_id": "lock"})["until"]  # type: ignore[index]
        locks.update_one({"_id": "lock"}, {"$set": {"until": until - 13_000_000}})
    begun = time.monotonic()
    store.migrate()
    assert time.monotonic() - begun < 20
    assert store.schema().is_current
    assert store.add_turns([exchange(1)]) == 1
    store.close()


@pytest.mark.slow
def test_lock_of_a_killed_migration_lasts_seconds(proxy: Proxy) -> None:
    kill_at(proxy, Fate.HOLD_COMMAND, "createIndexes", "commits")
    store = open_store(proxy.url)
    begun = time.monotonic()
    store.migrate()
    assert time.monotonic() - begun < mongo_migrate.LEASE_SECONDS + 10
    store.close()


def test_long_migration_keeps_its_lock(mongodb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step renews the lease, so that nobody else begins."""
    monkeypatch.setattr(mongo_migrate, "LEASE_SECONDS", 3)
    store = open_store(mongodb_url)
    waiting = []

    def slow(link: Any, step: Any) -> None:
        other = started(mongodb_url)
        for _ in range(12):
            time.sleep(0.5)
            step()
        assert other.poll() is None
        waiting.append(other)

    monkeypatch.setattr(mongo_migrate, "UPGRADES", {"0001": slow})
    store.migrate()
    (other,) = waiting
    assert other.communicate(timeout=60) == (None, "")
    assert other.returncode == 0
    store.close()


def test_newer_schema_is_left_alone(mongodb_url: str) -> None:
    store = open_store(mongodb_url)
    store.migrate()
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        schema = client.get_default_database()["memori_schema"]
        schema.update_one({"_id": "version"}, {"$set": {"version": "0999"}})
    newcomer = open_store(mongodb_url)
    for use in (newcomer.migrate, lambda: newcomer.add_turns([exchange(1)])):
        with pytest.raises(SchemaTooNewError, match="upgrade"):
            use()
    newcomer.close()
    store.close()


def test_database_before_migration_says_so(mongodb_url: str) -> None:
    store = open_store(mongodb_url)
    with pytest.raises(StoreError, match=r"call migrate\(\)"):
        store.add_turns([exchange(1)])
    store.migrate()
    assert store.add_turns([exchange(1)]) == 1
    store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mongodb://app:s3cr%et@host/app", "percent-encoded"),
        ("mongodb://", "write it like"),
        ("mongodb://app:s3cret@host:port/app", "write it like"),
        ("mongodb+srv://app:s3cret@/app", "write it like"),
        ("mongodb://app:s3cret@host/a$b", "write it like"),
    ],
)
def test_urls_that_cannot_be_read(url: str, said: str) -> None:
    with pytest.raises(StoreConfigurationError, match=said) as caught:
        open_store(url)
    assert "s3c" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_password_is_said(mongodb_url: str) -> None:
    url = mongodb_url.replace("://", "://app:s3cret@") + "?authSource=admin"
    store = open_store(url)
    with pytest.raises(StoreConfigurationError, match="password") as caught:
        store.migrate()
    assert "s3cret" not in str(caught.value)
    store.close()


def test_missing_pymongo_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymongo", None)
    with pytest.raises(StoreConfigurationError) as caught:
        open_store("mongodb://127.0.0.1/app")
    assert "pip install 'memori-instrumentation[mongodb]'" in str(caught.value)


def test_other_objects_of_pymongos_are_refused() -> None:
    client: MongoClient[Any] = MongoClient("mongodb://127.0.0.1:1/app", connect=False)
    with pytest.raises(StoreConfigurationError, match="give a MongoClient or a Database"):
        open_store(client["app"]["turns"])


@pytest.mark.parametrize("kind", ["client", "database", "odd client"])
def test_given_client_stays_the_callers(kind: str, mongodb_url: str) -> None:
    from bson.raw_bson import RawBSONDocument

    odd: dict[str, Any] = {
        "document_class": RawBSONDocument,
        "tz_aware": True,
        "w": 0,
        "readPreference": "secondaryPreferred",
    }
    client: MongoClient[Any] = MongoClient(mongodb_url, **(odd if kind == "odd client" else {}))
    store = open_store(client.get_default_database() if kind == "database" else client)
    store.migrate()
    assert store.add_turns([exchange(1)]) == 1
    assert store.messages_of("user-1")[0].created_at.tzinfo is not None
    assert texts(store) == ["question 1", "answer 1"]
    store.close()
    assert client.get_default_database()["memori_turns"].estimated_document_count() == 1
    client.close()


@pytest.mark.parametrize("kind", ["client", "database"])
def test_asynchronous_client_gives_its_settings(kind: str, mongodb_url: str) -> None:
    async def main() -> int:
        client: AsyncMongoClient[Any] = AsyncMongoClient(mongodb_url)
        database = client.get_default_database()
        store = open_store(client if kind == "client" else database)
        await asyncio.to_thread(store.migrate)
        assert await asyncio.to_thread(store.add_turns, [exchange(1)]) == 1
        assert texts(store) == ["question 1", "answer 1"]
        store.close()
        count = await database["memori_turns"].estimated_document_count()
        await client.close()
        return count

    assert asyncio.run(main()) == 1


def test_client_without_a_database_uses_memori() -> None:
    client: MongoClient[Any] = MongoClient("mongodb://127.0.0.1:1", connect=False)
    assert "memori" in repr(open_store(client))


def test_prefixes_do_not_see_each_other(mongodb_url: str) -> None:
    ours = open_store(mongodb_url)
    acme = open_store(mongodb_url, table_prefix="acme_")
    for store in (ours, acme):
        store.migrate()
    ours.add_turns([exchange(1)])
    acme.add_turns([exchange(2)])
    assert texts(ours) == ["question 1", "answer 1"]
    assert texts(acme) == ["question 2", "answer 2"]
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        names = client.get_default_database().list_collection_names()
    assert {name.partition("_")[0] for name in names} == {"memori", "acme"}
    for store in (ours, acme):
        store.close()


@pytest.mark.parametrize("prefix", ["", "a$b", "system.", "a b", "x" * 62])
def test_prefixes_that_cannot_be(prefix: str) -> None:
    with pytest.raises(StoreConfigurationError, match="collections cannot begin with"):
        open_store("mongodb://127.0.0.1/app", table_prefix=prefix)


@pytest.mark.parametrize("name", ["$where", "a.b", "$a.$b.", "a\0b", "", " ", "é\U0001f600", "_id"])
def test_any_name_is_a_value(name: str, mongodb_url: str) -> None:
    """Names and keys from outside mean nothing to the server."""
    store = open_store(mongodb_url)
    store.migrate()
    who = f"user{name}"
    part = {"type": "tool_call", "id": name, "name": name, "arguments": {name: {name: 1}}}
    shown = name.replace("\0", "\ufffd")  # which is no text in some databases
    given = turn(
        text("user", f"hello {name}"),
        Message("assistant", [part]),
        entity=who,
        process=name or None,
        session=f"s{name}",
    )
    assert store.add_turns([given]) == 1
    assert store.add_turns([given]) == 0
    said, called = store.messages_of(who, f"s{name}")
    assert said.text == f"hello {shown}"
    assert list(called.parts) == [part]
    (job,) = store.claim_jobs("worker")
    assert job.turn_id == given.id
    store.finish_job(job, [memory(said, f"likes {name} tea", key=name)])
    (learned,) = store.memories_of(who)
    assert learned.content == f"likes {shown} tea"
    assert len(list(store.export(who))) > 3
    assert store.messages_of("user-1") == []
    store.close()


def test_history_that_is_sent_again_is_stored_once(mongodb_url: str) -> None:
    """By several processes that do not know of one another."""
    stores = [open_store(mongodb_url) for _ in range(3)]
    stores[0].migrate()
    history: list[Message] = []
    for number in range(12):
        history += [user(f"question {number}"), assistant(f"answer {number}")]
        assert stores[number % 3].add_turns([turn(*history)]) == 1
    said = [message.text for message in history]
    assert all(texts(store) == said for store in stores)
    for store in stores:
        store.close()


TALKS = """
import sys
from memori_instrumentation import MemoriInstrumentor, RecallClient, attribution
from wire.sdks import SDKS
from wire.server import WireServer
(sdk,) = (each for each in SDKS if each.name == "openai-chat")
instrumentor = MemoriInstrumentor()
instrumentor.instrument(database=sys.argv[1], embedder="none")
with WireServer() as server:
    client = sdk.client(server.url, False)
    for name, town in (("ann", "Lisbon"), ("bob", "Berlin")):
        with attribution(entity=name, session=f"{name}-1"):
            for _ in sdk.stream(client, [("user", f"I live in {town}.")]):
                pass
assert instrumentor.flush(timeout=60)
with RecallClient(sys.argv[1], embedder="none") as recall:
    assert recall.flush(timeout=60)
    for name, town, other in (("ann", "Lisbon", "Berlin"), ("bob", "Berlin", "Lisbon")):
        found = recall.recall("Where does she live?", entity=name)
        assert any(town in each.content and each.kind == "fact" for each in found), found
        assert not any(other in each.content for each in found), found
instrumentor.uninstrument()
"""


def test_from_a_call_to_what_is_recalled(mongodb_url: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", TALKS, mongodb_url],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
