"""``RecallClient`` as the package offers it: its ``flush`` learns where nothing else does."""

from __future__ import annotations

from memori_instrumentation.assembly import learn
from memori_instrumentation.recall import flushing
from memori_instrumentation.recall.client import RecallClient

__all__ = ["RecallClient"]

flushing.register_learner(learn)
