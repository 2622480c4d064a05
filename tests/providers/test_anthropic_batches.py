"""Anthropic's message batches: each result that is fetched is a turn, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memori_instrumentation import attribution
from wire.check import texts
from wire.clients import ANTHROPIC_MODEL, anthropic_client, async_anthropic_client
from wire.memory import ENTITY, Memory
from wire.sdks import each, resolve
from wire.server import WireServer

Json = dict[str, Any]
BATCH = "msgbatch_1"


def asked(custom_id: str, words: str) -> Json:
    params = {
        "model": ANTHROPIC_MODEL,
        "max_tokens": 99,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": words}],
    }
    return {"custom_id": custom_id, "params": params}


def answered(custom_id: str, words: str) -> Json:
    message = {
        "id": f"msg-{custom_id}",
        "type": "message",
        "role": "assistant",
        "model": f"{ANTHROPIC_MODEL}-0001",
        "content": [{"type": "text", "text": words}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}


ASKED = [asked("a", "I live in Lisbon."), asked("b", "Who am I?"), asked("c", "x"), asked("d", "y")]
FAILURE = {"type": "error", "error": {"type": "invalid_request_error", "message": "no such model"}}
RESULTS = [
    answered("b", "Ann."),
    {"custom_id": "c", "result": {"type": "errored", "error": FAILURE}},
    {"custom_id": "d", "result": {"type": "expired"}},
    {"custom_id": "e", "result": {"type": "canceled"}},
    answered("a", "Noted.\n\nLisbon é bom."),
]


def serve(server: WireServer, *, end: str = "\n") -> None:
    """Have the server know a batch that has ended."""
    path = f"/v1/messages/batches/{BATCH}"
    batch = {"id": BATCH, "type": "message_batch", "processing_status": "ended"}
    batch["results_url"] = f"{server.url}{path}/results"
    lines = "\n".join(json.dumps(result, ensure_ascii=False) for result in RESULTS) + end
    server.pages[f"{path}/results"] = lines.encode()
    server.pages[path] = server.pages["/v1/messages/batches"] = json.dumps(batch).encode()


@pytest.fixture(params=["stable", "beta"])
def batches(request: pytest.FixtureRequest, server: WireServer, asynchronous: bool) -> Any:
    """``messages.batches`` of a client that stays alive with it."""
    client: Any = (async_anthropic_client if asynchronous else anthropic_client)(server.url)
    messages = client.beta.messages if request.param == "beta" else client.messages
    return messages.batches


async def fetch(batches: Any) -> list[Any]:
    return [result async for result in each(await resolve(batches.results(BATCH)))]


@pytest.mark.parametrize("end", ["\n", ""], ids=["newline", "none"])
async def test_each_answer_is_a_turn_with_its_request(
    end: str, batches: Any, server: WireServer, memory: Memory
) -> None:
    serve(server, end=end)
    with attribution(entity=ENTITY, process="nightly", session="s"):
        await resolve(batches.create(requests=ASKED))
    with attribution(entity="somebody-else"):
        results = await fetch(batches)
        await fetch(batches)
    assert [result.custom_id for result in results] == ["b", "c", "d", "e", "a"]
    found = memory.kept()
    by_response = {str(turn["response_id"]): turn for turn in found.turns}
    assert by_response.keys() == {"msg-a", "msg-b", "None"}
    first = by_response["msg-a"]
    assert (first["status"], first["model"], first["system"]) == (
        "complete",
        ANTHROPIC_MODEL,
        "Be brief.",
    )
    assert (first["process"], first["session"]) == ("nightly", "s")
    assert first["usage"] == {"input_tokens": 11, "output_tokens": 7}
    failed = by_response["None"]
    assert (failed["status"], failed["error_type"]) == ("error", "invalid_request_error")
    rows = {row["text"]: row for row in found.messages}
    assert set(texts(found.messages)) == {
        ("user", "I live in Lisbon."),
        ("assistant", "Noted.\n\nLisbon é bom."),
        ("user", "Who am I?"),
        ("assistant", "Ann."),
        ("user", "x"),
    }
    assert rows["Ann."]["parent_id"] == rows["Who am I?"]["id"]
    assert memory.kept("somebody-else").turns == []
    assert memory.spans() == []


async def test_a_batch_that_another_process_created(
    batches: Any, server: WireServer, uninstrumented: Memory
) -> None:
    """Only the answers are here; they are kept for whom the fetch names, else not at all."""
    uninstrumented.instrument(unattributed="store")
    serve(server)
    await fetch(batches)
    assert uninstrumented.instrumentor.flush(timeout=20)
    with attribution(entity=ENTITY, session="s"):
        await fetch(batches)
        await fetch(batches)
    found = uninstrumented.kept()
    assert sorted(text for _, text in texts(found.messages)) == ["Ann.", "Noted.\n\nLisbon é bom."]
    assert len(found.turns) == 3


async def test_reading_a_part_of_the_results(
    batches: Any, server: WireServer, memory: Memory
) -> None:
    serve(server)
    with attribution(entity=ENTITY, session="s"):
        await resolve(batches.create(requests=ASKED))
        decoder = await resolve(batches.results(BATCH))
        async for result in each(decoder):
            assert result.custom_id == "b"
            break
        await resolve(decoder.close())
    assert [turn["response_id"] for turn in memory.kept().turns] == ["msg-b"]


async def test_a_new_process_fetches_what_is_stored(
    batches: Any, server: WireServer, uninstrumented: Memory
) -> None:
    serve(server)
    for _ in range(2):
        uninstrumented.instrument()
        with attribution(entity=ENTITY, session="s"):
            await resolve(batches.create(requests=ASKED))
            await fetch(batches)
        uninstrumented.flush()
        uninstrumented.uninstrument()
    assert len(uninstrumented.kept().turns) == 3
    with attribution(entity=ENTITY, session="s"):
        assert len(await fetch(batches)) == 5


def test_requests_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from memori_instrumentation.providers import _anthropic_batches as module

    monkeypatch.setattr(module, "_MAX_BYTES", 25)
    known = module.Batches()
    for name in ("one", "two", "three"):
        known.note(name, module.Created(module.Attribution(), 0, b"0123456789"))
    assert [known.get(name) is not None for name in ("one", "two", "three")] == [False, True, True]
    known.note("huge", module.Created(module.Attribution(), 0, b"0" * 30))
    assert known.get("huge") is None
    assert known.get("three") is not None
