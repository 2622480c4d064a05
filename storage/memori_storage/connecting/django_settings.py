"""Databases by their alias in Django's settings.

Our connections are made from those settings, beside Django's own: nothing of a request's
transaction is touched, also inside ``atomic()`` and ``TestCase``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine

from memori_storage.connecting import drivers, urls
from memori_storage.database import Database
from memori_storage.store import StoreConfigurationError

_SCHEME = "django:"
_VENDORS = ("sqlite", "postgresql", "mysql")


def alias_of(database: Any) -> str | None:
    """The alias that ``django:ALIAS`` or a connection of Django's names; ``None`` for all else."""
    if isinstance(database, str):
        named = database.startswith(_SCHEME) and not database.startswith(f"{_SCHEME}//")
        return (database.removeprefix(_SCHEME) or "default") if named else None
    if any(kind.__module__.startswith("django.") for kind in type(database).__mro__):
        alias = getattr(database, "alias", None)
        return alias if isinstance(alias, str) else None
    return None


def from_alias(alias: str) -> Database:
    """A database of ours with Django's settings.

    Raises:
        StoreConfigurationError: Without Django, its settings, or the alias among them.
    """
    wrapper = _wrapper(alias)
    if wrapper.vendor not in _VENDORS:
        urls.check_supported(wrapper.vendor)
    if wrapper.vendor == "sqlite" and wrapper.is_in_memory_db():
        # What is in memory is locked by the test that writes to it: ours is beside it.
        return Database(urls.engine_for(URL.create("sqlite"), create=True), owned=True)
    return Database(_engine_over(wrapper), owned=True)


def _wrapper(alias: str) -> Any:
    """A connection of Django's that nobody else has, not connected."""
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.db import connections
        from django.utils.connection import ConnectionDoesNotExist
    except ImportError:
        raise StoreConfigurationError(
            f"{_SCHEME}{alias} needs Django, which is not installed"
        ) from None
    try:
        wrapper = connections[alias].copy()
    except ConnectionDoesNotExist:
        known = ", ".join(sorted(connections.settings))
        raise StoreConfigurationError(
            f"Django's DATABASES have no {alias!r}: use one of {known}"
        ) from None
    except ImproperlyConfigured:
        raise StoreConfigurationError(
            f"{_SCHEME}{alias} is read from Django's settings, which are not there: set "
            "DJANGO_SETTINGS_MODULE or call django.setup() first"
        ) from None
    # A pool of Django's would lend us what requests need.
    wrapper.settings_dict.get("OPTIONS", {}).pop("pool", None)
    return wrapper


def _engine_over(wrapper: Any) -> Engine:
    parameters = wrapper.get_connection_params()
    # Django would convert values by the names of columns' types.
    parameters.pop("detect_types", None)
    driver = drivers.driver_by(wrapper.Database.__name__)
    if driver is None:
        raise StoreConfigurationError(
            f"Django's driver {wrapper.Database.__name__} is not known: give a database URL"
        )

    def connect() -> Any:
        return driver.with_plain_rows(wrapper.get_new_connection(dict(parameters)))

    return urls.engine_over(driver.dialect, connect)
