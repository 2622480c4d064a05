"""From a URL or an object of pymongo's to a database, with one clear line for each way to err."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pymongo import AsyncMongoClient, MongoClient, errors
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.uri_parser import parse_uri

from memori_storage.mongo.link import Client, Link, Settings
from memori_storage.store import StoreConfigurationError

DEFAULT_DATABASE = "memori"
_EXAMPLE = "mongodb://user:password@host/database"
_MILLISECONDS = {
    "serverSelectionTimeoutMS": 10_000,
    "connectTimeoutMS": 10_000,
    "socketTimeoutMS": 60_000,
}
"""How long our own clients wait, unless the URL says."""
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,60}")


def connect(database: Any, prefix: str) -> Link:
    """The database behind a URL, a client or a ``Database``; see
    :func:`memori_storage.mongo.open_mongo`."""
    if not _PREFIX.fullmatch(prefix) or prefix.startswith("system."):
        raise StoreConfigurationError(
            f"collections cannot begin with {prefix!r}: use letters, digits and underscores, "
            "such as memori_"
        )
    if isinstance(database, str):
        return Link(_of_url(database, prefix))
    if isinstance(database, MongoClient | AsyncMongoClient):
        return Link(_of_client(database, _default_name(database), prefix))
    if isinstance(database, Database | AsyncDatabase):
        return Link(_of_client(database.client, database.name, prefix))
    raise StoreConfigurationError(
        f"of pymongo's objects give a MongoClient or a Database, not {type(database).__name__}"
    )


def _of_url(url: str, prefix: str) -> Settings:
    parsed = _parsed(url)
    name = parsed["database"] or DEFAULT_DATABASE
    given = {option.lower() for option in re.findall(r"[?&]([^=&]+)=", url)}
    options: dict[str, Any] = {
        key: value for key, value in _MILLISECONDS.items() if key.lower() not in given
    }

    def make_client() -> Client:
        # Looks up the hosts of a mongodb+srv URL.
        return MongoClient(url, **options)

    scheme, _, rest = url.partition("://")
    hosts = re.split(r"[/?]", rest.rpartition("@")[2])[0]
    return Settings(make_client, name, prefix, f"{scheme}://{hosts}/{name}")


def _parsed(url: str) -> Mapping[str, Any]:
    scheme, _, rest = url.partition("://")
    try:
        if scheme == "mongodb":
            return parse_uri(url)
        # Reading such a URL whole would ask a name server; the hosts are not known before.
        return parse_uri(f"mongodb://{rest.partition('?')[0]}")
    except (errors.PyMongoError, ValueError, UnicodeError):
        # What was given may hold a password: it is not repeated.
        raise StoreConfigurationError(
            f"the MongoDB URL cannot be read: write it like {_EXAMPLE}, with special characters "
            "of user and password percent-encoded"
        ) from None


def _default_name(client: Any) -> str:
    return str(client.get_default_database(DEFAULT_DATABASE).name)


def _of_client(client: Any, name: str, prefix: str) -> Settings:
    def make_client() -> Client:
        # A client does not work in a forked child, nor an asynchronous one here.
        options = client._init_kwargs | {"connect": False, "document_class": dict}
        return MongoClient(**options)

    given: Client | None = client if isinstance(client, MongoClient) else None
    return Settings(make_client, name, prefix, f"the MongoDB database {name}", given)
