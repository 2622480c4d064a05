"""Bedrock's ``InvokeModel``, whose bodies are each model's own: told apart by their shape.

Bodies of Anthropic's messages, of OpenAI's chat completions (which most newer models speak) and of
``Converse`` (Nova) are read as those. Others have one text that is asked and one that is answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from memori_instrumentation.capture.reading import (
    Api,
    Assembled,
    Json,
    Reply,
    Request,
    chosen,
    items,
    mapping,
    string,
    text_part,
)
from memori_instrumentation.providers import _converse, _openai_chat, anthropic
from memori_storage.records import Message

_ANTHROPIC = anthropic.APIS[0]
_CHAT = _openai_chat.API
_CONVERSE = _converse.API


# --- requests -------------------------------------------------------------------------------------

_ASKED = ("prompt", "inputText", "message", "inputPrompt")
"""Where the text of a request stands: Llama, Mistral, DeepSeek; Titan; Cohere; TwelveLabs."""
_PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "p": "gen_ai.request.top_p",
    "topP": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_gen_len": "gen_ai.request.max_tokens",
    "max_tokens_to_sample": "gen_ai.request.max_tokens",
    "maxTokenCount": "gen_ai.request.max_tokens",
    "stop": "gen_ai.request.stop_sequences",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "stopSequences": "gen_ai.request.stop_sequences",
}
_ROLES = {"CHATBOT": "assistant", "USER": "user", "SYSTEM": "system", "TOOL": "tool"}


def read_request(body: Json) -> Request:
    if "anthropic_version" in body:
        request = _ANTHROPIC.read_request(body)
    elif any(_is_converse(item) for item in items(body.get("messages"))):
        request = _CONVERSE.read_request(body)
    elif "messages" in body:
        request = _CHAT.read_request(body)
    else:
        request = _text_request(body)
    # What is asked is the model of the call, which may be a profile, not what a body calls it.
    return replace(request, model=None)


def _is_converse(message: Json) -> bool:
    """Whether a message's content is of blocks that name their kind by their only key."""
    return any("type" not in block for block in items(message.get("content")))


def _text_request(body: Json) -> Request:
    said = [
        Message(_ROLES.get(str(item.get("role")), "user"), [text_part(text)])
        for item in items(body.get("chat_history"))
        if (text := string(item.get("message")))
    ]
    said += [
        Message("user", [text_part(text)]) for name in _ASKED if (text := string(body.get(name)))
    ]
    config = {**body, **mapping(body.get("textGenerationConfig"))}
    return Request(
        messages=said,
        system=string(body.get("preamble")),
        attributes=chosen(config, _PARAMETERS),
    )


# --- replies --------------------------------------------------------------------------------------

_ANSWERED = ("generation", "text", "outputText", "completion", "message")
"""Where the text of a reply stands: Llama; Mistral, DeepSeek, Cohere; Titan; Claude before its
messages; TwelveLabs."""
_ENDED = ("finish_reason", "stop_reason", "completionReason", "finishReason")
"""Where it says why it ended."""
_SEVERAL = ("choices", "outputs", "results", "generations")
"""Where several replies stand."""
_OTHER_THAN_TEXT = ("embedding", "embeddings", "embeddingsByType", "images", "artifacts")
_USAGE = {
    "prompt_token_count": "prompt_tokens",
    "generation_token_count": "completion_tokens",
    "inputTextTokenCount": "prompt_tokens",
    "totalOutputTextTokenCount": "completion_tokens",
    # In the last event of any stream.
    "inputTokenCount": "prompt_tokens",
    "outputTokenCount": "completion_tokens",
}


def read_reply(body: Json) -> Reply:
    if any(name in body for name in _OTHER_THAN_TEXT):
        return Reply(complete=False, conversation=False)
    if "output" in body:
        return _CONVERSE.read_reply(body)
    if "content" in body:
        return _ANTHROPIC.read_reply(body)
    return _CHAT.read_reply(_as_chat(body, "message"))


def _as_chat(body: Json, said: str) -> Json:
    """A reply or an event of any other model, put as one of OpenAI's chat completions.

    Args:
        said: The field of a choice for what is said: ``message``, or ``delta`` in an event.
    """
    if "error" in body:
        return body
    given = next((items(body[name]) for name in _SEVERAL if name in body), [body])
    choices = []
    for index, choice in enumerate(given):
        message = mapping(choice.get(said)) or mapping(choice.get("message"))
        texts = (choice[name] for name in _ANSWERED if isinstance(choice.get(name), str))
        if (text := next(texts, None)) is not None:
            message = {"content": text}
        reason = next((choice[name] for name in _ENDED if choice.get(name)), None)
        if message or reason:
            index = choice.get("index", index)
            choices.append({"index": index, said: message, "finish_reason": reason})
    return {**body, "choices": choices, "usage": _usage(body)}


def _usage(body: Json) -> Json | None:
    if usage := mapping(body.get("usage")):
        return usage
    counted = {**body, **mapping(body.get("amazon-bedrock-invocationMetrics"))}
    results = items(body.get("results"))
    if results and "tokenCount" in results[0]:
        counted["totalOutputTextTokenCount"] = results[0]["tokenCount"]
    return {ours: counted[theirs] for theirs, ours in _USAGE.items() if theirs in counted}


def assemble(events: Iterable[Json]) -> Assembled:
    events = list(events)
    for event in events:
        kind = str(event.get("type", ""))
        if kind.startswith(("message_", "content_block_")):
            return _ANTHROPIC.assemble(events)
        if any(isinstance(event.get(name), dict) for name in _CONVERSE_EVENTS):
            return _CONVERSE.assemble(_named(event) for event in events)
    return _CHAT.assemble(_as_chat(event, "delta") for event in events)


_CONVERSE_EVENTS = ("messageStart", "contentBlockDelta", "messageStop")


def _named(event: Json) -> Json:
    """An event of Nova's, ``{name: {...}}``, in the form of ``ConverseStream``."""
    for name, value in event.items():
        if isinstance(value, dict) and name not in ("error", "amazon-bedrock-invocationMetrics"):
            return {**value, "type": name}
    return event


API = Api("/invoke", "chat", read_request, read_reply, assemble)
