"""OpenAI's completions before there was chat, as JSON. Many compatible servers still offer them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from memori_instrumentation.capture.reading import (
    Api,
    Assembled,
    Json,
    Reply,
    Request,
    chosen,
    number,
    string,
    text_part,
)
from memori_instrumentation.providers._openai_chat import PARAMETERS, assembled, reply_of
from memori_storage.records import Message, Part


def read_request(body: Json) -> Request:
    """Each prompt is a message of the user's; several of one call are in its turn one after the
    other."""
    suffix = string(body.get("suffix"))
    after: list[Part] = [{"type": "suffix", "content": suffix}] if suffix else []
    return Request(
        messages=[Message("user", [_part(prompt), *after]) for prompt in _prompts(body)],
        model=string(body.get("model")),
        attributes=chosen(body, PARAMETERS),
    )


def _prompts(body: Json) -> list[Any]:
    """The prompts: texts, or lists of tokens."""
    prompt = body.get("prompt")
    if prompt is None:
        return []
    if not isinstance(prompt, list) or (prompt and isinstance(prompt[0], int)):
        return [prompt]
    return prompt


def _part(prompt: Any) -> Part:
    if isinstance(prompt, str):
        return text_part(prompt)
    # Nobody can read tokens without the model's tokenizer.
    tokens = prompt if isinstance(prompt, list) else [prompt]
    digest = hashlib.sha256(json.dumps(tokens).encode()).hexdigest()
    return {"type": "tokens", "count": len(tokens), "sha256": digest}


def read_reply(body: Json) -> Reply:
    return reply_of(body, _message)


def _message(choice: Json, reason: str | None) -> Message:
    text = string(choice.get("text"))
    return Message("assistant", [text_part(text)] if text else [], reason)


def _without_echo(body: Json, reply: Reply) -> Reply:
    """The reply less the prompts that it was asked to repeat."""
    prompts = _prompts(body)
    if body.get("echo") is not True or not prompts:
        return reply
    each = max(number(body.get("n")), 1)
    messages = [
        _less(message, prompts[min(index // each, len(prompts) - 1)])
        for index, message in enumerate(reply.messages)
    ]
    return replace(reply, messages=messages)


def _less(message: Message, prompt: Any) -> Message:
    if not isinstance(prompt, str) or not message.text.startswith(prompt):
        return message  # tokens come back as the text that they are
    return replace(message, parts=[text_part(message.text.removeprefix(prompt))])


def assemble(events: Iterable[Json]) -> Assembled:
    return assembled(events, _merge)


def _merge(choice: dict[str, Any], event: Json) -> None:
    choice["text"] = choice.get("text", "") + (string(event.get("text")) or "")
    choice["finish_reason"] = event.get("finish_reason") or choice.get("finish_reason")


API = Api(
    "/completions", "text_completion", read_request, read_reply, assemble, against=_without_echo
)
