"""Settings: keyword arguments win over ``MEMORI_*`` environment variables, which win over
defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from memori_storage.store import Store

DEFAULT_DATABASE = "sqlite:///memori.db"

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


SpanAttribution = Literal["memori", "app"]


class SettingsError(ValueError):
    """A setting has a value that cannot be used; the message names it and what it takes."""


def _setting(default: Any, env: str, help: str) -> Any:
    return field(default=default, metadata={"env": env, "help": help})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, each with its environment variable in the field's metadata.

    Build one with :meth:`resolve`; the constructor takes values as they are, unchecked.
    """

    database: Any = _setting(
        DEFAULT_DATABASE,
        "MEMORI_DATABASE_URL",
        "Where memory is kept: a database URL, `django:ALIAS`, or (in code) an engine, a function "
        "that makes connections, a connection.",
    )
    table_prefix: str | None = _setting(
        None,
        "MEMORI_TABLE_PREFIX",
        "What our tables' names begin with, instead of `memori_`.",
    )
    schema: str | None = _setting(
        None, "MEMORI_SCHEMA", "The schema of a PostgreSQL database that our tables are in."
    )
    entity: str | None = _setting(
        None, "MEMORI_ENTITY", "Entity (usually a user) of calls that name none."
    )
    process: str | None = _setting(
        None, "MEMORI_PROCESS", "Process (agent or program) of calls that name none."
    )
    session: str | None = _setting(
        None, "MEMORI_SESSION", "Session of calls that name none; default: one per program run."
    )
    unattributed: Literal["drop", "store"] = _setting(
        "drop",
        "MEMORI_UNATTRIBUTED",
        "Calls without an entity: 'drop' keeps nothing, 'store' keeps turns; nothing is learned.",
    )
    trust_baggage: bool = _setting(
        False,
        "MEMORI_TRUST_BAGGAGE",
        "Accept memori.* baggage that comes with incoming requests (local baggage always counts).",
    )
    span_attribution: SpanAttribution = _setting(
        "memori",
        "MEMORI_SPAN_ATTRIBUTION",
        "Whose a span of another instrumentation is, where it has no memori.* attribute: 'memori' "
        "takes session and process from the names that apps use (session.id, gen_ai.agent.name), "
        "'app' the entity too (user.id, enduser.id).",
    )
    """The entity decides who is told what is remembered, so it is believed only where it was said
    for that purpose, unless an app vouches for what its spans say: ``user.id`` may come from a
    browser, or name an account that several people share. A wrong session or process mixes up
    nothing but one entity's own conversations."""
    extractor: Literal["local", "none"] = _setting(
        "local", "MEMORI_EXTRACTOR", "What turns conversations into memories: 'local' or 'none'."
    )
    embedder: str = _setting(
        "wordllama", "MEMORI_EMBEDDER", "Embedding model for recall: 'wordllama' or 'none'."
    )
    worker: bool = _setting(True, "MEMORI_WORKER", "Learn in a background thread of this process.")
    spool: str | None = _setting(
        None,
        "MEMORI_SPOOL",
        "Directory that keeps turns the database could not take; default: FILE.spool beside a "
        "SQLite file, else in the user's cache directory.",
    )
    queue_size: int = _setting(
        10_000,
        "MEMORI_QUEUE_SIZE",
        "Turns held in memory while the database is away; more are spooled.",
    )
    exit_timeout: float = _setting(
        10.0, "MEMORI_EXIT_TIMEOUT", "Seconds that the end of the program may wait for storing."
    )
    disabled: bool = _setting(
        False, "MEMORI_DISABLED", "Switch everything off: instrument() does nothing."
    )

    @classmethod
    def resolve(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Settings from keyword arguments, then the environment, then defaults.

        Args:
            environ: The environment to read; ``os.environ`` unless given.
            **given: Settings by name. ``None`` counts as not given.

        Raises:
            SettingsError: For an unknown name or a value that the setting does not take.
        """
        environ = os.environ if environ is None else environ
        known = {item.name: item for item in fields(cls)}
        if unknown := sorted(set(given) - set(known)):
            raise SettingsError(
                f"unknown setting {', '.join(unknown)}: known are {', '.join(sorted(known))}"
            )
        values: dict[str, Any] = {}
        for name, item in known.items():
            value, origin = given.get(name), name
            if value is None:
                origin = item.metadata["env"]
                value = environ.get(origin) or None
            if value is not None:
                values[name] = _checked(name, value, item.default, origin)
        return cls(**values)

    def open_store(self, *, create: bool = True) -> Store:
        """The store that these settings name; see :func:`memori_storage.open_store`."""
        from memori_storage import open_store

        return open_store(
            self.database, create=create, table_prefix=self.table_prefix, schema=self.schema
        )


_CHOICES = {
    "unattributed": ("drop", "store"),
    "span_attribution": ("memori", "app"),
    "extractor": ("local", "none"),
    "embedder": ("wordllama", "none"),
}


def _checked(name: str, value: Any, default: Any, origin: str) -> Any:
    """``value`` in the type of its setting, or a SettingsError that names where it came from."""
    if name in _CHOICES and value not in _CHOICES[name]:
        raise SettingsError(f"{origin}={value!r}: use one of {', '.join(_CHOICES[name])}")
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        if str(value).lower() in _TRUE | _FALSE:
            return str(value).lower() in _TRUE
        raise SettingsError(f"{origin}={value!r}: use true or false")
    if isinstance(default, int | float):
        try:
            number = type(default)(value)
        except (TypeError, ValueError):
            raise SettingsError(f"{origin}={value!r}: use a number") from None
        if number < 0:
            raise SettingsError(f"{origin}={value!r}: use a number of 0 or more")
        return number
    if name in ("entity", "process", "session"):
        # One rule for ids wherever they come from; attribution sits above this module.
        return checked_id(origin, value)
    if name == "database" and isinstance(value, str):
        return _database_url(value, origin)
    return value


def _database_url(url: str, origin: str) -> str:
    """``url`` as it will be used. What is wrong with it is said without it: it may hold a
    password."""
    if url.startswith("django:"):
        return url
    scheme, separator, _ = url.partition("://")
    if not separator or not scheme.replace("+", "", 1).replace("_", "").isalnum():
        raise SettingsError(
            f"{origin} is not a database URL: use dialect://..., for example "
            "sqlite:///memori.db or postgresql://user@host/name"
        )
    return _anchored(url)


def _anchored(url: str) -> str:
    """``url`` with a SQLite file's path made absolute: the program may change directory later."""
    scheme, separator, path = url.partition(":///")
    if (
        not separator
        or not scheme.startswith("sqlite")
        or path.startswith(("/", ":memory:", "file:"))
    ):
        return url
    return f"{scheme}:///{os.path.abspath(path)}" if path else url


MAX_ID_LENGTH = 16_384
"""Longest entity, process or session id, in characters."""


def checked_id(name: str, value: Any) -> str:
    """``value`` if it can identify an entity, process or session, else a clear SettingsError.

    Args:
        name: What the id is for, as the caller wrote it; the error says it.
        value: A non-blank string of at most 16,384 characters that UTF-8 can encode.
    """
    if not isinstance(value, str):
        raise SettingsError(f"{name} must be a string, not {type(value).__name__}: use str(...)")
    if not value.strip():
        raise SettingsError(f"{name} must not be empty: leave it out instead")
    if len(value) > MAX_ID_LENGTH:
        raise SettingsError(
            f"{name} is {len(value)} characters long: at most {MAX_ID_LENGTH} are allowed"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{name} holds a lone surrogate and cannot be stored") from None
    if "\x00" in value:
        raise SettingsError(f"{name} holds a NUL character and cannot be stored")
    return value
