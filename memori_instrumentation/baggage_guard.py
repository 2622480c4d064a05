"""The trust boundary: ``memori.*`` baggage that arrives with a request is dropped.

Whoever can set a header could otherwise name any entity. Baggage set in this process, by
:func:`~memori_instrumentation._attribution.attribution` or OpenTelemetry's own API, is not touched.
"""

from __future__ import annotations

from typing import Any

import wrapt
from opentelemetry import baggage, context

from memori_instrumentation._attribution import PREFIX

_original: Any = None


def install(*, trust: bool) -> None:
    """Guard W3C baggage extraction, unless incoming baggage is trusted."""
    global _original
    if trust or _original is not None:
        return
    from opentelemetry.baggage.propagation import W3CBaggagePropagator

    _original = W3CBaggagePropagator.__dict__["extract"]
    W3CBaggagePropagator.extract = wrapt.FunctionWrapper(_original, _extract)  # type: ignore[method-assign]


def remove() -> None:
    """Undo :func:`install`."""
    global _original
    if _original is None:
        return
    from opentelemetry.baggage.propagation import W3CBaggagePropagator

    W3CBaggagePropagator.extract = _original  # type: ignore[method-assign]
    _original = None


def _extract(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> context.Context:
    before = kwargs.get("context") if len(args) < 2 else args[1]
    known, here = baggage.get_all(before), baggage.get_all()
    extracted: context.Context = wrapped(*args, **kwargs)
    for key, value in baggage.get_all(extracted).items():
        if key.startswith(PREFIX) and value not in (known.get(key), here.get(key)):
            # What was there before stays; what the request brought goes. What is in force here
            # anyway may come back: some carry a context along as headers inside one process.
            if key in known:
                extracted = baggage.set_baggage(key, known[key], extracted)
            else:
                extracted = baggage.remove_baggage(key, extracted)
    return extracted
