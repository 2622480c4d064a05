"""A chat program like any other: it knows the openai SDK and nothing of memory.

Usage: python app.py [--stream] TEXT [TEXT...]

Each TEXT is said in turn, in one conversation, and the answers are printed. The key and the address
of the provider come from the environment, as the SDK reads them; so does ``OPENAI_MODEL``.
"""

from __future__ import annotations

import os
import sys

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam


def main(arguments: list[str]) -> None:
    """Hold the conversation."""
    stream = "--stream" in arguments
    client = OpenAI()
    model = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
    messages: list[ChatCompletionMessageParam] = []
    for text in arguments:
        if text == "--stream":
            continue
        messages.append({"role": "user", "content": text})
        print(f"  you        {text}")
        answer = (streamed if stream else whole)(client, model, messages)
        print(f"  assistant  {answer}", flush=True)
        messages.append({"role": "assistant", "content": answer})


def whole(client: OpenAI, model: str, messages: list[ChatCompletionMessageParam]) -> str:
    """The answer, asked for in one piece."""
    reply = client.chat.completions.create(model=model, messages=messages)
    return reply.choices[0].message.content or ""


def streamed(client: OpenAI, model: str, messages: list[ChatCompletionMessageParam]) -> str:
    """The answer, asked for as a stream."""
    chunks = client.chat.completions.create(model=model, messages=messages, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


if __name__ == "__main__":
    main(sys.argv[1:])
