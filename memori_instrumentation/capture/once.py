"""One call is one turn, whoever tells of it.

Instrumentations stack up: a framework's, one of the SDK, the SDK's own, ours. Each makes a span of
the same call. Two rules find them, one on each side of the queue:

- :class:`Spans`, where spans start and end: a span is of the same call as one below it that was
  captured or made into a turn, and as one above it. The chain may go through spans of anything but
  an agent, a tool or the like: what such a one calls is another call.
- :class:`Calls`, on our worker: a span is of the same call as another's turn at the same time with
  the same response id, or with the same words and model. Needed where an instrumentation makes its
  span elsewhere than around the call, as callbacks do.

The first is for the whole process, whose pipelines see the same spans, the second for all pipelines
of one database. Both forget the oldest.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from memori_storage.records import Turn

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

_REMEMBERED = 16_384
"""Spans that are remembered: those open at a time, and the last that were."""

Key = tuple[int, int]
"""Trace id and span id."""

_T = TypeVar("_T")


def key_of(ids: SpanContext | None) -> Key | None:
    return None if ids is None or not ids.is_valid else (ids.trace_id, ids.span_id)


class Recent(OrderedDict[Key, _T]):
    """The latest entries. Each step is one atomic operation, so no lock is needed: spans end
    anywhere, also inside the garbage collector while another is being noted."""

    def note(self, key: Key, value: _T) -> None:
        self[key] = value
        with suppress(KeyError):  # another thread has made room
            self.move_to_end(key)
            if len(self) > _REMEMBERED:
                self.popitem(last=False)


class Spans:
    """Which spans are of a call that is told of elsewhere on their branch of the trace."""

    def __init__(self) -> None:
        self._above: Recent[None] = Recent()
        """Spans right above one that is taken."""
        self._below: Recent[float] = Recent()
        """Spans that are taken, and those below them, with the time when the call ended."""

    def captured(self, above: Key | None, own: Key | None = None) -> None:
        """Note a call that was captured itself: in the span ``above``, with ``own`` for a span."""
        if above is not None:
            self._above.note(above, None)
        if own is not None:
            self._below.note(own, inf)

    def is_below(self, above: Key) -> bool:
        """Whether a span that starts in ``above`` does so inside a call that is taken."""
        return above in self._below

    def started(self, own: Key, above: Key) -> None:
        """Note such a span, if it is of anything but an agent or a tool."""
        if (until := self._below.get(above)) is not None:
            self._below.note(own, until)

    def taken(self, own: Key, above: Key | None, started: int, ended: int, *, tells: bool) -> bool:
        """Whether a span is to be made a turn, asked once as it ends.

        Args:
            own: The span.
            above: Its parent.
            started: Nanoseconds since the epoch, as ``ended``.
            ended: When it ended.
            tells: Whether it tells of a call. Others are only links of a chain.
        """
        until = self._below.get(above, 0) if above is not None else 0
        same = started < until
        if same:
            self._below.note(own, until)
        chosen = tells and not same and own not in self._above
        if chosen:
            self._below.note(own, ended)
        if above is not None and (chosen or own in self._above):
            self._above.note(above, None)
        return chosen


SPANS = Spans()


@dataclass(slots=True)
class _Known:
    """What is remembered of a call, and who has told of it."""

    response_id: str | None
    models: frozenset[str]
    started: datetime
    ended: datetime
    tellers: dict[str, str]
    """Ids of the turns that it was told as, by source."""


_SLACK = timedelta(milliseconds=50)
"""By how much the clocks of two tellers may differ, or one may tell later than the other."""


class Calls:
    """Which turns are of a call that another source has told of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, list[_Known]] = OrderedDict()

    def is_told(self, turn: Turn, source: str) -> bool:
        """Whether another source has told of the call; if not, it is told now.

        Args:
            turn: The call.
            source: The instrumentation that tells of it. It tells of each call once, so that two
                equal calls at a time are two.
        """
        models = frozenset(filter(None, (turn.model, turn.response_model)))
        new = _Known(turn.response_id, models, turn.started_at, turn.ended_at, {source: turn.id})
        with self._lock:
            names = list(_names(turn))
            for name in names:
                for known in self._known.get(name, ()):
                    if known.tellers.get(source) == turn.id:
                        # In another pipeline. Of the first that told, each stores its own.
                        return next(iter(known.tellers)) != source
                    if source not in known.tellers and _same(known, new):
                        known.tellers[source] = turn.id
                        return True
            for name in names:
                self._known.setdefault(name, []).append(new)
                self._known.move_to_end(name)
                del self._known[name][:-_EQUAL]
            while len(self._known) > _NAMES:
                self._known.popitem(last=False)
        return False


_NAMES = 4_096
_EQUAL = 32
"""Calls of one name that are remembered: equal ones at the same time."""


def _names(turn: Turn) -> Iterator[str]:
    """Under which names a call is looked for."""
    if turn.response_id:
        yield f"response {turn.response_id}"
    asked = turn.input[-1].text if turn.input else ""
    said = "\n".join(message.text for message in turn.output)
    words = f"{len(asked)} {asked}{said}".encode("utf-8", "surrogatepass")
    yield hashlib.blake2b(words, digest_size=16).hexdigest()


def _same(known: _Known, new: _Known) -> bool:
    if known.started > new.ended + _SLACK or new.started > known.ended + _SLACK:
        return False
    if known.response_id and new.response_id:
        return known.response_id == new.response_id
    return not known.models or not new.models or not known.models.isdisjoint(new.models)


_calls: WeakValueDictionary[object, Calls] = WeakValueDictionary()


def calls_of(database: object) -> Calls:
    """What is known of calls by all pipelines of this process that store in ``database``."""
    which = database if isinstance(database, str) else id(database)
    return _calls.setdefault(which, Calls())
