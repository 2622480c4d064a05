"""Capture: a model call becomes a turn, off the caller's thread."""
