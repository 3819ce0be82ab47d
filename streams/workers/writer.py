"""Writes a batch idempotently: each table gets the rows that it lacks, once, whatever the outcome of an earlier try."""

from collections.abc import Callable, Collection
from functools import partial

import pyarrow as pa

from streams.fencing.port import PartitionedStore
from streams.log.arrow import after
from streams.log.batch import Rows, Watermark
from streams.store.insert import insert_missing
from streams.store.port import SEQUENCED, TABLES

__all__ = ["Writer"]

_TRIES = 4


class Writer:
    """A writer of one topic's partitions, table by table in the order of `streams.store.port.TABLES`."""

    def __init__(self, store: PartitionedStore, topic: str, wait: Callable[[float], None]) -> None:
        self._store = store
        self._topic = topic
        self._wait = wait
        self.watermarks: dict[str, Watermark] = {}

    def of(self, table: str) -> Watermark:
        """Return the watermark of a table as of the assignment of the partitions."""
        return self.watermarks.get(table, {})

    def write(self, rows: Rows) -> None:
        """Write what the tables lack; when this returns, they have it.

        Raises
        ------
        StoreError
            After several tries. The state that computed the rows may be ahead of the store.
        FencedError
            A partition belongs to another worker by now.
        """
        for table in TABLES:
            if table in rows:
                self._write(table, rows[table])

    def _write(self, table: str, rows: pa.Table) -> None:
        missing = rows if table in SEQUENCED else after(rows, self.of(table))
        insert_missing(
            table,
            missing,
            insert=partial(self._store.insert, self._topic, table),
            look_again=partial(self._look_again, table, rows),
            wait=self._wait,
            tries=_TRIES,
        )

    def _look_again(self, table: str, rows: pa.Table) -> pa.Table:
        """Return what the table lacks after an insert whose outcome is unknown."""
        partitions: Collection[int] = set(rows.column("_partition").to_pylist())
        self._store.settle(self._topic, partitions)
        if table not in SEQUENCED:
            return after(rows, self._store.watermarks([table], partitions)[table])
        numbers = rows.column(SEQUENCED[table]).to_pylist()
        written = numbers[0] != 0 and self._store.last_sequence(table, partitions) >= numbers[0]
        return rows.slice(0, 0) if written else rows
