"""Augmentation: stored turns become memories, in the background."""
