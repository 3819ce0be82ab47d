"""Keeps how far each receiver of the feed is, and what keeps it, in the table feed_positions."""

from dataclasses import dataclass

import pyarrow as pa

from streams.clock import from_us
from streams.feed.position import Position
from streams.store.clickhouse import ClickHouse

__all__ = ["Standing", "book", "standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a receiver is, as the table feed_positions has it."""

    receiver: str
    number: int
    position: Position
    delivered: int = 0
    refused: int = 0
    detail: str = ""
    failing: str = ""


def standing(store: ClickHouse, receiver: str) -> Standing | None:
    """Return how far a receiver is, None where it is new."""
    rows = store.rows(
        "SELECT number, position, delivered, refused, detail, failing FROM feed_positions WHERE receiver = {receiver:String}"
        " ORDER BY number DESC LIMIT 1",
        {"receiver": receiver},
    )
    if not rows:
        return None
    row = rows[0]
    position = Position.parse(row["position"])
    return Standing(
        receiver, row["number"], position, row["delivered"], row["refused"], row["detail"], row["failing"]
    )


def book(store: ClickHouse, stands: Standing, now_us: int) -> None:
    """Write how far a receiver is; the row with the highest number counts."""
    row = {
        "receiver": pa.array([stands.receiver]),
        "number": pa.array([stands.number], pa.uint64()),
        "position": pa.array([str(stands.position)]),
        "delivered": pa.array([stands.delivered], pa.uint64()),
        "refused": pa.array([stands.refused], pa.uint64()),
        "detail": pa.array([stands.detail]),
        "at": pa.array([from_us(now_us)], pa.timestamp("us", "UTC")),
        "failing": pa.array([stands.failing]),
    }
    store.insert("feed_positions", pa.table(row))
