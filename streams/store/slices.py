"""Reads all interactions in slices of bounded size, by brand and day, which is the order that they are stored in."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from streams.store.clickhouse import ClickHouse

__all__ = ["BY_EVENT", "interactions", "slices"]

SLICE_ROWS = 2_000_000  # interactions that one statement takes

# As migration 0018 has it.
BY_EVENT = "by_event (SELECT event, time, brand, handle, _partition, _offset ORDER BY event)"


_Place = tuple[str, Any]  # brand and day, in their order


def slices(store: ClickHouse) -> int:
    """Return in how many slices all interactions are taken, so that the memory of a statement does not grow with them."""
    return int(store.rows("SELECT count() AS n FROM interactions")[0]["n"]) // SLICE_ROWS + 1


def interactions(store: ClickHouse, columns: str, rows: int) -> Iterator[pa.Table]:
    """Yield these columns of all interactions, about so many rows at a time."""
    days = store.rows(
        "SELECT brand, toDate32(time) AS day, count() AS n FROM interactions GROUP BY brand, day ORDER BY brand, day"
    )
    for first, last, count in _spans(days, rows):
        pieces = -(-count // rows)
        ends = {"brand": first[0], "day": first[1], "last_brand": last[0], "last_day": last[1]}
        for piece in range(pieces):
            yield store.arrow(
                f"SELECT {columns} FROM interactions WHERE brand BETWEEN {{brand:String}} AND {{last_brand:String}}"
                " AND (brand, toDate32(time)) BETWEEN ({brand:String}, {day:Date32}) AND ({last_brand:String}, {last_day:Date32})"
                " AND intHash64(handle) % {pieces:UInt32} = {piece:UInt32}",
                ends | {"pieces": pieces, "piece": piece},
            )


def _spans(days: list[dict[str, Any]], rows: int) -> Iterator[tuple[_Place, _Place, int]]:
    """Yield (first place, last place, rows): as many days, and brands, as have few enough rows."""
    span: tuple[_Place, _Place, int] | None = None
    for row in days:
        place, count = (row["brand"], row["day"]), row["n"]
        if span and span[2] + count <= rows:
            span = span[0], place, span[2] + count
            continue
        if span:
            yield span
        span = place, place, count
    if span:
        yield span
