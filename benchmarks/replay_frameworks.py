"""Replays recorded exchanges through LangChain and Pydantic AI and checks what is remembered.

Like ``replay.py``, one floor up: the messages of each recorded request are made anew as the
framework's own, the model is asked through the framework, and the loopback server answers with the
recorded body. There must be one turn for the one request, with the framework named, holding what
the request on the wire and the recorded reply say, by the same independent oracle. Prints how many
exchanges fit into each framework, how many are exact, and why the others do not fit; exits with 1
if any differs. Google's models take part where the frameworks' integrations are installed::

    python benchmarks/replay_frameworks.py [--recorded DIR] [--only langchain]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from replay import PROVIDERS, RECORDED, Exchange, entity, faults, recorded

from memori_instrumentation import MemoriInstrumentor, attribution
from memori_storage import open_store
from memori_storage.store import Store
from wire import clients, oracle
from wire.check import kept_in
from wire.dialects import dialect_of
from wire.replies import Answer, Received
from wire.server import WireServer

Talk = list[oracle.Message]


class Unfit(Exception):
    """An exchange cannot be put in a framework's words; the message says why."""


def talk(exchange: Exchange) -> Talk:
    """The messages of a recorded request, instructions first, in the oracle's form."""
    if exchange.obstacle:
        raise Unfit(exchange.obstacle)
    dialect = dialect_of(exchange.path)
    assert dialect is not None
    said = oracle.sent(dialect.name, exchange.request)
    kinds = {part[0] for _, parts in said for part in parts}
    for kind, why in _UNSAYABLE.items():
        if kind in kinds:
            raise Unfit(why)
    if exchange.provider == "google" and "uri" in kinds:
        raise Unfit("content by address, which the frameworks fetch themselves")
    if not any(parts for _, parts in said):
        raise Unfit("no messages: the provider keeps them")
    if role := {role for role, _ in said} - _ROLES:
        raise Unfit(f"messages of role {', '.join(role)}")
    instructions = oracle.system(dialect.name, exchange.request)
    before: Talk = [("system", (("text", instructions),))] if instructions else []
    return [*before, *((role, parts) for role, parts in said if parts)]


_UNSAYABLE = {
    "blob": "content by value, of which the oracle keeps a digest",
    "file": "an uploaded file",
    "thinking": "thoughts, which need their signatures",
    "other": "parts of the provider's own kind",
}
_ROLES = {"system", "developer", "user", "assistant", "tool"}


def _arguments(said: str) -> dict[str, Any]:
    given = json.loads(said) if said else {}
    if not isinstance(given, dict):
        raise Unfit("tool arguments that are no object")
    return given


# --- LangChain -----------------------------------------------------------------------------------


def langchain_messages(said: Talk) -> list[Any]:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

    made: list[Any] = []
    for role, parts in said:
        made += [ToolMessage(p[2], tool_call_id=p[1] or "c") for p in parts if p[0] == "result"]
        texts = [part[1] for part in parts if part[0] == "text"]
        if role in ("system", "developer"):
            made.append(SystemMessage("\n".join(texts)))
        elif role == "assistant":
            calls: Any = [
                {"id": p[1] or "c", "name": p[2], "args": _arguments(p[3])}
                for p in parts
                if p[0] == "call"
            ]
            made.append(AIMessage("".join(texts), tool_calls=calls))
        elif content := [_langchain_block(p) for p in parts if p[0] in ("text", "uri")]:
            made.append(HumanMessage(content))
    return made


def _langchain_block(part: oracle.Part) -> Any:
    return {"type": "text", "text": part[1]} if part[0] == "text" else _image(part[1])


def _image(url: str) -> Any:
    return {"type": "image", "url": url}


