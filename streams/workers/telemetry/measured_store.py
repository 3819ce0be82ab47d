"""Measures the store of workers: how long inserts take, what fails, and the watermark of each table."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from journey.model import Model
from streams.fencing.port import StoreError, Tenure
from streams.fencing.store import ServerStore
from streams.log.batch import Watermark
from streams.log.messages import Message
from streams.store.clickhouse import ClickHouse
from streams.store.port import SEQUENCED
from streams.workers.telemetry.meter import Meter

__all__ = ["MeasuredStore"]


class MeasuredStore(ServerStore):
    """A `ServerStore` whose calls during a batch are seen by a meter."""

    def __init__(self, store: ClickHouse, partitions: int, meter: Meter) -> None:
        super().__init__(store, partitions)
        self._meter = meter

    def insert(self, topic: str, table: str, rows: pa.Table) -> None:
        """Add rows as one atomic block, if all partitions in their `_partition` are still owned."""
        started_s = time.monotonic()
        with self._meter.asking():
            try:
                super().insert(topic, table, rows)
            except StoreError:
                self._meter.metrics.add("journey_insert_errors_total", 1, table)
                raise
        self._meter.metrics.observe("journey_insert_seconds", time.monotonic() - started_s, table)
        if table not in SEQUENCED:
            self._meter.wrote(table, _last(rows))

    def settle(self, topic: str, partitions: Collection[int]) -> None:
        """Put an end to inserts for these partitions that were not answered, wherever they are."""
        with self._meter.asking():
            super().settle(topic, partitions)

    def owners(self, topic: str) -> dict[int, Tenure]:
        """Return who owns each partition now."""
        with self._meter.asking():
            return super().owners(topic)

    def recompute(self, model: Model, partition: int, offset: int) -> None:
        """Weigh the history of a partition's handles under a model, as of an offset; again adds nothing."""
        with self._meter.asking():
            super().recompute(model, partition, offset)

    def keep_poison(self, owned: str, message: Message, detail: str, at_us: int) -> None:
        """Write a dead letter for an unreadable record of a topic between workers, unless it is there already."""
        with self._meter.asking():
            super().keep_poison(owned, message, detail, at_us)
        self._meter.metrics.add("journey_unreadable_records_total", 1, message.topic)

    def watermarks(self, tables: Sequence[str], partitions: Collection[int]) -> dict[str, Watermark]:
        """Return, per table and partition, the highest offset that it has."""
        found = super().watermarks(tables, partitions)
        for table, marks in found.items():
            self._meter.wrote(table, marks)
        return found

    def _ask(self, ask: Callable[[], Any]) -> Any:
        with self._meter.asking():
            return super()._ask(ask)


def _last(rows: pa.Table) -> Watermark:
    """Return the highest offset of each partition."""
    last = np.zeros(2**16, np.uint64)  # partitions are UInt16, and offsets count from 1
    np.maximum.at(last, rows.column("_partition").to_numpy(), rows.column("_offset").to_numpy())
    return {int(partition): int(last[partition]) for partition in np.flatnonzero(last)}
