"""Changes the rows of readable handles: encrypts them under a successor key, or for other ids of handles; counts and drops them."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.edge.readable import ReadableKey
from streams.erasure.statements import WHOLLY, scrub
from streams.faults import kill_point
from streams.store.clickhouse import ClickHouse

__all__ = ["Kept", "drop", "drop_lost", "kept_of", "reencrypted", "renamed", "unknown_keys"]

_TABLE = "readable_handles"
_PAGE = 50_000
_ROWS = f"""
    SELECT toString(brand) AS brand, toString(kind) AS kind, handle, toString(fingerprint) AS fingerprint, hex(sealed) AS sealed,
        _partition, _offset
    FROM {_TABLE} FINAL
    WHERE (brand, handle, fingerprint) > ({{brand:String}}, {{handle:UInt64}}, {{fingerprint:String}})
        AND fingerprint != {{but:String}}
    ORDER BY brand, handle, fingerprint LIMIT {{page:UInt32}}
"""
_COUNTS = f"""
    SELECT toString(brand) AS brand, toString(kind) AS kind, toString(fingerprint) AS fingerprint, uniqExact(handle) AS handles
    FROM {_TABLE} GROUP BY brand, kind, fingerprint ORDER BY brand, kind, fingerprint
"""

U64 = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Kept:
    """How many handles of a brand and kind are kept under a key, by its fingerprint."""

    brand: str
    kind: str
    fingerprint: str
    handles: int


def kept_of(store: ClickHouse) -> list[Kept]:
    """Return what is kept."""
    return [Kept(**row) for row in store.rows(_COUNTS)]


def unknown_keys(store: ClickHouse, known: Collection[str]) -> list[str]:
    """Return the fingerprints of keys of rows that are none of these."""
    rows = store.rows(
        f"SELECT DISTINCT toString(fingerprint) AS fingerprint FROM {_TABLE} ORDER BY fingerprint"
    )
    return [row["fingerprint"] for row in rows if row["fingerprint"] not in known]


def _pages(store: ClickHouse, but: str = "") -> Iterator[pa.Table]:
    """Yield all rows, but those under a key."""
    place = {"brand": "", "handle": 0, "fingerprint": ""}
    while True:
        rows = store.arrow(_ROWS, {**place, "but": but, "page": _PAGE})
        if not len(rows):
            return
        yield rows
        place = {name: rows.column(name)[-1].as_py() for name in place}


def _sealed(rows: pa.Table, key: ReadableKey, handles: list[int], under: Callable[[str], str]) -> pa.Table:
    """Return rows with their values encrypted for other handles, each under a key by its fingerprint."""
    sealed = []
    for row, handle in zip(rows.to_pylist(), handles, strict=True):
        brand, kind, old = row["brand"], row["kind"], row["fingerprint"]
        value = key.open(brand, kind, row["handle"], bytes.fromhex(row["sealed"]), old)
        sealed.append(key.seal(brand, kind, handle, value, under(old)))
    columns = {
        "handle": pa.array(handles, pa.uint64()),
        "fingerprint": pa.array([under(one) for one in rows.column("fingerprint").to_pylist()], pa.string()),
        "sealed": pa.array(sealed, pa.binary()),
    }
    for name, column in columns.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows


def renamed(store: ClickHouse, key: ReadableKey, becomes: Callable[[U64], U64]) -> Iterator[pa.Table]:
    """Yield all rows for other ids of their handles, each under the key that it is under. Raises ReadableError."""
    for rows in _pages(store):
        handles = becomes(rows.column("handle").to_numpy()).tolist()
        yield _sealed(rows, key, handles, lambda one: one)


def reencrypted(store: ClickHouse, key: ReadableKey) -> int:
    """Encrypt all rows under the newest key, and delete those under others; return how many. Killed anywhere, it can be repeated.

    Rows that come under an earlier key meanwhile stay, until this is repeated.

    Raises
    ------
    ReadableError
        A row is under a key that is not there, or was tampered with.
    """
    done = 0
    for rows in _pages(store, key.fingerprint):
        store.insert(_TABLE, _sealed(rows, key, rows.column("handle").to_pylist(), lambda _: key.fingerprint))
        done += len(rows)
    if done:
        new = f"SELECT brand, handle FROM {_TABLE} WHERE fingerprint = {{key:String}}"
        _delete(store, f"fingerprint != {{key:String}} AND (brand, handle) IN ({new})", key=key.fingerprint)
    return done


def drop(store: ClickHouse, brand: str, kind: str) -> int:
    """Delete what is kept of a brand's kind; return how many handles that were."""
    count = sum(one.handles for one in kept_of(store) if (one.brand, one.kind) == (brand, kind))
    _delete(store, "brand = {brand:String} AND kind = {kind:String}", brand=brand, kind=kind)
    return count


def drop_lost(store: ClickHouse, known: Collection[str]) -> int:
    """Delete what is under keys that are none of these; return how many handles that were."""
    lost = unknown_keys(store, known)
    count = sum(one.handles for one in kept_of(store) if one.fingerprint in lost)
    for name in lost:
        _delete(store, "fingerprint = {key:String}", key=name)
    return count


def _delete(store: ClickHouse, which: str, **parameters: str) -> None:
    """Delete rows, and take their files off the disk."""
    with kill_point("readable.delete"):
        store.client.command(
            f"ALTER TABLE {store.parts_of(_TABLE)} DELETE WHERE {which}",
            parameters=parameters,
            settings=WHOLLY,
        )
    scrub(store, _TABLE)
