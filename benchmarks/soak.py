"""Whether memory stays flat: one process makes thousands of streamed calls through a real SDK.

The model server is another process on loopback. Half of the calls are read to their end; the others
are left, by a break without a close or with one; half of all are asynchronous. Every turn is stored
in SQLite. The same calls without instrumentation, in a process of their own, are the baseline::

    python benchmarks/soak.py [--sdk openai-chat] [--calls 20000] [--every 2000]

Users and sessions come round again, so that caches, which are bounded, are full once the warm-up
is over; with ``--fresh`` each call is a session of its own, and the cache of sessions still fills.
Printed are the resident set (Linux), and how many objects of ours are alive between two calls.
"""

from __future__ import annotations

import argparse
import asyncio
import contextvars
import gc
import importlib.metadata
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PIECES = 20
_SETTLING = 100
SDKS = {
    "openai-chat": "openai",
    "openai-responses": "openai",
    "anthropic": "anthropic",
    "google": "google-genai",
    "xai": "xai-sdk",
}
"""The packages, by the names of the APIs in ``tests/wire/sdks.py``."""

# --- in the process that calls -------------------------------------------------------------------

OURS = {
    "memori_instrumentation.capture.call": ("Call",),
    "memori_storage.records": ("Turn", "Message"),
    "memori_instrumentation.capture.tee": ("SyncTee", "AsyncTee"),
    "memori_instrumentation.providers.google": ("_Chunks", "_AsyncChunks"),
    "memori_instrumentation.providers._choke": ("_Run",),
    "memori_instrumentation.capture.scope": ("Scope",),
    "opentelemetry.context.context": ("Context",),
    "opentelemetry.sdk.trace": ("_Span", "ReadableSpan"),
}
"""What a call makes and has to leave to the collector, by module."""


def alive() -> dict[str, int]:
    """How many objects of :data:`OURS` there are, calls not handed over, and contexts."""
    wanted = {(module, name) for module, names in OURS.items() for name in names}
    found: Counter[str] = Counter()
    for item in gc.get_objects():
        kind = type(item)
        if (kind.__module__, kind.__name__) in wanted:
            found[kind.__name__] += 1
        elif kind is contextvars.Context:
            found["contextvars"] += 1
    if call := sys.modules.get("memori_instrumentation.capture.call"):
        found["open calls"] = len(call._open)
    return dict(found)


def resident() -> int:
    """Bytes of this process in memory."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Caller:
    """Makes the calls, in turn sync and async, read and left.

    Args:
        sdk: As in ``tests/wire/sdks.py``.
        url: The model server's.
    """

    def __init__(self, sdk: Any, url: str) -> None:
        self._sdk = sdk
        self._loop = asyncio.new_event_loop()
        # Retries for the machine's sake: a busy one lets connections time out.
        self._client = sdk.client(url, False, retries=5)
        self._async_client = self._loop.run_until_complete(self._make(url))

    async def _make(self, url: str) -> Any:
        return self._sdk.client(url, True, retries=5)

    def call(self, number: int) -> None:
        """One call; of eight in a row, four are left early."""
        said = [("user", f"I live in house {number % 50}.")]
        leave = {1: "break", 3: "close", 5: "break", 7: "close"}.get(number % 8)
        if number % 8 in (2, 5, 6, 7):
            self._loop.run_until_complete(self._asynchronous(said, leave))
        else:
            self._sync(said, leave)

    def _sync(self, said: Any, leave: str | None) -> None:
        stream = self._sdk.stream(self._client, said)
        for count, _ in enumerate(stream):
            if leave and count == 3:
                break
        if leave == "close":
            stream.close()

    async def _asynchronous(self, said: Any, leave: str | None) -> None:
        from wire.sdks import resolve

        stream = await resolve(self._sdk.stream(self._async_client, said))
        count = 0
        async for _ in stream:
            count += 1
            if leave and count == 4:
                break
        if leave == "close":
            await (stream.close() if hasattr(stream, "close") else stream.aclose())

    def settle(self) -> None:
        """Let go of whatever is unreachable. Calls that were left end in threads of the SDKs' own,
        gRPC's for instance, when those come to it."""
        for turn in range(_SETTLING):
            gc.collect()
            self._loop.run_until_complete(asyncio.sleep(0.02))
            if turn >= 2 and not alive().get("Call"):
                break


