"""Our tables as Django sees them: to be read, not to be written or migrated by Django."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models

from memori_storage.values import moment


class Moment(models.BigIntegerField):  # type: ignore[misc]
    """Microseconds since 1970 UTC, read as a date and time."""

    def from_db_value(self, value: int | None, *_rest: Any) -> datetime | None:
        return None if value is None else moment(value)


class Named(models.Model):  # type: ignore[misc]
    """An id from outside, under its digest."""

    key = models.CharField(primary_key=True, max_length=64)
    external_id = models.TextField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.external_id)


class Entity(Named):
    """Whose memories they are."""

    class Meta:
        managed = False
        db_table = "memori_entities"
        verbose_name_plural = "entities"


class Session(Named):
    """A conversation."""

    class Meta:
        managed = False
        db_table = "memori_sessions"


def _reference(to: type[models.Model], column: str) -> Any:
    return models.ForeignKey(
        to, models.DO_NOTHING, db_column=column, null=True, db_constraint=False, related_name="+"
    )


class Turn(models.Model):  # type: ignore[misc]
    """A call of a model and its reply."""

    id = models.CharField(primary_key=True, max_length=64)
    entity = _reference(Entity, "entity_key")
    session = _reference(Session, "session_key")
    provider = models.TextField()
    operation = models.TextField()
    model = models.TextField(null=True)
    status = models.CharField(max_length=32)
    started_at = Moment()
    ended_at = Moment()
    error_type = models.TextField(null=True)
    error_message = models.TextField(null=True)
    framework = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "memori_turns"
        ordering: ClassVar = ["-started_at"]


class Message(models.Model):  # type: ignore[misc]
    """One message of a conversation, stored once."""

    id = models.CharField(primary_key=True, max_length=64)
    entity = _reference(Entity, "entity_key")
    session = _reference(Session, "session_key")
    turn = _reference(Turn, "turn_id")
    position = models.IntegerField()
    role = models.TextField()
    text = models.TextField()
    created_at = Moment()

    class Meta:
        managed = False
        db_table = "memori_messages"
        ordering: ClassVar = ["-created_at"]


class Memory(models.Model):  # type: ignore[misc]
    """What was learned."""

    id = models.CharField(primary_key=True, max_length=64)
    entity = _reference(Entity, "entity_key")
    session = _reference(Session, "session_key")
    kind = models.CharField(max_length=32)
    content = models.TextField()
    status = models.CharField(max_length=32)
    confidence = models.FloatField()
    times_seen = models.IntegerField()
    observed_at = Moment()

    class Meta:
        managed = False
        db_table = "memori_memories"
        verbose_name_plural = "memories"
        ordering: ClassVar = ["-observed_at"]
