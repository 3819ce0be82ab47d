"""Whether a server holds its users who only read to their limits: tried with queries, as versions do not tell it.

ClickHouse judges constraints of a profile and the setting `readonly` in one place, so a request that says `readonly = 1`
of itself shows what any constraint is worth. Whoever may ask anything may try it, and it changes nothing.
"""

from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.port import StoreError

__all__ = ["MENDED", "unheld"]

MENDED = "26.3.27.4, 26.6.4.51, 26.7.6.49, 26.8.2.2"
"""Versions of ClickHouse from which on both trials are refused, by branch; every later branch too."""

_LIMIT_S = 7
_TRIED = {"readonly": 1, "max_execution_time": _LIMIT_S}
_ASKED = "SELECT getSetting('max_execution_time') AS value"
_WAYS = {
    f"{_ASKED} SETTINGS max_execution_time = DEFAULT": (
        "SETTINGS or SET with = DEFAULT lifts max_execution_time, max_memory_usage and every other limit, and readonly"
    ),
    f"SELECT value FROM ({_ASKED} SETTINGS max_execution_time = 9)": (
        "SETTINGS of a subquery lifts what one step may do, such as max_block_size"
    ),
}


def unheld(store: ClickHouse) -> str:
    """Return what of an analyst's limits does not hold on this server, in one line; "" for nothing that is known."""
    ways = [said for sql, said in _WAYS.items() if _gets_past(store, sql)]
    if not ways:
        return ""
    return (
        f"limits of users who only read do not hold on this ClickHouse, {store.client.server_version}: {'; '.join(ways)};"
        f" grants and quotas hold. Mended from {MENDED} on: deploy/docs/guide/bi.md#what-holds"
    )


def _gets_past(store: ClickHouse, sql: str) -> bool:
    try:
        ((value,),) = store.query(sql, {}, _TRIED)
    except (QueryError, StoreError):  # refused, as it should be; or there is nobody to be told of
        return False
    return float(value) != _LIMIT_S
