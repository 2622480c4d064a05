"""Alembic migrations; :mod:`memori_storage.migrate` runs them."""
