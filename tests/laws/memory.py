"""A store and a log in plain Python: what ClickHouse and the local log promise, without their cleverness."""

from collections import defaultdict
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from journey.seen import UNSEEN, Ids
from journey.stage import STAGE_NAMES
from streams.clock import to_us
from streams.engine.conflicts import CONTENT
from streams.log.frame import EVENTS
from streams.store.port import SEQUENCED, TABLES

WHEN = pa.timestamp("us", "UTC")
STORED = pa.schema([EVENTS.field(name) for name in ("event", *CONTENT)])


class MemoryLog:
    """Frames by partition and offset (from 1), and up to where each partition is committed."""

    def __init__(self, partitions: int) -> None:
        self.frames = [[] for _ in range(partitions)]
        self.committed = [0] * partitions

    def append(self, partition: int, frame: bytes) -> None:
        self.frames[partition].append(frame)

    def commit(self, partition: int, offset: int) -> None:
        self.committed[partition] = offset


class MemoryStore:
    """`streams.store.port.Store`: a list of rows a table; every answer is computed from all of them."""

    def __init__(self) -> None:
        self.rows = {table: [] for table in TABLES}

    def insert(self, table, rows):
        self.rows[table].extend(rows.to_pylist())

    def watermarks(self):
        marks = {table: {} for table in TABLES}
        for table, rows in self.rows.items():
            for row in rows:
                partition = row["_partition"]
                marks[table][partition] = max(marks[table].get(partition, 0), row["_offset"])
        return marks

    def count_ids(self):
        return len(self.rows["interactions"])

    def known_ids(self):
        for half in (self.rows["interactions"][::2], self.rows["interactions"][1::2]):
            words = [_words(row["event"]) for row in half]
            high, low = (np.array([word[side] for word in words], np.uint64) for side in (0, 1))
            yield Ids(high, low), np.array([_position(row) for row in half], np.uint64)

    def recent(self, window_us, most):
        books = sorted(self.rows["deliveries"], key=lambda row: row["received_at"], reverse=True)
        first, newer = {}, 0
        for row in books:
            newer += row["stored"]
            if newer > most or to_us(books[0]["received_at"]) - to_us(row["received_at"]) > window_us:
                break
            first[row["_partition"]] = min(row["_offset"], first.get(row["_partition"], row["_offset"]))
        return first

    def first_positions(self, ids, _near):
        known = {_words(row["event"]): _position(row) for row in reversed(self.rows["interactions"])}
        asked = zip(ids.high.tolist(), ids.low.tolist(), strict=True)
        return np.array([known.get(key, int(UNSEEN)) for key in asked], np.uint64)

    def stored(self, ids, _near):
        wanted = set(zip(ids.high.tolist(), ids.low.tolist(), strict=True))
        rows = [row for row in self.rows["interactions"] if _words(row["event"]) in wanted]
        return pa.Table.from_pylist(
            [
                row | {"amount": None if row["amount"] is None else int(row["amount"] * 10_000)}
                for row in rows
            ],
            STORED,
        )

    def readable(self, brands, handles):
        asked = set(handles)
        return {
            (row["brand"], row["handle"], row["fingerprint"])
            for row in self.rows["readable_handles"]
            if row["brand"] in brands and row["handle"] in asked
        }

    def evidence(self, model):
        sums = {}
        for row in self.rows["evidence"]:
            if row["model"] == model:
                total = sums.setdefault((row["brand"], row["handle"]), [None] * len(STAGE_NAMES))
                total[:] = [_plus(old, row[name]) for old, name in zip(total, STAGE_NAMES, strict=True)]
        columns = {name: [total[i] for total in sums.values()] for i, name in enumerate(STAGE_NAMES)}
        return pa.table(
            {
                "brand": pa.array([brand for brand, _ in sums], pa.string()),
                "handle": pa.array([handle for _, handle in sums], pa.uint64()),
                **{
                    name: pa.array([_nan(v) for v in values], pa.float64())
                    for name, values in columns.items()
                },
            }
        )

    def links(self):
        pairs = defaultdict(list)
        for row in self.rows["identity_links"]:
            pairs[row["left_handle"], row["right_handle"]].append(row)
        latest = {
            name: [_latest(row[name] for row in rows) for rows in pairs.values()]
            for name in ("withdrawn_at", "restored_at")
        }
        return pa.table(
            {
                "left_handle": pa.array([left for left, _ in pairs], pa.uint64()),
                "right_handle": pa.array([right for _, right in pairs], pa.uint64()),
                "left_kind": pa.array([rows[0]["left_kind"] for rows in pairs.values()], pa.string()),
                "right_kind": pa.array([rows[0]["right_kind"] for rows in pairs.values()], pa.string()),
                "said": pa.array([sum(row["said"] for row in rows) for rows in pairs.values()], pa.uint64()),
                **{name: pa.array(values, WHEN) for name, values in latest.items()},
            }
        )

    def identity_map(self):
        newest = {}
        for row in self.rows["identity_map"]:
            if row["handle"] not in newest or newest[row["handle"]]["version"] < row["version"]:
                newest[row["handle"]] = row
        return pa.table(
            {
                "handle": pa.array(newest, pa.uint64()),
                "kind": pa.array([row["kind"] for row in newest.values()], pa.string()),
                "customer": pa.array([row["customer"] for row in newest.values()], pa.uint64()),
            }
        )

    def announced(self):
        latest = {}
        for row in sorted(self.rows["stage_changes"], key=lambda row: row["sequence"]):
            latest[row["brand"], row["customer"]] = row["to_stage"]
        held = {key: stage for key, stage in latest.items() if stage != "none"}
        return pa.table(
            {
                "brand": pa.array([brand for brand, _ in held], pa.string()),
                "customer": pa.array([customer for _, customer in held], pa.uint64()),
                "stage": pa.array(held.values(), pa.string()),
            }
        )

    def announced_under(self):
        latest = max(self.rows["stage_changes"], key=lambda row: row["sequence"], default=None)
        return latest["model"] if latest else ""

    def sequences(self):
        return {
            table: max((row[column] for row in self.rows[table]), default=0)
            for table, column in SEQUENCED.items()
        }


def _words(event: bytes) -> tuple[int, int]:
    return int.from_bytes(event[8:], "little"), int.from_bytes(event[:8], "little")


def _position(row) -> int:
    return row["_partition"] << 48 | row["_offset"]


def _plus(left, right):
    if left is None or right is None:
        return right if left is None else left
    return left + right


def _nan(value):
    return float("nan") if value is None else value


def _latest(times) -> datetime | None:
    return max((t for t in times if t is not None), default=None, key=lambda t: t.astimezone(UTC))
