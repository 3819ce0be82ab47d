"""The servers of a benchmark, and its events in files and topics, made when they are first asked for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from journey.identity.handle_key import HandleKey
from streams.kafka.clients import admin
from streams.settings import KafkaSettings
from tests.benchmarks.cluster.cost import Servers
from tests.benchmarks.cluster.events import DAYS, Month, month, one_event, send
from tests.fixtures.servers.clickhouse import ClickHouse
from tests.fixtures.servers.kafka import Kafka
from tests.real_workers.deployment import KEY, Deployment

__all__ = ["PARTITIONS", "Bench", "opened"]

PARTITIONS = 8
_KEY = HandleKey(KEY, separate=True)


class Bench:
    """One Kafka and one ClickHouse, which all runs share."""

    def __init__(self, folder: Path, kafka: Kafka, clickhouse: ClickHouse) -> None:
        self.folder, self.kafka, self.clickhouse = folder, kafka, clickhouse
        self.servers = Servers(kafka.pid, clickhouse.pid)
        self._months: dict[tuple[int, int], Month] = {}
        self._topics: dict[Path, str] = {}

    @cached_property
    def settings(self) -> KafkaSettings:
        """How to reach the broker."""
        return KafkaSettings(servers=(self.kafka.servers,))

    def month(self, customers: int, days: int = DAYS) -> Month:
        """Return the events of so many customers; of none, a single event."""
        if (customers, days) not in self._months:
            path = self.folder / f"month-{customers}-{days}.ndjson"
            self._months[customers, days] = (
                month(path, customers, _KEY, days=days) if customers else one_event(path, _KEY)
            )
        return self._months[customers, days]

    def topic(self, made: Month) -> str:
        """Return a topic that has these events, one a record."""
        if made.path not in self._topics:
            self.make(made.path.stem)
            send(made, self.settings, made.path.stem)
            self._topics[made.path] = made.path.stem
        return self._topics[made.path]

    def make(self, *names: str, **config: str) -> None:
        """Make topics; `_` in the name of a setting stands for a dot."""
        configs = {name.replace("_", "."): value for name, value in config.items()}
        wanted = {
            name: {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": configs}
            for name in names
        }
        with admin(self.settings) as client:
            client.create_topics(wanted)
            client.wait_for_topics(list(names))

    def deployment(self) -> Deployment:
        """Return a deployment of ours, with topics and tables of its own."""
        return Deployment(
            self.kafka.servers,
            self.clickhouse.fresh_database(),
            self.folder,
            prefix=self.kafka.fresh_prefix(),
            partitions=PARTITIONS,
        )


@contextmanager
def opened(folder: Path) -> Iterator[Bench]:
    """Start the servers."""
    with ExitStack() as stack:
        yield Bench(folder, stack.enter_context(Kafka()), stack.enter_context(ClickHouse()))
