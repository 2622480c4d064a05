"""Anthropic's message batches: what was asked at once and is answered later, in a file of lines.

A batch is noted when it is created, by reference, and each result when the app reads its line. One
that answers is a turn of those for whom the batch was created. Of a batch that another process
created, or this one too long ago, there is only the answer: it is kept if the context of the fetch
says for whom.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from time import time_ns
from typing import Any, NamedTuple

from memori_instrumentation._attribution import Attribution, current, suppressed
from memori_instrumentation.capture import sse
from memori_instrumentation.capture.reading import (
    Api,
    Json,
    Reply,
    Request,
    items,
    mapping,
    string,
)
from memori_instrumentation.capture.runtime import active
from memori_instrumentation.platforms import provider_at
from memori_instrumentation.providers._choke import Args, unusable
from memori_instrumentation.providers._patching import Patch

_MAX_BYTES = 64 * 1024 * 1024
"""Most that is kept of the requests of batches."""
_CREATED = "/v1/messages/batches"
_RESULTS = re.compile(r"/messages/batches/([^/]+)/results$")
_ID = re.compile(rb'"id"\s*:\s*"([^"]+)"')


class Created(NamedTuple):
    """A batch that this process created."""

    who: Attribution
    at_ns: int
    body: bytes


class Batches:
    """The batches created here, as many of the newest as there is room for."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Created] = OrderedDict()

    def note(self, batch: str, created: Created) -> None:
        if len(created.body) > _MAX_BYTES:
            return
        known = self._known
        known[batch] = created
        while sum(len(it.body) for it in list(known.values())) > _MAX_BYTES:
            known.popitem(last=False)

    def get(self, batch: str) -> Created | None:
        return self._known.get(batch)


class Fetch:
    """The results of one batch as they are read.

    Args:
        batch: Its id.
        created: What is known of its creation.
    """

    def __init__(self, batch: str, created: Created | None) -> None:
        self.batch = batch
        self.is_ours = created is not None
        self._created = created

    @cached_property
    def params(self) -> dict[str | None, Json]:
        """The requests, by custom id; read on the worker, with the first result."""
        body = sse.document(self._created.body) if self._created is not None else None
        requests = items(mapping(body).get("requests"))
        return {string(it.get("custom_id")): mapping(it.get("params")) for it in requests}


class Result:
    """One line of the results."""

    def __init__(self, fetch: Fetch, line: bytes) -> None:
        self._fetch = fetch
        self._line = line

    @cached_property
    def read(self) -> Json:
        line = mapping(sse.document(self._line))
        custom_id = string(line.get("custom_id"))
        return {
            "key": f"{self._fetch.batch} {custom_id}",
            "params": self._fetch.params.get(custom_id),
            "result": line.get("result"),
        }


def api(messages: Api) -> Api:
    """How results read whose requests and messages ``messages`` reads."""

    def read_request(body: Json) -> Request:
        return messages.read_request(mapping(body.get("params")))

    def read_reply(body: Json) -> Reply:
        result = mapping(body.get("result"))
        key = string(body.get("key"))
        if result.get("type") == "succeeded":
            return replace(messages.read_reply(mapping(result.get("message"))), key=key)
        if result.get("type") != "errored":  # nobody was asked
            return Reply(conversation=False)
        failure = mapping(result.get("error"))
        failure = mapping(failure.get("error")) or failure
        error = str(failure.get("type")), str(failure.get("message"))
        return Reply(complete=False, error=error, key=key)

    return Api(_CREATED, messages.operation, read_request, read_reply, plain=lambda it: it.read)


def patches(module: str, messages: Api) -> Sequence[Patch]:
    """The patches for batches.

    Args:
        module: The module of the client classes.
        messages: Reads the single requests and messages.
    """
    known, results = Batches(), api(messages)

    def responded(wrapped: Any, client: Any, args: Args, kwargs: Any) -> Any:
        if active() is not None and not suppressed():
            try:
                _note_created(known, kwargs["response"])
            except Exception as error:
                unusable("a batch", error)
        return wrapped(*args, **kwargs)

    def decoding(wrapped: Any, decoder: Any, args: Args, kwargs: Any) -> None:
        wrapped(*args, **kwargs)
        if active() is not None and not suppressed():
            try:
                _note_fetched(decoder, known, results)
            except Exception as error:
                unusable("a batch's results", error)

    decoders = "anthropic._decoders.jsonl"
    return [
        *(Patch(module, f"{kind}APIClient._process_response", responded) for kind in _KINDS),
        Patch(decoders, "JSONLDecoder.__init__", decoding),
        Patch(decoders, "AsyncJSONLDecoder.__init__", decoding),
    ]


_KINDS = ("Sync", "Async")


def _note_created(known: Batches, response: Any) -> None:
    """Note a batch that this response says is created."""
    request = response.request
    if request.method != "POST" or not request.url.path.endswith(_CREATED):
        return
    if not (response.is_stream_consumed or response.is_closed):
        return
    if found := _ID.search(response.content):
        known.note(found[1].decode(), Created(current(), time_ns(), request.content))


def _note_fetched(decoder: Any, known: Batches, results: Api) -> None:
    """Have each line that a decoder reads noted."""
    url = decoder.http_response.request.url
    found = _RESULTS.search(url.path)
    if found is None:
        return
    created = known.get(found[1])
    who = created.who if created is not None else current()
    lines = _Lines(
        results,
        provider_at(url.host, "anthropic"),
        Fetch(found[1], created),
        who,
        created.at_ns if created is not None else time_ns(),
    )
    source = decoder._raw_iterator
    decoder._raw_iterator = (
        lines.passing_async(source) if hasattr(source, "__anext__") else lines.passing(source)
    )


class _Lines:
    """The lines of a batch's results as they pass, each of them a call of the past."""

    def __init__(
        self, results: Api, provider: str, fetch: Fetch, who: Attribution, at_ns: int
    ) -> None:
        self._results = results
        self._provider = provider
        self._fetch = fetch
        self._who = who
        self._at_ns = at_ns
        self._rest: list[bytes] = []

    def passing(self, source: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in source:
            self._note(chunk)
            yield chunk
        self._note(b"\n")

    async def passing_async(self, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in source:
            self._note(chunk)
            yield chunk
        self._note(b"\n")

    def _note(self, chunk: bytes) -> None:
        head, *ends = chunk.split(b"\n")
        self._rest.append(head)
        for following in ends:
            line = b"".join(self._rest)
            self._rest = [following]
            if line.strip():
                self._hand_over(line)

    def _hand_over(self, line: bytes) -> None:
        runtime = active()
        if runtime is None:
            return
        try:
            call = runtime.past(self._results, self._provider, self._who)
            if not self._fetch.is_ours and call.attribution.entity is None:
                call.abandon()
                return
            call.started_ns = self._at_ns
            call.request = call.body = Result(self._fetch, line)
            call.finish()
        except Exception as error:
            unusable("a batch's result", error)
