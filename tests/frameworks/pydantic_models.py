"""Pydantic AI's models over the providers' real SDKs, and models without any."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.bedrock import BedrockProvider
from pydantic_ai.providers.openai import OpenAIProvider

from wire import bedrock, clients
from wire.sdks import SDKS, Sdk

BY_NAME = {sdk.name: sdk for sdk in SDKS}
SAID = "Lisbon it is, then."


@dataclass(frozen=True)
class Asked:
    """A model over an SDK; ``make`` takes the server's URL and arguments of the SDK's client."""

    sdk: Sdk
    make: Callable[..., Model[Any]]


def _openai(url: str, **more: Any) -> Model[Any]:
    provider = OpenAIProvider(openai_client=clients.async_openai_client(url, **more))
    return OpenAIChatModel(clients.OPENAI_MODEL, provider=provider)


def _responses(url: str, **more: Any) -> Model[Any]:
    provider = OpenAIProvider(openai_client=clients.async_openai_client(url, **more))
    return OpenAIResponsesModel(clients.OPENAI_MODEL, provider=provider)


def _anthropic(url: str, **more: Any) -> Model[Any]:
    provider = AnthropicProvider(anthropic_client=clients.async_anthropic_client(url, **more))
    return AnthropicModel(clients.ANTHROPIC_MODEL, provider=provider)


def _google(url: str) -> Model[Any]:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    provider = GoogleProvider(client=clients.google_client(url))
    return GoogleModel(clients.GOOGLE_MODEL, provider=provider)


def _bedrock(url: str) -> Model[Any]:
    provider = BedrockProvider(bedrock_client=bedrock.client(url, False))
    return BedrockConverseModel(bedrock.MODEL, provider=provider)


MODELS = [
    Asked(BY_NAME["openai-chat"], _openai),
    Asked(BY_NAME["openai-responses"], _responses),
    Asked(BY_NAME["anthropic-beta"], _anthropic),
    Asked(BY_NAME["bedrock-converse"], _bedrock),
]
if find_spec("langchain_google_genai"):
    # The mark of the environment with google-genai 2, which Pydantic AI still needs.
    MODELS.append(Asked(BY_NAME["google"], _google))


def answering() -> Model[Any]:
    """A model of one's own that says :data:`SAID`, in pieces too."""

    def whole(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[TextPart(SAID)])

    async def pieces(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        for piece in SAID.split(" "):
            yield piece if SAID.endswith(piece) else f"{piece} "

    return FunctionModel(whole, stream_function=pieces, model_name="own-1")


def testing() -> Model[Any]:
    """Pydantic AI's own fake."""
    return TestModel(custom_output_text=SAID, model_name="own-1")


OWN = {"function": answering, "test": testing}
