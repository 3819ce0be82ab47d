"""Rotates the handle key: replaces every id in the tables by its id under a successor key; customers stay whole.

Nobody has the values that were hashed, and none is needed: the successor wraps ids (`journey.identity.handle_key`),
one to one. Readable handles are encrypted again, each for its other id. Tables are filled beside those in use, and then their rows take the place of the old ones, table by table;
if the process is killed, the old ones are in use until all are filled, and after that the next command puts the new
ones in place. No table that is in use is dropped or renamed: the engine's user has no right to. Events keep their
identity: repeats are recognised, as the key of an event is made from the handle under the active key; of expired events,
whose source and id are gone, they are not. A customer has another name, which is the smallest of its ids still; its announcements go with it.
"""

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from journey.errors import UserError
from journey.identity.handle_key import KEY_BYTES, AnyKey, HandleKey
from streams.edge.event_keys import Keys
from streams.edge.readable import ReadableKey
from streams.edge.redact import HASHED
from streams.erasure import statements
from streams.faults import kill_point
from streams.handles import readable_rows
from streams.handles.key import BEGUN, IN_FORCE, READY, in_force, keep, ready
from streams.handles.unknown_key import UNKNOWN_KEY
from streams.store.clickhouse import ClickHouse
from streams.store.kept import begin_epoch
from streams.store.slices import BY_EVENT, interactions
from streams.store.sql import OF_EXPIRED

__all__ = ["RekeyError", "finish", "next_key", "rekey"]

# Has: id, what it becomes, what the customer becomes that is called so. The names of tables that are filled begin with it.
_RENAMES = "rekeying"
_ROWS = 250_000  # of interactions at a time
_LETTERS = 10_000
# Texts that may have a hash in the place of an address.
_TEXTS = ("id", "source", "cause")
_CONFLICT_TEXTS = ("id", "source", "kept", "repeated")
_HASHED = re.compile(HASHED.pattern.encode())

U64 = NDArray[np.uint64]

_HANDLES = """
    SELECT DISTINCT arrayJoin(handles) AS handle FROM interactions
    UNION DISTINCT SELECT handle FROM identity_map
    UNION DISTINCT SELECT customer FROM identity_map
    UNION DISTINCT SELECT customer FROM stage_changes
    UNION DISTINCT SELECT customer FROM audience_changes
    UNION DISTINCT SELECT left_handle FROM identity_links
    UNION DISTINCT SELECT right_handle FROM identity_links
"""
# What becomes of tables in SQL alone; the map keeps the newest version of each handle. `interactions`, `conflicts` and
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
    **{
        table: "SELECT c.* REPLACE (r.becomes AS handle) FROM "
        + table
        + " AS c INNER JOIN {renames} AS r ON r.id = c.handle"
        for table in OF_EXPIRED
    },
    "carried_links": (
        "SELECT l.* REPLACE (least(a.becomes, b.becomes) AS left_handle, greatest(a.becomes, b.becomes) AS right_handle,"
        " if(a.becomes < b.becomes, l.left_kind, l.right_kind) AS left_kind,"
        " if(a.becomes < b.becomes, l.right_kind, l.left_kind) AS right_kind) FROM carried_links AS l"
        " INNER JOIN {renames} AS a ON a.id = l.left_handle INNER JOIN {renames} AS b ON b.id = l.right_handle"
    ),
    "stage_changes": (
        "SELECT s.* REPLACE (r.customer AS customer) FROM stage_changes AS s"
        " INNER JOIN {renames} AS r ON r.id = s.customer"
    ),
    "audience_changes": (
        "SELECT a.* REPLACE (r.customer AS customer) FROM audience_changes AS a"
        " INNER JOIN {renames} AS r ON r.id = a.customer"
    ),
}
_TABLES = (*_FILLED, "interactions", "conflicts", "dead_letters", "readable_handles")
# Of the others, rows are merged.
_PLAIN = ("interactions", "conflicts", "dead_letters", "stage_changes", "audience_changes")


