"""A successor for the key of handles: every id in the tables becomes what it is under both, and customers stay whole.

Nobody has the values that were hashed, and none is needed: the successor wraps ids (`journey.wrapping`), one to one.
Tables are filled anew beside those in use, and then their rows take the place of the old ones, table by table; whoever is
killed, the old ones are in use until all are filled, and whoever comes next after that puts the new ones in place. No
table that is in use is dropped or renamed: the engine's user has no right to. Events keep their identity: what is sent again
is recognised, as its key is made from the handle under the key in force. A customer has another name, which is the smallest
of its ids still; its announcements go with it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.handle import KEY_BYTES, HandleKey, fingerprint
from streams import erasure
from streams.edge.keys import Keys
from streams.edge.redact import HASHED
from streams.faults import boundary
from streams.foreign import UNKNOWN_KEY
from streams.handle_keys import BEGUN, IN_FORCE, READY, in_force, keep, ready
from streams.store import ClickHouse

__all__ = ["RekeyError", "finish", "rekey"]

# Has: id, what it becomes, what the customer becomes that is called so. The names of tables that are filled begin with it.
_RENAMES = "rekeying"
_ROWS = 250_000  # of interactions at a time
_LETTERS = 10_000
_HASHED = re.compile(HASHED.pattern.encode())

U64 = NDArray[np.uint64]

_HANDLES = """
    SELECT DISTINCT arrayJoin(handles) AS handle FROM interactions
    UNION DISTINCT SELECT handle FROM identity_map
    UNION DISTINCT SELECT customer FROM identity_map
    UNION DISTINCT SELECT customer FROM stage_changes
    UNION DISTINCT SELECT left_handle FROM identity_links
    UNION DISTINCT SELECT right_handle FROM identity_links
