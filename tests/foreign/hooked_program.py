"""A program that is instrumented by OpenTelemetry's official packages; ``test_hook`` runs it.

Usage: ``hooked_program.py SERVER_URL [ours] [inside]``. Each call is of an entity of its own, named
after the SDK and how it was called. Whose hook completes them, and what is on spans, the
environment says. Streams are read where nothing says any more whose they are, unless it is to be
``inside``.
"""

from __future__ import annotations

import sys
from typing import Any

from opentelemetry import trace
from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.util.genai.completion_hook import load_completion_hook
from opentelemetry.util.genai.handler import TelemetryHandler
from opentelemetry.util.genai.types import InputMessage, TextPart

from memori_instrumentation import MemoriInstrumentor, attribution
from wire.sdks import SDKS

HISTORY = (
    ("user", "I live in Lisbon."),
    ("assistant", "A fine city."),
    ("user", "Where do I live?"),
)


def main(url: str, *options: str) -> None:
    trace.set_tracer_provider(TracerProvider())  # with the sampler of the environment
    if "ours" in options:
        MemoriInstrumentor().instrument()
    OpenAIInstrumentor().instrument()
    AnthropicInstrumentor().instrument()
    for sdk in SDKS:
        if sdk.name not in ("openai-chat", "openai-responses", "anthropic"):
            continue
        client = sdk.client(url, False)
        with attribution(entity=f"{sdk.name} create", session="s"):
            sdk.create(client, HISTORY)
        with attribution(entity=f"{sdk.name} stream", session="s"):
            stream: Any = sdk.stream(client, HISTORY)
            if "inside" in options:
                assert list(stream)
        assert list(stream) or "inside" in options
    # No call of a model, although it has messages, too.
    handler = TelemetryHandler(completion_hook=load_completion_hook())
    with attribution(entity="agent"), handler.invoke_local_agent() as agent:
        agent.input_messages = [InputMessage("user", [TextPart("Hi.")])]


if __name__ == "__main__":
    main(*sys.argv[1:])
