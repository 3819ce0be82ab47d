"""Lists how far each audience of each destination is, for people, in whatever process delivers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streams.audiences.config import Audience
from streams.clock import aware
from streams.destinations.config import Destination
from streams.destinations.names import former, receiver_of
from streams.feed.audience_changes import AUDIENCES
from streams.feed.position import Position
from streams.store.clickhouse import ClickHouse

__all__ = ["ListedDestination", "listed"]

_BOOKED = """
SELECT receiver, argMax(position, number) AS position, argMax(delivered, number) AS delivered, argMax(refused, number) AS refused,
    argMax(detail, number) AS detail, argMax(failing, number) AS failing, max(at) AS at
FROM feed_positions WHERE receiver IN {receivers:Array(String)} GROUP BY receiver
"""
_WAITING = """
SELECT toString(audience) AS audience, count() AS waiting, min(at) AS waiting_since
FROM audience_changes
WHERE audience = {audience:String} AND number > {after:UInt64}
GROUP BY audience
"""


@dataclass(frozen=True, slots=True)
class ListedDestination:
    """An audience of a destination.

    Attributes
    ----------
    waiting
        Changes that it has still to get.
    waiting_since
        When the first of them was found; None without any.
    delivered
        Changes that it took; of a file, how often that was written.
    at
        When this was written, None where nothing was yet.
    error
        Why the next one is not taken; else what it answered to the last one that it refused for good, "" for none.
    is_failing
        Whether the former is so.
    """

    destination: str
    kind: str
    audience: str
    waiting: int
    waiting_since: datetime | None
    delivered: int
    refused: int
    at: datetime | None
    error: str
    is_failing: bool


def listed(
    store: ClickHouse, found: Sequence[Destination], audiences: Sequence[Audience]
) -> list[ListedDestination]:
    """Return every audience of every destination, also of those that are in the file no more, as far as a destination had them."""
    names = [one.name for one in audiences]
    every = [
        (one, audience) for one in found for audience in (*one.audiences, *former(store, one.name, names))
    ]
    receivers = [receiver_of(one.name, audience) for one, audience in every]
    booked = {row["receiver"]: row for row in store.rows(_BOOKED, {"receivers": receivers})}
    return [
        _listed(store, one, audience, booked.get(receiver))
        for (one, audience), receiver in zip(every, receivers, strict=True)
    ]


def _listed(
    store: ClickHouse, one: Destination, audience: str, booked: dict[str, Any] | None
) -> ListedDestination:
    place = Position.parse(booked["position"]).places.get(AUDIENCES) if booked else None
    rows = store.rows(_WAITING, {"audience": audience, "after": place.sequence if place else 0})
    waiting, since = (rows[0]["waiting"], aware(rows[0]["waiting_since"])) if rows else (0, None)
    return ListedDestination(
        one.name,
        one.kind,
        audience,
        waiting,
        since,
        booked["delivered"] if booked else 0,
        booked["refused"] if booked else 0,
        aware(booked["at"]) if booked else None,
        (booked["failing"] or booked["detail"]) if booked else "",
        bool(booked and booked["failing"]),
    )
