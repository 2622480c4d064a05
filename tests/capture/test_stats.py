"""The pipeline's metrics, as a team's own metric reader collects them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from wire.server import WireServer

PROGRAM = """
import json, sys
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))

from memori_instrumentation import MemoriInstrumentor, attribution
import openai
MemoriInstrumentor().instrument(database=sys.argv[2], embedder="none")
client = openai.OpenAI(api_key="test", base_url=sys.argv[1])
def ask(text):
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])
with attribution(entity="ana"):
    ask("I live in Lyon.")
    ask("I like tea.")
ask("nobody said this")
assert MemoriInstrumentor().flush(20)
found = {}
for resource in reader.get_metrics_data().resource_metrics:
    for scope in resource.scope_metrics:
        for metric in scope.metrics:
            point = metric.data.data_points[0]
            found[metric.name] = getattr(point, "value", None) or getattr(point, "count", 0)
print(json.dumps(found))
"""


def test_what_is_captured_stored_learned_and_left_out_is_counted(
    server: WireServer, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"{server.url}/v1", f"sqlite:///{tmp_path}/m.db"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found.pop("memori.store.write.duration") >= 1
    assert found == {
        "memori.turns.captured": 3,
        "memori.turns.stored": 2,
        "memori.turns.unattributed": 1,
        "memori.turns.spooled": 0,
        "memori.turns.dropped": 0,
        "memori.turns.failed": 0,
        "memori.memories.learned": 2,
        "memori.queue.length": 0,
    }
    # One line says what to do about the call that nobody owns.
    assert done.stderr.count("names no entity") == 1
