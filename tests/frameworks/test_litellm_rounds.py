"""What LiteLLM makes of several calls: retries, fallbacks, its cache, whose session it is, streams
that are left, failures, and switching on and off."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import litellm
import pytest
from litellm import Router
from litellm_models import (
    ANTHROPIC,
    ASK,
    CELLS,
    GEMINI,
    HELLO,
    OPENAI,
    OwnLLM,
    Route,
    asked,
    read,
    told,
)
from opentelemetry import baggage, context, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from memori_instrumentation import attribution
from memori_instrumentation.capture import call, scope
from memori_instrumentation.providers import _following
from wire.check import texts
from wire.memory import ENTITY, Memory
from wire.replies import Answer, text
from wire.server import WireServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAID = "One two three four five six seven eight nine ten. " * 8
SLOW = text(SAID, pieces=20, between_events=0.02)
BUSY = Answer(status=500, error="too busy")


@pytest.fixture(params=(OPENAI, ANTHROPIC), ids=["sdk", "own"])
def route(request: pytest.FixtureRequest) -> Route:
    """A route through OpenAI's SDK, and one of LiteLLM's own."""
    found: Route = request.param
    return found


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(autouse=True)
def old_objects_out_of_the_way() -> None:
    """Most tests collect garbage: what earlier ones left need not be looked at."""
    gc.freeze()


def statuses(memory: Memory) -> list[tuple[str, str]]:
    """Provider and status of all turns."""
    return [(turn["provider"], turn["status"]) for turn in memory.kept().turns]


async def settled() -> None:
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0.01)
    gc.collect()


# --- retries, fallbacks, the cache ----------------------------------------------------------------


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_retries(
    stream: bool, route: Route, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    """Each attempt that LiteLLM makes is a turn; those inside OpenAI's SDK are one."""
    server.script(BUSY)
    given = route.given(server, messages=ASK, stream=stream, num_retries=1)
    reply = await asked(asynchronous, **given)
    if stream:
        assert await read(reply, asynchronous)
    assert [received.status for received in server.journal] == [500, 200]
    provider = route.provider
    inside = route is OPENAI
    assert statuses(memory) == [(provider, "error")] * (not inside) + [(provider, "complete")]


