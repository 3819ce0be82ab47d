"""Somebody who asks the store for marked events until all were seen."""

import threading
import time
from collections.abc import Callable, Sequence

from streams.store.clickhouse import ClickHouse
from tests.benchmarks.cluster.stream import BRAND

__all__ = ["EVIDENCE", "IN_JOURNEYS", "Asker"]

EVIDENCE = (
    "SELECT handle FROM evidence WHERE model = {model:String} AND brand = {brand:String}"
    " AND handle IN {asked:Array(UInt64)}"
)
IN_JOURNEYS = (
    "SELECT customer FROM journeys WHERE brand = {brand:String} AND customer IN {asked:Array(UInt64)}"
)
_EVERY_S = 0.03  # between the starts of two questions, where the first is answered sooner


class Asker:
    """Asks from the start, in a thread of its own, for the handles that `wanted` returns and that were not seen.

    Attributes
    ----------
    seen_s
        By handle, the moment at which an answer with it was read.
    took_s
        How long each question took.
    """

    def __init__(self, store: ClickHouse, sql: str, wanted: Callable[[], Sequence[int]]) -> None:
        self._store, self._sql, self._wanted = store, sql, wanted
        ((self._model,),) = store.query("SELECT model FROM model_in_force", {})
        self.seen_s: dict[int, float] = {}
        self.took_s: list[float] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        while not self._stopping.is_set():
            asked = [handle for handle in self._wanted() if handle not in self.seen_s]
            began = time.monotonic()
            if asked:
                parameters = {"brand": BRAND, "asked": asked, "model": self._model}
                rows = self._store.query(self._sql, parameters)
                now = time.monotonic()
                self.took_s.append(now - began)
                self.seen_s.update(dict.fromkeys((int(row[0]) for row in rows), now))
            self._stopping.wait(max(0.002, began + _EVERY_S - time.monotonic()))

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()
