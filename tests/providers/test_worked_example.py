"""The provider that CONTRIBUTING.md writes works as it stands there."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import _base_client

from wire import server as wire
from wire.check import texts
from wire.memory import Memory
from wire.sdk import resolve
from wire.server import WireServer

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> dict[bool, Any]:
    """Acme's SDK: another one of the generator that made OpenAI's. Its clients by their side."""
    module: Any = types.ModuleType("acme._base_client")
    for name in ("SyncAPIClient", "AsyncAPIClient"):
        base = getattr(_base_client, name)
        own = {method: vars(base)[method] for method in ("request", "_process_response")}
        setattr(module, name, type(name, (base,), own))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(wire.ELSEWHERE, "/v1/talk", {"id": "r-1", "text": "Hi, Ann."})
    return {
        False: type("Acme", (module.SyncAPIClient, openai.OpenAI), {}),
        True: type("AsyncAcme", (module.AsyncAPIClient, openai.AsyncOpenAI), {}),
    }


@pytest.fixture
def provider(acme: Any, memory: Memory) -> Iterator[dict[str, Any]]:
    """The example's names, its patches applied."""
    (code,) = re.findall(r"```python\n(\"\"\"Acme's SDK.+?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    patcher = names["build"]()
    patcher.apply()
    yield names
    patcher.undo()


@pytest.mark.usefixtures("user")
async def test_the_worked_example(
    asynchronous: bool,
    acme: dict[bool, Any],
    provider: dict[str, Any],
    server: WireServer,
    memory: Memory,
) -> None:
    client = acme[asynchronous](base_url=server.url, api_key="k")
    body = {"model": "acme-1", "turns": [{"role": "user", "text": "I am Ann."}]}
    await resolve(client.post("/v1/talk", cast_to=object, body=body))
    found = memory.kept()
    assert texts(found.messages) == [("user", "I am Ann."), ("assistant", "Hi, Ann.")]
    (turn,) = found.turns
    told = {name: turn[name] for name in ("provider", "model", "status", "response_id")}
    assert told == {
        "provider": "acme",
        "model": "acme-1",
        "status": "complete",
        "response_id": "r-1",
    }


def test_its_streams_are_put_together(provider: dict[str, Any]) -> None:
    assembled = provider["assemble"]([{"delta": "Hi, "}, {"delta": "Ann."}, {"done": True}])
    assert (assembled.body, assembled.complete) == ({"text": "Hi, Ann."}, True)
    assert not provider["assemble"]([{"delta": "Hi"}]).complete
