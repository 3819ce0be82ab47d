"""What the two programs without a framework's state share: everything that is known is in sets and dictionaries."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from schemas.event import event_v1
from tests.benchmarks.cluster import job
from tests.benchmarks.cluster.sink import Sink

if TYPE_CHECKING:
    from tests.benchmarks.cluster.job import State

__all__ = ["Batches"]


def _parsed(value: bytes) -> Any:
    event = orjson.loads(value)
    return event | {"time": datetime.fromisoformat(event["time"])}


class Batches:
    """Takes values of records. `bare` leaves out all but parsing, dropping repeats, and the rows of events."""

    def __init__(self, sink: Sink, *, bare: bool) -> None:
        self.sink = sink
        self._bare = bare
        self._seen: set[str] = set()
        self._evidence: dict[tuple[str, int], State] = {}
        self._links: dict[int, list[int]] = {}

    def take(self, value: bytes) -> None:
        """Take one event; what is none is dropped."""
        try:
            event: Any = _parsed(value) if self._bare else event_v1.validate_json(value)
        except ValueError:
            return
        one = job.touch(event["id"], event["source"], event["type"], event["time"], event["data"])
        if one is None or one.key in self._seen:
            return
        self._seen.add(one.key)
        if self._bare:
            self.sink.add(one, None, None)
            return
        state = self._evidence.get((one.brand, one.handle))
        if state is None:
            state = self._evidence[one.brand, one.handle] = job.blank()
        job.add(state, one)
        linked = None
        if len(one.handles) > 1:
            linked = self._links[one.handle] = sorted({*self._links.get(one.handle, ()), *one.handles})
        self.sink.add(one, state, linked)