class RekeyError(UserError, RuntimeError):
    """An error of a key that cannot be changed now; nothing was changed."""


def rekey(
    store: ClickHouse,
    key: AnyKey,
    now_us: int,
    busy: Callable[[], Sequence[str]] = lambda: (),
    readable: Callable[[], ReadableKey] = lambda: ReadableKey(b""),
) -> None:
    """Activate a key whose last part is the successor of the active one.

    Parameters
    ----------
    busy
        Returns who else writes, once nobody can begin to; there must be none.
    readable
        Returns the key of readable handles, which are encrypted again for other ids; called where there are any.

    Raises
    ------
    ReadableError
        There are readable handles, and their key is not there.
    RekeyError
        The active key is another than the one before the last, or something is under way.
    """
    key = HandleKey.of(key)
    old = key.first(len(key) - 1) if len(key) > 1 else None
    if store.cluster:
        raise RekeyError(
            "on a ClickHouse cluster it is not changed in place: publish history again into a new database"
        )
    if old is None or in_force(store) not in {old.fingerprint, ""}:
        raise RekeyError(
            f"the key in force is {in_force(store) or 'unknown'}, and the one before the last is another"
        )
    if statements.pending(store):
        raise RekeyError("somebody is being forgotten: give journey forget again first")
    if statements.pending(store, idle=True):
        raise RekeyError("idle handles are being let go of: give journey retention run again first")
    sealing = readable() if readable_rows.unknown_keys(store, ()) else None
    if sealing is not None and (lost := readable_rows.unknown_keys(store, sealing.fingerprints)):
        raise RekeyError(
            f"readable handles are encrypted under the key {lost[0]}, which is not there: bring it back (readable.key, or"
            " JOURNEY_READABLE_KEY), or give journey readable drop --lost first"
        )
    keep(store, old.fingerprint, IN_FORCE, now_us)
    keep(store, key.fingerprint, BEGUN, now_us)
    if reasons := busy():
        keep(store, old.fingerprint, IN_FORCE, now_us)
        raise RekeyError("not now: " + "; ".join(reasons))
    try:
        _clear(store)
        _fill(store, key, len(old), sealing)
        _check(store)
    except Exception:
        keep(store, old.fingerprint, IN_FORCE, now_us)  # others may go on
        raise
    keep(store, key.fingerprint, READY, now_us)
    finish(store, now_us)


def finish(store: ClickHouse, now_us: int) -> str:
    """Put tables in place that are ready, and clear away what is left of a change.

    Returns the fingerprint of the key that came into force with it, "" for none.
    """
    name = ready(store)
    for table in _TABLES if name else ():
        if not _exists(store, f"{_RENAMES}_{table}"):
            continue  # a program that did not know this table has filled the others
        if (
            table == "interactions"
        ):  # it knew no such projection either, and replaces no rows by others without it
            with kill_point("rekey.replace"):
                store.client.command(
                    f"ALTER TABLE {_RENAMES}_{table} ADD PROJECTION IF NOT EXISTS {BY_EVENT}"
                )
        if not _count(store, f"{_RENAMES}_{table}"):
            continue  # so is the other: ClickHouse replaces nothing by nothing
        with kill_point("rekey.replace"):
            store.client.command(
                f"ALTER TABLE {table} REPLACE PARTITION ID 'all' FROM {_RENAMES}_{table}",
                settings={"max_partition_size_to_drop": 0},
            )
    if name:
        begin_epoch(store, "handles got another key", now_us)
        with kill_point("rekey.replace"):
            store.client.command("ALTER TABLE kept_paths DELETE WHERE 1", settings=statements.WHOLLY)
        statements.scrub(store, *_TABLES, "kept_paths")
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
        with kill_point("rekey.clear"):
            store.client.command(f"DROP TABLE IF EXISTS {name} SYNC", settings={"max_table_size_to_drop": 0})


