"""From a program that knows nothing of memory to recall and export, each its own process."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest

from memori_instrumentation.demo.server import serving
from memori_storage.schema import SCHEMA_VERSION

pytest.importorskip("openai")

CHAT = """
import sys, openai
client, messages = openai.OpenAI(), []
for text in sys.argv[1:]:
    messages.append({"role": "user", "content": text})
    reply = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    messages.append({"role": "assistant", "content": reply.choices[0].message.content})
"""
ANA = ["I live in Lyon.", "I love \N{SNOWFLAKE} 滑雪\x1b[31m and\nred wine."]
BEN = ["I live in Oslo."]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database that two users' runs of a chat program have been remembered in."""
    directory = tmp_path_factory.mktemp("cli")
    url = f"sqlite:///{directory}/memori.db"
    with serving() as base_url:
        for entity, session, says in (("ana", "s-ana", ANA), ("ben", "s-ben", BEN)):
            command = [sys.executable, "-m", "memori_instrumentation.cli", "--database", url]
            who = ["--entity", entity, "--session", session, "--process", "chat"]
            subprocess.run(
                [*command, *who, sys.executable, "-c", CHAT, *says],
                env={"PATH": "/bin", "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "k"},
                cwd=directory,
                check=True,
                timeout=100,
            )
    return url


def lines(done: subprocess.CompletedProcess[str]) -> list[dict]:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_export_is_json_lines_of_everything_and_nothing_else(memori, database):
    exported = lines(memori("export", "--entity", "ana", "--database", database))
    turns = [line for line in exported if line["type"] == "turn"]
    messages = [line for line in exported if line["type"] == "message"]
    assert [line["type"] for line in exported[: len(turns)]] == ["turn"] * 2
    assert {turn["status"] for turn in turns} == {"complete"}
    assert {(turn["session"], turn["process"]) for turn in turns} == {("s-ana", "chat")}
    assert [m["text"] for m in messages if m["role"] == "user"] == ANA
    assert [m["role"] for m in messages] == ["user", "assistant"] * 2
    assert all(line["id"] for line in exported)
    assert any(line["type"] == "memory" and "Lyon" in line["content"] for line in exported)
    assert "Oslo" not in json.dumps(exported)


def test_export_does_not_depend_on_the_locale(memori, database):
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = memori("export", "--entity", "ana", "--database", database, env=env)
    assert "\N{SNOWFLAKE} 滑雪" in done.stdout


def test_export_of_an_unknown_entity_is_empty(memori, database):
    assert lines(memori("export", "--entity", "nobody", "--database", database)) == []


def test_recall_answers_with_the_entitys_own(memori, database):
    for entity, place, other in (("ana", "Lyon", "Oslo"), ("ben", "Oslo", "Lyon")):
        asked = ["recall", "where does the user live?", "--entity", entity]
        done = memori(*asked, env={"MEMORI_DATABASE_URL": database})
        assert done.returncode == 0, done.stderr
        assert place in done.stdout
        assert other not in done.stdout


def test_recall_prints_no_control_characters(memori, database):
    done = memori("--database", database, "recall", "red wine", "--entity", "ana")
    assert "red wine" in done.stdout
    assert "\x1b" not in done.stdout
    assert all(len(line.split()) > 4 for line in done.stdout.splitlines())


def test_recall_json_has_scores_and_provenance(memori, database):
    asked = ["recall", "red wine", "--entity", "ana", "--json", "--limit", "1"]
    found = lines(memori("--database", database, *asked))
    assert len(found) == 1
    assert "red wine" in found[0]["content"]
    assert found[0]["entity"] == "ana"
    assert found[0]["session"] == "s-ana"
    assert isinstance(found[0]["score"], float)
    assert {"trace_id", "span_id", "message_ids", "parts", "sources", "kind"} <= set(found[0])
    exported = lines(memori("export", "--entity", "ana", "--database", database))
    assert set(found[0]["message_ids"]) <= {x["id"] for x in exported if x["type"] == "message"}


def test_recall_narrows_to_a_session(memori, database):
    done = memori(
        "--database", database, "recall", "Lyon", "--entity", "ana", "--session", "elsewhere"
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("\n") == 1


def test_options_in_front_of_a_sub_command_count(memori, database):
    done = memori("--database", database, "--entity", "ben", "recall", "Oslo")
    assert "Oslo" in done.stdout


def test_a_reader_that_stops_reading_is_no_error(memori, environ, database):
    command = f"{sys.executable} -m memori_instrumentation.cli export --entity ana"
    done = subprocess.run(
        ["sh", "-c", f"{command} --database {database} | true"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["recall", "x"], 2, "say whose memories with --entity ID, or set MEMORI_ENTITY"),
        (["export"], 2, "say whose memories with --entity ID, or set MEMORI_ENTITY"),
        (["recall", "--entity", "a"], 2, "the following arguments are required: query"),
        (["recall", "x", "--nope"], 2, "unrecognized arguments: --nope"),
        (["recall", "x", "--entity", " "], 2, "entity must not be empty"),
        (["export", "--entity", "a"], 2, "cannot open the database memori.db: there is no such"),
        (
            ["export", "--entity", "a", "--database", "foo://x"],
            2,
            "foo databases are not supported",
        ),
        (["export", "--entity", "a", "--database", "x"], 2, "database is not a database URL"),
        (["export", "--entity", "a", "--database", "sqlite:////dev/null/x"], 2, "cannot open the"),
        (["demo", "--live"], 2, "--live needs OPENAI_API_KEY"),
    ],
)
def test_mistakes_are_one_line(memori, arguments, code, says):
    done = memori(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


@pytest.mark.parametrize(("option", "value"), [("--limit", "0"), ("--limit", "x")])
def test_limits_are_checked(memori, database, option, value):
    done = memori("--database", database, "recall", "x", "--entity", "a", option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_an_unreachable_server_is_one_line_without_the_password(memori):
    pytest.importorskip("psycopg")
    url = "postgresql://a:secret@127.0.0.1:1/x"
    done = memori("export", "--entity", "a", "--database", url)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_the_schema_is_upgraded_and_looked_at(memori, tmp_path):
    url = f"sqlite:///{tmp_path / 'new.db'}"

    def db(action):
        done = memori("db", action, "--database", url)
        return done.returncode, (done.stdout + done.stderr).strip()

    code, said = db("check")
    assert (code, said.count("\n")) == (2, 0)
    assert "no such file" in said
    assert not (tmp_path / "new.db").exists()
    sqlite3.connect(tmp_path / "new.db").execute("VACUUM")
    assert db("current") == (0, f"database: none\nthis release: {SCHEMA_VERSION}")
    code, said = db("check")
    assert (code, said.count("\n")) == (1, 0)
    assert "memori-instrument db upgrade" in said
    assert db("upgrade") == (0, f"schema upgraded: none to {SCHEMA_VERSION}")
    assert db("upgrade") == (0, f"schema {SCHEMA_VERSION} is current")
    assert db("check") == (0, f"schema {SCHEMA_VERSION} is current")
    with sqlite3.connect(tmp_path / "new.db") as database:
        database.execute("UPDATE memori_schema_version SET version_num = '9999'")
    assert db("current") == (0, f"database: 9999\nthis release: {SCHEMA_VERSION}")
    for action in ("check", "upgrade"):
        code, said = db(action)
        assert code == 2
        assert "upgrade memori-instrumentation" in said
    assert memori("db", "drop").returncode == 2


@pytest.mark.parametrize("name", ["recall", "export", "db", "worker", "demo"])
def test_sub_commands_explain_themselves(memori, name):
    assert memori(name, "--help").stdout.startswith(f"usage: memori-instrument {name}")


def test_tables_are_named_by_the_settings(memori, tmp_path):
    path = tmp_path / "new.db"
    sqlite3.connect(path).execute("VACUUM")

    def db(action, **env):
        done = memori("db", action, "--database", f"sqlite:///{path}", env=env)
        return done.returncode, done.stderr.strip()

    for action, code in (("check", 1), ("upgrade", 0), ("check", 0)):
        assert db(action, MEMORI_TABLE_PREFIX="acme_")[0] == code
    with sqlite3.connect(path) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert ("acme_turns",) in tables
    assert not any(name.startswith("memori_") for (name,) in tables)
    for env, named in (
        ({"MEMORI_TABLE_PREFIX": "Acme-"}, "Acme-"),
        ({"MEMORI_SCHEMA": "ai"}, "no schemas"),
    ):
        code, said = db("check", **env)
        assert (code, said.count("\n")) == (2, 0)
        assert named in said
