"""Alembic's entry: runs migrations on the connection, and in the transaction, it is handed."""

from __future__ import annotations

from alembic import context

from memori_storage.migrations.dialects import adapt
from memori_storage.naming import in_database
from memori_storage.schema import VERSION_TABLE, metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=in_database(VERSION_TABLE, connection),
)
adapt(context.get_context())
with context.begin_transaction():
    context.run_migrations()
