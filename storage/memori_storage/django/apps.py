"""The app's name in Django, and our tables in its databases."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig


class MemoriConfig(AppConfig):  # type: ignore[misc]
    """Conversations and memories in one of the project's databases."""

    name = "memori_storage.django"
    label = "memori"
    verbose_name = "Memori"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        post_migrate.connect(upgrade, sender=self)


def upgrade(using: str = "default", **_signal: Any) -> None:
    """Create or upgrade our tables in a database that ``manage.py migrate`` has brought up to date,
    unless the project's routers keep the app out of it."""
    from django.db import router

    from memori_storage import open_store

    if router.allow_migrate(using, MemoriConfig.label):
        store = open_store(f"django:{using}")
        store.migrate()
        store.close()
