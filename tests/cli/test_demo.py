"""The demo as users start it, and the check of its own that it must not fool itself with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memori_instrumentation.demo import server
from memori_instrumentation.demo.show import Kept, foreign
from memori_instrumentation.recall.memory import Memory, MemorySource

openai = pytest.importorskip("openai")


def test_the_demo_shows_what_was_stored_learned_and_recalled(memori, tmp_path):
    done = memori("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "6 turns" in done.stdout
    learned = done.stdout.partition("What was learned")[2].partition("What recall answers")[0]
    assert "Lyon" in learned
    assert "Oslo" in learned
    assert done.stdout.count("  yes  ") == 3
    assert f"  {tmp_path}/memori-demo.db\n" in done.stdout
    assert "\x1b" not in done.stdout
    again = memori("demo", env={"OPENAI_API_KEY": "not-for-the-loopback-server"})
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Replacing the memori-demo.db" in again.stdout
    assert "6 turns" in again.stdout
    exported = memori("--database", "sqlite:///memori-demo.db", "export", "--entity=ana")
    types = [json.loads(line)["type"] for line in exported.stdout.splitlines()]
    assert (types.count("turn"), types.count("message")) == (4, 8)


def test_the_program_holds_no_line_of_memory_code():
    source = Path(server.__file__).with_name("app.py").read_text()
    assert "memori" not in source


def test_without_the_sdk_it_says_what_to_install(memori, tmp_path):
    # A directory first on the path that hides the SDK, as if it had not been installed.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'openai' else real(name, *rest)\n"
    )
    done = memori("demo", env={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert 'pip install "memori-instrumentation[demo]"' in done.stderr


def test_a_failing_program_fails_the_demo(memori, tmp_path):
    done = memori("demo", "--live", env={
        "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "NO_PROXY": "127.0.0.1"
    })  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("memori-instrument: the chat program ended")


def memory(id: str, entity: str, *message_ids: str) -> Memory:
    now = datetime.now(UTC)
    sources = tuple(MemorySource(m, "t", "s", "0", "0") for m in message_ids)
    return Memory(id, "text", "fact", 1.0, entity, now, now, sources=sources)


def test_results_of_others_are_found_out():
    def kept(name: str) -> Kept:
        return Kept((), [{"id": f"{name}-said"}], [{"id": f"{name}-fact"}])

    users = {"ana": kept("ana"), "ben": kept("ben")}
    own = memory("ana-fact", "ana", "ana-said")
    leaks = [
        memory("ben-fact", "ben", "ben-said"),
        memory("ben-fact", "ana", "ana-said"),
        memory("ana-fact", "ana", "ben-said"),
        memory("from-nowhere", "ana", "ana-said"),
    ]
    assert foreign([own, *leaks], "ana", users["ana"], users) == leaks
    shared = {"ana": users["ana"], "ben": users["ana"]}
    assert foreign([own], "ana", users["ana"], shared) == [own]


def test_the_server_speaks_to_the_real_sdk_streamed_and_not():
    with server.serving() as url:
        client = openai.OpenAI(base_url=url, api_key="k", max_retries=0)
        ask = {"model": "m", "messages": [{"role": "user", "content": "What could I cook?"}]}
        whole = client.chat.completions.create(**ask)
        chunks = list(
            client.chat.completions.create(
                **ask, stream=True, stream_options={"include_usage": True}
            )
        )
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == whole.choices[0].message.content == server.REPLIES[0][1]
        assert chunks[-1].usage == whole.usage
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="m", input="x")
        client.close()
