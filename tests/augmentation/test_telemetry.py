import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from memori_instrumentation.telemetry import content_on_spans, link_to, memory_span

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("true", True),
        ("SPAN_ONLY", True),
        (" span_and_event ", True),
        ("event_only", False),
        ("no_content", False),
        ("false", False),
        ("", False),
    ],
)
def test_content_is_on_spans_when_asked_for(value: str, wanted: bool) -> None:
    assert content_on_spans({CAPTURE: value}) is wanted
    assert not content_on_spans({})


def test_links_lead_to_valid_spans_only() -> None:
    link = link_to("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert link is not None
    assert link.context.is_remote
    assert link.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C
    assert link_to("", "") is link_to("0" * 32, "0" * 16) is link_to("x", "1") is None


@pytest.mark.parametrize("content", [True, False])
def test_a_search_span(
    provider: TracerProvider,
    exporter: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
    content: bool,
) -> None:
    monkeypatch.setenv(CAPTURE, "span_only" if content else "")
    with memory_span(
        "search_memory", entity="user-1", query="where?", tracer_provider=provider
    ) as span:
        span.set_records([{"id": "m1", "content": "User lives in Zürich", "score": 0.5}])
    (done,) = exporter.get_finished_spans()
    assert (done.name, done.kind) == ("search_memory", SpanKind.INTERNAL)
    expected = {
        "gen_ai.operation.name": "search_memory",
        "gen_ai.memory.store.id": "user-1",
        "gen_ai.memory.record.count": 1,
        "memori.entity.id": "user-1",
    }
    if content:
        expected["gen_ai.memory.query.text"] = "where?"
        expected["gen_ai.memory.records"] = (
            '[{"id": "m1", "content": "User lives in Zürich", "score": 0.5}]'
        )
    assert dict(done.attributes or {}) == expected


def test_an_error_is_named_and_goes_on(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    with (
        pytest.raises(KeyError, match="secret"),
        memory_span("delete_memory", tracer_provider=provider),
    ):
        raise KeyError("secret")
    (done,) = exporter.get_finished_spans()
    assert done.status.status_code is StatusCode.ERROR
    assert (done.attributes or {})["error.type"] == "KeyError"
    assert "secret" not in str(done.to_json())
