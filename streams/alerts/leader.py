"""Elects one watcher as leader on a server: the one that took the fence last writes; earlier ones are fenced off."""

from typing import TYPE_CHECKING

import pyarrow as pa

from schemas.topics import ALERTS
from streams.fencing.port import FencedError
from streams.fencing.store import ServerStore

if TYPE_CHECKING:
    from streams.store.clickhouse import ClickHouse

__all__ = ["Leader"]


class Leader:
    """A writer to the tables of alerts of a server, for as long as no other watcher has become leader.

    Raises
    ------
    StoreError
        The server does not answer.
    """

    def __init__(self, store: "ClickHouse") -> None:
        self._fenced = ServerStore(store, 1)
        self._fenced.take(ALERTS, [0])

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add rows as one block.

        Raises
        ------
        FencedError
            Another watcher has the lead; this one is to end.
        StoreError
            It is not known whether the rows are there.
        """
        self._fenced.insert_for(ALERTS, table, rows)

    def check(self) -> None:
        """Raise unless this watcher is the leader, once every insert that was in doubt has ended.

        Raises
        ------
        FencedError
            Another watcher has the lead.
        """
        self._fenced.settle(ALERTS, [0])
        if 0 not in self._fenced.held(ALERTS, [0]):
            raise FencedError("another watcher of alerts has the lead")
