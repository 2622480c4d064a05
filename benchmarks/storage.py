"""How fast turns are stored, against the bare driver's executemany of the same rows.

Run ``python benchmarks/storage.py``. Each of 10 batches holds 500 new turns, which are 1,000
messages: a user's and a reply of some 100 characters each. In the second workload, clients re-send
their last 20 messages. The bare driver inserts the rows that were stored, batch by batch, into
equal tables, in the same run; pymongo does with ``insert_many``. SQLite always takes part, DuckDB
where it is installed, and PostgreSQL, MariaDB, SeekDB and MongoDB where MEMORI_TEST_POSTGRESQL_URL,
..._MARIADB_URL, ..._SEEKDB_URL and ..._MONGODB_URL name a scratch server.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from memori_storage import open_store
from memori_storage.records import Message, Turn

BATCHES, BATCH, SESSIONS, ROUNDS = 10, 500, 100, 3
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = ("memori_entities", "memori_processes", "memori_sessions")
TABLES = ("memori_turns", "memori_messages", "memori_jobs")
DOCUMENTS = ("memori_messages", "memori_turns", "memori_jobs", "memori_commits")
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}


def message(role: str, number: int) -> Message:
    return Message(role, [{"type": "text", "content": f"{role} {number:06} " + "x" * 85}])


def batches(history_of: int) -> Iterator[list[Turn]]:
    """Batches of turns, over 100 sessions of 20 entities by turns."""
    numbers = count()
    histories: list[list[Message]] = [[] for _ in range(SESSIONS)]
    for _ in range(BATCHES):
        batch = []
        for _ in range(BATCH):
            number = next(numbers)
            history = histories[number % SESSIONS]
            history.append(message("user", number))
            reply = message("assistant", number)
            batch.append(
                Turn(
                    id=f"{number:048x}",
                    entity=f"user-{number % 20}",
                    process="benchmark",
                    session=f"chat-{number % SESSIONS}",
                    provider="openai",
                    operation="chat",
                    model="gpt",
                    status="complete",
                    trace_id=f"{number:032x}",
                    span_id=f"{number:016x}",
                    started_at=START + timedelta(seconds=number),
                    ended_at=START + timedelta(seconds=number + 1),
                    input=history[-history_of:],
                    output=[reply],
                    usage={"input_tokens": 20, "output_tokens": 20},
                    finish_reasons=["stop"],
                )
            )
            history.append(reply)
        yield batch


@contextmanager
def scratch(backend: str, directory: Path, name: str) -> Iterator[str]:
    """The URL of an empty database."""
    if backend in ("SQLite", "DuckDB"):
        yield f"{backend.lower()}:///{directory / name}"
        return
    if backend == "MongoDB":
        from pymongo import MongoClient

        server = os.environ["MEMORI_TEST_MONGODB_URL"]
        with MongoClient[dict[str, Any]](server) as client:
            client.drop_database(name)
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
            client.drop_database(name)
        return
    given = make_url(os.environ[f"MEMORI_TEST_{backend.upper()}_URL"])
    if "+" not in given.drivername:
        given = given.set(drivername=DRIVERS[given.get_backend_name()])
    kind = "SCHEMA" if backend == "PostgreSQL" else "DATABASE"
    cascade = " CASCADE" if backend == "PostgreSQL" else ""
    admin = create_engine(given, poolclass=NullPool)
    with admin.begin() as connection:
        connection.execute(text(f"DROP {kind} IF EXISTS {name}{cascade}"))
        connection.execute(text(f"CREATE {kind} {name}"))
    if backend == "PostgreSQL":
        own = given.update_query_dict({"options": f"-c search_path={name}"})
    else:
        own = given.set(database=name)
    yield own.render_as_string(hide_password=False)
    with admin.begin() as connection:
        connection.execute(text(f"DROP {kind} {name}{cascade}"))


def times() -> tuple[float, float]:
    """The wall's clock and this process's."""
    return time.perf_counter(), time.process_time()


def since(started: tuple[float, float]) -> tuple[float, float]:
    """Seconds on both clocks since then."""
    wall, cpu = times()
    return wall - started[0], cpu - started[1]


def stored(url: str, work: list[list[Turn]]) -> tuple[float, float]:
    """Seconds, and seconds of CPU, to store the batches."""
    store = open_store(url)
    store.migrate()
    started = times()
    for batch in work:
        store.add_turns(batch)
    seconds = since(started)
    store.close()
    return seconds


def rows_of(engine: Engine, table: str) -> list[tuple[Any, ...]]:
    """A table's rows in an order that keeps batches apart."""
    order = {"memori_turns": "id", "memori_messages": "turn_id, position", "memori_jobs": "turn_id"}
    cursor = engine.raw_connection().cursor()
    cursor.execute(f"SELECT * FROM {table} ORDER BY {order.get(table, '1')}")
    return [tuple(row) for row in cursor.fetchall()]


