"""Where the parts are put together: settings become a pipeline that stores and learns.

Nothing here imports what is heavy before it is needed: SQLAlchemy with the first write, numpy and
the extractor with the first turn to learn from.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from memori_instrumentation.capture.runtime import Runtime
from memori_instrumentation.capture.stats import Stats
from memori_instrumentation.config import Settings
from memori_storage.store import Store

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from memori_instrumentation.augmentation.tally import OnEvent
    from memori_instrumentation.augmentation.worker import Worker


def build_runtime(settings: Settings, tracer_provider: TracerProvider | None = None) -> Runtime:
    """A pipeline that stores where ``settings`` say and, unless they say otherwise, learns.

    Args:
        settings: As resolved.
        tracer_provider: Where spans go; default: the global provider at the time of each call.
    """
    return Runtime(
        settings,
        tracer_provider,
        open_store=partial(_open_store, settings),
        make_learner=partial(_learner, settings, tracer_provider) if settings.worker else None,
    )


def _open_store(settings: Settings) -> Store:
    store = settings.open_store()
    store.migrate()
    return store


def _learner(
    settings: Settings, tracer_provider: TracerProvider | None, store: Store, stats: Stats
) -> Worker:
    """The worker of a pipeline, which counts into the pipeline's sums."""

    def count(name: str, n: int) -> None:
        if name == "memories":
            stats.learned += n
        elif name == "failed":
            stats.failed += n

    return make_worker(settings, store, tracer_provider, on_event=count)


def make_worker(
    settings: Settings,
    store: Store,
    tracer_provider: TracerProvider | None = None,
    *,
    on_event: OnEvent | None = None,
) -> Worker:
    """A worker that learns from what is in ``store`` as ``settings`` say."""
    from memori_instrumentation.augmentation import build_extractor
    from memori_instrumentation.augmentation.worker import Worker
    from memori_instrumentation.embeddings import build_embedder

    return Worker(
        store,
        build_extractor(settings.extractor),
        build_embedder(settings.embedder),
        tracer_provider=tracer_provider,
        on_event=on_event,
    )


def learn(store: Store, settings: Settings | None = None) -> int:
    """Do the open jobs of a store that are free now; returns how many were done.

    Args:
        settings: What to learn with; read from the environment unless given.
    """
    return make_worker(settings or Settings.resolve(), store).run_once()
