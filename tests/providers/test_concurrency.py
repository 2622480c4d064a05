"""One shared client, many threads or tasks, interleaved entities: nothing lost or mixed up."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import Counter

import pytest

from memori_instrumentation import attribution
from wire.check import texts
from wire.memory import Memory
from wire.sdks import SDKS, Sdk, each, resolve
from wire.server import WireServer

SHARED = [
    pytest.param(sdk, id=sdk.name, marks=() if sdk is SDKS[0] else pytest.mark.slow)
    for sdk in SDKS
    if sdk.name in ("openai-chat", "anthropic", "google", "xai", "bedrock-converse")
]
ENTITIES = 8


def assert_each_under_its_own(memory: Memory, calls: Counter[str]) -> None:
    """Every call is one turn of its own entity, whose messages all name that entity."""
    for entity, count in calls.items():
        found = memory.kept(entity)
        assert len(found.turns) == count
        assert len({turn["id"] for turn in found.turns}) == count
        assert len(found.messages) == 2 * count
        assert all(entity in said for _, said in texts(found.messages))


@pytest.mark.parametrize("sdk", SHARED)
def test_64_threads_of_20_calls(sdk: Sdk, server: WireServer, memory: Memory) -> None:
    client = sdk.client(server.url, False)
    calls: Counter[str] = Counter()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for call in range(20):
                entity = f"user-{(number + call) % ENTITIES}"
                with attribution(entity=entity, session=f"{number}-{call}"):
                    said = f"{entity} {number} {call}"
                    if call % 4:
                        sdk.create(client, [("user", said)])
                    else:
                        for _ in sdk.stream(client, [("user", said)]):
                            pass
                calls[entity] += 1
        except BaseException as error:
            failures.append(error)

    copies = [contextvars.copy_context() for _ in range(64)]
    threads = [
        threading.Thread(target=copy.run, args=(work, number)) for number, copy in enumerate(copies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(calls.values()) == len(server.journal) == 64 * 20
    assert_each_under_its_own(memory, calls)


@pytest.mark.parametrize("sdk", SHARED)
async def test_200_tasks_of_10_calls(sdk: Sdk, server: WireServer, memory: Memory) -> None:
    client = sdk.client(server.url, True)
    calls: Counter[str] = Counter()

    async def work(number: int) -> None:
        for call in range(10):
            entity = f"user-{(number + call) % ENTITIES}"
            async with attribution(entity=entity, session=f"{number}-{call}"):
                said = f"{entity} {number} {call}"
                if call % 4:
                    await resolve(sdk.create(client, [("user", said)]))
                else:
                    stream = await resolve(sdk.stream(client, [("user", said)]))
                    assert [event async for event in each(stream)]
            calls[entity] += 1

    await asyncio.gather(*(work(number) for number in range(200)))
    assert sum(calls.values()) == len(server.journal) == 200 * 10
    assert_each_under_its_own(memory, calls)
