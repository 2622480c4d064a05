"""What is stored, for the admin's readers: nothing is added, changed or deleted there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from memori_storage.django.models import Memory, Message, Turn


class ReadOnly(admin.ModelAdmin):  # type: ignore[misc]
    """Rows to look at."""

    def has_add_permission(self, *_args: Any, **_kwargs: Any) -> bool:
        return False

    def has_change_permission(self, *_args: Any, **_kwargs: Any) -> bool:
        return False

    def has_delete_permission(self, *_args: Any, **_kwargs: Any) -> bool:
        return False


@admin.register(Turn)
class TurnAdmin(ReadOnly):
    list_display = ("started_at", "entity", "session", "provider", "model", "status")
    list_filter = ("status", "provider")
    list_select_related = ("entity", "session")


@admin.register(Message)
class MessageAdmin(ReadOnly):
    list_display = ("created_at", "entity", "role", "text")
    search_fields = ("text",)
    list_select_related = ("entity",)


@admin.register(Memory)
class MemoryAdmin(ReadOnly):
    list_display = ("observed_at", "entity", "kind", "content", "status")
    list_filter = ("kind", "status")
    search_fields = ("content",)
    list_select_related = ("entity",)
