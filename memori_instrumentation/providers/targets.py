"""The SDK modules that are patched, by name.

Imports nothing, for the start-up hook reads this file by itself, and annotates nothing, for it does
so in whatever Python a program starts.
"""

TARGETS = (
    "openai._base_client",
    "anthropic._base_client",
    "google.genai._api_client",
    "xai_sdk.chat",
    "botocore.client",
    "langchain_core.language_models.chat_models",
    "pydantic_ai.models",
    "litellm.main",
    "agno.models.base",
)
"""Modules whose import switches the instrumentation on under ``memori-instrument``."""
