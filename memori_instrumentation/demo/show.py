"""The demo itself: run the chat program as its users would, then look at what is remembered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memori_instrumentation.cli.text import one_line, table
from memori_instrumentation.config import Settings
from memori_instrumentation.demo.story import PROCESS, QUESTIONS, SESSIONS, Session

if TYPE_CHECKING:
    from memori_instrumentation.recall.client import RecallClient
    from memori_instrumentation.recall.memory import Memory

FILE = "memori-demo.db"
_APP = Path(__file__).with_name("app.py")
_LIMIT = 2


class DemoError(Exception):
    """The demo cannot run as things are; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database holds for one user, by type of export line."""

    turns: Sequence[Mapping[str, Any]]
    messages: Sequence[Mapping[str, Any]]
    memories: Sequence[Mapping[str, Any]]

    @property
    def ids(self) -> frozenset[str]:
        """The ids of everything that recall could give back."""
        return frozenset(item["id"] for item in (*self.messages, *self.memories))


def show(*, database: str | None, live: bool) -> bool:
    """Run the demo and print it.

    Args:
        database: URL of a database to use as it is; ``None`` for a fresh file.
        live: Talk to the provider that ``OPENAI_API_KEY`` is for, not to the loopback server.

    Returns:
        Whether every user's turns were stored, something was learned of each, recall found it, and
        nothing of one user came up for another.

    Raises:
        DemoError: When a part is missing.
    """
    if find_spec("openai") is None:
        raise DemoError('the demo needs the openai SDK: pip install "memori-instrumentation[demo]"')
    if live and not os.environ.get("OPENAI_API_KEY"):
        raise DemoError("--live needs OPENAI_API_KEY")
    settings = Settings.resolve({}, database=database or _fresh_file())
    _title("Three conversations of two users, each a run of an ordinary program")
    with _provider(live) as environ:
        # Not an option: other users of the machine may read command lines, and URLs hold passwords.
        environ["MEMORI_DATABASE_URL"] = settings.database
        for session in SESSIONS:
            _converse(session, environ)
    from memori_instrumentation.assembly import learn
    from memori_instrumentation.client import RecallClient
    from memori_storage import open_store

    store = open_store(settings.database)
    try:
        store.migrate()
        # What the programs' own workers had no time for before they ended.
        while learn(store, settings):
            pass
        users = {entity: _kept(store.export(entity)) for entity in _entities()}
        _show_kept(users)
        fine = _show_recall(RecallClient(store, settings=settings), users)
    finally:
        store.close()
    _show_place(settings.database)
    return fine


def _entities() -> list[str]:
    return list(dict.fromkeys(session.entity for session in SESSIONS))


def _fresh_file() -> str:
    """URL of a new database file: here, or elsewhere if nothing can be written here."""
    directory = Path()
    if not os.access(directory, os.W_OK):
        directory = Path(tempfile.mkdtemp(prefix="memori-demo-"))
        print(f"This directory cannot be written to: using {directory}.")
    file = directory / FILE
    if file.exists():
        print(f"Replacing the {FILE} of an earlier demo.")
    for suffix in ("", "-wal", "-shm"):
        file.with_name(FILE + suffix).unlink(missing_ok=True)
    # Turns that a broken-off demo could not store would come back in this one.
    shutil.rmtree(file.with_name(f"{FILE}.spool"), ignore_errors=True)
    return f"sqlite:///{file}"


@contextmanager
def _provider(live: bool) -> Iterator[dict[str, str]]:
    """The environment in which the program finds its model."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MEMORI_")}
    if live:
        yield environ
        return
    from memori_instrumentation.demo.server import serving

    with serving() as url:
        # Proxies are for the way out, and this one stays on the machine.
        yield environ | {
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "loopback",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }


