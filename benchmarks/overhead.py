"""What capturing costs: time added to calls of the OpenAI SDK, beside other instrumentations.

Run it where the instrumentations to compare are installed; those that are not are left out::

    pip install openai opentelemetry-sdk opentelemetry-instrumentation-openai-v2 \\
        opentelemetry-instrumentation-genai-openai openinference-instrumentation-openai \\
        opentelemetry-instrumentation-openai
    python benchmarks/overhead.py [--calls 300] [--only memori,openinference]

Each contestant has a process of its own, against one loopback server in yet another process. In it
patched and unpatched calls alternate: what the instrumentation replaced in the SDK is found by
comparing its classes before and after, and put in and out between two calls. Every figure is the
median over pairs of (patched - unpatched), so what else the machine does falls on both alike.
Spans go to a batch processor with an exporter that drops them; message content is recorded by all.
memori stores every turn in SQLite while this runs, and learns from it where it says so.

Columns: wall time added per call, in microseconds and in percent of the unpatched call, and CPU
time of the calling thread added, which is steadier where others use the machine; the same for a
stream, and CPU time per chunk of it beyond that of a plain call; the same with 10 messages of
20 kB; CPU time of all other threads per call; wall time added per call when calls follow each
other at once, so that the work in the background competes with them.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHUNKS = 100
BLOCK = 25
"""Calls that follow each other at once in the last column."""

# What asks the official instrumentations to record content, in their older and newer spelling.
CONTENT = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
}


@dataclass(frozen=True)
class Contestant:
    """One instrumentation; ``start`` switches it on and gives what waits for its work."""

    name: str
    package: str
    start: Callable[[Any, Path], Callable[[], Any]]


def memori(learn: bool) -> Callable[[Any, Path], Callable[[], Any]]:
    def start(provider: Any, folder: Path) -> Callable[[], Any]:
        # The package reads this variable too; as in use, its spans carry no content.
        os.environ.pop("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", None)
        from memori_instrumentation import MemoriInstrumentor

        settings = {} if learn else {"worker": False, "extractor": "none", "embedder": "none"}
        database = f"sqlite:///{folder}/memori.db"
        MemoriInstrumentor().instrument(database=database, tracer_provider=provider, **settings)
        return lambda: MemoriInstrumentor().flush(timeout=60)

    return start


def instrumentor(module: str) -> Callable[[Any, Path], Callable[[], Any]]:
    """An ordinary ``OpenAIInstrumentor`` of some module."""

    def start(provider: Any, folder: Path) -> Callable[[], Any]:
        owner = importlib.import_module(module)
        owner.OpenAIInstrumentor().instrument(tracer_provider=provider)
        return lambda: None

    return start


CONTESTANTS = (
    Contestant("memori, storing", "memori-instrumentation", memori(learn=False)),
    Contestant("memori, storing and learning", "memori-instrumentation", memori(learn=True)),
    Contestant(
        "official (genai-openai)",
        "opentelemetry-instrumentation-genai-openai",
        instrumentor("opentelemetry.instrumentation.genai.openai"),
    ),
    Contestant(
        "official (openai-v2)",
        "opentelemetry-instrumentation-openai-v2",
        instrumentor("opentelemetry.instrumentation.openai_v2"),
    ),
    Contestant(
        "openinference",
        "openinference-instrumentation-openai",
        instrumentor("openinference.instrumentation.openai"),
    ),
    Contestant(
        "openllmetry",
        "opentelemetry-instrumentation-openai",
        instrumentor("opentelemetry.instrumentation.openai"),
    ),
)


# --- in a contestant's process -------------------------------------------------------------------


_ABSENT = object()


class Switch:
    """Puts an instrumentation's patches in and out of the loaded SDK, attribute by attribute."""

    def __init__(self) -> None:
        self._before = self._snapshot()
        self._changed: list[tuple[Any, str, Any, Any]] = []

    @staticmethod
    def _snapshot() -> dict[tuple[int, str], tuple[Any, Any]]:
        found: dict[tuple[int, str], tuple[Any, Any]] = {}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] != "openai":
                continue
            owners = [module, *(item for item in vars(module).values() if isinstance(item, type))]
            for owner in owners:
                for key, value in list(vars(owner).items()):
                    found[id(owner), key] = (owner, value)
        return found

    def learn(self) -> None:
        """Find what has been replaced since this object was made."""
        known = {owner for owner, _ in self._before}
        for place, (owner, value) in self._snapshot().items():
            # A patch may hide an inherited method: then there was nothing in its place.
            _, old = self._before.get(place, (owner, _ABSENT))
            if old is not value and place[0] in known and not isinstance(value, type(os)):
                self._changed.append((owner, place[1], old, value))
        if not self._changed:
            raise RuntimeError("the instrumentation patched nothing in the SDK")

    def set(self, on: bool) -> None:
        """Have the patches in force, or not."""
        for owner, name, original, patched in self._changed:
            value = patched if on else original
            if value is not _ABSENT:
                setattr(owner, name, value)
            elif name in vars(owner):
                delattr(owner, name)


