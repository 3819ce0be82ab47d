"""One watcher in the world: on a server, whoever took the fence last writes, and nobody before it can any more."""

from typing import TYPE_CHECKING

import pyarrow as pa

from schemas.topics import ALERTS
from streams.workers.ports import FencedError
from streams.workers.store import ServerStore

if TYPE_CHECKING:
    from streams.store import ClickHouse

__all__ = ["Leader"]


class Leader:
    """Writes to the tables of alerts of a server, as long as no other has taken the lead.

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
        """Go on only as the one who leads, with every insert that was in doubt at an end.

        Raises
        ------
        FencedError
            Another watcher has the lead.
        """
        self._fenced.settle(ALERTS, [0])
        if 0 not in self._fenced.held(ALERTS, [0]):
            raise FencedError("another watcher of alerts has the lead")
