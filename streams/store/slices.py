"""Reads all interactions in slices of bounded size, by brand and day, which is the order that they are stored in."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from streams.store.clickhouse import ClickHouse

__all__ = ["BY_EVENT", "interactions", "slices"]

SLICE_ROWS = 2_000_000  # interactions that one statement takes

# As migration 0018 has it.
BY_EVENT = "by_event (SELECT event, time, brand, handle, _partition, _offset ORDER BY event)"


def slices(store: ClickHouse) -> int:
    """Return in how many slices all interactions are taken, so that the memory of a statement does not grow with them."""
    return int(store.rows("SELECT count() AS n FROM interactions")[0]["n"]) // SLICE_ROWS + 1


def interactions(store: ClickHouse, columns: str, rows: int) -> Iterator[pa.Table]:
    """Yield these columns of all interactions, about so many rows at a time."""
    days = store.rows(
        "SELECT brand, toDate32(time) AS day, count() AS n FROM interactions GROUP BY brand, day ORDER BY brand, day"
    )
    for brand, first, last, count in _spans(days, rows):
        pieces = -(-count // rows)
        for piece in range(pieces):
            yield store.arrow(
                f"SELECT {columns} FROM interactions WHERE brand = {{brand:String}} AND toDate32(time)"
                " BETWEEN {first:Date32} AND {last:Date32} AND intHash64(handle) % {pieces:UInt32} = {piece:UInt32}",
                {"brand": brand, "first": first, "last": last, "pieces": pieces, "piece": piece},
            )


def _spans(days: list[dict[str, Any]], rows: int) -> Iterator[tuple[str, Any, Any, int]]:
    """Yield (brand, first day, last day, rows), as many days as have few enough rows."""
    span: list[Any] = []
    for row in days:
        if span and span[0] == row["brand"] and span[3] + row["n"] <= rows:
            span[2:] = row["day"], span[3] + row["n"]
            continue
        if span:
            yield tuple(span)
        span = [row["brand"], row["day"], row["day"], row["n"]]
    if span:
        yield tuple(span)
