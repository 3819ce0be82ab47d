"""Kafka as any client of it sees it: single records written, frames read back."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.edge import Edge
from streams.kafka.gateway import Gateway
from streams.log.frame import EVENTS, LETTERS, Frame, decode
from streams.settings import KafkaSettings, Settings, WorkerSettings

KEY = b"k" * 32
PARTITIONS = 4


def settings_for(servers: str, prefix: str = "", **more: Any) -> Settings:
    kafka = KafkaSettings(servers=(servers,), prefix=prefix, **more)
    return Settings(data=Path("/nowhere"), handle_key=KEY, kafka=kafka, worker=WorkerSettings(batch_s=0.05))


@contextmanager
def running(settings: Settings, edge: Edge | None = None) -> Iterator[Gateway]:
    """Run a gateway in a thread; it is stopped at the end, and what it raised is raised."""
    raised: list[BaseException] = []
    gateway = Gateway(settings, edge or Edge(KEY))

    def work() -> None:
        try:
            gateway.run()
        except BaseException as error:  # noqa: BLE001 - raised below
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield gateway
    finally:
        gateway.stop()
        thread.join(60)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


def event(number: int | str, **data: Any) -> dict[str, Any]:
    """Return a valid event, of one of a hundred people."""
    who = data.pop("handles", {"cookie": f"c-{hash_of(number) % 100}"})
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "test",
        "type": data.pop("type", "web.page_view"),
        "time": data.pop("time", "2026-11-01T12:00:00Z"),
        "data": {"brand": "acme", "handles": who} | data,
    }


def hash_of(number: int | str) -> int:
    return number if isinstance(number, int) else sum(number.encode())


def line(number: int | str, **data: Any) -> bytes:
    return json.dumps(event(number, **data)).encode()


class Records:
    """Topics of one deployment; names are without prefix."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._prefix = settings.prefix
        self._servers = list(settings.servers)
        self._producer: KafkaProducer | None = None

    def write(self, topic: str, value: bytes | None, *, partition: int = 0, **more: Any) -> int:
        """Write one record, return its offset."""
        if self._producer is None:
            self._producer = KafkaProducer(bootstrap_servers=self._servers, max_request_size=4_000_000)
        more = {"key": b"k"} | more if value is None else more
        sent = self._producer.send(self._prefix + topic, value, partition=partition, **more)
        return sent.get(30).offset

    def write_all(self, topic: str, values: list[bytes], partitions: int) -> None:
        """Write many, in turn to each partition."""
        producer = KafkaProducer(bootstrap_servers=self._servers, linger_ms=20, batch_size=2**17)
        sent = [
            producer.send(self._prefix + topic, value, partition=number % partitions)
            for number, value in enumerate(values)
        ]
        for future in sent:
            future.get(60)
        producer.close()

    def read(self, topic: str) -> list[Any]:
        """Return all records from the beginning to the end as it is now."""
        consumer = KafkaConsumer(bootstrap_servers=self._servers, enable_auto_commit=False)
        try:
            name = self._prefix + topic
            places = [
                TopicPartition(name, partition) for partition in sorted(consumer.partitions_for_topic(name))
            ]
            consumer.assign(places)
            consumer.seek_to_beginning(*places)
            ends = consumer.end_offsets(places)
            found: list[Any] = []
            while any(consumer.position(place) < ends[place] for place in places):
                for some in consumer.poll(timeout_ms=200).values():
                    found += some
            return found
        finally:
            consumer.close()

    def frames(self) -> list[tuple[int, Frame]]:
        """Return the partition and frame of every record of interactions."""
        return [(record.partition, decode(record.value)) for record in self.read("interactions")]

    def close(self) -> None:
        if self._producer is not None:
            self._producer.close()


def events(frames: list[tuple[int, Frame]]) -> pa.Table:
    return pa.Table.from_batches(
        [frame.events.replace_schema_metadata(None) for _, frame in frames], schema=EVENTS.remove_metadata()
    )


def letters(frames: list[tuple[int, Frame]]) -> list[dict[str, Any]]:
    return pa.Table.from_batches([frame.letters for _, frame in frames], schema=LETTERS).to_pylist()


def ids(frames: list[tuple[int, Frame]]) -> Counter[str]:
    return Counter(events(frames).column("id").to_pylist())


def assert_in_their_partitions(frames: list[tuple[int, Frame]], partitions: int) -> None:
    """Every event stands in the partition that its primary handle names."""
    for partition, frame in frames:
        handles = frame.events.column("handle").to_pylist()
        assert {handle % partitions for handle in handles} <= {partition}
