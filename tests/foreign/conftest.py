"""Instrumentations of others, switched on for a test."""

from __future__ import annotations

from wire.fixtures import memory, server, small_heap, uninstrumented, user, wire_server

__all__ = ["memory", "server", "small_heap", "uninstrumented", "user", "wire_server"]