@dataclass
class Taken:
    """Times of one call, in microseconds."""

    wall: float
    cpu: float
    """Of the calling thread."""
    others: float = 0.0
    """Of all other threads, until the background work of the call was done."""


def timed(call: Callable[[], Any], drain: Callable[[], Any]) -> Taken:
    process, thread, wall = time.process_time(), time.thread_time(), time.perf_counter()
    call()
    wall, thread = time.perf_counter() - wall, time.thread_time() - thread
    waited = time.thread_time()
    drain()
    waited = time.thread_time() - waited
    others = time.process_time() - process - thread - waited
    return Taken(wall * 1e6, thread * 1e6, others * 1e6)


def paired(
    call: Callable[[], Any], switch: Switch, drain: Callable[[], Any], pairs: int
) -> dict[str, float]:
    """Medians over pairs of patched and unpatched calls, in alternating order, in microseconds."""
    differences: list[Taken] = []
    base: list[float] = []
    for number in range(pairs + pairs // 10 + 2):
        taken: dict[bool, Taken] = {}
        for on in (True, False) if number % 2 else (False, True):
            switch.set(on)
            taken[on] = timed(call, drain)
        if number < pairs // 10 + 2:
            continue  # warming up
        names = ("wall", "cpu", "others")
        pair = [getattr(taken[True], n) - getattr(taken[False], n) for n in names]
        differences.append(Taken(*pair))
        base.append(taken[False].wall)
    return {
        "base": statistics.median(base),
        "wall": statistics.median(item.wall for item in differences),
        "cpu": statistics.median(item.cpu for item in differences),
        "others": statistics.mean(item.others for item in differences),
    }


def busy(call: Callable[[], Any], switch: Switch, drain: Callable[[], Any], blocks: int) -> float:
    """Added microseconds a call in blocks of calls that follow each other at once."""
    differences = []
    for number in range(blocks):
        taken: dict[bool, float] = {}
        for on in (True, False) if number % 2 else (False, True):
            switch.set(on)
            begun = time.perf_counter()
            for _ in range(BLOCK):
                call()
            taken[on] = (time.perf_counter() - begun) / BLOCK * 1e6
            drain()
        differences.append(taken[True] - taken[False])
    return statistics.median(differences)


class Calls:
    """The calls that are timed, each with words of its own."""

    def __init__(self, url: str) -> None:
        from openai import OpenAI

        self._create = OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0).chat.completions
        self._number = 0
        words = " ".join(f"word{number}" for number in range(2_500))
        self._long = [
            {"role": ("user", "assistant")[number % 2], "content": words[: 20_000 - number]}
            for number in range(9)
        ]

    def _said(self) -> dict[str, str]:
        self._number += 1
        return {"role": "user", "content": f"I live in Lisbon, in house {self._number}."}

    def create(self) -> None:
        self._create.create(model="gpt-5-mini", messages=[self._said()])

    def stream(self) -> None:
        for _ in self._create.create(model="gpt-5-mini", messages=[self._said()], stream=True):
            pass

    def long(self) -> None:
        self._create.create(model="gpt-5-mini", messages=[*self._long, self._said()])


