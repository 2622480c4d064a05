"""What a database of a released revision holds: rows that every later release has to upgrade.

A change that adds a revision first writes down what the last one stores, and never changes that::

    PYTHONPATH=tests/storage python tests/storage/released_rows.py

``released/REVISION.json`` has the rows by table, as the database has them (bytes in hex), and what
a store then gives for them.
"""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, column, create_engine, insert, table, text
from storage_cases import START, assistant, memory, turn, user

from memori_storage import Store, open_store
from memori_storage.records import Message, Vector
from memori_storage.schema import SCHEMA_VERSION, metadata

RELEASED = Path(__file__).parent / "released"
ENTITIES = ("user-1", "\u0417\u043e\u044f", "\u7530\u4e2d \U0001f60a")


def fill(store: Store) -> None:
    """Store something of everything there is."""
    call = {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"where": "caf\u00e9"}}
    result = {"type": "tool_call_response", "id": "c1", "response": "open until 18:00"}
    history = [
        Message("system", [{"type": "text", "content": "Be kind."}]),
        user("I live in Z\u00fcrich. \u4f60\u597d \U0001f44b"),
        Message("assistant", [call]),
        Message("tool", [result]),
    ]
    usage = {"input_tokens": 12, "output_tokens": 3}
    store.add_turns(
        [
            turn(*history[:3], id="a1", session="one", usage=usage, finish_reasons=["tool_calls"]),
            turn(*history, assistant("Until six."), id="a2", session="one", response_id="r1"),
            turn(user("yes"), assistant("ok"), id="b1", entity=ENTITIES[1], session="one"),
            turn(user("yes"), assistant("so"), id="c1", entity=ENTITIES[2], process=None),
            turn(user("who?"), assistant("nobody"), id="n1", entity=None),
            turn(
                user("think"),
                Message("assistant", []),
                id="p1",
                entity=ENTITIES[1],
                session="later",
                status="incomplete",
                response_id="r2",
                error_type="Timeout",
                error_message="took too long",
            ),
        ]
    )
    for job in store.claim_jobs("worker", limit=3):
        said = next((it for it in job.messages if it.role == "user"), job.messages[0])
        kept = memory(
            said,
            f"lives in {said.text}",
            subject="user",
            predicate="lives_in",
            object="Z\u00fcrich",
            confidence=0.75,
            valid_from=START,
            valid_to=START + timedelta(days=365, microseconds=1),
        )
        vectors = [Vector(said.id, "model-x", bytes(range(8)))]
        store.finish_job(job, [kept], vectors)
    for job in store.claim_jobs("worker"):
        store.fail_job(job, "the model was away", retry_in=None)


def given_back(store: Store) -> dict[str, Any]:
    """What a store gives of everybody, as JSON has it."""
    everything = {name: list(store.export(name)) for name in ENTITIES}
    return json.loads(json.dumps(everything, ensure_ascii=False))  # type: ignore[no-any-return]


def rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """All rows as the database has them, by table, those that others name first."""
    found = {}
    for each in metadata.sorted_tables:
        some = connection.execute(text(f"SELECT * FROM {each.name}")).mappings()
        found[each.name] = [
            {k: f"hex:{v.hex()}" if isinstance(v, bytes) else v for k, v in row.items()}
            for row in some
        ]
    return found


def restore(connection: Connection, released: dict[str, list[dict[str, Any]]]) -> None:
    """Insert rows as they were."""
    for name, some in released.items():
        if some:
            into = table(name, *(column(each) for each in some[0]))
            values = [{key: _as_it_was(value) for key, value in row.items()} for row in some]
            connection.execute(insert(into), values)


def _as_it_was(value: Any) -> Any:
    is_bytes = isinstance(value, str) and value.startswith("hex:")
    return bytes.fromhex(value.removeprefix("hex:")) if is_bytes else value


def main() -> None:
    """Write down what this revision stores."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/memori.db"
        store = open_store(url)
        store.migrate()
        fill(store)
        engine = create_engine(url)
        with engine.connect() as connection:
            content = {"rows": rows(connection), "given": given_back(store)}
        engine.dispose()
        store.close()
    RELEASED.mkdir(exist_ok=True)
    written = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=False)
    (RELEASED / f"{SCHEMA_VERSION}.json").write_text(written + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
