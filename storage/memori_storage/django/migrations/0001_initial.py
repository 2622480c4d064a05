"""What Django knows of our tables. They are made and upgraded after ``migrate``: see ``apps``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models

import memori_storage.django.models


class Migration(migrations.Migration):  # type: ignore[misc]
    """The models of the first release."""

    initial = True

    dependencies: ClassVar[list[Any]] = []

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="Entity",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("external_id", models.TextField()),
            ],
            options={
                "verbose_name_plural": "entities",
                "db_table": "memori_entities",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Memory",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=32)),
                ("content", models.TextField()),
                ("status", models.CharField(max_length=32)),
                ("confidence", models.FloatField()),
                ("times_seen", models.IntegerField()),
                ("observed_at", memori_storage.django.models.Moment()),
            ],
            options={
                "verbose_name_plural": "memories",
                "db_table": "memori_memories",
                "ordering": ["-observed_at"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("position", models.IntegerField()),
                ("role", models.TextField()),
                ("text", models.TextField()),
                ("created_at", memori_storage.django.models.Moment()),
            ],
            options={
                "db_table": "memori_messages",
                "ordering": ["-created_at"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("external_id", models.TextField()),
            ],
            options={
                "db_table": "memori_sessions",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Turn",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("provider", models.TextField()),
                ("operation", models.TextField()),
                ("model", models.TextField(null=True)),
                ("status", models.CharField(max_length=32)),
                ("started_at", memori_storage.django.models.Moment()),
                ("ended_at", memori_storage.django.models.Moment()),
                ("error_type", models.TextField(null=True)),
                ("error_message", models.TextField(null=True)),
                ("framework", models.TextField(null=True)),
            ],
            options={
                "db_table": "memori_turns",
                "ordering": ["-started_at"],
                "managed": False,
            },
        ),
    ]