def measure(contestant: Contestant, url: str, pairs: int) -> dict[str, Any]:
    """All of a contestant's figures, in this process."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Sequence[Any]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    with tempfile.TemporaryDirectory() as folder:
        calls = Calls(url)
        calls.create()  # whatever the SDK loads lazily is loaded
        switch = Switch()
        drain = contestant.start(provider, Path(folder))
        switch.learn()
        gc.collect()
        gc.freeze()
        with _attributed(contestant):
            figures = {
                "create": paired(calls.create, switch, drain, pairs),
                "stream": paired(calls.stream, switch, drain, max(pairs // 3, 10)),
                "long": paired(calls.long, switch, drain, max(pairs // 3, 10)),
                "busy": busy(calls.create, switch, drain, max(pairs // BLOCK, 6)),
            }
        provider.shutdown()
    return figures


def _attributed(contestant: Contestant) -> Any:
    import contextlib

    if contestant.package != "memori-instrumentation":
        return contextlib.nullcontext()
    from memori_instrumentation import attribution

    return attribution(entity="bench", session="bench")


# --- in the process that compares ----------------------------------------------------------------


def installed(contestant: Contestant) -> str | None:
    """The version of a contestant's package here, or ``None``."""
    try:
        return importlib.metadata.version(contestant.package)
    except importlib.metadata.PackageNotFoundError:
        return None


class CannotRun(Exception):
    """A contestant does not work here; the message is the last line it said."""


def run(contestant: Contestant, url: str, calls: int) -> dict[str, Any]:
    """Measure a contestant in a process of its own.

    Raises:
        CannotRun: Its process failed, for example because its dependencies do not fit.
    """
    command = [sys.executable, "-W", "ignore", __file__, "--inside", contestant.name]
    done = subprocess.run(
        [*command, "--url", url, "--calls", str(calls)],
        capture_output=True,
        env={**os.environ, **CONTENT},
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotRun(done.stderr.strip().splitlines()[-1])
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


HEAD = (
    f"{'us added':<29} {'create':>7} {'%':>6} {'cpu':>5} {'stream':>7} {'%':>6} {'cpu':>6} "
    f"{'chunk':>6} {'10x20kB':>8} {'%':>6} {'cpu':>5} {'others':>7} {'busy':>6}"
)


def row(name: str, figures: dict[str, Any]) -> str:
    """A contestant's line of the table."""
    create, stream, long = (figures[key] for key in ("create", "stream", "long"))
    chunk = (stream["cpu"] - create["cpu"]) / CHUNKS

    def added(kind: dict[str, float]) -> str:
        return f"{kind['wall']:>7.0f} {kind['wall'] / kind['base']:>6.1%} {kind['cpu']:>5.0f}"

    return (
        f"{name:<29} {added(create)} {added(stream):>21} {chunk:>6.2f} {added(long):>21} "
        f"{create['others']:>7.0f} {figures['busy']:>6.0f}"
    )


def compare(contestants: Sequence[Contestant], calls: int) -> None:
    """Measure all and print the tables."""
    command = [sys.executable, "-m", "wire.server", "--pieces", str(CHUNKS), "--words", "60"]
    server = subprocess.Popen(command, cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        print(f"openai {importlib.metadata.version('openai')}, {calls} pairs, {CHUNKS} chunks")
        print(HEAD, flush=True)
        measured: dict[str, dict[str, Any]] = {}
        for contestant in contestants:
            version = installed(contestant)
            if version is None:
                print(f"{contestant.name:<29} not installed: {contestant.package}")
                continue
            try:
                measured[contestant.name] = run(contestant, url, calls)
            except CannotRun as error:
                print(f"{contestant.name:<29} {version} does not run here: {error}")
                continue
            print(row(contestant.name, measured[contestant.name]), f"  {version}", flush=True)
    finally:
        server.terminate()
        server.wait()
    bases = {
        key: statistics.median(figures[key]["base"] for figures in measured.values())
        for key in ("create", "stream", "long")
    }
    print("unpatched calls, us: " + ", ".join(f"{k} {v:.0f}" for k, v in bases.items()))
    ours = measured.get(CONTESTANTS[0].name)
    for name, figures in measured.items():
        if ours is not None and not name.startswith("memori"):
            ratios = (f"{key} {ours[key]['wall'] / figures[key]['wall']:.2f}" for key in bases)
            print(f"{CONTESTANTS[0].name} / {name}: {', '.join(ratios)}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=300, help="pairs of calls (default 300)")
    parser.add_argument("--only", help="contestants whose names contain one of these, with commas")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        (contestant,) = (item for item in CONTESTANTS if item.name == options.inside)
        print(json.dumps(measure(contestant, options.url, options.calls)))
        return
    wanted = options.only.split(",") if options.only else [""]
    compare([c for c in CONTESTANTS if any(part in c.name for part in wanted)], options.calls)


if __name__ == "__main__":
    main()
