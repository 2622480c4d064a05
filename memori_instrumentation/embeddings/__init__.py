"""Embeddings: text to vectors, for recall."""
