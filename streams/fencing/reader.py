"""Queries the state that workers restore for their partitions from a ClickHouse server."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.seen import Ids, position
from journey.stage import STAGE_NAMES
from streams.fencing.fence import asking
from streams.log.batch import Watermark
from streams.store.clickhouse import ClickHouse
from streams.store.restore import COUNT_IDS, GIVEN, RECENT, id_slices, ids_of, readable

__all__ = ["StateReader"]

_WATERMARK = "SELECT _partition, max(_offset) FROM {table} WHERE _partition IN {{partitions:Array(UInt16)}} GROUP BY _partition"
_EXPIRED_TOO = """
    SELECT _partition, max(last) FROM
    (
        SELECT _partition, max(_offset) AS last FROM interactions
        WHERE _partition IN {partitions:Array(UInt16)} GROUP BY _partition
        UNION ALL
        SELECT part AS _partition, max(upto) AS last FROM expiries
        WHERE part IN {partitions:Array(UInt16)} GROUP BY part
    )
    GROUP BY _partition
"""
_ASKED = 4_000  # handles in one question: a server takes 128 KiB of parameters


class StateReader:
    """The reading half of `streams.fencing.port.PartitionedStore`.

    Parameters
    ----------
    store
        An open connection.
    partitions
        How many partitions the topics have.
    """

    def __init__(self, store: ClickHouse, partitions: int) -> None:
        self.store = store
        self.partitions = partitions

    def watermarks(self, tables: Sequence[str], partitions: Collection[int]) -> dict[str, Watermark]:
        """Return, per table and partition, the highest offset that it has."""
        return {
            table: {
                int(partition): int(offset)
                for partition, offset in self._query(
                    _EXPIRED_TOO if table == "interactions" else _WATERMARK.format(table=table),
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

    def count_ids(self, partitions: Collection[int]) -> int:
        """Return how many events there are of these partitions' handles."""
        ((count,),) = self._query(
            COUNT_IDS.format(scope=self._of("handle")), {"partitions": sorted(partitions)}
        )
        return int(count)

    def readable(self, brands: Collection[str], handles: Sequence[int]) -> set[tuple[str, int, str]]:
        """Return which readable handles the table has: see `streams.store.restore.Restoring`."""
        return readable(self._query, brands, handles)

    def _of(self, column: str) -> str:
        return f"{column} % {self.partitions} IN {{partitions:Array(UInt16)}}"

    def known_ids(self, partitions: Collection[int]) -> Iterator[tuple[Ids, NDArray[np.uint64]]]:
        """Yield the ids of all events of these partitions' handles with their positions, in slices."""
        wanted = {"partitions": sorted(partitions)}
        for sql, parameters in id_slices(self.count_ids(partitions), self._of("handle")):
            found = self._arrow(sql, parameters | wanted)
            places = position(found.column("_partition").to_numpy(), found.column("_offset").to_numpy())
            yield ids_of(found), places

    def recent(self, partitions: Collection[int], window_us: int, most: int) -> Watermark:
        """Return, per partition, the first offset of the frames that arrived last: `most` events, within `window_us`."""
        rows = self._query(
            RECENT.format(scope="_partition IN {partitions:Array(UInt16)}"),
            {"partitions": sorted(partitions), "window_us": window_us, "most": most},
        )
        return {int(partition): int(offset) for partition, offset in rows}

    def first_positions(self, ids: Ids, near: pa.Table | None) -> NDArray[np.uint64]:
        """Return the first position of each id, UNSEEN for none."""
        found: NDArray[np.uint64] = self._ask(lambda: self.store.first_positions(ids, near))
        return found

    def stored(self, ids: Ids, near: pa.Table) -> pa.Table:
        """Return the events with these ids as they are stored."""
        return self._ask(lambda: self.store.stored(ids, near))

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
        """Return the highest number of a write that a table of SEQUENCED has (of these partitions), or had, 0 without any."""
        column = {"identity_map": "version", "stage_changes": "sequence"}[table]
        where = "" if partitions is None else " WHERE _partition IN {partitions:Array(UInt16)}"
        parameters = {} if partitions is None else {"partitions": sorted(partitions)}
        last = int(self._query(f"SELECT max({column}) FROM {table}{where}", parameters)[0][0])
        if table != "stage_changes" or partitions is not None:
            return last
        return max(last, int(self._query(GIVEN, {})[0][0]))

    def links(self) -> pa.Table:
        """Return left_handle, right_handle, kinds, said, withdrawn_at, restored_at, one row a pair."""
        return self._ask(self.store.links)

    def linked_handles(self) -> pa.Table:
        """Return handle, kind, customer of every handle that is in a link."""
        return self._arrow(
            "SELECT handle, kind, customer FROM customers WHERE handle IN"
            " (SELECT arrayJoin([left_handle, right_handle]) FROM identity_links)",
            {},
        )

    def moves_of(self, version: int) -> pa.Table:
        """Return handle, kind, customer, previous, version: the rows of that write of identity_map."""
        return self._arrow(
            "SELECT handle, kind, customer, previous, version FROM identity_map WHERE version = {version:UInt64}",
            {"version": version},
        )

    def _query(self, sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = self._ask(
            lambda: self.store.client.query(sql, parameters=parameters).result_rows
        )
        return rows

    def _arrow(self, sql: str, parameters: dict[str, Any]) -> pa.Table:
        return self._ask(lambda: self.store.client.query_arrow(sql, parameters=parameters, use_strings=True))

    def _ask(self, ask: Callable[[], Any]) -> Any:
        """Return an answer of the store; every question but those about the fence goes through here."""
        with asking("the store did not answer"):
            return ask()


def _sums(prefix: str) -> str:
    return ", ".join(f"ifNull(sum({prefix}{name}), nan) AS {name}" for name in STAGE_NAMES)
