"""Search by the database's own vectors, against the same done with numpy."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import create_engine, make_url, text
from storage_cases import exchange

from memori_storage import Store, StoreError, open_store
from memori_storage.records import Vector
from memori_storage.sql import SqlStore


@pytest.mark.parametrize("driver", ["mysql+pymysql", "mysql+oceanbase"])
def test_nearest_is_what_numpy_finds(seekdb_url: str, driver: str) -> None:
    store = open_store(make_url(seekdb_url).set(drivername=driver))
    assert isinstance(store, SqlStore)
    store.migrate()
    store.add_turns([exchange(1), exchange(2, entity="user-2")])
    random = np.random.default_rng(1)
    matrix = random.normal(size=(300, 64)).astype("<f4")
    asked = random.normal(size=64).astype("<f4")

    def expected(rows: np.ndarray, limit: int) -> list[tuple[str, float]]:
        norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(asked)
        distances = 1 - rows @ asked / norms
        return [(f"item {n}", float(distances[n])) for n in np.argsort(distances)[:limit]]

    def check(rows: np.ndarray, limit: int = 10) -> None:
        found = store.nearest("user-1", asked.tobytes(), limit, "m")
        assert found is not None
        assert [near.item_id for near in found] == [item for item, _ in expected(rows, limit)]
        distances = [distance for _, distance in expected(rows, limit)]
        assert [near.distance for near in found] == pytest.approx(distances, abs=1e-5)

    def keep(start: int, end: int) -> None:
        store.add_vectors(
            "user-1", [Vector(f"item {n}", "m", matrix[n].tobytes()) for n in range(start, end)]
        )

    assert store.nearest("user-1", asked.tobytes(), 10, "m") == []
    keep(0, 200)
    check(matrix[:200])
    keep(200, 300)
    matrix[7] = asked * 3  # replaced by one in the very direction
    keep(7, 8)
    check(matrix)
    check(matrix, limit=1)
    # Neither another entity's, nor another model's, nor another size's.
    store.add_vectors("user-2", [Vector("theirs", "m", asked.tobytes())])
    store.add_vectors("user-1", [Vector("other", "n", asked.tobytes())])
    store.add_vectors("user-1", [Vector("short", "m", asked[:3].tobytes())])
    check(matrix)
    with pytest.raises(StoreError, match="float32"):
        store.nearest("user-1", b"123", 10, "m")
    engine = create_engine(seekdb_url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM memori_vectors WHERE item_id <> 'item 7'"))
        assert connection.scalar(text("SELECT COUNT(*) FROM memori_native_vectors_64")) == 1
    engine.dispose()
    store.close()


def test_others_have_no_vectors_of_their_own(store: Store, request: pytest.FixtureRequest) -> None:
    if not isinstance(store, SqlStore):
        assert not hasattr(store, "nearest")
        return
    found = store.nearest("user-1", b"\0\0\0\0", 10, "m")
    assert found == ([] if "seekdb" in request.node.name else None)
