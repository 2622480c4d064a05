"""Platforms that speak OpenAI's or Anthropic's API are known by their base URL or client class."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_instrumentation.platforms import provider_at
from wire.check import differences
from wire.clients import redirecting
from wire.memory import Memory
from wire.sdks import each, resolve
from wire.server import WireServer

HELLO: Any = [{"role": "user", "content": "I live in Lisbon."}]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.openai.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("acme.openai.azure.com", "azure.ai.openai"),
        ("acme.services.ai.azure.com", "azure.ai.inference"),
        ("api.deepseek.com", "deepseek"),
        ("api.groq.com", "groq"),
        ("api.mistral.ai", "mistral_ai"),
        ("api.x.ai", "x_ai"),
        ("us-east-1.API.x.ai.", "x_ai"),
        ("api.perplexity.ai", "perplexity"),
        ("api.cohere.ai", "cohere"),
        ("api.anthropic.com", "anthropic"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("aws-external-anthropic.us-east-1.api.aws", "anthropic"),
        ("claude.googleapis.com", "anthropic"),
        ("bedrock-mantle.eu-west-1.api.aws", "aws.bedrock"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "aws.bedrock"),
        ("bedrock-runtime.eusc-de-east-1.amazonaws.eu", "aws.bedrock"),
        ("vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", "aws.bedrock"),
        ("us-east5-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        # No name in the conventions: the host.
        ("api.together.xyz", "api.together.xyz"),
        ("api.studio.nebius.com", "api.studio.nebius.com"),
        ("openrouter.ai", "openrouter.ai"),
        ("vllm.acme.internal", "vllm.acme.internal"),
        ("ollama.com", "ollama.com"),
        # Not those they look like.
        ("fedex.ai", "fedex.ai"),
        ("api.x.ai.example.com", "api.x.ai.example.com"),
        ("s3.amazonaws.com", "s3.amazonaws.com"),
        ("bedrock.example.com", "bedrock.example.com"),
        # On this machine or in this network: what the SDK is made for.
        ("localhost", "own"),
        ("127.0.0.1", "own"),
        ("::1", "own"),
        ("10.0.0.7", "own"),
        ("192.168.1.20", "own"),
        ("", "own"),
    ],
)
def test_the_provider_behind_a_host(host: str, name: str) -> None:
    assert provider_at(host, "own") == name


@given(st.text())
def test_any_host_has_a_provider(host: str) -> None:
    assert provider_at(host, "own")


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://api.deepseek.com", "deepseek"),
        ("https://api.x.ai/v1", "x_ai"),
        ("https://openrouter.ai/api/v1", "openrouter.ai"),
    ],
)
async def test_chat_completions_elsewhere(
    url: str, name: str, streamed: bool, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    make: Any = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    client = make(
        base_url=url, api_key="k", http_client=redirecting("openai", server, asynchronous)
    )
    reply = await resolve(
        client.chat.completions.create(model="grok-5", messages=HELLO, stream=streamed)
    )
    if streamed:
        assert [event async for event in each(reply)]
    assert_answered_by(name, url, server, memory)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("url", "name"), [("https://api.anthropic.com", "anthropic"), ("https://api.x.ai", "x_ai")]
)
async def test_messages_elsewhere(
    url: str, name: str, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    make: Any = anthropic.AsyncAnthropic if asynchronous else anthropic.Anthropic
    client = make(
        base_url=url, api_key="k", http_client=redirecting("anthropic", server, asynchronous)
    )
    await resolve(client.messages.create(model="grok-5", max_tokens=9, messages=HELLO))
    assert_answered_by(name, url, server, memory)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("deployment", [None, "my-deployment"])
async def test_azure_openai(
    deployment: str | None,
    streamed: bool,
    asynchronous: bool,
    server: WireServer,
    memory: Memory,
) -> None:
    """Its client puts the deployment into the path after the point where calls are captured."""
    make: Any = openai.AsyncAzureOpenAI if asynchronous else openai.AzureOpenAI
    client = make(
        azure_endpoint=server.url,
        azure_deployment=deployment,
        api_key="k",
        api_version="2026-01-01",
    )
    reply = await resolve(
        client.chat.completions.create(model="gpt-5-mini", messages=HELLO, stream=streamed)
    )
    if streamed:
        assert [event async for event in each(reply)]
    path = f"/openai/deployments/{deployment or 'gpt-5-mini'}/chat/completions"
    assert server.journal[-1].path.partition("?")[0] == path
    assert_answered_by("azure.ai.openai", server.url, server, memory)


@pytest.mark.usefixtures("user")
def test_a_base_url_that_changes(server: WireServer, memory: Memory) -> None:
    client = openai.OpenAI(
        base_url="https://api.groq.com/openai/v1",
        api_key="k",
        http_client=redirecting("openai", server, False),
    )
    client.chat.completions.create(model="m", messages=HELLO)
    client.base_url = "https://api.mistral.ai/v1"
    client.chat.completions.create(model="m", messages=HELLO)
    client.with_options(base_url="https://api.x.ai/v1").chat.completions.create(
        model="m", messages=HELLO
    )
    assert [turn["provider"] for turn in memory.kept().turns] == ["groq", "mistral_ai", "x_ai"]


def assert_answered_by(name: str, url: str, server: WireServer, memory: Memory) -> None:
    """One turn, equal to the exchange, under the provider's name."""
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    assert [turn["provider"] for turn in found.turns] == [name]
    (span,) = memory.spans()
    attributes = dict(span.attributes or {})
    assert attributes["gen_ai.provider.name"] == name
    assert attributes["server.address"] == urlsplit(url).hostname
