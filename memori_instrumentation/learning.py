"""Where learning is put together: an extractor and an embedder from settings make a worker on a
store.

Also the home of ``RecallClient`` for the package's face: importing it from here lets its
``flush`` learn in programs that nothing else learns in.
"""

from __future__ import annotations

from opentelemetry.trace import TracerProvider

from memori_instrumentation.augmentation import build_extractor
from memori_instrumentation.augmentation.tally import OnEvent
from memori_instrumentation.augmentation.worker import Worker
from memori_instrumentation.config import Settings
from memori_instrumentation.embeddings import build_embedder
from memori_instrumentation.recall import flushing
from memori_instrumentation.recall.client import RecallClient
from memori_storage.store import Store

__all__ = ["RecallClient", "learn", "make_worker"]


def make_worker(
    settings: Settings,
    store: Store,
    *,
    on_event: OnEvent | None = None,
    tracer_provider: TracerProvider | None = None,
) -> Worker:
    """A worker that learns from what is in ``store`` as ``settings`` say."""
    return Worker(
        store,
        build_extractor(settings.extractor),
        build_embedder(settings.embedder),
        on_event=on_event,
        tracer_provider=tracer_provider,
    )


def learn(store: Store, settings: Settings | None = None) -> int:
    """Do the open jobs of a store that are free now; returns how many were done.

    Args:
        settings: What to learn with; read from the environment unless given.
    """
    return make_worker(settings or Settings.resolve(), store).run_once()


flushing.register_learner(learn)
