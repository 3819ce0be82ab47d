"""Detects records that Kafka deleted unread: offsets between the last read one and the partition's start.

Clients go on at the partition's start silently. Gaps above the start are no loss: compaction and the end marks of
transactions leave them.
"""

import logging
import threading
from collections.abc import Iterable

from streams.log.lag import Place
from streams.process.degraded import Degraded

__all__ = ["LostRecords"]

_log = logging.getLogger(__name__)


class LostRecords:
    """A recorder of lost offsets, each once: in the log, as a count, and in words for /health until the process ends.

    Any thread may call it. Topics are given as Kafka names them, and reported without the prefix. Offsets are Kafka's.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._lock = threading.Lock()
        self._next: dict[Place, int] = {}  # the offset that is to be read
        self._told: dict[Place, int] = {}  # the offset before which losses were noted
        self._since: dict[Place, int] = {}  # the first that was lost
        self.counts: dict[Place, int] = {}
        self.degraded = Degraded()

    def begins(self, topic: str, partition: int, committed: int, first: int) -> None:
        """Note where reading begins: what is committed (0 for nothing), and the partition's first offset."""
        self._note(topic, partition, committed, first)
        with self._lock:
            self._next[self._place(topic, partition)] = max(committed, first)

    def skipped(self, topic: str, partition: int, offset: int) -> bool:
        """Note that a record comes; return whether others should have come before it: then ask, and call `gap`."""
        place = self._place(topic, partition)
        with self._lock:
            expected = self._next.get(place)
            if expected is None or offset <= expected:
                self._next[place] = offset + 1
            return expected is not None and offset > expected

    def gap(self, topic: str, partition: int, offset: int, first: int) -> None:
        """Record what is lost before a record that `skipped` reported; `first` is the partition's first offset now."""
        place = self._place(topic, partition)
        with self._lock:
            expected, self._next[place] = self._next.get(place, offset), offset + 1
        self._note(topic, partition, expected, min(first, offset))

    def samples(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """Return the metrics."""
        with self._lock:
            found = [
                (place, count, self._since[place], self._told[place] - 1)
                for place, count in self.counts.items()
            ]
        for (topic, partition), count, first, last in found:
            labels = (topic, str(partition))
            yield "journey_records_lost_total", labels, count
            yield "journey_records_lost_first_offset", labels, first
            yield "journey_records_lost_last_offset", labels, last

    def _place(self, topic: str, partition: int) -> Place:
        return topic.removeprefix(self._prefix), partition

    def _note(self, topic: str, partition: int, since: int, until: int) -> None:
        place = self._place(topic, partition)
        with self._lock:
            since = max(since, self._told.get(place, 0))
            if until <= since:
                return
            self._told[place] = until
            first = self._since.setdefault(place, since)
            self.counts[place] = self.counts.get(place, 0) + until - since
            said = (
                f"{place[0]}[{partition}]: {self.counts[place]:,} records between offsets {first} and {until - 1} were deleted by "
                "Kafka before they were read: they are lost here; send them again, and keep records for longer (retention)"
            )
        _log.error("%s", said)
        self.degraded.set(("lost", place), said)
