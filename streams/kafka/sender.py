"""Sends records to a topic and tracks each until Kafka acknowledges it, or until its failure is returned."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from schemas.topics import topics
from streams.kafka.clients import KafkaError, broker_errors, producer
from streams.kafka.errors import BrokerError
from streams.settings import KafkaSettings

__all__ = ["IN_FLIGHT_BYTES", "Failed", "Sender"]

IN_FLIGHT_BYTES = 32 * 2**20  # sent and not acknowledged; above it, `send` waits
_GRACE_S = 5.0  # beyond the time for delivery: the client does not count what waits for its first answer
_BOOTSTRAP_S = 20.0
_UNDECLARED_BYTES = 1_048_576
_log = logging.getLogger(__name__)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Failed(Generic[Item]):
    """A record that Kafka did not acknowledge; it may be there all the same."""

    item: Item
    error: Exception


class Sender(Generic[Item]):
    """A sender to one topic, each record for an item of the caller's; `wait` returns those that failed.

    Thread-safe. Once a record has failed, the client is replaced: an idempotent producer that lost a record may
    refuse all that follow.

    Parameters
    ----------
    topic
        Its name without prefix; one that we do not declare is there already, with Kafka's own limit of a record.
    delivery_s
        How long Kafka has for a record, all tries together.
    linger_s
        How long a record may wait for others to travel with.

    Raises
    ------
    BrokerError
        Kafka cannot be reached, or refuses us.
    """

    def __init__(
        self, settings: KafkaSettings, topic: str, *, delivery_s: float = 120.0, linger_s: float = 0.0
    ) -> None:
        self.settings, self.topic = settings, settings.prefix + topic
        self._delivery_s = delivery_s
        limits = (int(one.config["max.message.bytes"]) for one in topics() if one.name == topic)
        self._options = {
            "max_request_size": next(limits, _UNDECLARED_BYTES),
            "batch_size": 2**18,
            "linger_ms": int(linger_s * 1000),
            "delivery_timeout_ms": int((delivery_s + linger_s) * 1000),
            "bootstrap_timeout_ms": int(min(_BOOTSTRAP_S, delivery_s) * 1000),
            "request_timeout_ms": int(min(30.0, delivery_s / 2) * 1000),
            "max_block_ms": int(delivery_s * 1000),
            "metadata_max_age_ms": 30_000,  # new partitions are seen within it
        }
        self._changed = threading.Condition()
        self._under_way: dict[int, tuple[Item, int]] = {}  # by number: item and bytes
        self._bytes = self._number = 0
        self._failed: list[Failed[Item]] = []
        self._making = threading.Lock()
        self._client: Any = None
        self.partitions()

    @property
    def has_failed(self) -> bool:
        """Whether `wait` has failures to return."""
        return bool(self._failed)

    def partitions(self) -> int:
        """Return how many partitions the topic has, as far as the client knows by now. Raises BrokerError."""
        with broker_errors(self.settings):
            return int(max(self._usable().partitions_for(self.topic))) + 1

    def _usable(self) -> Any:
        with self._making:
            if self._client is None:
                self._client = producer(self.settings, **self._options)
            return self._client

    def send(
        self,
        item: Item,
        value: bytes,
        partition: int | None = None,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Send one record, to its key's partition where none is given; blocks while too many are in flight. `wait` returns errors."""
        number = self._begin(item, len(value))
        try:
            future = self._usable().send(
                self.topic, value=value, key=key, headers=list(headers), partition=partition
            )
        except (KafkaError, BrokerError, ValueError) as error:
            self._fail(number, error)
        else:
            future.add_callback(self._acknowledge, number)
            future.add_errback(self._fail, number)

    def _begin(self, item: Item, size: int) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < IN_FLIGHT_BYTES, self._delivery_s + _GRACE_S)
            self._number += 1
            self._under_way[self._number] = (item, size)
            self._bytes += size
            return self._number

    def _acknowledge(self, number: int, _metadata: Any) -> None:
        with self._changed:
            _, size = self._under_way.pop(number, (None, 0))
            self._bytes -= size
            self._changed.notify_all()

    def _fail(self, number: int, error: Exception) -> None:
        with self._changed:
            if number in self._under_way:
                item, size = self._under_way.pop(number)
                self._bytes -= size
                self._failed.append(Failed(item, error))
                self._changed.notify_all()

    def wait(self) -> list[Failed[Item]]:
        """Wait until what was sent is no longer under way; return, and forget, what failed since the last time."""
        with self._changed:
            last = self._number
            self._changed.wait_for(
                lambda: next(iter(self._under_way), last + 1) > last, self._delivery_s + _GRACE_S
            )
            forgotten = [number for number in self._under_way if number <= last]
        for number in forgotten:
            self._fail(number, KafkaError(f"no answer within {self._delivery_s + _GRACE_S:g} s"))
        if self._failed:
            self.close()  # until the next `send`
        with self._changed:
            failed, self._failed = self._failed, []
        return failed

    def close(self) -> None:
        """Let go of the client and of what is still under way; `wait` first."""
        with self._making:
            client, self._client = self._client, None
        if client is not None:
            _close(client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _close(client: Any) -> None:
    # close() alone raises while records are under way, and leaves its thread behind.
    client._sender.force_close()  # noqa: SLF001
    try:
        client.close(timeout=_GRACE_S)
    except KafkaError as error:
        _log.warning("a Kafka client did not close: %s", error)
