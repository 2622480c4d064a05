"""Instrumentations that make spans of model calls, as data: how each is switched on, and what its
spans do not say.

Each is the real package over the real SDK, switched off again after its test.
"""

from __future__ import annotations

import importlib
import inspect
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from wire.check import Kept, kept
from wire.memory import ENTITY, Memory

Patch = pytest.MonkeyPatch

HISTORY = (
    ("user", "I live in Lisbon."),
    ("assistant", "A fine city."),
    ("user", "Where do I live?"),
)
"""What the tests ask."""


@dataclass(frozen=True)
class Source:
    """One instrumentation of one SDK."""

    name: str
    sdks: tuple[str, ...]
    """Names in ``wire.sdks`` of what it sees."""
    on: Callable[[Patch, Any], Any]
    """A context manager, in which its spans go to a tracer provider."""
    provider: Callable[[Patch], Any] = lambda patch: TracerProvider()
    client: Callable[[Any, Any], Any] = lambda client, provider: client
    """What the SDK's client must become to be seen."""
    stream: str = "stream"
    """The way to stream whose spans have the reply."""
    lost_in_streams: frozenset[str] = frozenset()
    """What ``wire.check`` compares and its spans of streams do not say, or say otherwise."""
    tools: bool = True
    """Whether its spans have the tools that a model called, as it called them."""
    suppresses: bool = False
    """Whether it keeps all other instrumentations, ours among them, from seeing its calls."""


def instrumentor(
    module: str, name: str, *classes: str, **environment: str
) -> Callable[[Patch, Any], Any]:
    """Switches on what OpenTelemetry calls an instrumentor.

    Args:
        module: Where it is.
        name: Its class.
        *classes: Classes of the SDK that its ``uninstrument()`` does not leave as they were.
        **environment: Variables that it reads.
    """

    @contextmanager
    def on(patch: Patch, provider: Any) -> Iterator[None]:
        for key, value in environment.items():
            patch.setenv(key, value)
        for path in classes:
            where, _, which = path.rpartition(".")
            owner = getattr(importlib.import_module(where), which)
            for method in {"create", "parse", "request"} & set(dir(owner)):
                patch.setattr(owner, method, inspect.getattr_static(owner, method))
        made = getattr(importlib.import_module(module), name)()
        made.instrument(tracer_provider=provider)
        try:
            yield
        finally:
            made.uninstrument()

    return on


def _logfire(method: str, version: int) -> Callable[[Patch, Any], Any]:
    @contextmanager
    def on(patch: Patch, provider: Any) -> Iterator[None]:
        import logfire

        local = logfire.Logfire(config=provider.config)
        with getattr(local, method)(version=version):
            yield
        local.shutdown()

    return on


def _logfires_provider(patch: Patch) -> Any:
    import logfire

    patch.setenv("LOGFIRE_IGNORE_NO_CONFIG", "1")
    for executor in (ThreadPoolExecutor, ProcessPoolExecutor):
        # It makes them carry the context along, for good.
        patch.setattr(executor, "submit", vars(executor)["submit"])
    local = logfire.configure(local=True, send_to_logfire=False, console=False)
    return local.config.get_tracer_provider()


@contextmanager
def _xai(patch: Patch, provider: Any) -> Iterator[None]:
    from xai_sdk.aio import chat as aio
    from xai_sdk.sync import chat as sync

    for module in (sync, aio):
        # The SDK knows the global provider only, which is set once for a process.
        patch.setattr(module, "tracer", provider.get_tracer(module.__name__))
    yield


@contextmanager
def _nothing(patch: Patch, provider: Any) -> Iterator[None]:
    yield


def _anthropic_client(client: Any, provider: Any) -> Any:
    traces = {"content_mode": "content"}
    return client.with_options(open_telemetry={"tracer_provider": provider, "traces": traces})


_CONTENT = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
}
_OPENAI = ("openai-chat", "openai-responses")
_OFFICIAL = "opentelemetry.instrumentation.genai"


def _official_google() -> tuple[Source, ...]:
    """OpenTelemetry's, where it is installed: it takes the second major of google-genai only."""
    if find_spec("opentelemetry.instrumentation.google_genai") is None:
        return ()
    made = "opentelemetry.instrumentation.google_genai", "GoogleGenAiSdkInstrumentor"
    return (Source("official-google", ("google",), instrumentor(*made, **_CONTENT)),)


SOURCES = (
    Source(
        "official-openai",
        _OPENAI,
        instrumentor(
            "opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor", **_CONTENT
        ),
    ),
    Source(
        "official-anthropic",
        ("anthropic",),
        instrumentor(f"{_OFFICIAL}.anthropic", "AnthropicInstrumentor", **_CONTENT),
    ),
    Source(
        "openinference-openai",
        _OPENAI,
        instrumentor(
            "openinference.instrumentation.openai",
            "OpenAIInstrumentor",
            "openai.OpenAI",
            "openai.AsyncOpenAI",
        ),
    ),
    Source(
        "openinference-anthropic",
        ("anthropic",),
        instrumentor("openinference.instrumentation.anthropic", "AnthropicInstrumentor"),
    ),
    Source(
        "openinference-google",
        ("google",),
        instrumentor("openinference.instrumentation.google_genai", "GoogleGenAIInstrumentor"),
    ),
    Source(
        "openllmetry-openai",
        _OPENAI,
        instrumentor(
            "opentelemetry.instrumentation.openai",
            "OpenAIInstrumentor",
            "openai.resources.chat.completions.Completions",
            "openai.resources.chat.completions.AsyncCompletions",
            "openai.resources.responses.Responses",
            "openai.resources.responses.AsyncResponses",
        ),
    ),
    Source(
        "openllmetry-anthropic",
        ("anthropic",),
        instrumentor("opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor"),
        # It counts the tokens of a stream itself.
        lost_in_streams=frozenset({"output tokens"}),
    ),
    *(
        Source(
            f"logfire-{version}-{sdk}",
            names,
            _logfire(f"instrument_{sdk}", version),
            _logfires_provider,
            tools=(version, sdk) != (1, "anthropic"),
            suppresses=True,
        )
        for version in (1, 2)
        for sdk, names in (("openai", _OPENAI), ("anthropic", ("anthropic",)))
    ),
    Source(
        "anthropics-own",
        ("anthropic",),
        _nothing,
        client=_anthropic_client,
        stream="helper",
    ),
    Source("xais-own", ("xai",), _xai),
    *_official_google(),
)


def kept_by(memory: Memory, provider: Any) -> Kept:
    """What is stored of the user by both pipelines."""
    memory.flush()
    provider.force_flush()
    return kept(memory.database, ENTITY)


def unique() -> str:
    """The id of a reply, which no two have: OpenLLMetry remembers them."""
    return f"reply-{uuid.uuid4()}"


def of_ours(memory: Memory) -> set[str]:
    """Ids of the spans that we made of captured calls."""
    return {
        f"{span.get_span_context().span_id:016x}"
        for span in memory.exporter.get_finished_spans()
        if span.instrumentation_scope.name == "memori_instrumentation"
    }
