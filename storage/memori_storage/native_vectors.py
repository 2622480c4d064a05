"""Nearest vectors by the database's own VECTOR type: OceanBase and SeekDB.

An accelerator: vectors stay the bytes they are in ``memori_vectors``. A table for each dimension
holds them once more as the database's own type, brought up to date before each search; what is
deleted from the one goes from the other.
"""

from __future__ import annotations

import sys
from array import array
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select, text

from memori_storage import keys, support
from memori_storage.database import Database
from memori_storage.schema import vectors
from memori_storage.store import StoreError

_CREATE = """
CREATE TABLE IF NOT EXISTS {table} (
    entity_key VARCHAR(32) NOT NULL,
    model_key VARCHAR(32) NOT NULL,
    item_id VARCHAR(128) NOT NULL,
    revision BIGINT NOT NULL,
    embedding VECTOR({dimension}) NOT NULL,
    PRIMARY KEY (entity_key, model_key, item_id),
    FOREIGN KEY (entity_key, item_id, model_key)
        REFERENCES {vectors} (entity_key, item_id, model_key) ON DELETE CASCADE
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
"""
_KNOWN = """
SELECT COALESCE(MAX(revision), 0) FROM {table}
WHERE entity_key = :entity AND model_key = :model
"""
_COPY = """
INSERT INTO {table} (entity_key, model_key, item_id, revision, embedding)
VALUES (:entity, :model, :item, :revision, :embedding)
ON DUPLICATE KEY UPDATE revision = VALUES(revision), embedding = VALUES(embedding)
"""
_NEAREST = """
SELECT own.item_id, cosine_distance(own.embedding, :vector) AS distance
FROM {table} AS own JOIN {vectors} AS kept
    ON kept.entity_key = own.entity_key AND kept.model_key = own.model_key
    AND kept.item_id = own.item_id AND kept.revision = own.revision
WHERE own.entity_key = :entity AND own.model_key = :model
ORDER BY distance, own.item_id LIMIT :limit
"""


class Near(NamedTuple):
    """An item of an entity and how far its vector is from the one asked for."""

    item_id: str
    distance: float
    """Cosine distance: 0 for the same direction, 2 for the opposite one."""


class NativeVectors:
    """Searches a database by its own vector type, if it has one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_there: bool | None = None
        self._made: set[int] = set()

    def nearest(self, entity: str, vector: bytes, limit: int, model: str) -> list[Near] | None:
        """See :meth:`memori_storage.sql.SqlStore.nearest`."""
        if not self._has_vectors():
            return None
        if not vector or len(vector) % 4:
            raise StoreError(f"a vector is float32 bytes, four each: not {len(vector)} bytes")
        dimension = len(vector) // 4
        table = f"memori_native_vectors_{dimension}"
        if dimension not in self._made:
            create = _CREATE.format(table=table, dimension=dimension, vectors=vectors.fullname)
            self._database.write(lambda connection: connection.exec_driver_sql(create))
            self._made.add(dimension)
        of = {"entity": keys.entity_key(entity), "model": keys.model_key(model)}

        def search(connection: Connection) -> list[Near]:
            _bring_up_to_date(connection, table, len(vector), of)
            statement = text(_NEAREST.format(table=table, vectors=vectors.fullname))
            given = {**of, "vector": _written(vector), "limit": limit}
            return [Near(*row) for row in connection.execute(statement, given)]

        return self._database.write(search)

    def _has_vectors(self) -> bool:
        if self._is_there is None:
            self._is_there = self._database.dialect in support.MYSQL_FAMILY and (
                self._database.read(support.is_oceanbase)
            )
        return self._is_there


def _bring_up_to_date(connection: Connection, table: str, size: int, of: dict[str, str]) -> None:
    """Copy the vectors of an entity and a model that were written since the last time."""
    known = connection.scalar(text(_KNOWN.format(table=table)), of)
    rows = connection.execute(
        select(vectors.c.item_id, vectors.c.revision, vectors.c.data).where(
            vectors.c.entity_key == bindparam("entity"),
            vectors.c.model_key == bindparam("model"),
            vectors.c.revision > known,
            func.length(vectors.c.data) == size,
        ),
        of,
    )
    copied = [
        {**of, "item": item, "revision": revision, "embedding": _written(bytes(data))}
        for item, revision, data in rows
    ]
    if copied:
        connection.execute(text(_COPY.format(table=table)), copied)


def _written(vector: bytes) -> str:
    """A vector as SQL takes it: ``[1.0,0.5]``."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return "[" + ",".join(map(repr, numbers)) + "]"
