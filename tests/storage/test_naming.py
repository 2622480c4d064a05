"""Tables under other names: a prefix, a schema."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, inspect, make_url
from storage_cases import exchange, texts

from memori_storage import StoreConfigurationError, open_store


def tables(url: str, schema: str | None = None) -> dict[str, set[str]]:
    """Tables and their indexes."""
    engine = create_engine(url)
    look = inspect(engine)
    found = {
        name: {str(index["name"]) for index in look.get_indexes(name, schema=schema)}
        for name in look.get_table_names(schema=schema)
    }
    engine.dispose()
    return found


def test_prefixes_do_not_see_each_other(shared_url: str) -> None:
    plain = open_store(shared_url)
    other = open_store(shared_url, table_prefix="acme_")
    third = open_store(shared_url, table_prefix="memori_")
    for store in (plain, other, other, third):
        store.migrate()
        assert store.schema().is_current
    plain.add_turns([exchange(1)])
    assert texts(other) == []
    other.add_turns([exchange(2), exchange(3, session="s2")])
    (job, _) = other.claim_jobs("w")
    other.finish_job(job)
    assert texts(plain) == texts(third) == ["question 1", "answer 1"]
    assert len(texts(other)) == 4
    assert plain.pending_jobs() == other.pending_jobs() == 1
    for store in (plain, other, third):
        store.close()
    found = tables(shared_url)
    ours = {f"acme_{name.removeprefix('memori_')}" for name in found if name.startswith("memori_")}
    assert ours == {name for name in found if name.startswith("acme_")}
    indexes = found["acme_turns"]
    assert all("acme_" in name for name in indexes if not name.startswith("PRIMARY"))


@pytest.mark.parametrize("prefix", ["memori_a_", "memori_memori_", "memori_turns_", "x"])
def test_any_prefix_is_put_once(prefix: str, shared_url: str) -> None:
    store = open_store(shared_url, table_prefix=prefix)
    for _ in range(2):
        store.migrate()
    assert store.schema().is_current
    store.add_turns([exchange(1)])
    assert texts(store) == ["question 1", "answer 1"]
    store.close()
    found = tables(shared_url)
    assert f"{prefix}turns" in found
    assert all(name.startswith(prefix) for name in found)


def test_an_engine_that_was_given_is_left_as_it_is(shared_url: str) -> None:
    engine = create_engine(shared_url)
    store = open_store(engine, table_prefix="acme_")
    store.migrate()
    with engine.connect() as connection:
        statement = "SELECT 'memori_turns'"
        assert connection.exec_driver_sql(statement).scalar() == "memori_turns"
    engine.dispose()


@pytest.mark.parametrize("prefix", ["", "1a", "a-b", "A", "a" * 25, 'a"', "a b"])
def test_prefixes_that_cannot_be(prefix: str) -> None:
    with pytest.raises(StoreConfigurationError, match="table_prefix"):
        open_store("sqlite://", table_prefix=prefix)


@pytest.fixture
def schema(postgresql_url: str) -> Iterator[str]:
    name = make_url(postgresql_url).query["application_name"]
    made = f"{name}_own"
    yield made
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f'DROP SCHEMA IF EXISTS "{made}" CASCADE')
    engine.dispose()


@pytest.mark.postgresql
@pytest.mark.parametrize("prefix", [None, "acme_"])
def test_a_schema(prefix: str | None, postgresql_url: str, schema: str) -> None:
    store = open_store(postgresql_url, schema=schema, table_prefix=prefix)
    with pytest.raises(Exception, match=r"call migrate\(\)"):
        store.add_turns([exchange(1)])
    for _ in range(2):
        store.migrate()
    store.add_turns([exchange(1)])
    assert texts(store) == ["question 1", "answer 1"]
    store.close()
    assert tables(postgresql_url) == {}
    assert f"{prefix or 'memori_'}turns" in tables(postgresql_url, schema)


def test_databases_without_schemas() -> None:
    for url in ("sqlite://", "mongodb://localhost/x"):
        if url.startswith("mongodb"):
            pytest.importorskip("pymongo")
        with pytest.raises(StoreConfigurationError, match="no schemas"):
            open_store(url, schema="x")


@pytest.mark.postgresql
@pytest.mark.parametrize("schema", ["", 'a"; DROP', "1"])
def test_schemas_that_cannot_be(schema: str, postgresql_url: str) -> None:
    with pytest.raises(StoreConfigurationError, match="schema="):
        open_store(postgresql_url, schema=schema)
