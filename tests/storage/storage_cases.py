"""Turns and messages to test with, and backends to test on."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any

from sqlalchemy import make_url

from memori_storage import Store
from memori_storage.records import Message, NewMemory, StoredMessage, Turn

START = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = itertools.count(1)


def text(role: str, content: str) -> Message:
    return Message(role, [{"type": "text", "content": content}])


def user(content: str) -> Message:
    return text("user", content)


def assistant(content: str) -> Message:
    return text("assistant", content)


def turn(*messages: Message, **fields: Any) -> Turn:
    """A turn whose last message is the reply, unless ``output`` says otherwise."""
    number = next(_numbers)
    given, output = messages[:-1], messages[-1:]
    values: dict[str, Any] = {
        "id": f"{number:048x}",
        "entity": "user-1",
        "process": "agent",
        "session": "chat",
        "provider": "openai",
        "operation": "chat",
        "model": "gpt-x",
        "status": "complete",
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "started_at": START + timedelta(seconds=number),
        "ended_at": START + timedelta(seconds=number, milliseconds=500),
        "input": given,
        "output": output,
    }
    return Turn(**(values | fields))


def exchange(number: int, **fields: Any) -> Turn:
    return turn(user(f"question {number}"), assistant(f"answer {number}"), **fields)


def memory(message: StoredMessage, content: str = "likes tea", **fields: Any) -> NewMemory:
    values: dict[str, Any] = {
        "kind": "preference",
        "content": content,
        "key": content.casefold(),
        "message_id": message.id,
        "observed_at": message.created_at,
        "extractor": "test/1",
    }
    return NewMemory(**(values | fields))


def texts(store: Store, entity: str = "user-1", session: str | None = None) -> list[str]:
    return [message.text for message in store.messages_of(entity, session)]


def django_settings(url: str) -> dict[str, Any]:
    """A URL's database, as Django's settings name it."""
    it = make_url(url)
    backend = it.get_backend_name()
    if backend == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": it.database}
    place = {"NAME": it.database, "HOST": it.host, "PORT": it.port}
    user = {"USER": it.username, "PASSWORD": it.password or ""}
    if backend == "postgresql":
        return {
            "ENGINE": "django.db.backends.postgresql",
            "OPTIONS": dict(it.query),
            **place,
            **user,
        }
    if not find_spec("MySQLdb"):
        import pymysql

        pymysql.version_info = (2, 2, 7, "final", 0)  # Django asks for mysqlclient's releases
        pymysql.install_as_MySQLdb()
    return {"ENGINE": "django.db.backends.mysql", **place, **user}
