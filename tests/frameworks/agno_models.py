"""Agno's models over the providers' real SDKs, and models without any."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from agno.metrics import MessageMetrics
from agno.models.anthropic import Claude
from agno.models.base import Model
from agno.models.google import Gemini
from agno.models.openai import OpenAIChat, OpenAIResponses
from agno.models.response import ModelResponse

from wire import clients
from wire.sdks import SDKS, Sdk

BY_NAME = {sdk.name: sdk for sdk in SDKS}
SAID = "Lisbon it is, then."


@dataclass(frozen=True)
class Asked:
    """A model over an SDK; ``make`` takes the server's URL and ``retries`` of the SDK's."""

    sdk: Sdk
    make: Callable[..., Model]


def _openai(kind: Callable[..., Model]) -> Callable[..., Model]:
    def make(url: str, *, retries: int = 0) -> Model:
        # Clients of its own making would share their connections, over event loops too.
        return kind(
            id=clients.OPENAI_MODEL,
            client=clients.openai_client(url, max_retries=retries),
            async_client=clients.async_openai_client(url, max_retries=retries),
        )

    return make


def _anthropic(url: str, *, retries: int = 0) -> Model:
    return Claude(
        id=clients.ANTHROPIC_MODEL,
        client=clients.anthropic_client(url, max_retries=retries),
        async_client=clients.async_anthropic_client(url, max_retries=retries),
    )


def _google(url: str, *, retries: int = 0) -> Model:
    return Gemini(id=clients.GOOGLE_MODEL, client=clients.google_client(url, retries=retries))


MODELS = (
    Asked(BY_NAME["openai-chat"], _openai(OpenAIChat)),
    Asked(BY_NAME["openai-responses"], _openai(OpenAIResponses)),
    Asked(BY_NAME["anthropic"], _anthropic),
    Asked(BY_NAME["google"], _google),
)


@dataclass
class Own(Model):
    """Answers without an SDK, in pieces too, which need not come from a generator."""

    id: str = "own-1"
    name: str | None = "Own"

    def invoke(self, messages: list[Any], **kwargs: Any) -> ModelResponse:
        usage = MessageMetrics(input_tokens=3, output_tokens=5, cache_read_tokens=2)
        return ModelResponse(
            role="assistant", content=SAID, response_usage=usage, provider_data={"id": "r-1"}
        )

    async def ainvoke(self, messages: list[Any], **kwargs: Any) -> ModelResponse:
        return self.invoke(messages)

    def invoke_stream(self, messages: list[Any], **kwargs: Any) -> Any:
        usage = MessageMetrics(output_tokens=5)
        return [*map(_piece, SAID.split(" ")), ModelResponse(response_usage=usage)]

    async def ainvoke_stream(self, messages: list[Any], **kwargs: Any) -> AsyncIterator[Any]:
        for piece in self.invoke_stream(messages):
            yield piece

    def _parse_provider_response(self, response: Any, **kwargs: Any) -> ModelResponse:
        raise NotImplementedError

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        raise NotImplementedError


def _piece(word: str) -> ModelResponse:
    return ModelResponse(content=word if SAID.endswith(word) else f"{word} ")


class Failing(Own):
    """Raises."""

    def invoke(self, messages: list[Any], **kwargs: Any) -> ModelResponse:
        raise ValueError("no such luck")

    def invoke_stream(self, messages: list[Any], **kwargs: Any) -> Any:
        yield _piece("Lisbon")
        raise ValueError("no such luck")


class Calling(Own):
    """Calls tools ``weather`` and ``wind``, then answers."""

    def invoke(self, messages: list[Any], **kwargs: Any) -> ModelResponse:
        if messages[-1].role == "tool":
            return ModelResponse(role="assistant", content=SAID)
        return ModelResponse(role="assistant", content="Let me see.", tool_calls=_CALLS)

    def invoke_stream(self, messages: list[Any], **kwargs: Any) -> Any:
        if messages[-1].role == "tool":
            return [*map(_piece, SAID.split(" "))]
        pieces = [ModelResponse(tool_calls=[call]) for call in _CALLS]
        return [ModelResponse(content="Let me see."), *pieces]


_CALLS: list[dict[str, Any]] = [
    {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": name, "arguments": '{"city": "Lisbon"}'},
    }
    for number, name in enumerate(("weather", "wind"))
]
