"""Whose call a span tells of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign_spans import content, span
from opentelemetry import propagate
from opentelemetry.sdk.trace import TracerProvider

from memori_instrumentation import MemoriSpanProcessor, Settings, SettingsError, attribution
from memori_instrumentation._attribution import Attribution, current
from memori_instrumentation.capture.foreign import Heard, turn_of
from memori_instrumentation.config import SpanAttribution
from wire.check import kept
from wire.memory import Memory

ENTITIES = [
    "user.id",
    "enduser.id",
    "traceloop.association.properties.user_id",
    "langfuse.user.id",
    "ai.telemetry.metadata.userId",
]
SESSIONS = [
    "session.id",
    "gen_ai.conversation.id",
    "traceloop.association.properties.session_id",
    "langfuse.session.id",
    "ai.telemetry.metadata.sessionId",
]


def whose(
    attributes: dict[str, Any],
    believed: SpanAttribution = "memori",
    who: Attribution = Attribution(),  # noqa: B008 - immutable
    defaults: Attribution = Attribution(),  # noqa: B008
) -> Attribution:
    heard = Heard.of_span(span(content(**attributes)), who)
    turn = turn_of(heard, believed, defaults, "default")
    assert turn is not None
    return Attribution(turn.entity, turn.process, turn.session)


@pytest.mark.parametrize("name", ENTITIES)
def test_the_apps_entity_counts_only_where_it_is_believed(name: str) -> None:
    assert whose({name: "ana"}).entity is None
    assert whose({name: "ana"}, "app").entity == "ana"


@pytest.mark.parametrize("name", SESSIONS)
@pytest.mark.parametrize("believed", ["memori", "app"])
def test_the_apps_session_counts(name: str, believed: Any) -> None:
    assert whose({name: "s-1"}, believed).session == "s-1"


def test_the_agents_name_is_the_process() -> None:
    assert whose({"gen_ai.agent.name": "bot"}).process == "bot"


def test_what_was_said_to_memori_counts_first() -> None:
    attributes = {"user.id": "app", "session.id": "app", "gen_ai.agent.name": "app"}
    defaults = Attribution("default", "default", "default")
    assert whose(attributes, "app", Attribution("ana"), defaults) == ("ana", "app", "app")
    stated = {**attributes, "memori.entity.id": "ben", "memori.session.id": "s"}
    assert whose(stated, "app", Attribution("ana"), defaults) == ("ben", "app", "s")
    assert whose({}, "app", Attribution(), defaults) == defaults


@pytest.mark.parametrize("id", ["", "  ", "x" * 20_000, "a\x00b", ("a", "b")])
def test_what_cannot_be_an_id_is_none(id: Any) -> None:
    attributes = {"user.id": id, "enduser.id": "ana", "memori.session.id": id}
    assert whose(attributes, "app") == ("ana", None, "default")


def test_numbers_are_ids() -> None:
    assert whose({"user.id": 7}, "app").entity == "7"


def test_the_setting_takes_two_values() -> None:
    assert Settings.resolve({}).span_attribution == "memori"
    assert Settings.resolve({"MEMORI_SPAN_ATTRIBUTION": "app"}).span_attribution == "app"
    with pytest.raises(SettingsError, match="MEMORI_SPAN_ATTRIBUTION"):
        Settings.resolve({"MEMORI_SPAN_ATTRIBUTION": "yes"})


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "unmarked"])
def test_the_block_that_a_span_starts_in_says_whose_it_is(tmp_path: Path, marked: bool) -> None:
    """Not the one that it ends in: streams are read anywhere. Spans that say nothing of models when
    they start are known all the same, and no attribute of ours is put on them."""
    database = f"sqlite:///{tmp_path}/m.db"
    provider = TracerProvider()
    processor = MemoriSpanProcessor(database=database, worker=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("x")
    with attribution(entity="ana", session="s"):
        told = tracer.start_span("x", attributes=content() if marked else {})
        plain = tracer.start_span("GET /")
    with attribution(entity="ben"):
        told.set_attributes(content())
        for each in (told, plain):
            each.end()
    assert ("memori.entity.id" in (told.attributes or {})) == marked  # type: ignore[attr-defined]
    assert not plain.attributes  # type: ignore[attr-defined]
    assert not processor._whose
    processor.shutdown()
    assert [turn["session"] for turn in kept(database, "ana").turns] == ["s"]
    assert kept(database, "ben").turns == []


def test_what_is_in_force_may_come_back_through_headers(uninstrumented: Memory) -> None:
    """Logfire carries contexts along like that; what a stranger sends is not believed."""
    uninstrumented.instrument()
    carrier: dict[str, str] = {}
    with attribution(entity="ana"):
        propagate.inject(carrier)
        assert current(propagate.extract(carrier)).entity == "ana"
        with attribution(entity="ben"):
            assert current(propagate.extract(carrier)).entity is None
    assert current(propagate.extract(carrier)).entity is None
