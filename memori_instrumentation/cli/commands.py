"""The sub-commands, each a function: results to stdout, all else to stderr."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from memori_instrumentation.cli.flags import UsageError
from memori_instrumentation.cli.text import one_line, table
from memori_instrumentation.config import Settings
from memori_storage.store import StoreConfigurationError, StoreError, known_schema

if TYPE_CHECKING:
    from memori_instrumentation.recall.memory import Memory
    from memori_storage.store import Store

PROGRAM = "memori-instrument"


def run(name: str, arguments: Sequence[str], settings: Mapping[str, Any]) -> int:
    """Run a sub-command.

    Args:
        name: ``recall``, ``export``, ``db``, ``worker`` or ``demo``.
        arguments: What was typed after it.
        settings: The settings that options in front of it gave; options after it win.

    Returns:
        The exit code: 0, 1 when the database fails, 2 for what would fail again as it stands.

    Raises:
        SettingsError: For a setting that cannot be used.
        UsageError: When it is not said whose memories.
        SystemExit: For ``--help``, and with 2 for wrong arguments.
    """
    given = vars(_parser(name, settings).parse_args(list(arguments)))
    try:
        code = _COMMANDS[name](given, {**settings, **_settings_in(given)})
        sys.stdout.flush()
    except StoreError as error:
        _say(str(error))
        return 2 if isinstance(error, StoreConfigurationError) else 1
    except BrokenPipeError:
        # The reader (head, say) has enough. Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _parser(name: str, settings: Mapping[str, Any]) -> _Parser:
    parser = _Parser(f"{PROGRAM} {name}", allow_abbrev=False, description=_DESCRIPTIONS[name])
    parser.add_argument("--database", metavar="URL", help="where memory is kept")
    if name == "demo":
        parser.add_argument("--live", action="store_true", help="talk to OpenAI itself")
        parser.set_defaults(database=settings.get("database"))
        return parser
    if name == "db":
        parser.add_argument("action", choices=_SCHEMA_ACTIONS, help="what to do")
        parser.set_defaults(database=settings.get("database"))
        return parser
    if name == "worker":
        parser.add_argument(
            "--concurrency", type=_positive, default=1, metavar="N", help="how many processes [1]"
        )
        parser.add_argument(
            "--drain", action="store_true", help="end when nothing is left to learn from"
        )
        parser.set_defaults(database=settings.get("database"))
        return parser
    parser.add_argument("--entity", metavar="ID", help="whose; default: MEMORI_ENTITY")
    if name == "recall":
        parser.add_argument("query", help="what to look for, in your own words")
        parser.add_argument("--process", metavar="NAME", help="only what this agent was told")
        parser.add_argument("--session", metavar="ID", help="only what was said in this session")
        parser.add_argument("--limit", type=int, default=5, metavar="N", help="most results [5]")
        parser.add_argument("--json", action="store_true", help="JSON lines instead of a table")
    parser.set_defaults(**{key: settings.get(key) for key in ("database", "entity")})
    if name == "recall":
        parser.set_defaults(**{key: settings.get(key) for key in ("process", "session")})
    return parser


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _settings_in(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: given[key] for key in ("database", "entity") if given.get(key) is not None}


_DATABASE = "Reads the database of --database, else MEMORI_DATABASE_URL, else sqlite:///memori.db."
_SCHEMA_ACTIONS = ("upgrade", "current", "check")
_DESCRIPTIONS = {
    "recall": f"What is remembered about an entity that bears on a query. {_DATABASE}",
    "export": f"All turns, messages and memories of an entity, as JSON lines. {_DATABASE}",
    "db": "upgrade: create our tables, or bring them up to date; of several at once, one does it. "
    "current: print the schema's version, and this release's. check: exit with 0 if they are the "
    f"same, with 1 if the database has to be upgraded. {_DATABASE}",
    "worker": "Learn from stored turns, until it is told to stop (SIGTERM, Ctrl-C). Any number of "
    "them, on any machines, share the work; programs that leave it to them run with MEMORI_WORKER="
    f"off. {_DATABASE}",
    "demo": "Run a chat program with memory, then show what was stored, learned and recalled. "
    "Without --live its model is a small server on loopback, whether there is an OPENAI_API_KEY "
    "or not. The database is a fresh ./memori-demo.db unless --database names one.",
}


def _recall(given: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    from memori_instrumentation.recall.client import RecallClient, RecallError

    resolved = Settings.resolve(**settings)
    entity, store = _entity(resolved), _open(resolved)
    try:
        memories = RecallClient(store, settings=resolved).recall(
            given["query"],
            entity=entity,
            process=given["process"],
            session=given["session"],
            limit=given["limit"],
        )
    except RecallError as error:
        return _wrong(str(error))
    finally:
        store.close()
    if given["json"]:
        _write_lines(map(_as_json, memories))
    elif memories:
        sys.stdout.write(table(map(_row, memories)))
    else:
        _say(f"nothing that is remembered about {entity!r} answers that")
    return 0


def _export(given: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    resolved = Settings.resolve(**settings)
    entity, store = _entity(resolved), _open(resolved)
    try:
        _write_lines(store.export(entity))
    finally:
        store.close()
    return 0


def _schema(given: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    upgrades = given["action"] == "upgrade"
    store = Settings.resolve(**settings).open_store(create=upgrades)
    try:
        before = store.schema()
        if upgrades:
            store.migrate()
    finally:
        store.close()
    stored, newest = before.stored or "none", before.newest
    if given["action"] == "current":
        sys.stdout.write(f"database: {stored}\nthis release: {newest}\n")
        return 0
    known_schema(before, "the database")
    if before.is_current:
        sys.stdout.write(f"schema {newest} is current\n")
        return 0
    if upgrades:
        sys.stdout.write(f"schema upgraded: {stored} to {newest}\n")
        return 0
    _say(f"the schema is {stored} and has to be {newest}: run {PROGRAM} db upgrade")
    return 1


def _work(given: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    from memori_instrumentation.cli.workers import Crew, learn

    if given["concurrency"] == 1:
        return learn(settings, drain=given["drain"])
    Settings.resolve(**settings).open_store(create=False).close()  # says at once what is wrong
    return Crew(settings, given["concurrency"], drain=given["drain"]).run()


def _demo(given: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    from memori_instrumentation.demo.show import DemoError, show

    try:
        return 0 if show(database=given["database"], live=given["live"]) else 1
    except DemoError as error:
        return _wrong(str(error))


_COMMANDS = {"recall": _recall, "export": _export, "db": _schema, "worker": _work, "demo": _demo}


def _entity(settings: Settings) -> str:
    if settings.entity is None:
        raise UsageError("say whose memories with --entity ID, or set MEMORI_ENTITY")
    return settings.entity


def _open(settings: Settings) -> Store:
    """The store of the settings; a file that does not exist has nothing to tell: an error."""
    store = settings.open_store(create=False)
    store.migrate()
    return store


def _row(memory: Memory) -> tuple[str, ...]:
    return (
        f"{memory.score:6.2f}",
        memory.role or memory.kind,
        f"{memory.observed_at:%Y-%m-%d}",
        one_line(memory.session or ""),
        one_line(memory.content),
    )


def _as_json(memory: Memory) -> dict[str, Any]:
    """A result with everything that recall says of it, its shorthands for the first source too."""
    return {
        # Not asdict() of the whole: it cannot copy the read-only mapping of parts.
        **{item.name: getattr(memory, item.name) for item in fields(memory)},
        "parts": dict(memory.parts),
        "sources": [asdict(source) for source in memory.sources],
        "message_ids": memory.message_ids,
        "turn_ids": memory.turn_ids,
        "trace_id": memory.trace_id,
        "span_id": memory.span_id,
    }


def _write_lines(items: Iterable[Mapping[str, Any]]) -> None:
    """Each item as a line of JSON in UTF-8, whatever the locale; nothing is held back."""
    for item in items:
        line = json.dumps(item, ensure_ascii=False, default=_plain)
        # A lone surrogate has no UTF-8: those lines escape what is not ASCII.
        if any("\ud800" <= letter <= "\udfff" for letter in line):
            line = json.dumps(item, default=_plain)
        sys.stdout.buffer.write(line.encode() + b"\n")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")


def _say(text: str) -> None:
    sys.stderr.write(f"{PROGRAM}: {text}\n")


def _wrong(text: str) -> int:
    _say(text)
    return 2
