"""Replays recorded provider exchanges through today's SDKs and checks what is remembered.

Each exchange goes through the real SDK, sync and async, to a loopback server that answers with the
recorded body; what the database then holds must be what the exchange said, by an oracle that shares
no code with the package. Prints a table and every difference; exits with 1 if there is any::

    python benchmarks/replay.py [--recorded DIR] [--database URL] [--only openai]
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import logging
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from memori_instrumentation import MemoriInstrumentor, attribution  # noqa: E402
from memori_storage import open_store  # noqa: E402
from wire import clients, oracle  # noqa: E402
from wire.check import Kept, differences, kept_in  # noqa: E402
from wire.dialects import dialect_of  # noqa: E402
from wire.replies import Answer, Received  # noqa: E402
from wire.server import WireServer  # noqa: E402

RECORDED = ROOT.parent / "shared" / "recorded"
PROVIDERS = ("openai", "anthropic", "google")


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    provider: str
    id: str
    path: str
    stream: bool
    status: int
    request: dict[str, Any]
    response: str

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be replayed as a conversation; ``None`` if it can."""
        if dialect_of(self.path) is None:
            bare = re.sub(r"(thread|msg|run)_\w+", "*", self.path.partition("?")[0])
            return f"{bare} is no model call"
        return None


def recorded(folder: Path, provider: str) -> Iterator[Exchange]:
    """A provider's exchanges, in the file's order."""
    with (folder / f"{provider}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            fields = ("id", "path", "stream", "status", "request", "response")
            yield Exchange(provider, *(row[name] for name in fields))


class Sdks:
    """The SDK clients of one mode, all pointed at one server."""

    def __init__(self, url: str, asynchronous: bool) -> None:
        made = (
            (clients.async_openai_client, clients.async_anthropic_client)
            if asynchronous
            else (clients.openai_client, clients.anthropic_client)
        )
        self.openai: Any = made[0](url)
        self.anthropic: Any = made[1](url)
        self._google = clients.google_client(url)
        self.google: Any = self._google.aio if asynchronous else self._google

    def call(self, exchange: Exchange) -> Any:
        """Make the exchange's call: its result, or a coroutine of it."""
        body = exchange.request
        if exchange.provider == "google":
            return self._generate(exchange)
        if exchange.provider == "anthropic":
            beta = "beta=true" in exchange.path
            messages = self.anthropic.beta.messages if beta else self.anthropic.messages
            return messages.create(**_arguments(messages.create, body))
        if exchange.path.endswith("/responses"):
            method = self.openai.responses.create
        else:
            method = self.openai.chat.completions.create
        return method(**_arguments(method, body))

    def _generate(self, exchange: Exchange) -> Any:
        body = exchange.request
        config = {
            **body.get("generationConfig", {}),
            **({"tools": body["tools"]} if "tools" in body else {}),
            "systemInstruction": body.get("systemInstruction"),
            "automaticFunctionCalling": {"disable": True},
        }
        models = self.google.models
        method = models.generate_content_stream if exchange.stream else models.generate_content
        model = re.search(r"/models/([^:]+):", exchange.path)
        assert model is not None
        return method(model=model.group(1), contents=body["contents"], config=config)


def _arguments(method: Callable[..., Any], body: dict[str, Any]) -> dict[str, Any]:
    """A body as the method's arguments; fields that it no longer takes go in ``extra_body``."""
    known = inspect.signature(method).parameters
    given = {name: value for name, value in body.items() if name in known}
    extra = {name: value for name, value in body.items() if name not in known}
    return {**given, "extra_body": extra} if extra else given


def replay(exchange: Exchange, sdks: Sdks) -> None:
    """One exchange, read to its end."""
    try:
        result = sdks.call(exchange)
        if exchange.stream:
            for _ in result:
                pass
    except Exception as error:
        _expected(exchange, error)


async def replay_async(exchange: Exchange, sdks: Sdks) -> None:
    """One exchange through the asynchronous clients, read to its end."""
    try:
        result = await sdks.call(exchange)
        if exchange.stream:
            async for _ in result:
                pass
    except Exception as error:
        _expected(exchange, error)


def _expected(exchange: Exchange, error: Exception) -> None:
    """Re-raise what the recorded status does not explain."""
    if getattr(error, "status_code", 200) != exchange.status or exchange.status == 200:
        raise error


def entity(exchange: Exchange, mode: str) -> str:
    return f"{mode}-{exchange.provider}-{exchange.id}"


def run_all(exchanges: list[Exchange], server: WireServer) -> dict[str, Received]:
    """Replay in both modes, each call under its own entity; the journal by entity."""
    journal: dict[str, Received] = {}

    def scripted(exchange: Exchange) -> None:
        answer = Answer(status=exchange.status, raw=exchange.response.encode())
        server.script(answer)

    def note(exchange: Exchange, mode: str) -> None:
        (journal[entity(exchange, mode)],) = server.journal
        server.journal.clear()

    async def asynchronous() -> None:
        sdks = Sdks(server.url, asynchronous=True)
        for exchange in exchanges:
            scripted(exchange)
            with attribution(entity=entity(exchange, "async"), session="replay"):
                await replay_async(exchange, sdks)
            note(exchange, "async")

    sdks = Sdks(server.url, asynchronous=False)
    for exchange in exchanges:
        scripted(exchange)
        with attribution(entity=entity(exchange, "sync"), session="replay"):
            replay(exchange, sdks)
        note(exchange, "sync")
    asyncio.run(asynchronous())
    return journal


def faults(exchange: Exchange, received: Received, found: Kept) -> list[str]:
    """How what is stored differs from what was recorded."""
    status = "complete" if exchange.status < 400 else "error"
    missing = differences(received, found, exchange.request, status=status)
    dialect = dialect_of(exchange.path)
    assert dialect is not None
    instructions = oracle.system(dialect.name, exchange.request)
    if not missing and " ".join((found.turns[0].get("system") or "").split()) != (
        instructions or ""
    ):
        missing.append(f"system: {found.turns[0].get('system')!r} is not {instructions!r}")
    return missing


def report(folder: Path, database: str, providers: tuple[str, ...]) -> int:
    """Replay, print the table and the differences; returns how many exchanges differ."""
    every = [exchange for name in providers for exchange in recorded(folder, name)]
    usable = [exchange for exchange in every if exchange.obstacle is None]
    instrumentor = MemoriInstrumentor()
    instrumentor.instrument(database=database, extractor="none", embedder="none", worker=False)
    try:
        with WireServer() as server:
            journal = run_all(usable, server)
        instrumentor.flush(timeout=60)
    finally:
        instrumentor.uninstrument()
    wrong: list[str] = []
    exact: Counter[tuple[str, str]] = Counter()
    store = open_store(database)
    for exchange in usable:
        for mode in ("sync", "async"):
            name = entity(exchange, mode)
            if found := faults(exchange, journal[name], kept_in(store, name)):
                wrong += [f"{name} {exchange.path}: {fault}" for fault in found]
            else:
                exact[exchange.provider, mode] += 1
    store.close()
    print(
        f"{'provider':<10} {'exchanges':>9} {'replayed':>9} {'exact sync':>11} {'exact async':>12}"
    )
    for name in providers:
        total = sum(exchange.provider == name for exchange in every)
        replayed = sum(exchange.provider == name for exchange in usable)
        cells = (total, replayed, exact[name, "sync"], exact[name, "async"])
        print("{:<10} {:>9} {:>9} {:>11} {:>12}".format(name, *cells))
    for reason, count in Counter(e.obstacle for e in every if e.obstacle).items():
        print(f"not replayable: {count} x {reason}")
    errors = sum(exchange.status >= 400 for exchange in usable)
    print(f"of the replayed, {errors} are error answers, stored with status 'error'")
    for line in wrong:
        print(f"DIFFERS {line}")
    return len(wrong)


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--recorded", type=Path, default=RECORDED, help="folder of the recordings")
    parser.add_argument("--database", help="database URL; a temporary SQLite file unless given")
    parser.add_argument("--only", choices=PROVIDERS, help="one provider")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    providers = (options.only,) if options.only else PROVIDERS
    with tempfile.TemporaryDirectory() as folder:
        database = options.database or f"sqlite:///{folder}/replay.db"
        return 1 if report(options.recorded, database, providers) else 0


if __name__ == "__main__":
    sys.exit(main())
