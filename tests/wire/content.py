"""Pictures and tool calls, as each API wants them said: further arguments of ``create``."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.genai import types

from wire.replies import ToolCall

PICTURE = bytes(range(256)) * 400
ENCODED = base64.b64encode(PICTURE).decode()
DATA_URL = f"data:image/png;base64,{ENCODED}"
CALL = ToolCall("look_up", {"city": "Lisbon"}, "call_7")
QUESTION, RESULT = "Weather?", "21 degrees"
FUNCTION = {"name": CALL.name, "arguments": json.dumps(CALL.arguments)}


def chat_picture() -> dict[str, Any]:
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": DATA_URL}},
    ]
    return {"messages": [{"role": "user", "content": content}]}


def chat_tool_round() -> dict[str, Any]:
    call = {"id": CALL.id, "type": "function", "function": FUNCTION}
    return {
        "messages": [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": CALL.id, "content": RESULT},
        ]
    }


def responses_picture() -> dict[str, Any]:
    content = [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": DATA_URL},
    ]
    return {"input": [{"role": "user", "content": content}]}


def responses_tool_round() -> dict[str, Any]:
    return {
        "input": [
            {"role": "user", "content": QUESTION},
            {"type": "function_call", "call_id": CALL.id, **FUNCTION},
            {"type": "function_call_output", "call_id": CALL.id, "output": RESULT},
        ]
    }


def anthropic_picture() -> dict[str, Any]:
    source = {"type": "base64", "media_type": "image/png", "data": ENCODED}
    content = [{"type": "text", "text": "Look"}, {"type": "image", "source": source}]
    return {"messages": [{"role": "user", "content": content}]}


def anthropic_tool_round() -> dict[str, Any]:
    use = {"type": "tool_use", "id": CALL.id, "name": CALL.name, "input": CALL.arguments}
    answer = {"type": "tool_result", "tool_use_id": CALL.id, "content": RESULT}
    return {
        "messages": [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [answer]},
        ]
    }


def google_picture() -> dict[str, Any]:
    parts = [types.Part(text="Look"), types.Part.from_bytes(data=PICTURE, mime_type="image/png")]
    return {"contents": [types.Content(role="user", parts=parts)]}


def google_tool_round() -> dict[str, Any]:
    call = {"id": CALL.id, "name": CALL.name, "args": CALL.arguments}
    answer = {"id": CALL.id, "name": CALL.name, "response": {"result": RESULT}}
    return {
        "contents": [
            {"role": "user", "parts": [{"text": QUESTION}]},
            {"role": "model", "parts": [{"function_call": call}]},
            {"role": "user", "parts": [{"function_response": answer}]},
        ]
    }


def interactions_picture() -> dict[str, Any]:
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image", "mime_type": "image/png", "data": ENCODED},
    ]
    return {"input": parts}


def interactions_tool_round() -> dict[str, Any]:
    asking = {"type": "user_input", "content": [{"type": "text", "text": QUESTION}]}
    call = {
        "type": "function_call",
        "id": CALL.id,
        "name": CALL.name,
        "arguments": CALL.arguments,
    }
    answer = {"type": "function_result", "call_id": CALL.id, "result": RESULT}
    return {"input": [asking, call, answer]}


def xai_picture() -> dict[str, Any]:
    from xai_sdk.chat import image, user

    return {"messages": [user("Look", image(DATA_URL))]}


def xai_tool_round() -> dict[str, Any]:
    from xai_sdk.chat import chat_pb2, text, tool_result, user

    function = chat_pb2.FunctionCall(**FUNCTION)
    call = chat_pb2.ToolCall(id=CALL.id, function=function)
    asking = chat_pb2.Message(role=chat_pb2.ROLE_ASSISTANT, content=[text("")], tool_calls=[call])
    return {"messages": [user(QUESTION), asking, tool_result(RESULT, CALL.id)]}
