"""Turns, and what completes them, on disk while the store cannot take them: JSON lines, one file
per process.

A file is locked by the process that writes it. A file that nobody locks was left by a program
that ended; the next one to start replays it into the store and removes it. Storing is idempotent,
so a replay cut short is simply done again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from memori_storage.records import Completion, Message, Turn

try:
    import fcntl
except ImportError:  # Windows: an open file cannot be removed there, which serves as the lock
    fcntl = None  # type: ignore[assignment]

Item = Turn | Completion
"""What is stored."""

_BATCH = 200
_TIMES = ("started_at", "ended_at", "first_chunk_at")
_COMPLETES = "turn_id"
"""What only a completion has."""


class Spool:
    """The spool directory, seen from one process.

    Args:
        directory: Where the files live; made, readable by its owner only, when first needed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: IO[bytes] | None = None

    def append(self, turns: Sequence[Item]) -> None:
        """Keep turns on disk.

        Raises:
            OSError: They could not be written.
        """
        if self._file is None:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self.directory / f"{uuid.uuid4().hex}.jsonl"
            descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
            self._file = os.fdopen(descriptor, "ab", buffering=0)
            _lock(self._file)
        self._file.write(b"".join(turn_to_json(turn) + b"\n" for turn in turns))
        os.fsync(self._file.fileno())

    def replay(self, store: Callable[[list[Item]], None]) -> None:
        """Store what was spooled, by this process or by ones that ended, and remove the files.

        Args:
            store: Called with batches; what it raises ends the replay and leaves the file for
                another.
        """
        self.close()
        if not self.directory.is_dir():
            return
        for path in sorted(self.directory.glob("*.jsonl")):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                if not _lock(file):
                    continue  # its writer lives
                batch: list[Item] = []
                for turn in _turns(file):
                    batch.append(turn)
                    if len(batch) == _BATCH:
                        store(batch)
                        batch = []
                if batch:
                    store(batch)
                path.unlink()

    def close(self) -> None:
        """Let go of this process's file: it is for anyone to replay."""
        own, self._file = self._file, None
        if own is not None:
            own.close()

    def reject(self, turn: Item, error: Exception) -> None:
        """Put aside a turn that the store refuses for good, with the reason, for a person to look
        at.

        Raises:
            OSError: It could not be written.
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.directory / "rejected.json").open("ab") as file:
            file.write(turn_to_json(turn, error=str(error)) + b"\n")


def spool_directory(configured: str | None, database: Any, *names: str | None) -> Path:
    """Where the spool of a database is: as configured, beside a SQLite file, or in the user's
    cache.

    Args:
        configured: Where it is to be, if that is set.
        database: As configured.
        names: What else tells our tables in it from other ones: a prefix, a schema.
    """
    if configured:
        return Path(configured)
    url = _named(database)
    suffix = "".join(f".{name}" for name in names if name)
    scheme, _, rest = url.partition(":///")
    if scheme.startswith("sqlite") and rest and rest != ":memory:":
        file = Path(rest.partition("?")[0])
        if file.parent.is_dir() and os.access(file.parent, os.W_OK):
            return file.with_name(f"{file.name}{suffix}.spool")
    name = hashlib.blake2b(f"{url}{suffix}".encode(), digest_size=8).hexdigest()
    cache = os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(cache) if cache else Path.home() / ".cache"
    except RuntimeError:  # no home directory
        base = Path(tempfile.gettempdir())
    return base / "memori" / f"{name}.spool"


def _named(database: Any) -> str:
    """A name that a database has in every run of the program: not an object's address."""
    bound: Any = database.kw.get("bind") if hasattr(database, "kw") else database
    named: Any = getattr(bound, "url", bound)
    if isinstance(named, str) or hasattr(named, "render_as_string"):
        return str(named)
    what: Any = named if hasattr(named, "__qualname__") else type(named)
    program = os.path.abspath(sys.argv[0]) if sys.argv else ""
    return f"{what.__module__}.{what.__qualname__} of {program}"


def _lock(file: IO[bytes]) -> bool:
    """Lock a file for as long as it is open; ``False`` if another process has."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _turns(file: IO[bytes]) -> Iterator[Item]:
    """The turns of a spool file; a last line that a crash cut short is left out."""
    for line in file:
        if line.endswith(b"\n"):
            yield turn_from_json(line)


def turn_to_json(turn: Item, **extra: Any) -> bytes:
    """A turn, or what completes one, as one line of JSON, with everything it holds."""
    fields = {item.name: getattr(turn, item.name) for item in dataclasses.fields(turn)}
    for side in fields.keys() & {"input", "output"}:
        fields[side] = [
            {"role": m.role, "parts": list(m.parts), "finish_reason": m.finish_reason}
            for m in fields[side]
        ]
    # Plain ASCII, so that lone surrogates survive.
    return json.dumps(fields | extra, default=_plain).encode("ascii")


def turn_from_json(line: bytes) -> Item:
    """What :func:`turn_to_json` wrote."""
    fields = json.loads(line)
    for name in _TIMES:
        if fields.get(name) is not None:
            fields[name] = datetime.fromisoformat(fields[name])
    for side in fields.keys() & {"input", "output"}:
        fields[side] = tuple(
            Message(m["role"], tuple(m["parts"]), m["finish_reason"]) for m in fields[side]
        )
    fields["finish_reasons"] = tuple(fields["finish_reasons"])
    return Completion(**fields) if _COMPLETES in fields else Turn(**fields)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return str(value)
