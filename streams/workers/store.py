"""The store of workers: a ClickHouse server, by partition, behind a fence that ends a former owner's writes."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.model import Model
from journey.seen import Ids, position
from journey.stage import STAGE_NAMES
from schemas.topics import INTERACTIONS
from streams import models
from streams.batch import Watermark
from streams.checks import MINUTE
from streams.clock import from_us
from streams.faults import boundary
from streams.models import InForce
from streams.remodel import evidence_parameters, evidence_sql
from streams.store import INSERT_SETTINGS, ClickHouse, ids_of, to_ipc
from streams.workers.fence import Fence, asking
from streams.workers.messages import DONE, Control, Message
from streams.workers.poison import NOT_A_FRAME
from streams.workers.ports import FencedError, StoreError, Tenure

__all__ = ["ServerStore"]

_BETWEEN = (
    65_535  # `_partition` of dead letters from the topics between workers, whose offsets are no watermark
)
_INSERT_LIMIT_S = 60
_RECOMPUTE_LIMIT_S = 3_600
_ASKED = 4_000  # handles in one question: a server takes 128 KiB of parameters
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


class ServerStore:
    """`streams.workers.ports.PartitionedStore` on a ClickHouse server.

    Parameters
    ----------
    store
        An open connection.
    partitions
        How many partitions the topics have.
    wait
        Called with seconds while inserts of a former owner are waited out.
    """

    def __init__(
        self, store: ClickHouse, partitions: int, *, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self.store = store
        self.partitions = partitions
        self._fence = Fence(store, wait)
        self._structure = cache(self._read_structure)

    def take(self, topic: str, partitions: Collection[int]) -> None:
        """Become the owner of partitions. When this returns, nobody else can write to them any more."""
        self._fence.take(topic, partitions)

    def held(self, topic: str, partitions: Collection[int]) -> set[int]:
        """Return those of these partitions that nobody else has taken since."""
        return self._fence.held(topic, partitions)

    def tenure(self, topic: str) -> dict[int, Tenure]:
        """Return under what this connection owns each of its partitions."""
        return self._fence.tenure(topic)

    def owners(self, topic: str) -> dict[int, Tenure]:
        """Return who owns each partition now."""
        return self._fence.owners(topic)

    def settle(self, topic: str, partitions: Collection[int]) -> None:
        """Put an end to inserts for these partitions that were not answered, wherever they are."""
        self._fence.settle(topic, partitions)

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
            with boundary(f"insert.{table}"):
                done = self.store.client.command(
                    f"INSERT INTO {table} ({columns}) SELECT {columns} FROM input('{structure}')"
                    f" WHERE ({self._fence.foreign(topic, partitions)}) = 0 FORMAT ArrowStream",
                    data=_Body(to_ipc(rows)),
                    settings=_SETTINGS | {"query_id": self._fence.next_query()},
                )
        written = int(done.written_rows)  # type: ignore[union-attr]
        if written != len(rows):
            raise FencedError(
                f"{table}: wrote {written} of {len(rows)} rows; one of partitions {sorted(partitions)} was taken"
            )

    @contextmanager
    def _doubtful_after(self, topic: str, partitions: Collection[int], what: str) -> Iterator[None]:
        """Tell an error of an insert, and note that nobody knows what became of it."""
        try:
            with asking(what):
                yield
        except StoreError:
            self._fence.doubt(topic, partitions)
            raise

    def model_in_force(self) -> InForce:
        """Return the model in force."""
        found: InForce | None = self._told(lambda: models.in_force(self.store.client))
        if found is None:
            raise StoreError("the store has no A-Path model: run journey migrate")
        return found

    def prepared(self, partitions: Collection[int]) -> dict[int, str]:
        """Return, for each partition that was prepared last for a model not in force, that model's TOML."""
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
        ((handles,),) = self._query(f"SELECT uniq(handle) FROM interactions WHERE {mine}", {})
        chunks = int(handles) // _CHUNK + 1
        foreign = self._fence.foreign(INTERACTIONS, [partition])
        for chunk in range(chunks):
            scope = f"{mine} AND intDiv(handle, {self.partitions}) % {chunks} = {chunk}"
            there = f"SELECT count() FROM evidence WHERE model = {{model:String}} AND {scope}"
            sql = evidence_sql(
                scope=scope,
                place=f"toUInt16({partition}) AS _partition, toUInt64({offset}) AS _offset",
                only_if=f"({foreign}) = 0 AND ({there}) = 0",
            )
            settings = _SETTINGS | {
                "query_id": self._fence.next_query(), "max_execution_time": _RECOMPUTE_LIMIT_S,
            }  # fmt: skip
            what = f"cannot weigh history under model {model.hash}"
            with self._doubtful_after(INTERACTIONS, [partition], what), boundary("change.evidence"):
                self.store.client.command(sql, parameters=evidence_parameters(model), settings=settings)
        if not self.held(INTERACTIONS, [partition]):
            raise FencedError(f"partition {partition} was taken while history was weighed")

    def book_change(self, control: Control, model: str, partition: int, offset: int) -> None:
        """Say that a partition has done what a change asks for; `model` is its hash. Again is harmless."""
        row = [control.change, model, control.model, DONE[control.verb], partition, offset]
        names = ["change", "model", "toml", "state", "_partition", "_offset"]
        with asking("model_changes did not take a row"), boundary("change.book"):
            self.store.client.insert("model_changes", [row], column_names=names, settings={"async_insert": 0})

    def erasing(self) -> dict[str, NDArray[np.uint64]]:
        """Return the handles (sorted) of each erasure under way, by receipt."""
        rows = self._query(
            "SELECT receipt, arraySort(groupArrayIf(handle, handle != 0)) FROM erasing GROUP BY receipt", {}
        )
        return {str(receipt): np.array(handles, np.uint64) for receipt, handles in rows}

    def erasure_steps(self, topic: str) -> list[tuple[str, str, int, int]]:
        """Return (receipt, verb, partition, offset) of what a topic's owners have said of erasures under way."""
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
            " {partition:UInt16} AS _partition, {offset:UInt64} AS _offset FROM interactions AS i"
            " WHERE i._partition = {partition:UInt16} AND NOT startsWith(type, 'identity.')"
            " AND handle IN (SELECT handle FROM erasing WHERE receipt = {receipt:String}) GROUP BY brand, minute, type",
            {"receipt": receipt, "partition": partition, "offset": offset},
        )

    def book_erasure(self, topic: str, control: Control, partition: int, offset: int) -> None:
        """Say that a topic's partition has done what an erasure asks for. Again is harmless."""
        row = [control.change, topic, control.verb, partition, offset]
        names = ["receipt", "topic", "verb", "_partition", "_offset"]
        with asking("erasure_steps did not take a row"), boundary("erasure.book"):
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
                "topic_offset": offset, "received": at, "_partition": _BETWEEN, "_offset": offset,
            }  # fmt: skip
            self._insert(owned, [partition], "dead_letters", pa.Table.from_pylist([letter], _LETTER))
        booked = self._query(
            "SELECT count() FROM deliveries WHERE topic = {name:String} AND _offset = {offset:UInt64}",
            {"name": f"{topic}[{partition}]", "offset": offset},
        )
        if not booked[0][0]:
            delivery = {
                "topic": f"{topic}[{partition}]", "received": 1, "dead_letters": 1, "received_at": at,
                "_partition": _BETWEEN, "_offset": offset,
            }  # fmt: skip
            self._insert(owned, [partition], "deliveries", pa.Table.from_pylist([delivery], _DELIVERY))

    def watermarks(self, tables: Sequence[str], partitions: Collection[int]) -> dict[str, Watermark]:
        """Return, per table and partition, the highest offset that it has."""
        return {
            table: {
                int(partition): int(offset)
                for partition, offset in self._query(
                    f"SELECT _partition, max(_offset) FROM {table}"
                    " WHERE _partition IN {partitions:Array(UInt16)} GROUP BY _partition",
                    {"partitions": sorted(partitions)},
                )
            }
            for table in tables
        }

    def logs(self, partitions: Collection[int]) -> dict[int, str]:
        """Return the log of each partition's latest delivery, empty where it was not noted."""
        rows = self._query(
            "SELECT _partition, argMax(log, _offset) FROM deliveries"
            " WHERE _partition IN {partitions:Array(UInt16)} GROUP BY _partition",
            {"partitions": sorted(partitions)},
        )
        return {int(partition): str(log) for partition, log in rows}

    def newest_us(self, partitions: Collection[int]) -> int | None:
        """Return the latest event time of handles of these partitions, None without any."""
        ((count, newest),) = self._query(
            f"SELECT count(), toUnixTimestamp64Micro(max(time)) FROM interactions WHERE {self._of('handle')}",
            {"partitions": sorted(partitions)},
        )
        return int(newest) if count else None

    def _of(self, column: str) -> str:
        return f"{column} % {self.partitions} IN {{partitions:Array(UInt16)}}"

    def ids_since(self, time_us: int, partitions: Collection[int]) -> tuple[Ids, NDArray[np.uint64]]:
        """Return ids and positions of the events of these partitions' handles at or after an instant."""
        found = self._arrow(
            "SELECT event, toUnixTimestamp64Micro(time) AS time_us, _partition, _offset FROM interactions"
            f" WHERE time >= {{since:DateTime64(6, 'UTC')}} AND {self._of('handle')}",
            {"since": from_us(time_us), "partitions": sorted(partitions)},
        )
        places = position(found.column("_partition").to_numpy(), found.column("_offset").to_numpy())
        return ids_of(found), places

    def first_positions(self, ids: Ids, slack_us: int) -> NDArray[np.uint64]:
        """Return where each id stands, UNSEEN for none."""
        found: NDArray[np.uint64] = self._told(lambda: self.store.first_positions(ids, slack_us))
        return found

    def handles(self, partitions: Collection[int]) -> pa.Table:
        """Return handle, kind, customer, version of the handles of these partitions."""
        return self._arrow(
            "SELECT handle, any(kind) AS kind, argMax(m.customer, m.version) AS customer, max(m.version) AS version"
            f" FROM identity_map AS m WHERE {self._of('handle')} GROUP BY handle",
            {"partitions": sorted(partitions)},
        )

    def customers_of(self, handles: NDArray[np.uint64]) -> pa.Table:
        """Return handle, customer, version of those of these handles that the map has."""
        return pa.concat_tables(
            self._arrow(
                "SELECT handle, argMax(m.customer, m.version) AS customer, max(m.version) AS version"
                " FROM identity_map AS m WHERE handle IN {handles:Array(UInt64)} GROUP BY handle",
                {"handles": handles[first : first + _ASKED].tolist()},
            )
            for first in range(0, max(len(handles), 1), _ASKED)
        )

    def evidence_of_handles(self, model: str, partitions: Collection[int]) -> pa.Table:
        """Return brand, handle and the five sums (NaN for no evidence) of the handles of these partitions."""
        return self._arrow(
            f"SELECT brand, handle, {_sums('')} FROM evidence WHERE model = {{model:String}} AND {self._of('handle')}"
            " GROUP BY brand, handle",
            {"model": model, "partitions": sorted(partitions)},
        )

    def evidence_of_customers(self, model: str, partitions: Collection[int]) -> pa.Table:
        """Return brand, handle, customer, map_version, version and the five sums, for customers of these partitions."""
        return self._arrow(
            "SELECT e.brand AS brand, e.handle AS handle, any(c.customer) AS customer, any(c.version) AS map_version,"
            f" maxIf(e._offset, e._partition = e.handle % {self.partitions}) AS version, {_sums('e.')}"
            " FROM evidence AS e INNER JOIN"
            " (SELECT handle, argMax(m.customer, m.version) AS customer, max(m.version) AS version"
            f"  FROM identity_map AS m GROUP BY handle HAVING {self._of('customer')}) AS c ON c.handle = e.handle"
            " WHERE e.model = {model:String} GROUP BY e.brand, e.handle",
            {"model": model, "partitions": sorted(partitions)},
        )

    def announced(self, partitions: Collection[int]) -> pa.Table:
        """Return brand, customer, stage: the latest announcement of each customer of these that has a stage."""
        return self._arrow(
            "SELECT brand, customer, toString(argMax(to_stage, sequence)) AS stage FROM stage_changes"
            f" WHERE {self._of('customer')} GROUP BY brand, customer HAVING stage != 'none'",
            {"partitions": sorted(partitions)},
        )

    def announced_under(self, partitions: Collection[int]) -> str:
        """Return the hash of the model of these partitions' latest announcement, empty without any."""
        return str(
            self._query(
                f"SELECT argMax(model, sequence) FROM stage_changes WHERE {self._of('customer')}",
                {"partitions": sorted(partitions)},
            )[0][0]
        )

    def last_sequence(self, table: str, partitions: Collection[int] | None = None) -> int:
        """Return the highest number of a write that a table of SEQUENCED has (of these partitions), 0 without any."""
        column = {"identity_map": "version", "stage_changes": "sequence"}[table]
        where = "" if partitions is None else " WHERE _partition IN {partitions:Array(UInt16)}"
        parameters = {} if partitions is None else {"partitions": sorted(partitions)}
        return int(self._query(f"SELECT max({column}) FROM {table}{where}", parameters)[0][0])

    def links(self) -> pa.Table:
        """Return left_handle, right_handle, kinds, said, withdrawn_at, restored_at, one row a pair."""
        return self._told(self.store.links)

    def linked_handles(self) -> pa.Table:
        """Return handle, kind, customer of every handle that stands in a link."""
        return self._arrow(
            "SELECT handle, kind, customer FROM customers WHERE handle IN"
            " (SELECT arrayJoin([left_handle, right_handle]) FROM identity_links)",
            {},
        )

    def moves_of(self, version: int) -> pa.Table:
        """Return handle, kind, customer, previous, version: what that write of identity_map said."""
        return self._arrow(
            "SELECT handle, kind, customer, previous, version FROM identity_map WHERE version = {version:UInt64}",
            {"version": version},
        )

    def _query(self, sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = self._told(
            lambda: self.store.client.query(sql, parameters=parameters).result_rows
        )
        return rows

    def _arrow(self, sql: str, parameters: dict[str, Any]) -> pa.Table:
        return self._told(lambda: self.store.client.query_arrow(sql, parameters=parameters, use_strings=True))

    def _told(self, ask: Callable[[], Any]) -> Any:
        """Return an answer of the store; every question but those about the fence goes through here."""
        with asking("the store did not answer"):
            return ask()


def _sums(prefix: str) -> str:
    return ", ".join(f"ifNull(sum({prefix}{name}), nan) AS {name}" for name in STAGE_NAMES)
