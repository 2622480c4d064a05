"""What cannot work says so in one clear line, and never disturbs the program."""

from __future__ import annotations

import logging
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from memori_instrumentation import MemoriInstrumentor, SettingsError, attribution
from wire.check import kept
from wire.memory import ENTITY, Memory
from wire.sdks import SDKS
from wire.server import WireServer

SDK = SDKS[0]


def call(server: WireServer) -> None:
    """One captured call; what it raises, the program would have seen."""
    with attribution(entity=ENTITY, session="s"):
        assert SDK.text(SDK.create(SDK.client(server.url, False), [("user", "Hi")]))


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the package logged as a warning or worse."""
    records = [r for r in caplog.records if r.name.startswith("memori")]
    return [r.getMessage() for r in records if r.levelno >= logging.WARNING]


@pytest.fixture
def spool(tmp_path: Path) -> str:
    return str(tmp_path / "spool")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"database": "memori.db"}, "database is not a database URL"),
        ({"entity": " "}, "entity must not be empty"),
        ({"entity": 7}, "entity must be a string"),
        ({"unattributed": "keep"}, "unattributed='keep'"),
        ({"queue_size": "many"}, "queue_size='many'"),
        ({"worker": "perhaps"}, "worker='perhaps'"),
        ({"databse": "sqlite://"}, "unknown setting databse"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_be_used_are_refused(
    settings: dict[str, Any], said: str, uninstrumented: Memory
) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        MemoriInstrumentor().instrument(**settings)
    assert "\n" not in str(raised.value)


def test_settings_in_the_environment_are_reported_and_the_program_runs(
    server: WireServer,
    uninstrumented: Memory,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEMORI_DATABASE_URL", "nonsense")
    MemoriInstrumentor().instrument()
    call(server)
    assert len(lines(caplog)) == 1
    assert "MEMORI_DATABASE_URL is not a database URL" in lines(caplog)[0]


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("nosuchdb://localhost/x", "nosuchdb"),
        ("mssql+pyodbc://localhost/x", "mssql"),
        ("postgresql+psycopg2://localhost/x", "psycopg2"),
        ("sqlite:////proc/nowhere/memori.db", "/proc/nowhere"),
        ("sqlite:////proc/version", "/proc/version"),  # which not even root may write
    ],
    ids=["unknown-dialect", "unsupported", "missing-driver", "no-such-folder", "unwritable"],
)
def test_a_database_that_will_never_work(
    database: str,
    said: str,
    server: WireServer,
    uninstrumented: Memory,
    spool: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Reported once, in one line, while the program runs."""
    uninstrumented.instrument(database=database, spool=spool)
    call(server)
    call(server)
    patience = time.monotonic() + 20
    while not any(said in line for line in lines(caplog)) and time.monotonic() < patience:
        time.sleep(0.05)  # what the writer needs is still being imported
    assert uninstrumented.instrumentor.flush(timeout=0.5) is False
    reports = [line for line in lines(caplog) if said in line]
    assert len(reports) == 1
    assert "\n" not in reports[0]


def test_a_database_away_at_the_start_gets_everything_when_it_is_back(
    server: WireServer, uninstrumented: Memory, caplog: pytest.LogCaptureFixture, spool: str
) -> None:
    """An Engine whose connections are refused at first: the program runs, and nothing is lost."""
    away = True
    engine = sqlalchemy.create_engine(uninstrumented.database)

    @sqlalchemy.event.listens_for(engine, "do_connect")
    def refuse(*_: Any) -> None:
        if away:
            raise sqlalchemy.exc.OperationalError("connect", {}, OSError("connection refused"))

    uninstrumented.instrument(database=engine, spool=spool)
    for _ in range(3):
        call(server)
    assert uninstrumented.instrumentor.flush(timeout=0.5) is False
    assert len(lines(caplog)) == 1
    away = False
    uninstrumented.flush()
    found = kept(engine, ENTITY)
    assert len(found.turns) == 3
    assert len([line for line in lines(caplog) if "back" in line]) == 1


def test_a_database_that_never_comes_back_leaves_its_turns_to_the_next_start(
    server: WireServer, uninstrumented: Memory, spool: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening: connections are refused
        port = taken.getsockname()[1]
        gone = f"postgresql+psycopg://nobody@127.0.0.1:{port}/x"
        uninstrumented.instrument(database=gone, spool=spool, exit_timeout=2)
        begun = time.monotonic()
        call(server)
        assert time.monotonic() - begun < 2
        uninstrumented.uninstrument()
    uninstrumented.instrument(spool=spool)
    call(server)
    assert len(uninstrumented.kept().turns) == 2
