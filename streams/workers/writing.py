"""Writing a batch: each table gets what it lacks, once, whatever became of an earlier try."""

from collections.abc import Callable, Collection
from functools import partial

import pyarrow as pa

from streams.batch import Rows, Watermark
from streams.columns import after
from streams.inserting import insert_missing
from streams.ports import SEQUENCED, TABLES
from streams.workers.ports import PartitionedStore

__all__ = ["Writer"]

_TRIES = 4


class Writer:
    """Writes the rows of one topic's partitions, in the order of `streams.ports.TABLES`."""

    def __init__(self, store: PartitionedStore, topic: str, wait: Callable[[float], None]) -> None:
        self._store = store
        self._topic = topic
        self._wait = wait
        self.watermarks: dict[str, Watermark] = {}

    def of(self, table: str) -> Watermark:
        """Return the watermark of a table as it was when the partitions were taken."""
        return self.watermarks.get(table, {})

    def write(self, rows: Rows) -> None:
        """Write what the tables lack; when this returns, they have it.

        Raises
        ------
        StoreError
            After several tries. The state of whoever computed the rows may be ahead of the store.
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