@contextmanager
def storing(database: str) -> Iterator[Callable[[], None]]:
    """The instrumentation switched on; gives what waits until everything is stored."""
    from memori_instrumentation import MemoriInstrumentor

    instrumentor = MemoriInstrumentor()
    instrumentor.instrument(database=database, extractor="none", embedder="none", worker=False)

    def drain() -> None:
        if not instrumentor.flush(timeout=300):
            raise RuntimeError("the turns were not stored in time")

    try:
        yield drain
    finally:
        instrumentor.uninstrument()


def inside(options: argparse.Namespace) -> None:
    """Make the calls, printing a line of JSON at each interval."""
    sys.path.insert(0, str(ROOT / "tests"))
    from wire.sdks import SDKS as APIS

    # What an abandoned asynchronous stream makes the SDKs themselves complain of.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    (sdk,) = (item for item in APIS if item.name == options.sdk)
    caller = Caller(sdk, options.url)
    with tempfile.TemporaryDirectory() as folder:
        on = storing(f"sqlite:///{folder}/soak.db") if options.inside == "memori" else None
        with on or nullcontext(lambda: None) as drain:
            for number in range(1, options.calls + 1):
                with _attributed(number, options):
                    caller.call(number)
                if number % options.every == 0:
                    caller.settle()
                    drain()
                    gc.collect()
                    row = {"calls": number, "rss": resident(), "alive": alive()}
                    print(json.dumps(row), flush=True)


def _attributed(number: int, options: argparse.Namespace) -> Any:
    if options.inside != "memori":
        return nullcontext()
    from memori_instrumentation import attribution

    session = number if options.fresh else number % 500
    return attribution(entity=f"user-{session % 50}", session=f"session-{session}")


# --- in the process that compares ----------------------------------------------------------------


@dataclass
class Run:
    """One variant's rows."""

    name: str
    rows: list[dict[str, Any]]

    def growth(self, warm: int) -> int:
        """Bytes that the resident set grew by after ``warm`` calls."""
        first = next(row for row in self.rows if row["calls"] >= warm)
        return int(self.rows[-1]["rss"] - first["rss"])


def run(name: str, url: str, options: argparse.Namespace) -> Run:
    """Make the calls in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--inside", name, "--url", url]
    command += ["--sdk", options.sdk, "--calls", str(options.calls), "--every", str(options.every)]
    command += ["--fresh"] if options.fresh else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Run(name, [json.loads(line) for line in done.stdout.splitlines()])


def compare(options: argparse.Namespace) -> list[Run]:
    """Both variants, one after the other, against one server."""
    command = [sys.executable, "-m", "wire.server", "--pieces", str(PIECES)]
    with subprocess.Popen(command, cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            return [run(name, url, options) for name in ("memori", "uninstrumented")]
        finally:
            server.terminate()


def report(runs: list[Run], options: argparse.Namespace) -> None:
    """The tables."""
    ours, base = runs
    package = SDKS[options.sdk]
    version = importlib.metadata.version(package)
    print(f"{options.sdk} ({package} {version}), {options.calls} streamed calls, half of them left")
    print(f"{'calls':>7} {'memori, MB':>11} {'uninstrumented, MB':>19}   alive, of ours")
    for row, plain in zip(ours.rows, base.rows, strict=True):
        objects = ", ".join(f"{name} {count}" for name, count in sorted(row["alive"].items()))
        print(
            f"{row['calls']:>7} {row['rss'] / 1e6:>11.1f} {plain['rss'] / 1e6:>19.1f}   {objects}"
        )
    for each in runs:
        grown = each.growth(options.warm) / 1e6
        print(f"{each.name}: {grown:+.1f} MB after the first {options.warm} calls")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sdk", choices=SDKS, default="openai-chat")
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--every", type=int, default=2_000, help="calls between two measurements")
    parser.add_argument("--warm", type=int, default=4_000, help="calls that are the warm-up")
    parser.add_argument("--fresh", action="store_true", help="a session of its own for each call")
    parser.add_argument("--json", action="store_true", help="print the rows instead of tables")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options)
        return
    runs = compare(options)
    if options.json:
        print(json.dumps({each.name: each.rows for each in runs}))
    else:
        report(runs, options)


if __name__ == "__main__":
    main()
