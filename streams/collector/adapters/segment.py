"""Translates Segment's HTTP API, which RudderStack's SDKs speak too, into events of our contract."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.segment import SegmentMapping
from streams.collector.adapters import Item, Malformed, Request
from streams.collector.adapters.calls import CALLS, Call, event
from streams.collector.adapters.fields import body_key, json_body, presented_key, text
from streams.collector.adapters.lines import made_id
from streams.collector.adapters.times import moment
from streams.collector.adapters.tolerant import Unusable, UnusableValue, judged
from streams.mood.moods import NO_MOODS, Moods

__all__ = ["Segment", "SegmentSettings"]

_SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}
_BATCHES = ("/v1/batch", "/v1/import", "/v1/b", "/beacon/v1/batch")
_METRICS = "/v1/m"  # what browsers' SDKs tell about themselves: taken and dropped
_MOST = 2_500  # calls of a batch, Segment's own limit
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:]{2,45}\](:\d{1,5})?")


class Segment:
    """The adapter of Segment's API, under one mapping; `moods` reads what people wrote."""

    routes: Sequence[str] = (
        *(f"/v1/{name}" for name in (*CALLS, *_SHORT)),
        *_BATCHES,
        _METRICS,
    )

    key_in_body = True

    def __init__(self, mapping: SegmentMapping, moods: Moods = NO_MOODS) -> None:
        self._mapping, self._moods = mapping, moods

    def key(self, request: Request) -> str:
        """Return the write key: of the headers, else of the address, else `writeKey` of the body."""
        return presented_key(request) or body_key(request.body)

    def verify(self, request: Request) -> None:
        """Do nothing: the write key is all that this API has."""

    def translate(self, request: Request) -> Sequence[Item]:
        """Return an item for each call, in their order."""
        if request.path == _METRICS:
            return ()
        body = json_body(request.body, "batch")
        if not isinstance(body, Mapping):
            raise Malformed("", "the body is not a JSON object")
        if request.path not in _BATCHES:
            name = request.path.rpartition("/")[2]
            return [self._item(judged(body), _SHORT.get(name, name), "", body, request)]
        calls = body.get("batch")
        if not isinstance(calls, list):
            raise Malformed("/batch", "a batch is a list of calls under `batch`")
        if len(calls) > _MOST:
            raise Malformed("/batch", f"{len(calls)} calls, at most {_MOST}")
        return [self._item(call, "", f"/batch/{i}", body, request) for i, call in enumerate(calls)]

    def answer(self, results: Sequence[Mapping[str, Any]]) -> tuple[int, bytes, str] | None:
        """Return 200 as SDKs want it, with the result of each call; 400 where none could be read.

        `success` is of all calls: of a batch in which one was rejected it is false, though the others are in the log.
        """
        rejected = sum(result.get("status") == "rejected" for result in results)
        failed = bool(results) and rejected == len(results)
        body: dict[str, Any] = {"success": not rejected, "rejected": rejected, "items": list(results)}
        if rejected:  # as SDKs show it
            which = "every call was" if failed else f"{rejected} of {len(results)} calls were"
            body |= {"code": "rejected", "message": f"{which} rejected, see items"}
        return 400 if failed else 200, json.dumps(body, separators=(",", ":")).encode(), "application/json"

    def _item(self, call: Any, name: str, pointer: str, body: Mapping[str, Any], request: Request) -> Item:
        if isinstance(call, UnusableValue):
            return Item(None, pointer + call.pointer, call.reason, call.detail)
        if not isinstance(call, Mapping):
            return Item(None, pointer, "not_json", "not a JSON object")
        name = name or str(call.get("type", ""))
        if name not in CALLS:
            return Item(None, pointer, "bad_value", f"`type` is none of {', '.join(CALLS)}")
        sent = moment(call.get("sentAt") or body.get("sentAt"))
        source = request.grant_source or "segment"
        try:
            own = text(call.get("messageId"), 0) or _made_id(call, pointer, body, request)
            made = Call(call, name, own, source, sent, request.received_us, request.grant_brand)
            line, left_out = event(made, self._mapping, self._moods)
        except Unusable as why:
            return Item(None, pointer, "bad_value", str(why))
        return Item(line, pointer, is_made=True, left_out=left_out)


def _made_id(call: Mapping[str, Any], pointer: str, body: Mapping[str, Any], request: Request) -> str:
    """Return an id for a call without one: the same for the same bytes sent again, where they hold a time."""
    timed = call.get("timestamp") or call.get("originalTimestamp") or call.get("sentAt") or body.get("sentAt")
    return made_id([call, pointer, body.get("sentAt"), None if timed else request.received_us])


class SegmentSettings:
    """The answer to browsers' SDKs that ask a CDN for settings before they send anything.

    It holds where to send with this key, and that no plug-ins are to be loaded. The host is the one that the browser
    asked, so that a page names it only once, as `cdnURL`.
    """

    routes: Sequence[str] = ("/v1/projects/{name}/settings",)

    def key(self, request: Request) -> str:
        """Return the write key: it is in the path."""
        return request.path.split("/")[3]

    def verify(self, request: Request) -> None:
        """Do nothing: the write key is all that this API has."""

    def translate(self, request: Request) -> Sequence[Item]:  # noqa: ARG002 - the protocol's
        """Return nothing: this brings no events."""
        return ()

    def answer(self, results: Sequence[Mapping[str, Any]]) -> tuple[int, bytes, str] | None:
        """Return None: the answer depends on the request."""

    def reply(self, request: Request) -> tuple[int, bytes, str]:
        """Return the settings."""
        segment: dict[str, Any] = {"apiKey": self.key(request), "addBundledMetadata": False}
        host = request.headers.get("host", "")
        if _HOST.fullmatch(host):
            scheme = request.headers.get("x-forwarded-proto") or request.headers.get("origin", "")
            secure = scheme.startswith("https")
            segment |= {"apiHost": f"{host}/v1", "protocol": "https" if secure else "http"}
        body = {"integrations": {"Segment.io": segment}, "plan": {}, "metrics": {"sampleRate": 0}}
        return 200, json.dumps(body).encode(), "application/json"
