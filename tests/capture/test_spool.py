"""The spool: what goes in comes back, once, whoever wrote it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from memori_instrumentation.capture.spool import (
    Spool,
    spool_directory,
    turn_from_json,
    turn_to_json,
)
from memori_storage.records import Message, Turn

MOMENT = datetime(2026, 11, 25, 8, 30, 0, 123456, tzinfo=UTC)


def turn(number: int, text: str = "hello", **more: object) -> Turn:
    fields: dict[str, object] = {
        "id": f"{number:032x}{number:016x}",
        "entity": "ana",
        "process": None,
        "session": "s",
        "provider": "openai",
        "operation": "chat",
        "model": "m",
        "status": "complete",
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "started_at": MOMENT,
        "ended_at": MOMENT,
        "input": (Message("user", ({"type": "text", "content": text},)),),
    }
    return Turn(**{**fields, **more})  # type: ignore[arg-type]


texts = st.text(st.characters(codec=None), max_size=30)  # lone surrogates and NUL included


@given(text=texts, error=st.none() | texts, usage=st.dictionaries(texts, st.integers(), max_size=3))
def test_a_turn_survives(text: str, error: str | None, usage: dict[str, int]) -> None:
    before = turn(1, text, error_message=error, usage=usage, first_chunk_at=MOMENT)
    line = turn_to_json(before)
    assert b"\n" not in line
    assert turn_from_json(line) == before


def test_replay_gives_everything_once_and_cleans_up(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append([turn(1), turn(2)])
    spool.append([turn(3)])
    stored: list[Turn] = []
    spool.replay(stored.extend)
    assert [item.id for item in stored] == [turn(n).id for n in (1, 2, 3)]
    spool.replay(stored.extend)
    assert len(stored) == 3
    assert list((tmp_path / "spool").iterdir()) == []
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


def test_a_replay_cut_short_is_done_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([turn(n) for n in range(450)])
    stored: list[Turn] = []

    def fails_later(turns: list[Turn]) -> None:
        if stored:
            raise ConnectionError
        stored.extend(turns)

    try:
        spool.replay(fails_later)
    except ConnectionError:
        again: list[Turn] = []
        Spool(tmp_path).replay(again.extend)
    assert len(again) == 450


WRITER = """
import sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_spool import turn
from memori_instrumentation.capture.spool import Spool
spool = Spool(Path(sys.argv[1]))
spool.append([turn(1), turn(2)])
spool._file.write(b'{"id": "cut sh')
print("ready", flush=True)
time.sleep(60)
"""


def test_a_killed_writers_turns_are_replayed_and_a_living_ones_left_alone(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    stored: list[Turn] = []
    Spool(tmp_path).replay(stored.extend)
    assert stored == []
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    Spool(tmp_path).replay(stored.extend)
    assert [item.id for item in stored] == [turn(1).id, turn(2).id]


def test_where_the_spool_is(tmp_path: Path) -> None:
    assert spool_directory("/x/y", "sqlite:///m.db") == Path("/x/y")
    beside = spool_directory(None, f"sqlite:///{tmp_path}/m.db")
    assert beside == tmp_path / "m.db.spool"
    away = spool_directory(None, "postgresql://user:secret@host/db")
    assert "secret" not in str(away)
    assert away != spool_directory(None, "postgresql://user:secret@host/other")
    # What has no URL has the same spool in the next run of the program, wherever it is in memory.
    first, second = (lambda: None for _ in range(2))
    assert spool_directory(None, first) == spool_directory(None, second) != away
