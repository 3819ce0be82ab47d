"""Sends who enters and leaves an audience as calls of Segment's HTTP Tracking API, in the form that Segment's own audiences have.

`identify` has a trait of the audience's name, true or false; `track` is "Audience Entered" or "Audience Exited".
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from streams.alerts.delivery.addresses import AddressError, checked
from streams.alerts.delivery.http import post
from streams.destinations.config import SegmentDestination
from streams.settings import SettingsError

__all__ = ["SegmentSend", "calls_of"]

_MOST_BYTES = 450_000  # of a request: Segment takes 500 KB
_NAME = "customer-journey-engine"
_EVENTS = {True: "Audience Entered", False: "Audience Exited"}


class SegmentSend:
    """A sender to one platform; events of one call of it are in order, in as many requests as their size asks for.

    Raises
    ------
    SettingsError
        The URL cannot be used.
    """

    def __init__(self, destination: SegmentDestination) -> None:
        self._destination = destination
        try:
            self._target = checked(destination.url.rstrip("/") + "/v1/batch", private=destination.private)
        except AddressError as error:
            raise SettingsError(f"destination {destination.name!r}: url: {error}") from error
        self._headers = {
            "content-type": "application/json",
            "authorization": "Basic " + base64.b64encode(f"{destination.write_key}:".encode()).decode(),
            "user-agent": _NAME,
        }

    def __call__(self, events: Sequence[dict[str, Any]]) -> None:
        """Send events.

        Raises
        ------
        AddressError, NotDeliveredError, DeliveryRefusedError
            The platform may have some all the same, and gets all of them again, with the same `messageId`.
        """
        texts = [
            json.dumps(call, ensure_ascii=False, separators=(",", ":")).encode()
            for event in events
            for call in calls_of(event, self._destination)
        ]
        for some in _parts(texts):
            body = b'{"batch":[' + b",".join(some) + b"]}"
            post(self._target, body, self._headers, private=self._destination.private)

    def close(self) -> None:
        """Do nothing: each request has a connection of its own."""


def calls_of(event: dict[str, Any], destination: SegmentDestination) -> Iterator[dict[str, Any]]:
    """Yield the calls of an event: for each of the customer's numbers of the kind, else for the pseudonymous id."""
    data = event["data"]
    is_in = event["type"].endswith(".entered")
    numbers = data.get("handles", {}).get(destination.user_id, ())
    who = [{"userId": number} for number in numbers] or [{"anonymousId": data["customer"]}]
    audience = data["audience"]
    forms: dict[str, dict[str, Any]] = {
        "identify": {"type": "identify", "traits": {audience: is_in}},
        "track": {
            "type": "track",
            "event": _EVENTS[is_in],
            "properties": {
                "audience_key": audience,
                audience: is_in,
                "brand": data["brand"],
                "reason": data["reason"],
            },
        },
    }
    for one in who:
        (named,) = one.values()
        for call in destination.calls:
            yield {
                **forms[call],
                **one,
                "messageId": f"{event['id']}-{call}-{hashlib.sha256(named.encode()).hexdigest()[:16]}",
                "timestamp": event["time"],
                "context": {
                    "library": {"name": _NAME},
                    "personas": {"computation_class": "audience", "computation_key": audience},
                },
            }


def _parts(texts: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    part: list[bytes] = []
    size = 0
    for text in texts:
        if part and size + len(text) > _MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text) + 1
    if part:
        yield part