@pytest.mark.usefixtures("user")
async def test_fallbacks(
    route: Route, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(BUSY)
    given = route.given(server, messages=ASK, max_retries=0)
    reply = await asked(asynchronous, **given, fallbacks=[GEMINI.given(server)])
    assert reply.choices[0].message.content == f"You said: {HELLO}"
    assert statuses(memory) == [(route.provider, "error"), ("gcp.gemini", "complete")]
    assert len(server.journal) == 2


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_routers_fallbacks(
    stream: bool, route: Route, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(BUSY)
    models = {"first": route.given(server, max_retries=0), "second": GEMINI.given(server)}
    router = Router(
        model_list=[{"model_name": name, "litellm_params": it} for name, it in models.items()],
        fallbacks=[{"first": ["second"]}],
        num_retries=0,
    )
    ask = router.acompletion if asynchronous else router.completion
    reply: Any = ask("first", ASK, stream=stream)
    reply = await reply if asynchronous else reply
    if stream:
        assert await read(reply, asynchronous)
    assert statuses(memory) == [(route.provider, "error"), ("gcp.gemini", "complete")]


@pytest.mark.usefixtures("user")
async def test_a_routers_retries(asynchronous: bool, server: WireServer, memory: Memory) -> None:
    server.script(BUSY)
    given = ANTHROPIC.given(server)
    del given["num_retries"]
    router = Router(model_list=[{"model_name": "it", "litellm_params": given}], num_retries=1)
    await router.acompletion("it", ASK) if asynchronous else router.completion("it", ASK)
    assert statuses(memory) == [("anthropic", "error"), ("anthropic", "complete")]


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Where something is found, LiteLLM looks whether it is of a class whose module imports its
    # whole proxy server, and all that this one needs.
    unneeded = ModuleType("litellm.llms.anthropic.messages.native.response_cache")
    unneeded.CachedAnthropicMessagesStreamIterator = type("Unneeded", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, unneeded.__name__, unneeded)
    litellm.enable_cache(type="local")
    yield
    litellm.disable_cache()


@pytest.mark.usefixtures("user", "cache")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_cached_answer_is_a_turn(
    stream: bool, route: Route, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    for _ in range(2):
        reply = await asked(asynchronous, **route.given(server, messages=ASK, stream=stream))
        if stream:
            assert await read(reply, asynchronous)
        await asyncio.sleep(0.1)  # LiteLLM puts streams into its cache in tasks of its own
    assert len(server.journal) == 1
    found = memory.kept()
    assert [turn["framework"] for turn in found.turns] == ["litellm", "litellm"]
    assert statuses(memory) == [(route.provider, "complete")] * 2
    assert texts(found.messages) == [("user", HELLO), ("assistant", f"You said: {HELLO}")]


@pytest.mark.usefixtures("user", "cache")
async def test_a_cached_response_is_a_turn(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    for _ in range(2):
        await responded(asynchronous, **OPENAI.given(server, input=HELLO))
        await asyncio.sleep(0.1)
    assert len(server.journal) == 1
    assert statuses(memory) == [("openai", "complete")] * 2


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_mock_answers(stream: bool, asynchronous: bool, memory: Memory) -> None:
    given = {"model": "openai/gpt-5-mini", "messages": ASK, "mock_response": "Mocked."}
    reply = await asked(asynchronous, stream=stream, **given)
    if stream:
        assert await read(reply, asynchronous)
    found = memory.kept()
    assert statuses(memory) == [("openai", "complete")]
    assert texts(found.messages) == [("user", HELLO), ("assistant", "Mocked.")]


@pytest.mark.usefixtures("user")
async def test_a_provider_of_ones_own(
    asynchronous: bool, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = [{"provider": "own", "custom_handler": OwnLLM()}]
    monkeypatch.setattr(litellm, "custom_provider_map", handlers)
    await asked(asynchronous, model="own/model-1", messages=ASK)
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["provider"], turn["model"], turn["status"]) == ("own", "model-1", "complete")
    assert texts(found.messages) == [("user", HELLO), ("assistant", OwnLLM.SAID)]


# --- whose it is ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "whose"),
    [
        ({"metadata": {"memori_entity": ENTITY, "memori_process": "p"}}, ("p", None)),
        ({"litellm_metadata": {"memori.entity.id": ENTITY, "session_id": "m"}}, (None, "m")),
        ({"metadata": {"memori_entity": ENTITY, "session_id": "m"}}, (None, "m")),
        (
            {"metadata": {"memori_entity": ENTITY}, "litellm_session_id": "l", "user": "u"},
            (None, "l"),
        ),
        (
            {
                "metadata": {"memori_entity": ENTITY, "memori_session": "s", "session_id": "m"},
                "litellm_session_id": "l",
            },
            (None, "s"),
        ),
    ],
)
async def test_metadata_attributes(
    more: dict[str, Any],
    whose: tuple[str | None, str | None],
    route: Route,
    server: WireServer,
    memory: Memory,
) -> None:
    for asynchronous in (False, True):
        for stream in (False, True):
            given = route.given(server, messages=ASK, stream=stream)
            reply = await asked(asynchronous, **given, **more)
            if stream:
                await read(reply, asynchronous)
    router = Router(
        model_list=[{"model_name": "it", "litellm_params": route.given(server)}], num_retries=0
    )
    await router.acompletion("it", ASK, **more)
    turns = memory.kept().turns
    assert len(turns) == 5
    process, session = whose
    assert {turn["process"] for turn in turns} == {process}
    if session is not None:
        assert {turn["session"] for turn in turns} == {session}


async def test_the_apps_word_wins(route: Route, server: WireServer, memory: Memory) -> None:
    whose = {"memori_entity": "other", "memori_process": "p", "session_id": "m"}
    with attribution(entity=ENTITY, session="mine"):
        await asked(False, **route.given(server, messages=ASK, metadata=whose))
        await asked(True, **route.given(server, messages=ASK, metadata=whose))
    turns = memory.kept().turns
    assert [(turn["process"], turn["session"]) for turn in turns] == [("p", "mine")] * 2
    assert memory.kept("other").turns == []


async def test_a_user_is_no_entity(
    route: Route, server: WireServer, uninstrumented: Memory
) -> None:
    uninstrumented.instrument()
    await asked(False, **route.given(server, messages=ASK, user="user-1"))
    assert uninstrumented.kept("user-1").turns == []


@pytest.fixture
def traced(memory: Memory) -> Iterator[None]:
    """LiteLLM's own requests are traced, and carry baggage."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(
        CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    )
    tracing = HTTPXClientInstrumentor()
    tracing.instrument(tracer_provider=memory.provider)
    yield
    tracing.uninstrument()
    propagate.set_global_textmap(before)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_no_baggage_of_ours_reaches_a_provider(
    stream: bool, server: WireServer, memory: Memory
) -> None:
    token = context.attach(baggage.set_baggage("app.tenant", "acme"))
    with attribution(entity=ENTITY, process="p", session="s"):
        reply = await asked(False, **ANTHROPIC.given(server, messages=ASK, stream=stream))
        if stream:
            for _ in reply:
                assert baggage.get_baggage("memori.entity.id") == ENTITY
    context.detach(token)
    (received,) = server.journal
    assert "traceparent" in received.headers
    assert received.headers["baggage"] == "app.tenant=acme"
    (turn,) = memory.kept().turns
    assert (turn["process"], turn["session"]) == ("p", "s")


async def test_consumers_are_outside(
    route: Route, server: WireServer, memory: Memory, user: None
) -> None:
    for _ in await asked(False, **route.given(server, messages=ASK, stream=True)):
        assert scope.current() is None
    async for _ in await asked(True, **route.given(server, messages=ASK, stream=True)):
        assert scope.current() is None
    for _ in await asked(False, **route.given(server, messages=ASK, stream=True)):
        await asked(True, **GEMINI.given(server, messages=ASK))
        break
    await settled()
    assert len(memory.kept().turns) == 4


async def test_concurrent_calls(route: Route, server: WireServer, memory: Memory) -> None:
    async def ask(number: int) -> None:
        with attribution(entity=f"user-{number}"):
            said = [{"role": "user", "content": f"number {number}"}]
            given = route.given(server, messages=said, stream=number % 2 == 0)
            reply = await asked(True, **given)
            if number % 2 == 0:
                await read(reply, True)

    await asyncio.gather(*map(ask, range(12)))
    for number in range(12):
        found = memory.kept(f"user-{number}")
        assert [turn["status"] for turn in found.turns] == ["complete"]
        assert texts(found.messages)[0][1] == f"number {number}"


# --- streams left, failures -----------------------------------------------------------------------


def assert_partial(memory: Memory, *, some: bool = True) -> dict[str, Any]:
    """One incomplete turn: the user's message, then a beginning of the reply."""
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["status"], turn["framework"]) == ("incomplete", "litellm")
    (asked_, first), *rest = texts(found.messages)
    assert (asked_, first) == ("user", HELLO)
    reply = "".join(said for _, said in rest)
    assert SAID.startswith(reply)
    assert reply != SAID
    assert bool(reply) is some
    assert len(memory.spans()) == 1
    return turn


@pytest.fixture(params=CELLS)
def any_route(request: pytest.FixtureRequest) -> Route:
    found: Route = request.param
    return found


async def opened(route: Route, server: WireServer, asynchronous: bool, chunks: int = 6) -> Any:
    server.script(SLOW)
    stream = await asked(asynchronous, **route.given(server, messages=ASK, stream=True))
    for _ in range(chunks):
        await anext(stream) if asynchronous else next(stream)
    return stream


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "dropped"])
async def test_streams_left(
    any_route: Route, closed: bool, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    stream = await opened(any_route, server, asynchronous)
    if closed and asynchronous:
        await stream.aclose()
    elif closed:
        stream.close()
    if not closed or any_route is OPENAI:
        del stream  # OpenAI's own stream hears of it no sooner
    await settled()
    assert_partial(memory)


@pytest.mark.usefixtures("user")
async def test_never_read(
    route: Route, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    stream = await opened(route, server, asynchronous, chunks=0)
    del stream
    await settled()
    turns = memory.kept().turns
    assert [turn["status"] for turn in turns] == ["incomplete"]


@pytest.mark.usefixtures("user")
async def test_cancelled_while_streaming(
    any_route: Route, server: WireServer, memory: Memory
) -> None:
    chunks: list[Any] = []

    async def consume() -> None:
        stream = await asked(True, **any_route.given(server, messages=ASK, stream=True))
        async for chunk in stream:
            chunks.append(chunk)  # noqa: PERF401 - counted while it runs

    server.script(SLOW)
    task = asyncio.create_task(consume())
    while len(chunks) < 6:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    await settled()
    assert_partial(memory)


@pytest.mark.usefixtures("user")
async def test_cancelled_before_the_first_byte(
    route: Route, server: WireServer, memory: Memory
) -> None:
    server.script(text("too late", first_byte_after=1.0))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asked(True, **route.given(server, messages=ASK)), 0.5)
    found = memory.kept()
    assert statuses(memory) == [(route.provider, "incomplete")]
    assert texts(found.messages) == [("user", HELLO)]


@pytest.mark.usefixtures("user")
async def test_an_exception_in_the_loop_body(
    route: Route, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    async def consume() -> None:
        stream = await opened(route, server, asynchronous)
        raise LookupError("mine", stream.model)

    with pytest.raises(LookupError, match="mine"):
        await consume()
    await settled()
    assert_partial(memory)


@pytest.mark.usefixtures("user")
async def test_a_connection_cut_midway(
    any_route: Route, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(text(SAID, pieces=20, cut_after=9))
    stream = await asked(asynchronous, **any_route.given(server, messages=ASK, stream=True))
    with pytest.raises(Exception, match=r"(?i)peer closed|connection|incomplete"):
        await read(stream, asynchronous)
    turn = assert_partial(memory)
    assert turn["error_type"]


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(("after", "status"), [(0, "error"), (9, "incomplete")])
async def test_an_error_inside_a_stream(
    after: int, status: str, route: Route, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(text(SAID, pieces=20, error_after=after, error="fell over"))
    stream = await asked(asynchronous, **route.given(server, messages=ASK, stream=True))
    with pytest.raises(Exception, match="fell over"):
        await read(stream, asynchronous)
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["status"], "fell over" in turn["error_message"]) == (status, True)
    assert texts(found.messages)[0] == ("user", HELLO)
    assert (len(found.messages) > 1) is (after > 0)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "status", [400, *(pytest.param(status, marks=pytest.mark.slow) for status in (429, 500))]
)
async def test_failures(
    status: int,
    stream: bool,
    any_route: Route,
    asynchronous: bool,
    server: WireServer,
    memory: Memory,
) -> None:
    server.script(Answer(status=status, error="no such luck"))
    given = any_route.given(server, messages=ASK, stream=stream, max_retries=0)
    with pytest.raises(Exception, match="no such luck") as raised:
        await read(await asked(asynchronous, **given), asynchronous)
    assert type(raised.value).__module__.startswith("litellm")
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["status"], turn["provider"]) == ("error", any_route.provider)
    assert "no such luck" in turn["error_message"]
    assert texts(found.messages) == [("user", HELLO)]


async def responded(asynchronous: bool, **given: Any) -> Any:
    """What the Responses API gives."""
    return await litellm.aresponses(**given) if asynchronous else litellm.responses(**given)


@pytest.mark.usefixtures("user")
async def test_responses_left(
    route: Route, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    """Also one that LiteLLM makes of a chat: a stream in a stream, and one turn."""
    server.script(SLOW)
    stream = await responded(asynchronous, **route.given(server, input=HELLO, stream=True))
    for _ in range(8):
        await anext(stream) if asynchronous else next(stream)
    del stream
    await settled()
    assert_partial(memory)


@pytest.mark.usefixtures("user")
async def test_responses_failing(
    route: Route, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(Answer(status=400, error="no such luck"))
    with pytest.raises(litellm.BadRequestError, match="no such luck"):
        await responded(asynchronous, **route.given(server, input=HELLO))
    assert statuses(memory) == [(route.provider, "error")]


@pytest.mark.usefixtures("user")
async def test_an_unknown_provider(asynchronous: bool, memory: Memory) -> None:
    with pytest.raises(litellm.BadRequestError):
        await asked(asynchronous, model="nobody/knows", messages=ASK)
    # Asked asynchronously, LiteLLM looks for the provider before it begins.
    expected = [] if asynchronous else [("nobody", "error")]
    assert statuses(memory) == expected


async def test_nothing_stays_open(
    route: Route, server: WireServer, memory: Memory, user: None
) -> None:
    server.default = lambda received: text("One two three four.", pieces=8)
    for number in range(12):
        said = [{"role": "user", "content": f"number {number}"}]
        given = route.given(server, messages=said)
        stream = await asked(number % 2 == 0, stream=True, **given)
        if number % 2:
            next(stream)
        elif number % 4:
            await anext(stream)
        if number % 3 == 0:
            await asked(number % 2 == 0, **given)
    del stream
    await settled()
    assert len(memory.kept().turns) == 16
    assert not call._open
    assert not len(_following._records)


# --- on and off -----------------------------------------------------------------------------------


async def test_suppressed(route: Route, server: WireServer, memory: Memory, user: None) -> None:
    with suppress_instrumentation():
        await asked(False, **route.given(server, messages=ASK))
        await asked(True, **route.given(server, messages=ASK))
        list(await asked(False, **route.given(server, messages=ASK, stream=True)))
    assert memory.kept().turns == []


CLASSES = (
    litellm.CustomStreamWrapper,
    litellm.caching.caching_handler.LLMCachingHandler,
    sys.modules["litellm.responses.streaming_iterator"].SyncResponsesAPIStreamingIterator,
)


def patched() -> dict[str, Any]:
    """All that is patched, to be compared by identity."""
    found: dict[str, Any] = {
        f"{owner.__name__}.{name}": value
        for owner in CLASSES
        for name, value in vars(owner).items()
    }
    for module, name in (("litellm.main", "completion"), ("litellm.responses.main", "responses")):
        function = getattr(sys.modules[module], name)
        found[name] = function
        names = function.__code__.co_freevars
        found |= {
            f"{name}.{variable}": cell.cell_contents
            for variable, cell in zip(names, function.__closure__, strict=True)
        }
    return found


async def test_uninstrument_puts_everything_back(
    route: Route, server: WireServer, uninstrumented: Memory, user: None
) -> None:
    before = patched()
    for _ in range(2):
        uninstrumented.instrument()
        changed = {name for name, value in patched().items() if before[name] is not value}
        assert {"completion.original_function", "responses.original_function"} < changed
        assert "CustomStreamWrapper.__next__" in changed
        await asked(False, **route.given(server, messages=ASK))
        uninstrumented.uninstrument()
        after = patched()
        assert [name for name, value in after.items() if before[name] is not value] == []
        await asked(False, **route.given(server, messages=ASK))
    uninstrumented.instrument()
    assert len(uninstrumented.kept().turns) == 2


async def test_a_stream_open_while_switching_off_still_reads(
    route: Route, asynchronous: bool, server: WireServer, uninstrumented: Memory, user: None
) -> None:
    uninstrumented.instrument()
    stream = await asked(asynchronous, **route.given(server, messages=ASK, stream=True))
    uninstrumented.uninstrument()
    assert await read(stream, asynchronous)


PROGRAM = """
import sys
order, database, url = sys.argv[1:]
from memori_instrumentation import MemoriInstrumentor, attribution
if order == "litellm-first":
    from litellm import completion
instrumentor = MemoriInstrumentor()
instrumentor.instrument(database=database, extractor="none", embedder="none", worker=False)
assert order == "litellm-first" or "litellm" not in sys.modules, "instrument() imported LiteLLM"
from litellm import completion
with attribution(entity="user-1"):
    messages = [{"role": "user", "content": "Hi"}]
    completion(model="anthropic/c", messages=messages, api_base=url, api_key="k")
"""


@pytest.mark.slow  # for LiteLLM is, to import
@pytest.mark.timeout(300)
@pytest.mark.parametrize("order", ["litellm-first", "memori-first"])
def test_import_order_and_flush_at_exit(
    order: str, server: WireServer, uninstrumented: Memory, tmp_path: Path
) -> None:
    program = [sys.executable, "-c", PROGRAM, order, uninstrumented.database, server.url]
    done = subprocess.run(
        program, capture_output=True, text=True, timeout=280, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    found = uninstrumented.kept(ENTITY)
    assert [row["text"] for row in found.messages] == ["Hi", "You said: Hi"]


async def test_both_apis_are_told_apart(server: WireServer, memory: Memory, user: None) -> None:
    """A chat whose model only speaks the Responses API is one turn all the same."""
    given = OPENAI.given(server, model="openai/responses/gpt-5-mini", messages=ASK)
    await asked(False, **given)
    assert server.journal[0].path.endswith("/responses")
    told(OPENAI, memory, server)