def _fill(store: ClickHouse, key: HandleKey, since: int, sealing: ReadableKey | None) -> None:
    with kill_point("rekey.fill"):
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
        with kill_point("rekey.fill"):
            store.client.command(sql)
    for rows in interactions(store, "*", _ROWS):
        store.insert(f"{_RENAMES}_interactions", becomes.interactions(rows))
    for rows in _conflicts(store):
        store.insert(f"{_RENAMES}_conflicts", becomes.events(rows, _CONFLICT_TEXTS))
    for rows in _dead_letters(store):
        store.insert(f"{_RENAMES}_dead_letters", becomes.letters(rows))
    for rows in readable_rows.renamed(store, sealing, becomes.ids) if sealing is not None else ():
        store.insert(f"{_RENAMES}_readable_handles", rows)


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
    with kill_point("rekey.fill"):
        store.client.command(f"ALTER TABLE {_RENAMES} DROP PARTITION ID 'all'")
    store.insert(_RENAMES, table.set_column(2, "customer", pa.array(list(customer.values()), pa.uint64())))


def _conflicts(store: ClickHouse) -> Iterator[pa.Table]:
    pieces = _count(store, "conflicts") // _ROWS + 1
    for piece in range(pieces):
        yield store.arrow(
            "SELECT * FROM conflicts WHERE modulo(cityHash64(event), {pieces:UInt32}) = {piece:UInt32}",
            {"pieces": pieces, "piece": piece},
        )


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
    """A translator of rows to their ids under the key and its successor."""

    def __init__(self, key: HandleKey, since: int) -> None:
        self._key, self._since, self._keys = key, since, Keys()

    def ids(self, ids: U64) -> U64:
        """Return what ids become."""
        old, place = np.unique(ids, return_inverse=True)
        new = np.array([self._key.wrapped(each, self._since) for each in old.tolist()], np.uint64)
        return new[place] if len(new) else old

    def interactions(self, rows: pa.Table) -> pa.Table:
        """Return interactions with other handles, and their events with the keys that follow from these."""
        named = rows.column("handles").combine_chunks()
        flat = self.ids(named.flatten().to_numpy())
        offsets = named.offsets.to_numpy() - named.offsets[0].as_py()
        handles = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(flat))
        return self.events(
            rows.set_column(rows.schema.get_field_index("handles"), "handles", handles), _TEXTS
        )

    def events(self, rows: pa.Table, texts: Sequence[str]) -> pa.Table:
        """Return rows that are about events with their other primary handle, and the key that follows from it."""
        handle = self.ids(rows.column("handle").to_numpy())
        for name in texts:
            rows = self._texts(rows, name)
        sources, ids = rows.column("source").cast(pa.string()).to_pylist(), rows.column("id").to_pylist()
        own = pa.py_buffer(self._keys.keys(sources, ids, [b"\0%d" % each for each in handle.tolist()]))
        event = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(rows), [None, own])
        for name, column in (("event", event), ("handle", pa.array(handle))):
            rows = rows.set_column(rows.schema.get_field_index(name), name, column)
        return rows

    def _texts(self, rows: pa.Table, name: str) -> pa.Table:
        """Return rows with a column of texts in which hashes are those under the successor."""
        place = rows.schema.get_field_index(name)
        column = rows.column(place).cast(pa.string())
        if not pc.any(pc.match_substring_regex(column, _HASHED.pattern.decode())).as_py():
            return rows
        kept = [_HASHED.sub(self._hash, text.encode()).decode() for text in column.to_pylist()]
        return rows.set_column(
            place, rows.schema.field(place), pa.array(kept, pa.string()).cast(rows.schema.field(place).type)
        )

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


def next_key(given: bytes, ours: HandleKey) -> HandleKey:
    """Return the active key with the successor that JOURNEY_HANDLE_KEY has behind it. Raises RekeyError."""
    if len(given) < len(ours.secret) + KEY_BYTES:
        raise RekeyError(
            "JOURNEY_HANDLE_KEY has no successor of the key in force: put one behind it, with a space between "
            "(openssl rand -hex 32), and give the command again"
        )
    return HandleKey(given[: len(ours.secret) + KEY_BYTES], separate=ours.separate)
