"""Who answers at a base URL, since the OpenAI and Anthropic SDKs talk to more platforms than their
own, and who is meant by the name that a framework or another instrumentation has for a provider.

Names are the well-known values of ``gen_ai.provider.name`` in the OpenTelemetry GenAI semantic
conventions. A platform that they have no name for (OpenRouter, Together, Nebius, a vLLM server on
the internet) goes by its host.
"""

from __future__ import annotations

from ipaddress import ip_address

_PLATFORMS = {
    "openai.com": "openai",
    "anthropic.com": "anthropic",
    "claude.googleapis.com": "anthropic",  # Anthropic's own platform, behind Google's door
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "models.ai.azure.com": "azure.ai.inference",
    "inference.ai.azure.com": "azure.ai.inference",
    "deepseek.com": "deepseek",
    "groq.com": "groq",
    "mistral.ai": "mistral_ai",
    "x.ai": "x_ai",
    "perplexity.ai": "perplexity",
    "cohere.com": "cohere",
    "cohere.ai": "cohere",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "ml.cloud.ibm.com": "ibm.watsonx.ai",
}
"""Provider by domain; a domain stands for the hosts below it too."""
_AWS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".api.amazonwebservices.eu",
)


_CALLED = {
    "amazon-bedrock": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "anthropic_text": "anthropic",
    "awsbedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "azure_text": "azure.ai.openai",
    "azurefoundry": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "cohere_chat": "cohere",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "google-cloud": "gcp.vertex_ai",
    "google-vertex": "gcp.vertex_ai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "ibm": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "text-completion-codestral": "mistral_ai",
    "text-completion-openai": "openai",
    "vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "watsonx_text": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""Provider by others' names for it, in lower case, where those are not the conventions'."""


def provider_called(name: str) -> str:
    """The provider that others call ``name``, for ``gen_ai.provider.name``."""
    return _CALLED.get(name.lower(), name)


def provider_at(host: str, own: str) -> str:
    """The provider behind a host, for ``gen_ai.provider.name``.

    Args:
        host: Of the base URL, in any case.
        own: The provider that the SDK is made for. It names what has no name of its own: a server
            on this machine or at a private address.
    """
    host = host.lower().rstrip(".")
    if not host or _is_local(host):
        return own
    labels = host.split(".")
    for start in range(len(labels)):
        if name := _PLATFORMS.get(".".join(labels[start:])):
            return name
    # ``bedrock-runtime.REGION.amazonaws.com``, in a private network behind a label more.
    if host.endswith(_AWS) and any(label.startswith("bedrock") for label in labels[:2]):
        return "aws.bedrock"
    first, domain = labels[0], ".".join(labels[-2:])
    if first == "aws-external-anthropic" and domain == "api.aws":  # and behind Amazon's
        return "anthropic"
    if first.endswith("-aiplatform") and domain == "googleapis.com":
        return "gcp.vertex_ai"
    return host


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False
