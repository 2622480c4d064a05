"""Recall: what is remembered, ranked for a question."""