def langchain_model(exchange: Exchange, url: str) -> Any:
    """The chat model for an exchange's API."""
    if exchange.provider == "google":
        from langchain_google_genai import ChatGoogleGenerativeAI

        given: Any = {"base_url": url, "api_key": "wire", "max_retries": 1}
        return ChatGoogleGenerativeAI(model=clients.GOOGLE_MODEL, **given)
    given = {"api_key": "sk-wire", "max_retries": 0}
    if exchange.provider == "anthropic":
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(model=clients.ANTHROPIC_MODEL, base_url=url, **given)
    from langchain_openai import ChatOpenAI

    responses = exchange.path.endswith("/responses")
    given |= {"base_url": f"{url}/v1", "use_responses_api": responses}
    return ChatOpenAI(model=clients.OPENAI_MODEL, **given)


async def ask_langchain(exchange: Exchange, said: Talk, url: str) -> None:
    model, messages = langchain_model(exchange, url), langchain_messages(said)
    if exchange.stream:
        for _ in model.stream(messages):
            pass
    else:
        model.invoke(messages)


async def ask_langchain_async(exchange: Exchange, said: Talk, url: str) -> None:
    model, messages = langchain_model(exchange, url), langchain_messages(said)
    if exchange.stream:
        async for _ in model.astream(messages):
            pass
    else:
        await model.ainvoke(messages)


# --- Pydantic AI ---------------------------------------------------------------------------------


def pydantic_messages(said: Talk) -> list[Any]:
    from pydantic_ai import ImageUrl
    from pydantic_ai.messages import (
        ModelRequest,
        ModelResponse,
        SystemPromptPart,
        TextPart,
        ToolCallPart,
        ToolReturnPart,
        UserPromptPart,
    )

    names = {p[1]: p[2] for _, parts in said for p in parts if p[0] == "call"}
    made: list[Any] = []
    for role, parts in said:
        if role == "assistant":
            own: list[Any] = [
                TextPart(p[1])
                if p[0] == "text"
                else ToolCallPart(p[2], _arguments(p[3]), p[1] or "c")
                for p in parts
            ]
            made.append(ModelResponse(own))
            continue
        asked: list[Any] = [
            ToolReturnPart(names.get(p[1], "tool"), p[2], p[1] or "c")
            for p in parts
            if p[0] == "result"
        ]
        texts = [part[1] for part in parts if part[0] == "text"]
        if role in ("system", "developer"):
            asked.append(SystemPromptPart("\n".join(texts)))
        elif shown := [p[1] if p[0] == "text" else ImageUrl(p[1]) for p in parts if len(p) == 2]:
            asked.append(UserPromptPart(shown))
        made.append(ModelRequest(asked))
    return made


def pydantic_model(exchange: Exchange, url: str) -> Any:
    """The model for an exchange's API."""
    if exchange.provider == "google":
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        google = GoogleProvider(client=clients.google_client(url))
        return GoogleModel(clients.GOOGLE_MODEL, provider=google)
    if exchange.provider == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        client = clients.async_anthropic_client(url)
        return AnthropicModel(
            clients.ANTHROPIC_MODEL, provider=AnthropicProvider(anthropic_client=client)
        )
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    make = OpenAIResponsesModel if exchange.path.endswith("/responses") else OpenAIChatModel
    provider = OpenAIProvider(openai_client=clients.async_openai_client(url))
    return make(clients.OPENAI_MODEL, provider=provider)


async def ask_pydantic(exchange: Exchange, said: Talk, url: str) -> None:
    from pydantic_ai.direct import model_request, model_request_stream

    model, messages = pydantic_model(exchange, url), pydantic_messages(said)
    # Without a limit Anthropic's model streams whatever the SDK thinks could take long.
    settings: Any = {"max_tokens": 1_000}
    if exchange.stream:
        asked = model_request_stream(model, messages, model_settings=settings)
        async with asked as stream:
            async for _ in stream:
                pass
    else:
        await model_request(model, messages, model_settings=settings)


# --- replay --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """A framework and how it is asked."""

    name: str
    framework: str
    """As turns name it."""
    package: str
    """What has to be installed."""
    google: str
    """What has to be installed for Google's models."""
    ask: Callable[[Exchange, Talk, str], Any]