def _converse(session: Session, environ: Mapping[str, str]) -> None:
    who = ["--entity", session.entity, "--session", session.session, "--process", PROCESS]
    program = [sys.executable, str(_APP), *(["--stream"] if session.stream else []), *session.says]
    # -P: what lies in the current directory is not for this command to import.
    command = [sys.executable, "-P", "-m", "memori_instrumentation.cli"]
    print(f"\n$ memori-instrument {' '.join(who)} python app.py ...", flush=True)
    done = subprocess.run(
        [*command, *who, *program],
        env=dict(environ),
        check=False,
    )
    if done.returncode:
        raise DemoError(f"the chat program ended with exit code {done.returncode}")


def _kept(lines: Iterable[Mapping[str, Any]]) -> Kept:
    found: dict[str, list[Mapping[str, Any]]] = {"turn": [], "message": [], "memory": []}
    for line in lines:
        found[line["type"]].append(line)
    return Kept(found["turn"], found["message"], found["memory"])


def _show_kept(users: Mapping[str, Kept]) -> None:
    turns = sum(len(kept.turns) for kept in users.values())
    _title(f"What was stored: {turns} turns")
    rows = [
        (entity, message["session"], message["role"], one_line(message["text"]))
        for entity, kept in users.items()
        for message in kept.messages
    ]
    print(table(rows, indent="  "), end="")
    _title("What was learned")
    rows = [
        (entity, memory["kind"], one_line(memory["content"]), f"({memory['session']})")
        for entity, kept in users.items()
        for memory in sorted(kept.memories, key=lambda memory: str(memory["observed_at"]))
    ]
    print(table(rows, indent="  ") if rows else "  nothing\n", end="")


def _show_recall(client: RecallClient, users: Mapping[str, Kept]) -> bool:
    """Ask every question about every user; whether each got answers, all of them their own."""
    _title("What recall answers, to the same questions about each user")
    answered = True
    strangers: list[Memory] = []
    for question in QUESTIONS:
        print(f"\n  {question}")
        rows = []
        for entity, kept in users.items():
            found = client.recall(question, entity=entity, limit=_LIMIT)
            strangers += foreign(found, entity, kept, users)
            answered = answered and bool(found)
            rows += [(entity, m.role or m.kind, one_line(m.content)) for m in found]
        print(table(rows, indent="    "), end="")
    learned = all(kept.turns and kept.memories for kept in users.values())
    _title("Checked")
    _verdict(learned, "something was stored and learned of every user")
    _verdict(answered, "every question was answered for every user")
    _verdict(
        not strangers,
        f"no answer about one user came from another ({len(strangers)} did)",
    )
    return learned and answered and not strangers


def foreign(
    found: Iterable[Memory], entity: str, kept: Kept, users: Mapping[str, Kept]
) -> list[Memory]:
    """The results that are not ``entity``'s own.

    A result counts as its own when it is named as such, it and all messages it was learned from
    are among what the store exports for the entity, and among what it exports for nobody else.
    """
    others = frozenset[str]().union(*(user.ids for name, user in users.items() if name != entity))
    return [
        memory
        for memory in found
        if memory.entity != entity
        or not {memory.id, *memory.message_ids} <= kept.ids
        or not others.isdisjoint({memory.id, *memory.message_ids})
    ]


def _show_place(database: str) -> None:
    """Where to look further: the file itself, or the server without the password."""
    from sqlalchemy import make_url

    url = make_url(database)
    shown = url.render_as_string(hide_password=True)
    is_file = url.drivername == "sqlite" and url.database
    _title("Where it is kept")
    print(f"  {Path(str(url.database)).absolute() if is_file else shown}")
    print("\nTo see more:")
    print(f"  memori-instrument export --entity ana --database {shown}")
    print(f'  memori-instrument recall "food to avoid" --entity ana --database {shown}')


def _title(text: str) -> None:
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{text}{plain}")


def _verdict(fine: bool, claim: str) -> None:
    print(f"  {'yes' if fine else 'NO '}  {claim}", flush=True)
