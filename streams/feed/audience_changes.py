"""Reads who entered and left audiences, in the order in which it was found, for readers of the feed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from streams.feed.envelope import event
from streams.feed.position import Place, Position
from streams.handles.readable import Values
from streams.store.clickhouse import ClickHouse

__all__ = ["AUDIENCES", "AudienceChange", "changes", "document", "staying"]

AUDIENCES: Final = (1 << 16) - 1  # stands in a position where changes of stage have their partition

_READ = """
SELECT number AS sequence, toString(brand) AS brand, toString(audience) AS audience, customer, toString(change) AS change,
    toString(reason) AS reason, toUnixTimestamp64Micro(at) AS at_us
FROM audience_changes
WHERE number > {after:UInt64} AND audience IN {audiences:Array(String)}
    AND (empty({brands:Array(String)}) OR brand IN {brands:Array(String)})
ORDER BY number
LIMIT {most:UInt32}
"""
# Names that were left in favour of another one of the same customer, who is in the audience.
_STAYING = """
SELECT DISTINCT toString(m.brand) AS brand, toString(m.audience) AS audience, c.handle AS customer
FROM customers AS c INNER JOIN audience_members AS m ON m.customer = c.customer
WHERE c.handle IN {customers:Array(UInt64)} AND c.handle != c.customer AND m.audience IN {audiences:Array(String)}
"""


@dataclass(frozen=True, slots=True)
class AudienceChange:
    """A customer who entered an audience or left it.

    Attributes
    ----------
    sequence
        Its number among the changes of all audiences.
    reason
        conditions, or file where the audience was taken out of the file.
    at_us
        When it was found.
    position
        Of a reader who has this one too.
    handles
        The customer's readable handles, by kind, for a reader who may have them; None for others.
    """

    sequence: int
    brand: str
    audience: str
    customer: int
    change: Literal["entered", "left"]
    reason: str
    at_us: int
    position: Position
    handles: Values | None = None

    @property
    def announced_us(self) -> int:
        """When it was written."""
        return self.at_us


def changes(
    store: ClickHouse, position: Position, audiences: Iterable[str], brands: Iterable[str], most: int
) -> list[AudienceChange]:
    """Return the next changes of these audiences after a position, of these brands or of all, at most so many."""
    place = position.places.get(AUDIENCES)
    rows = store.rows(
        _READ,
        {
            "after": 0 if place is None else place.sequence,
            "audiences": sorted(audiences),
            "brands": sorted(brands),
            "most": most,
        },
    )
    return [
        AudienceChange(**row, position=position.after(AUDIENCES, Place(row["sequence"], 0))) for row in rows
    ]


def staying(store: ClickHouse, found: Iterable[AudienceChange]) -> set[tuple[str, str, int]]:
    """Return brand, audience and customer of those who left under a name and are in the audience under another one.

    Handles of two customers were joined: one of the names leaves, and their numbers are those of a customer who is in.
    """
    left = [one for one in found if one.change == "left"]
    if not left:
        return set()
    rows = store.rows(
        _STAYING,
        {
            "customers": sorted({one.customer for one in left}),
            "audiences": sorted({one.audience for one in left}),
        },
    )
    return {(row["brand"], row["audience"], row["customer"]) for row in rows}


def document(said: AudienceChange) -> dict[str, Any]:
    """Return the change as a CloudEvent (1.0, JSON). `source` and `id` are the same however often it is read."""
    data = {"audience": said.audience, "reason": said.reason}
    return event(f"journey.audience.{said.change}", f"a{said.sequence}", said, data)
