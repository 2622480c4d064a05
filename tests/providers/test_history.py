"""Clients send their history again and again; memory keeps each message once, in order."""

from __future__ import annotations

import pytest

from wire.check import texts
from wire.memory import Memory
from wire.sdks import Sdk, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

Said = list[tuple[str, str]]


async def ask(sdk: Sdk, client: object, history: Said) -> tuple[str, str]:
    """One call; the assistant's message."""
    return ("assistant", sdk.text(await resolve(sdk.create(client, history))))


async def test_the_whole_history_on_each_of_20_turns(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = sdk.client(server.url, asynchronous)
    history: Said = []
    for number in range(20):
        history.append(("user", f"Fact {number}"))
        history.append(await ask(sdk, client, history))
    found = memory.kept()
    assert len(found.turns) == 20
    assert texts(found.messages) == history


async def test_a_sliding_window_of_6_messages(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = sdk.client(server.url, asynchronous)
    history: Said = []
    for number in range(20):
        history.append(("user", f"Fact {number}"))
        window = history[-6:]
        if window[0][0] == "assistant" and sdk.name == "google-chats":
            window = window[1:]  # Google's chats refuse a history that starts with the model
        history.append(await ask(sdk, client, window))
    found = memory.kept()
    assert len(found.turns) == 20
    assert texts(found.messages) == history


async def test_saying_the_same_again_is_another_message(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = sdk.client(server.url, asynchronous)
    history: Said = []
    for _ in range(4):
        history.append(("user", "Yes"))
        history.append(await ask(sdk, client, history))
    assert texts(memory.kept().messages) == history


async def test_editing_an_earlier_message_branches(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = sdk.client(server.url, asynchronous)
    trunk: Said = [("user", "I am Ann")]
    trunk.append(await ask(sdk, client, trunk))
    first: Said = [*trunk, ("user", "I live in Rome")]
    first.append(await ask(sdk, client, first))
    edited: Said = [*trunk, ("user", "I live in Oslo")]
    edited.append(await ask(sdk, client, edited))
    edited.append(("user", "What now?"))
    edited.append(await ask(sdk, client, edited))
    found = memory.kept()
    assert len(found.turns) == 4
    assert texts(found.messages) == [*first, *edited[2:]]


async def test_two_branches_at_the_same_time(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = sdk.client(server.url, asynchronous)
    trunk: Said = [("user", "I am Ann")]
    trunk.append(await ask(sdk, client, trunk))
    branches: list[Said] = [list(trunk), list(trunk)]
    for number in range(3):
        for name, branch in zip("AB", branches, strict=True):
            branch.append(("user", f"{name} {number}"))
            branch.append(await ask(sdk, client, branch))
    found = memory.kept()
    every = texts(found.messages)
    assert len(every) == len(set(every)) == 2 + 12
    for branch in branches:
        places = [every.index(message) for message in branch]
        assert places == sorted(places)
        # Each message hangs on the one before it in its own branch.
        by_id = {row["id"]: row for row in found.messages}
        last = next(row for row in found.messages if row["text"] == branch[-1][1])
        chain = []
        while last is not None:
            chain.append((last["role"], last["text"]))
            last = by_id.get(last.get("parent_id"))
        assert chain[::-1] == branch


async def test_system_messages_are_no_part_of_the_chain(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    """A system prompt that changes on every call (the date, retrieved text) forks nothing."""
    from wire.sdks import SDKS

    sdk = SDKS[0]
    client = sdk.client(server.url, asynchronous)
    history: Said = []
    for number in range(3):
        history.append(("user", f"Fact {number}"))
        history.append(await ask(sdk, client, [("system", f"It is day {number}."), *history]))
    found = memory.kept()
    conversation = [item for item in texts(found.messages) if item[0] != "system"]
    assert conversation == history