def bare_mongo(source: str, target: str) -> tuple[float, float]:
    """:func:`bare` for pymongo."""
    from pymongo import MongoClient

    with MongoClient[Any](source) as client, MongoClient[Any](target) as writing:
        given, into = client.get_default_database(), writing.get_default_database()
        documents = {name: list(given[name].find()) for name in DOCUMENTS}
        started = times()
        for batch in range(BATCHES):
            for name, every in documents.items():
                share = len(every) // BATCHES
                into[name].insert_many(every[batch * share : (batch + 1) * share], ordered=False)
        return since(started)


def bare(source: str, target: str) -> tuple[float, float]:
    """Seconds, and seconds of CPU, in which the driver inserts the same rows."""
    store = open_store(target)
    store.migrate()
    store.close()
    if source.startswith("mongodb"):
        return bare_mongo(source, target)
    reading, writing = create_engine(source), create_engine(target)
    rows = {name: rows_of(reading, name) for name in (*FIRST, *TABLES)}
    reading.dispose()
    fairy = writing.raw_connection()
    link: Any = fairy.driver_connection
    mark = "?" if writing.dialect.name in ("sqlite", "duckdb") else "%s"
    if writing.dialect.name == "sqlite":
        link.execute("PRAGMA synchronous = NORMAL")

    def insert(name: str, some: list[tuple[Any, ...]]) -> None:
        marks = ",".join([mark] * len(some[0]))
        link.cursor().executemany(f"INSERT INTO {name} VALUES ({marks})", some)

    for name in FIRST:
        insert(name, rows[name])
    link.commit()
    started = times()
    for batch in range(BATCHES):
        if writing.dialect.name == "duckdb":
            link.begin()
        for name in TABLES:
            share = len(rows[name]) // BATCHES
            insert(name, rows[name][batch * share : (batch + 1) * share])
        link.commit()
    seconds = since(started)
    fairy.close()
    writing.dispose()
    return seconds


def compared(backend: str, history_of: int) -> None:
    """Print what storing and bare inserting take: the best of some rounds, by turns."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        with (
            tempfile.TemporaryDirectory() as directory,
            scratch(backend, Path(directory), "memori_bench_ours") as our_url,
            scratch(backend, Path(directory), "memori_bench_bare") as bare_url,
        ):
            work = list(batches(history_of))
            ours.append(stored(our_url, work))
            theirs.append(bare(our_url, bare_url))
    wall, cpu = (min(clock) for clock in zip(*ours, strict=True))
    bare_wall, bare_cpu = (min(clock) for clock in zip(*theirs, strict=True))
    messages = 2 * BATCHES * BATCH
    print(
        f"{backend:10} {history_of:3} sent {messages / wall:11,.0f} {messages / bare_wall:11,.0f}"
        f" {bare_wall / wall:6.2f} | {messages / cpu:12,.0f} {messages / bare_cpu:11,.0f}"
        f" {bare_cpu / cpu:6.2f}",
        flush=True,
    )


def backends() -> list[str]:
    """What can take part here, or what the command line names."""
    servers = [
        name
        for name in ("PostgreSQL", "MariaDB", "SeekDB", "MongoDB")
        if os.environ.get(f"MEMORI_TEST_{name.upper()}_URL")
    ]
    duckdb = ["DuckDB"] if find_spec("duckdb") and find_spec("duckdb_engine") else []
    return sys.argv[1:] or ["SQLite", *servers, *duckdb]


def main() -> None:
    print("messages a second          store bare driver  ratio | of CPU: store bare driver  ratio")
    for backend in backends():
        for history_of in (1, 20):
            compared(backend, history_of)


if __name__ == "__main__":
    main()
