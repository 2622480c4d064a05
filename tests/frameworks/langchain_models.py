"""LangChain's chat models over the providers' real SDKs, and models of nobody's SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI

from wire import bedrock, clients
from wire.sdks import SDKS, Sdk

BY_NAME = {sdk.name: sdk for sdk in SDKS}


@dataclass(frozen=True)
class Chat:
    """A chat model over an SDK; ``make`` takes the server's URL and further arguments."""

    sdk: Sdk
    make: Callable[..., BaseChatModel]


def _openai(url: str, **more: Any) -> BaseChatModel:
    given = {"base_url": f"{url}/v1", "api_key": "sk-wire", "max_retries": 0, **more}
    return ChatOpenAI(model=clients.OPENAI_MODEL, **given)


def _responses(url: str, **more: Any) -> BaseChatModel:
    return _openai(url, use_responses_api=True, **more)


def _anthropic(url: str, **more: Any) -> BaseChatModel:
    given: Any = {"base_url": url, "api_key": "sk-wire", "max_retries": 0, **more}
    return ChatAnthropic(model=clients.ANTHROPIC_MODEL, **given)


def _google(url: str, **more: Any) -> BaseChatModel:
    from langchain_google_genai import ChatGoogleGenerativeAI

    given: Any = {"base_url": url, "api_key": "wire", "max_retries": 1, **more}
    return ChatGoogleGenerativeAI(model=clients.GOOGLE_MODEL, **given)


def _bedrock(url: str, **more: Any) -> BaseChatModel:
    from langchain_aws import ChatBedrockConverse

    client = bedrock.client(url, False)
    # Both clients, or it makes the other one itself, for the real AWS.
    given: Any = {"client": client, "bedrock_client": client, "provider": "anthropic", **more}
    return ChatBedrockConverse(model=bedrock.MODEL, **given)


CHATS = [
    Chat(BY_NAME["openai-chat"], _openai),
    Chat(BY_NAME["openai-responses"], _responses),
    Chat(BY_NAME["anthropic"], _anthropic),
]
if find_spec("langchain_aws"):
    CHATS.append(Chat(BY_NAME["bedrock-converse"], _bedrock))
if find_spec("langchain_google_genai"):
    # It cannot be installed beside google-genai 3: CI runs it in an environment of its own.
    CHATS.append(Chat(BY_NAME["google"], _google))

SAID = "Lisbon it is, then."


class Whole(BaseChatModel):
    """Answers in one piece."""

    model_name: str = "whole-1"

    @property
    def _llm_type(self) -> str:
        return "own"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        usage: Any = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}
        message = AIMessage(
            SAID, usage_metadata=usage, response_metadata={"finish_reason": "stop", "id": "r-1"}
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


class Streaming(Whole):
    """Answers in pieces too."""

    model_name: str = "streaming-1"

    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for piece in SAID.split(" "):
            text = piece if SAID.endswith(piece) else f"{piece} "
            yield ChatGenerationChunk(message=AIMessageChunk(text))


class Asynchronous(Streaming):
    """Answers in pieces, natively asynchronous."""

    model_name: str = "asynchronous-1"

    async def _agenerate(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> ChatResult:
        return self._generate(messages)

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages):
            yield chunk


class Failing(Whole):
    """Raises."""

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise ValueError("no such luck")


OWN = (Whole, Streaming, Asynchronous)
