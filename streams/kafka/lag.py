"""Queries consumer lag by partition on a background thread, with a timeout of two seconds."""

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import datetime
from typing import Any

from streams.clock import from_us
from streams.kafka.clients import TopicPartition, admin, broker_errors, consumer
from streams.kafka.groups import AT_REST, readers, spans
from streams.log.lag import PartitionLag, Place
from streams.settings import KafkaSettings

__all__ = ["LagReader"]

_PATIENCE_S = 2.0  # that an answer is waited for
_READING_S = 1.0  # that the oldest records are looked for
_QUICK: dict[str, Any] = {"bootstrap_timeout_ms": 5_000, "request_timeout_ms": 5_000}
_SMALL: dict[str, Any] = {"fetch_max_wait_ms": 100, "max_partition_fetch_bytes": 2**16}
_log = logging.getLogger(__name__)


class LagReader:
    """A reader of consumer lag on one thread, over connections that are kept; callable from any thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="standings")
        self._lock = threading.Lock()
        self._asked: Future[Mapping[Place, PartitionLag]] | None = None
        self._in_vain = False
        self._stack = ExitStack()
        self._client: Any = None
        self._source: Any = None
        self._sent: dict[tuple[Any, int], datetime] = {}  # by partition and offset

    def ask(self) -> Mapping[Place, PartitionLag] | None:
        """Return the lag of the partitions that workers and gateways read; None without an answer in two seconds.

        A question that was waited for in vain is not waited for again.
        """
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked, self._in_vain = self._thread.submit(self._look), False
            asked = self._asked
        try:
            return asked.result(0 if self._in_vain else _PATIENCE_S)
        except TimeoutError:
            self._in_vain = True
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest is shown
            _log.warning("Kafka does not say how far readers are: %s", error)
            return None

    def _look(self) -> Mapping[Place, PartitionLag]:
        try:
            with broker_errors(self._settings):
                return self._standings()
        except BaseException:
            self._let_go()
            raise

    def _standings(self) -> Mapping[Place, PartitionLag]:
        if self._client is None:
            self._client = self._stack.enter_context(admin(self._settings, **_QUICK))
        groups = readers(self._settings)
        described = self._client.describe_topics([name for names in groups.values() for name in names])
        counts = {one["name"]: len(one["partitions"]) for one in described if not one["error_code"]}
        states = {group["group_id"]: group["group_state"] for group in self._client.list_groups()}
        found: dict[Any, tuple[range, bool]] = {}
        for group, names in groups.items():
            places = [TopicPartition(name, p) for name in names for p in range(counts.get(name, 0))]
            waiting = spans(self._client, group if group in states else "", places)
            is_read = states.get(group, "Dead") not in AT_REST
            found |= {place: (span.unread, is_read) for place, span in waiting.items()}
        oldest = self._oldest({place: unread.start for place, (unread, _) in found.items() if unread})
        return {
            (place.topic.removeprefix(self._settings.prefix), place.partition): PartitionLag(
                len(unread), oldest.get(place), is_read
            )
            for place, (unread, is_read) in found.items()
        }

    def _oldest(self, offsets: Mapping[Any, int]) -> dict[Any, datetime]:
        """Return when the records at these offsets were sent; of some only later, where they cannot be read soon."""
        self._sent = {mark: at for mark, at in self._sent.items() if mark in offsets.items()}
        if fresh := dict(offsets.items() - self._sent.keys()):
            self._sent |= {(place, fresh[place]): at for place, at in self._read(fresh).items()}
        return {place: at for (place, _), at in self._sent.items()}

    def _read(self, offsets: Mapping[Any, int]) -> dict[Any, datetime]:
        if self._source is None:
            self._source = self._stack.enter_context(closing(consumer(self._settings, **_QUICK, **_SMALL)))
        self._source.assign(list(offsets))
        for place, offset in offsets.items():
            self._source.seek(place, offset)
        found: dict[Any, datetime] = {}
        until_s = time.monotonic() + _READING_S
        while len(found) < len(offsets) and time.monotonic() < until_s:
            for place, (record, *_) in self._source.poll(timeout_ms=100, max_records=1).items():
                self._source.pause(place)
                found[place] = from_us(1_000 * record.timestamp)
        return found

    def _let_go(self) -> None:
        self._client = self._source = None
        with suppress(Exception):  # it may be what has failed
            self._stack.close()

    def close(self) -> None:
        """Close the connections, once what was asked has its answer."""
        self._thread.submit(self._let_go)
        self._thread.shutdown(wait=True)
