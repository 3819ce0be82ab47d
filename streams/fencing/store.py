"""Implements the store of workers on a ClickHouse server, by partition, with every insert behind the fence."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.model import Model
from schemas.topics import INTERACTIONS
from streams.apath import in_force as models
from streams.apath.in_force import InForce
from streams.apath.weigh_sql import evidence_parameters, evidence_sql
from streams.clock import from_us
from streams.erasure import statements
from streams.faults import kill_point
from streams.fencing.fence import Fence, asking
from streams.fencing.port import FencedError, StoreError, Tenure
from streams.fencing.reader import StateReader
from streams.log.arrow import to_ipc
from streams.log.messages import BETWEEN, DONE, NOT_A_FRAME, Control, Message
from streams.store.clickhouse import INSERT_SETTINGS, ClickHouse
from streams.store.sql import MINUTE

__all__ = ["ServerStore"]

_INSERT_LIMIT_S = 60
_RECOMPUTE_LIMIT_S = 3_600
_CHUNK = 200_000  # handles whose evidence is one block

_SETTINGS: dict[str, Any] = INSERT_SETTINGS | {
    "max_insert_threads": 1,  # one block, one part
    "max_execution_time": _INSERT_LIMIT_S,
}

_WHEN = pa.timestamp("us", "UTC")
_PLACE = [("_partition", pa.uint16()), ("_offset", pa.uint64())]
_LETTER = pa.schema(
    [
        ("reason", pa.string()), ("detail", pa.string()), ("topic", pa.string()), ("topic_partition", pa.uint32()),
        ("topic_offset", pa.uint64()), ("received", _WHEN), *_PLACE,
    ]
)  # fmt: skip
_DELIVERY = pa.schema(
    [
        ("topic", pa.string()), ("received", pa.uint32()), ("dead_letters", pa.uint32()), ("received_at", _WHEN),
        *_PLACE,
    ]
)  # fmt: skip


class _Body(bytes):
    """What is sent with an insert. The client would decode all of it to see whether it might be a read."""

    def decode(self, *_: Any, **__: Any) -> str:
        """Return nothing."""
        return ""


class ServerStore(StateReader):
    """An implementation of `streams.fencing.port.PartitionedStore` on a ClickHouse server.

    Parameters
    ----------
    store
        An open connection.
    partitions
        How many partitions the topics have.
    wait
        Called with seconds while inserts of a former owner are waited out.

    Attributes
    ----------
    fence
        Who may write for a partition.
    """

    def __init__(
        self, store: ClickHouse, partitions: int, *, wait: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__(store, partitions)
        self.fence = Fence(store, wait)
        self._structure = cache(self._read_structure)

    def take(self, topic: str, partitions: Collection[int]) -> None:
        """Become the owner of partitions. When this returns, nobody else can write to them any more."""
        self.fence.take(topic, partitions)

    def held(self, topic: str, partitions: Collection[int]) -> set[int]:
        """Return those of these partitions that nobody else owns by now."""
        return self.fence.held(topic, partitions)

    def tenure(self, topic: str) -> dict[int, Tenure]:
        """Return under what this connection owns each of its partitions."""
        return self.fence.tenure(topic)

    def owners(self, topic: str) -> dict[int, Tenure]:
        """Return who owns each partition now."""
        return self.fence.owners(topic)

    def settle(self, topic: str, partitions: Collection[int]) -> None:
        """Put an end to inserts for these partitions that were not answered, wherever they are."""
        self.fence.settle(topic, partitions)

    def insert(self, topic: str, table: str, rows: pa.Table) -> None:
        """Add rows as one atomic block, if all partitions in their `_partition` are still owned."""
        self._insert(topic, set(rows.column("_partition").to_pylist()), table, rows)

    def insert_for(self, topic: str, table: str, rows: pa.Table) -> None:
        """Add rows of a table without partitions as one atomic block, if partition 0 of `topic` is still owned."""
        self._insert(topic, {0}, table, rows)

    def _insert(self, topic: str, partitions: Collection[int], table: str, rows: pa.Table) -> None:
        columns = ", ".join(rows.schema.names)
        with self._doubtful_after(topic, partitions, f"{table} did not take {len(rows)} rows"):
            structure = self._structure(table, tuple(rows.schema.names))
            with kill_point(f"insert.{table}"):
                done = self.store.client.command(
                    f"INSERT INTO {table} ({columns}) SELECT {columns} FROM input('{structure}')"
                    f" WHERE ({self.fence.foreign(topic, partitions)}) = 0 FORMAT ArrowStream",
                    data=_Body(to_ipc(rows)),
                    settings=_SETTINGS | {"query_id": self.fence.next_query()},
                )
        written = int(done.written_rows)  # type: ignore[union-attr]
        if written != len(rows):
            raise FencedError(
                f"{table}: wrote {written} of {len(rows)} rows; one of partitions {sorted(partitions)} was taken"
            )

    @contextmanager
    def _doubtful_after(self, topic: str, partitions: Collection[int], what: str) -> Iterator[None]:
        """Return the error of an insert as a StoreError, and note that the outcome of the insert is unknown."""
        try:
            with asking(what):
                yield
        except StoreError:
            self.fence.doubt(topic, partitions)
            raise

    def model_in_force(self) -> InForce:
        """Return the active model."""
        found: InForce | None = self._ask(lambda: models.in_force(self.store.client))
        if found is None:
            raise StoreError("the store has no A-Path model: run journey migrate")
        return found

    def prepared(self, partitions: Collection[int]) -> dict[int, str]:
        """Return, for each partition that was prepared last for a model that is not active, that model's TOML."""
        rows = self._query(
            "SELECT _partition, argMax((state, model, toml), (_offset, at)) AS last FROM model_changes"
            " WHERE state != 'begun' AND _partition IN {partitions:Array(UInt16)} GROUP BY _partition",
            {"partitions": sorted(partitions)},
        )
        in_force = self.model_in_force().hash
        return {
            int(partition): str(toml)
            for partition, (state, model, toml) in rows
            if state == "prepared" and model != in_force
        }

    def recompute(self, model: Model, partition: int, offset: int) -> None:
        """Weigh the history of a partition's handles under a model, as of an offset; again adds nothing.

        One block for at most _CHUNK handles; a block that is there is not written again.
        """
        mine = f"handle % {self.partitions} = {partition}"
        every = "(SELECT handle FROM interactions UNION ALL SELECT handle FROM carried_touches)"
        ((handles,),) = self._query(f"SELECT uniq(handle) FROM {every} WHERE {mine}", {})
        chunks = int(handles) // _CHUNK + 1
        foreign = self.fence.foreign(INTERACTIONS, [partition])
        for chunk in range(chunks):
            scope = f"{mine} AND intDiv(handle, {self.partitions}) % {chunks} = {chunk}"
            there = f"SELECT count() FROM evidence WHERE model = {{model:String}} AND {scope}"
            sql = evidence_sql(
                scope=scope,
                place=f"toUInt16({partition}) AS _partition, toUInt64({offset}) AS _offset",
                only_if=f"({foreign}) = 0 AND ({there}) = 0",
            )
            settings = _SETTINGS | {
                "query_id": self.fence.next_query(), "max_execution_time": _RECOMPUTE_LIMIT_S,
            }  # fmt: skip
            what = f"cannot weigh history under model {model.hash}"
            with self._doubtful_after(INTERACTIONS, [partition], what), kill_point("change.evidence"):
                self.store.client.command(sql, parameters=evidence_parameters(model), settings=settings)
        if not self.held(INTERACTIONS, [partition]):
            raise FencedError(
                f"partition {partition} was taken while history was weighed",
                topic=INTERACTIONS,
                partition=partition,
            )

    def book_change(self, control: Control, model: str, partition: int, offset: int) -> None:
        """Say that a partition has done what a change asks for; `model` is its hash. Again is harmless."""
        row = [control.change, model, control.model, DONE[control.verb], partition, offset]
        names = ["change", "model", "toml", "state", "_partition", "_offset"]
        with asking("model_changes did not take a row"), kill_point("change.book"):
            self.store.client.insert("model_changes", [row], column_names=names, settings={"async_insert": 0})

    def erasing(self) -> dict[str, NDArray[np.uint64]]:
        """Return the handles (sorted) of each erasure under way, by receipt."""
        rows = self._query(
            "SELECT receipt, arraySort(groupArrayIf(handle, handle != 0)) FROM erasing GROUP BY receipt", {}
        )
        return {str(receipt): np.array(handles, np.uint64) for receipt, handles in rows}

    def tombstones(self) -> dict[int, int]:
        """Return erased handles, hashed, and the instant (us) before which their events are dropped."""
        found: dict[int, int] = self._ask(lambda: statements.tombstones(self.store))
        return found

    def erasure_steps(self, topic: str) -> list[tuple[str, str, int, int]]:
        """Return (receipt, verb, partition, offset): the steps of erasures that a topic's owners have recorded."""
        rows = self._query(
            "SELECT receipt, verb, _partition, min(_offset) FROM erasure_steps WHERE topic = {topic:String}"
            " AND receipt IN (SELECT receipt FROM erasing) GROUP BY receipt, verb, _partition",
            {"topic": topic},
        )
        return [
            (str(receipt), str(verb), int(partition), int(offset))
            for receipt, verb, partition, offset in rows
        ]

    def minutes_of(self, receipt: str, partition: int, offset: int) -> pa.Table:
        """Return rows of minute_counts, as of an offset, that take away what an erasure takes of a partition.

        Sums of the table go round at 2**64, so that to add its complement is to take away.
        """
        return self._arrow(
            f"SELECT brand, {MINUTE}"
            " AS minute, type, reinterpretAsUInt64(-toInt64(count())) AS touches,"
            " {partition:UInt16} AS _partition, {offset:UInt64} AS _offset FROM interactions_kept AS i"
            " WHERE i._partition = {partition:UInt16} AND NOT startsWith(type, 'identity.')"
            " AND handle IN (SELECT handle FROM erasing WHERE receipt = {receipt:String}) GROUP BY brand, minute, type",
            {"receipt": receipt, "partition": partition, "offset": offset},
        )

    def book_erasure(self, topic: str, control: Control, partition: int, offset: int) -> None:
        """Say that a topic's partition has done what an erasure asks for. Again is harmless."""
        row = [control.change, topic, control.verb, partition, offset]
        names = ["receipt", "topic", "verb", "_partition", "_offset"]
        with asking("erasure_steps did not take a row"), kill_point("erasure.book"):
            self.store.client.insert("erasure_steps", [row], column_names=names, settings={"async_insert": 0})

    def _read_structure(self, table: str, names: tuple[str, ...]) -> str:
        rows = self._query(
            "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}",
            {"table": table},
        )
        types = {str(name): str(kind) for name, kind in rows}
        return ", ".join(f"{name} {types[name]}" for name in names).replace("\\", "\\\\").replace("'", "\\'")

    def keep_poison(self, owned: str, message: Message, detail: str, at_us: int) -> None:
        """Write a dead letter, and its delivery, for an unreadable record unless they are there already."""
        topic, partition, offset = message.topic, message.partition, message.offset - 1
        place = {"topic": topic, "partition": partition, "offset": offset}
        known = self._query(
            "SELECT count() FROM dead_letters WHERE topic = {topic:String} AND topic_partition = {partition:UInt32}"
            " AND topic_offset = {offset:UInt64}",
            place,
        )
        at = from_us(at_us)
        if not known[0][0]:
            letter = {
                "reason": NOT_A_FRAME, "detail": detail, "topic": topic, "topic_partition": partition,
                "topic_offset": offset, "received": at, "_partition": BETWEEN, "_offset": offset,
            }  # fmt: skip
            self._insert(owned, [partition], "dead_letters", pa.Table.from_pylist([letter], _LETTER))
        booked = self._query(
            "SELECT count() FROM deliveries WHERE topic = {name:String} AND _offset = {offset:UInt64}",
            {"name": f"{topic}[{partition}]", "offset": offset},
        )
        if not booked[0][0]:
            delivery = {
                "topic": f"{topic}[{partition}]", "received": 1, "dead_letters": 1, "received_at": at,
                "_partition": BETWEEN, "_offset": offset,
            }  # fmt: skip
            self._insert(owned, [partition], "deliveries", pa.Table.from_pylist([delivery], _DELIVERY))
