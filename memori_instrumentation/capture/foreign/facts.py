"""What spans say of a call beside its messages, under whichever name: tables, and their lookup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memori_instrumentation._attribution import KEYS, Attribution
from memori_instrumentation.capture.foreign.vercel import OPERATIONS
from memori_instrumentation.capture.reading import Json, loose_json
from memori_instrumentation.config import SettingsError, SpanAttribution, checked_id
from memori_instrumentation.platforms import provider_called

CALLS: Mapping[str, frozenset[str]] = {
    "gen_ai.operation.name": frozenset({"chat", "generate_content", "text_completion"}),
    "openinference.span.kind": frozenset({"LLM"}),
    "llm.request.type": frozenset({"chat", "completion"}),
    "ai.operationId": OPERATIONS,
    "traceloop.span.kind": frozenset(),
}
"""What tells spans of model calls from those of agents, tools, workflows, embeddings: attributes,
and their values on model calls."""
_CALL_NAMES = frozenset(CALLS)

PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
MODEL = ("gen_ai.request.model", "llm.request.model_name", "llm.model_name", "ai.model.id")
RESPONSE_MODEL = ("gen_ai.response.model", "llm.response.model_name", "ai.response.model")
RESPONSE_ID = ("gen_ai.response.id", "ai.response.id")
PREVIOUS_RESPONSE = ("gen_ai.request.previous_response.id", "gen_ai.request.previous_response_id")
REASONS = (
    "gen_ai.response.finish_reasons",
    "ai.response.finishReason",
    "llm.finish_reason",
    "anthropic.message.stop_reason",
)

_USAGE = {
    "input_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
    ),
    "output_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    "cache_read_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cached_prompt_text_tokens",
        "llm.token_count.prompt_details.cache_read",
        "ai.usage.cachedInputTokens",
    ),
    "cache_creation_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.reasoningTokens",
    ),
}
"""Token counts by our names, under all of theirs."""

_ENTITIES = (
    "user.id",
    "enduser.id",
    "traceloop.association.properties.user_id",
    "langfuse.user.id",
    "ai.telemetry.metadata.userId",
)
_PROCESSES = ("gen_ai.agent.name",)
_SESSIONS = (
    "session.id",
    "gen_ai.conversation.id",
    "traceloop.association.properties.session_id",
    "langfuse.session.id",
    "ai.telemetry.metadata.sessionId",
)


def is_call(attributes: Json) -> bool | None:
    """Whether a span is a call of a model, by its attributes.

    Returns:
        ``False`` for a span of something else around models: an agent, a tool, an embedding.
        ``None`` if nothing says what it is of.
    """
    if _CALL_NAMES.isdisjoint(attributes):
        return None  # at once: all spans of the app are asked
    kinds = [attributes[name] in values for name, values in CALLS.items() if attributes.get(name)]
    return all(kinds) if kinds else None


def text(attributes: Json, names: Iterable[str]) -> str | None:
    """The first of the named values that is there, as text."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return str(value)
    return None


def provider(attributes: Json) -> str:
    """The provider by the conventions' name for it."""
    named = text(attributes, PROVIDER)
    return provider_called(named) if named else "unknown"


def reasons(attributes: Json) -> tuple[str, ...]:
    """Why the model stopped, for each choice."""
    for name in REASONS:
        value: Any = loose_json(attributes.get(name))
        if isinstance(value, list | tuple):
            return tuple(str(each) for each in value)
        if value:
            return (str(value),)
    return ()


def usage(attributes: Json) -> dict[str, int]:
    """Token counts under our names."""
    found: dict[str, int] = {}
    for ours, theirs in _USAGE.items():
        for name in theirs:
            value = attributes.get(name)
            if isinstance(value, int) and not isinstance(value, bool):
                found[ours] = value
                break
    return found


def stated(attributes: Json) -> Attribution:
    """Whose call a span tells of, by ``memori.*`` attributes."""
    return Attribution(*(_id(attributes, (key,)) for key in KEYS))


def named_by_app(attributes: Json, believed: SpanAttribution) -> Attribution:
    """Whose call a span tells of, by the names that apps and other libraries use.

    Args:
        believed: Whether the entity is, too; see
            :attr:`~memori_instrumentation.config.Settings.span_attribution`.
    """
    return Attribution(
        _id(attributes, _ENTITIES) if believed == "app" else None,
        _id(attributes, _PROCESSES),
        _id(attributes, _SESSIONS),
    )


def _id(attributes: Json, names: Iterable[str]) -> str | None:
    """The first of the named values that can be an id."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, bool | int | float | str):
            try:
                return checked_id(name, str(value))
            except SettingsError:
                continue
    return None
