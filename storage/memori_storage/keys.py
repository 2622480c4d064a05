"""Row keys: digests of what identifies a row.

Ids that come from outside may be thousands of characters long and differ only in case, accents or
Unicode form. No database compares such text the way Python does under every collation, and few can
index it. A digest is short, plain ASCII, and equal exactly when its input is.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

KEY_LENGTH = 32
"""Characters of a key: 128 bits in hex."""

_REMEMBERED = 1024
"""Keys kept of each kind: a batch asks for the same ones over and over."""


def digest(*parts: str | None) -> str:
    """128-bit BLAKE2b digest, in hex, of a sequence of strings; ``None`` differs from every string.

    Each string is hashed after its length, so that no two sequences share their bytes. Lone
    surrogates are hashed as if UTF-8 had a form for them.
    """
    joined = "".join(["-" if part is None else f"{len(part)}:{part}" for part in parts])
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@lru_cache(_REMEMBERED)
def entity_key(entity: str) -> str:
    """Key of an entity."""
    return digest("entity", entity)


@lru_cache(_REMEMBERED)
def process_key(process: str) -> str:
    """Key of a process."""
    return digest("process", process)


@lru_cache(_REMEMBERED)
def session_key(entity: str | None, session: str) -> str:
    """Key of a session: two entities' sessions of one name are two sessions."""
    return digest("session", entity, session)


@lru_cache(_REMEMBERED)
def model_key(model: str) -> str:
    """Key of an embedding model's name."""
    return digest("model", model)


def memory_id(entity: str, kind: str, key: str) -> str:
    """Id of a memory: one entity's memories of equal kind and normal form are one."""
    return digest("memory", entity, kind, key)