"""
# What becomes of tables in SQL alone; the map keeps the newest version of each handle. `interactions` and
# `dead_letters` have hashes that ClickHouse does not make.
_FILLED = {
    "evidence": "SELECT e.* REPLACE (r.becomes AS handle) FROM evidence AS e INNER JOIN {renames} AS r ON r.id = e.handle",
    "identity_links": (
        "SELECT l.* REPLACE (least(a.becomes, b.becomes) AS left_handle, greatest(a.becomes, b.becomes) AS right_handle,"
        " if(a.becomes < b.becomes, l.left_kind, l.right_kind) AS left_kind,"
        " if(a.becomes < b.becomes, l.right_kind, l.left_kind) AS right_kind) FROM identity_links AS l"
        " INNER JOIN {renames} AS a ON a.id = l.left_handle INNER JOIN {renames} AS b ON b.id = l.right_handle"
    ),
    "identity_map": (
        "SELECT m.* REPLACE (a.becomes AS handle, b.customer AS customer, b.customer AS previous)"
        " FROM (SELECT * FROM identity_map FINAL) AS m"
        " INNER JOIN {renames} AS a ON a.id = m.handle INNER JOIN {renames} AS b ON b.id = m.customer"
    ),
    "stage_changes": (
        "SELECT s.* REPLACE (r.customer AS customer) FROM stage_changes AS s"
        " INNER JOIN {renames} AS r ON r.id = s.customer"
    ),
}
_TABLES = (*_FILLED, "interactions", "dead_letters")
_PLAIN = ("interactions", "dead_letters", "stage_changes")  # of the others, rows are merged


class RekeyError(RuntimeError):
    """The key cannot be changed now; nothing was."""


def rekey(store: ClickHouse, key: bytes, now_us: int, busy: Callable[[], Sequence[str]] = lambda: ()) -> None:
    """Put a key in force whose last part is the successor of the one in force.

    Parameters
    ----------
    busy
        Tells who else writes, once nobody can begin to; there must be none.

    Raises
    ------
    RekeyError
        The key in force is another than the one before the last, or something is under way.
    """
    old = key[:-KEY_BYTES]
    if store.cluster:
        raise RekeyError(
            "on a ClickHouse cluster it is not changed in place: publish history again into a new database"
        )
    if not old or in_force(store) not in {fingerprint(old), ""}:
        raise RekeyError(
            f"the key in force is {in_force(store) or 'unknown'}, and the one before the last is another"
        )
    if erasure.pending(store):
        raise RekeyError("somebody is being forgotten: give journey forget again first")
    keep(store, fingerprint(old), IN_FORCE, now_us)
    keep(store, fingerprint(key), BEGUN, now_us)
    if reasons := busy():
        keep(store, fingerprint(old), IN_FORCE, now_us)
        raise RekeyError("not now: " + "; ".join(reasons))
    try:
        _clear(store)
        _fill(store, HandleKey(key), len(old) // KEY_BYTES)
        _check(store)
    except Exception:
        keep(store, fingerprint(old), IN_FORCE, now_us)  # others may go on
        raise
    keep(store, fingerprint(key), READY, now_us)
    finish(store, now_us)


def finish(store: ClickHouse, now_us: int) -> str:
    """Put tables in place that are ready, and clear away what is left of a change.

    Returns the fingerprint of the key that came into force with it, "" for none.
    """
    name = ready(store)
    for table in _TABLES if name else ():
        if not _count(store, f"{_RENAMES}_{table}"):
            continue  # so is the other: ClickHouse replaces nothing by nothing
        with boundary("rekey.replace"):
            store.client.command(
                f"ALTER TABLE {table} REPLACE PARTITION ID 'all' FROM {_RENAMES}_{table}",
                settings={"max_partition_size_to_drop": 0},
            )
    if name:
        erasure.scrub(store, *_TABLES)
        keep(store, name, IN_FORCE, now_us)
    if _exists(store, _RENAMES):
        _clear(store)
    return name


def _count(store: ClickHouse, table: str) -> int:
    return int(store.rows(f"SELECT count() AS n FROM {table}")[0]["n"])


def _exists(store: ClickHouse, table: str) -> bool:
    return bool(store.rows(f"EXISTS TABLE {table}")[0]["result"])


def _clear(store: ClickHouse) -> None:
    for name in (*(f"{_RENAMES}_{table}" for table in _TABLES), _RENAMES):
        with boundary("rekey.clear"):
            store.client.command(f"DROP TABLE IF EXISTS {name} SYNC", settings={"max_table_size_to_drop": 0})


def _fill(store: ClickHouse, key: HandleKey, since: int) -> None:
    with boundary("rekey.fill"):
        store.client.command(
            f"CREATE TABLE {_RENAMES} (id UInt64, becomes UInt64, customer UInt64) ENGINE = MergeTree ORDER BY id"
        )
        for table in _TABLES:
            store.client.command(f"CREATE TABLE {_RENAMES}_{table} AS {table}")
    becomes = _Becoming(key, since)
    _rename(store, becomes)
    for table, select in _FILLED.items():
        names = ", ".join(row["name"] for row in store.rows(f"DESCRIBE TABLE {table}"))
        sql = f"INSERT INTO {_RENAMES}_{table} ({names}) SELECT {names} FROM ({select.format(renames=_RENAMES)})"
        with boundary("rekey.fill"):
            store.client.command(sql)
    for rows in _interactions(store):
        store.insert(f"{_RENAMES}_interactions", becomes.interactions(rows))
    for rows in _dead_letters(store):
        store.insert(f"{_RENAMES}_dead_letters", becomes.letters(rows))


def _check(store: ClickHouse) -> None:
    for table in _PLAIN:
        if (new := _count(store, f"{_RENAMES}_{table}")) != (old := _count(store, table)):
            raise RekeyError(f"{table} has {old} rows, and {new} were made of them: somebody writes to it")


def _rename(store: ClickHouse, becomes: "_Becoming") -> None:
    """Keep what each id becomes. A customer is called by the smallest of its new ids, and who had that name, by its old one."""
    handles = store.arrow(_HANDLES).column("handle").to_numpy()
    new = becomes.ids(handles)
    customer = dict(zip(handles.tolist(), new.tolist(), strict=True))
    table = pa.table({"id": handles, "becomes": new, "customer": new})
    store.insert(_RENAMES, table)
    swaps = store.rows(
        "SELECT c.customer AS name, argMin(r.id, r.becomes) AS smallest FROM customers AS c"
        f" INNER JOIN {_RENAMES} AS r ON r.id = c.handle GROUP BY c.customer HAVING name != smallest"
    )
    for row in swaps:
        name, smallest = row["name"], row["smallest"]
        customer[name], customer[smallest] = customer[smallest], customer[name]
    with boundary("rekey.fill"):
        store.client.command(f"ALTER TABLE {_RENAMES} DROP PARTITION ID 'all'")
    store.insert(_RENAMES, table.set_column(2, "customer", pa.array(list(customer.values()), pa.uint64())))


def _interactions(store: ClickHouse) -> Iterator[pa.Table]:
    """Yield all interactions, by brand and day, some of one day at a time where there are many."""
    days = store.rows(
        "SELECT brand, toDate32(time) AS day, count() AS n FROM interactions GROUP BY brand, day ORDER BY brand, day"
    )
    for brand, first, last, count in _spans(days):
        pieces = -(-count // _ROWS)
        for piece in range(pieces):
            yield store.arrow(
                "SELECT * FROM interactions WHERE brand = {brand:String} AND toDate32(time) BETWEEN {first:Date32}"
                " AND {last:Date32} AND intHash64(handle) % {pieces:UInt32} = {piece:UInt32}",
                {"brand": brand, "first": first, "last": last, "pieces": pieces, "piece": piece},
            )


def _spans(days: list[dict[str, Any]]) -> Iterator[tuple[str, Any, Any, int]]:
    """Yield (brand, first day, last day, rows), as many days as have few enough rows."""
    span: list[Any] = []
    for row in days:
        if span and span[0] == row["brand"] and span[3] + row["n"] <= _ROWS:
            span[2:] = row["day"], span[3] + row["n"]
            continue
        if span:
            yield tuple(span)
        span = [row["brand"], row["day"], row["day"], row["n"]]
    if span:
        yield tuple(span)


def _dead_letters(store: ClickHouse) -> Iterator[pa.Table]:
    place = (0, 0, 0)
    while True:
        rows = store.arrow(
            "SELECT * FROM dead_letters WHERE (_partition, _offset, _index) >"
            " ({p:UInt16}, {o:UInt64}, {i:Int64}) ORDER BY _partition, _offset, _index LIMIT {n:UInt32}",
            {"p": place[0], "o": place[1], "i": place[2], "n": _LETTERS},
        )
        if not len(rows):
            return
        yield rows
        place = tuple(rows.column(name)[-1].as_py() for name in ("_partition", "_offset", "_index"))


class _Becoming:
    """What rows become under the key and its successor."""

    def __init__(self, key: HandleKey, since: int) -> None:
        self._key, self._since, self._keys = key, since, Keys()

    def ids(self, ids: U64) -> U64:
        """Return what ids become."""
        old, place = np.unique(ids, return_inverse=True)
        new = np.array([self._key.wrapped(each, self._since) for each in old.tolist()], np.uint64)
        return new[place] if len(new) else old

    def interactions(self, rows: pa.Table) -> pa.Table:
        """Return interactions with other handles, and their events with the keys that follow from these."""
        handle = self.ids(rows.column("handle").to_numpy())
        named = rows.column("handles").combine_chunks()
        flat = self.ids(named.flatten().to_numpy())
        offsets = named.offsets.to_numpy() - named.offsets[0].as_py()
        sources, ids = rows.column("source").cast(pa.string()).to_pylist(), rows.column("id").to_pylist()
        own = pa.py_buffer(self._keys.keys(sources, ids, [b"\0%d" % each for each in handle.tolist()]))
        columns = {
            "event": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(rows), [None, own]),
            "handle": pa.array(handle),
            "handles": pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(flat)),
        }
        for name, column in columns.items():
            rows = rows.set_column(rows.schema.get_field_index(name), name, column)
        return rows

    def letters(self, rows: pa.Table) -> pa.Table:
        """Return dead letters whose hashes are those of other handles; of an unknown key, they stay as they are."""
        kept = [
            data if reason == UNKNOWN_KEY else _HASHED.sub(self._hash, data)
            for reason, data in zip(
                rows.column("reason").cast(pa.string()).to_pylist(), _bytes(rows.column("bytes")), strict=True
            )
        ]
        return rows.set_column(rows.schema.get_field_index("bytes"), "bytes", pa.array(kept, pa.binary()))

    def _hash(self, found: re.Match[bytes]) -> bytes:
        return b"#%016x" % self._key.wrapped(int(found[0][1:], 16), self._since)


def _bytes(column: pa.ChunkedArray) -> list[bytes]:
    return [each.encode() if isinstance(each, str) else each for each in column.to_pylist()]