WAYS = (
    Way("langchain", "langchain", "langchain_openai", "langchain_google_genai", ask_langchain),
    Way(
        "langchain, async",
        "langchain",
        "langchain_openai",
        "langchain_google_genai",
        ask_langchain_async,
    ),
    # The mark of an environment whose google-genai the frameworks can use.
    Way("pydantic-ai", "pydantic-ai", "pydantic_ai", "langchain_google_genai", ask_pydantic),
)


@dataclass
class Tally:
    """What came of the exchanges of one provider in one way."""

    fitted: list[tuple[Exchange, Received]]
    unfit: Counter[str]
    raised: Counter[str]
    """What the framework made of a reply that the SDK had read."""


async def replay(way: Way, exchanges: list[Exchange], server: WireServer) -> Tally:
    """Put exchanges through a framework, each under its own entity."""
    tally = Tally([], Counter(), Counter())
    for exchange in exchanges:
        try:
            if exchange.provider == "google" and find_spec(way.google) is None:
                raise Unfit(f"{way.google} is not installed")
            said = talk(exchange)
            server.script(Answer(status=exchange.status, raw=exchange.response.encode()))
            with attribution(entity=entity(exchange, way.name), session="replay"):
                await way.ask(exchange, said, server.url)
        except Unfit as why:
            tally.unfit[str(why)] += 1
            continue
        except Exception as error:
            if not server.journal:
                raise
            if exchange.status < 400:
                tally.raised[f"{type(error).__name__}: {error}"[:100]] += 1
        (received,) = server.journal
        server.clear()
        tally.fitted.append((exchange, received))
    return tally


def differing(way: Way, tally: Tally, store: Store) -> list[str]:
    """How what is stored differs from what was on the wire."""
    wrong = []
    for exchange, received in tally.fitted:
        sent = replace(exchange, path=received.path, request=received.json)
        stored = kept_in(store, entity(exchange, way.name))
        found = faults(sent, received, stored)
        named = [turn["framework"] for turn in stored.turns]
        if named != [way.framework]:
            found.append(f"framework: {named}")
        if found:
            wrong.append(f"{way.name} {exchange.provider} {exchange.id}: {'; '.join(found)}")
    return wrong


async def report(folder: Path, database: str, ways: list[Way]) -> int:
    """Replay, print the tables and the differences; returns how many exchanges differ."""
    every = {name: list(recorded(folder, name)) for name in PROVIDERS}
    done: list[tuple[Way, str, Tally]] = []
    instrumentor = MemoriInstrumentor()
    instrumentor.instrument(database=database, extractor="none", embedder="none", worker=False)
    try:
        with WireServer() as server:
            for way in ways:
                for name, exchanges in every.items():
                    done.append((way, name, await replay(way, exchanges, server)))
        instrumentor.flush(timeout=60)
    finally:
        instrumentor.uninstrument()
    print(f"{'framework':<18} {'provider':<10} {'exchanges':>9} {'fitted':>7} {'exact':>6}")
    wrong: list[str] = []
    store = open_store(database)
    for way, name, tally in done:
        found = differing(way, tally, store)
        wrong += found
        cells = (len(every[name]), len(tally.fitted), len(tally.fitted) - len(found))
        print("{:<18} {:<10} {:>9} {:>7} {:>6}".format(way.name, name, *cells))
    store.close()
    for way, name, tally in done:
        for what, reasons in (("does not fit", tally.unfit), ("raised", tally.raised)):
            for reason, count in reasons.most_common():
                print(f"{way.name}, {name}: {what}: {count} x {reason}")
    for line in wrong:
        print(f"DIFFERS {line}")
    return len(wrong)


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--recorded", type=Path, default=RECORDED, help="folder of the recordings")
    parser.add_argument("--only", help="ways whose names contain this")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    warnings.simplefilter("ignore")
    ways = [way for way in WAYS if find_spec(way.package) and (options.only or "") in way.name]
    with tempfile.TemporaryDirectory() as folder:
        wrong = asyncio.run(report(options.recorded, f"sqlite:///{folder}/replay.db", ways))
    return 1 if wrong or not ways else 0


if __name__ == "__main__":
    sys.exit(main())
