"""Where LiteLLM asks the loopback server, and what must be remembered of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import litellm
import pytest
from litellm import CustomLLM

from wire import clients
from wire.check import Kept, differences
from wire.memory import Memory
from wire.sdks import SDKS
from wire.server import WireServer

litellm.suppress_debug_info = True

BY_NAME = {sdk.name: sdk for sdk in SDKS}
HELLO = "I live in Lisbon."
ASK = [{"role": "user", "content": HELLO}]


@dataclass(frozen=True)
class Route:
    """A provider as LiteLLM reaches it."""

    name: str
    provider: str
    """``gen_ai.provider.name``."""
    model: str
    base: Callable[[str], str]
    """The provider's base URL, by the server's."""
    ids: bool = True
    """Whether LiteLLM keeps the provider's ids of replies."""

    def given(self, server: WireServer, **more: Any) -> dict[str, Any]:
        """The arguments that lead there."""
        where = {"api_base": self.base(server.url), "api_key": "wire", "num_retries": 0}
        return {"model": f"{self.name}/{self.model}", **where, **more}


OPENAI = Route("openai", "openai", clients.OPENAI_MODEL, lambda url: f"{url}/v1")
ANTHROPIC = Route("anthropic", "anthropic", clients.ANTHROPIC_MODEL, str, ids=False)
GEMINI = Route(
    "gemini",
    "gcp.gemini",
    clients.GOOGLE_MODEL,
    lambda url: f"{url}/v1beta/models/{clients.GOOGLE_MODEL}",
)
MISTRAL = Route("mistral", "mistral_ai", "mistral-large", lambda url: f"{url}/v1")
ROUTES = (OPENAI, ANTHROPIC, GEMINI, MISTRAL)
"""The first is asked through its SDK, the others by LiteLLM itself."""
CELLS = [
    pytest.param(route, id=route.name, marks=[pytest.mark.slow] if route is MISTRAL else [])
    for route in ROUTES
]


def told(route: Route, memory: Memory, server: WireServer) -> Kept:
    """One turn, equal to the one exchange in the journal, and its span."""
    found = memory.kept()
    (received,) = server.journal
    different = differences(received, found)
    if not route.ids:
        different = [line for line in different if not line.startswith("response_id")]
    if route is MISTRAL:  # whose streams count no tokens, so that LiteLLM does
        different = [line for line in different if not line.endswith("is not None")]
    assert different == []
    (turn,) = found.turns
    assert (turn["framework"], turn["provider"]) == ("litellm", route.provider)
    assert turn["model"] == route.model
    (span,) = memory.spans()
    context = span.get_span_context()
    assert context is not None
    assert (span.name, turn["span_id"]) == (f"chat {route.model}", f"{context.span_id:016x}")
    attributes = span.attributes or {}
    assert attributes["gen_ai.provider.name"] == route.provider
    assert attributes["gen_ai.request.model"] == route.model
    assert attributes["gen_ai.response.finish_reasons"]
    return found


async def asked(asynchronous: bool, **given: Any) -> Any:
    """What a completion gives."""
    return await litellm.acompletion(**given) if asynchronous else litellm.completion(**given)


async def read(stream: Any, asynchronous: bool) -> list[Any]:
    """All chunks of a stream, which can be read both ways but wants to be read in its own."""
    return [chunk async for chunk in stream] if asynchronous else list(stream)


class OwnLLM(CustomLLM):
    """A provider of one's own, without any HTTP."""

    SAID = "Lisbon it is, then."

    def completion(self, *args: Any, **kwargs: Any) -> Any:
        reply = kwargs["model_response"]
        reply.choices[0].message.content = self.SAID
        return reply

    async def acompletion(self, *args: Any, **kwargs: Any) -> Any:
        return self.completion(*args, **kwargs)
