"""CPU per event, from JSON records in a topic to rows in ClickHouse: ours, and other programs that do the job.

The same broker, the same store, the same events, one program after the other; what each does, `job` says. Ours is the
gateway, which turns records into frames, and the worker; both are shown, and their sum is what the others compare to.
The CPU is that of the whole life of a process, less that of one that is given a single event. All distinct events must
be in ClickHouse, and the sums of evidence must be those of every other program.
"""

import math
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.topics import EVENTS_IN
from streams.kafka.clients import admin
from streams.settings import KafkaSettings
from tests.benchmarks.cluster import rivals
from tests.benchmarks.cluster.cost import Cost, Servers, measure
from tests.benchmarks.cluster.events import Month, month, send
from tests.benchmarks.cluster.process import Measured
from tests.benchmarks.cluster.report import tell
from tests.benchmarks.cluster.rivals import RIVALS, Rival
from tests.benchmarks.cluster.sink import TABLES
from tests.cluster.deployment import JOURNEY, KEY, Deployment
from tests.servers.clickhouse import ClickHouse
from tests.servers.kafka import Kafka

__all__ = ["Run", "run"]

PARTITIONS = 8
_SUMS = "SELECT sum(attention), sum(attraction), sum(affinity), sum(audience), sum(advocacy) FROM evidence FINAL"
_COUNTS = "SELECT count(), uniqExact(event) FROM interactions"


class WrongAnswerError(RuntimeError):
    """A program did not do the job: rows are missing or doubled, or its sums are others."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one program took for its events, and for a single one."""

    name: str
    about: str
    cost: Cost
    idle: Cost

    @property
    def us(self) -> float:
        """CPU microseconds per event."""
        return (self.cost.cpu_s - self.idle.cpu_s) / self.cost.events * 1e6


class Bench:
    """The servers, and the events in files and topics."""

    def __init__(self, folder: Path, kafka: Kafka, clickhouse: ClickHouse, customers: int) -> None:
        self.folder, self.kafka, self.clickhouse = folder, kafka, clickhouse
        self.servers = Servers(kafka.pid, clickhouse.pid)
        self._customers = customers
        self._months: dict[float, Month] = {}
        self._topics: dict[float, str] = {}

    def month(self, share: float) -> Month:
        """Return the events of that part of the customers; of 0, a single one."""
        if share not in self._months:
            path = self.folder / f"month-{share}.ndjson"
            if share:
                self._months[share] = month(path, max(1, int(self._customers * share)), KEY)
            else:
                line = next(self.month(1.0).read())
                path.write_bytes(line + b"\n")
                self._months[share] = Month(path, 1, 1, 1, len(line) + 1)
        return self._months[share]

    def topic(self, share: float) -> str:
        """Return a topic that has them."""
        if share not in self._topics:
            self._topics[share] = f"bench.{share}"
            self.make(self._topics[share])
            send(self.month(share), self.settings, self._topics[share])
        return self._topics[share]

    @property
    def settings(self) -> KafkaSettings:
        """How to reach the broker."""
        return KafkaSettings(servers=(self.kafka.servers,))

    def make(self, *names: str, **config: str) -> None:
        """Make topics."""
        wanted = {name: {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": config} for name in names}
        with admin(self.settings) as client:
            client.create_topics(wanted)
            client.wait_for_topics(list(names))


@contextmanager
def opened(folder: Path, customers: int) -> Iterator[Bench]:
    """Start the servers."""
    with ExitStack() as stack:
        yield Bench(folder, stack.enter_context(Kafka()), stack.enter_context(ClickHouse()), customers)


def run(folder: Path, customers: int, rounds: int, only: Sequence[str] = ()) -> None:
    """Measure each program in turn, as many times as there are rounds, and print what they took."""
    chosen = [rival for rival in RIVALS if not only or rival.name in only]
    with opened(folder, customers) as bench:
        try:
            python = rivals.interpreter()
        except rivals.Unavailable as reason:
            print(f"the other programs are left out, their packages cannot be installed: {reason}")
            chosen, python = [], Path()
        idle = _Ours(bench, 0.0).run()
        idle_rivals = {rival.name: _rival(bench, replace(rival, share=0.0), python) for rival in chosen}
        for number in range(rounds):
            ours = _Ours(bench, 1.0)
            gateway, worker = ours.run()
            runs = [Run("gateway", "gateway: records to frames", gateway, idle[0])]
            runs.append(Run("worker", "worker: frames to all tables", worker, idle[1]))
            for rival in chosen:
                runs.append(Run(rival.name, rival.about, _rival(bench, rival, python), idle_rivals[rival.name]))
            tell(number + 1, runs, ours.capacity())
            ours.close()


class _Ours:
    """Our own two processes, one after the other."""

    def __init__(self, bench: Bench, share: float) -> None:
        self._bench, self._month = bench, bench.month(share)
        self._deployment = Deployment(
            bench.kafka.servers, bench.clickhouse.fresh_database(), bench.folder,
            prefix=bench.kafka.fresh_prefix(), partitions=PARTITIONS,
        )  # fmt: skip
        self._store = self._deployment.store()

    def run(self) -> tuple[Cost, Cost]:
        """Return the cost of the gateway and of the worker."""
        send(self._month, self._deployment.kafka)
        gateway = self._cost("gateway", lambda: self._is_read(EVENTS_IN))
        worker = self._cost("worker", self._is_done)
        _check("ours", self._month, self._store.query(_COUNTS, {})[0])
        return gateway, worker

    def _cost(self, command: str, done: Callable[[], bool]) -> Cost:
        log = self._bench.folder / f"{command}.log"
        return measure(
            lambda: Measured([JOURNEY, command], self._deployment.environment, log),
            done, self._month.lines, self._bench.servers,
        )  # fmt: skip

    def _is_read(self, *topics: str) -> bool:
        behind = self._deployment.behind()
        return not set(behind) - set(self._deployment_topics()) and not any(topic in behind for topic in topics)

    @staticmethod
    def _deployment_topics() -> tuple[str, ...]:
        return ("interactions", "links", "identity.map", "evidence", EVENTS_IN)

    def _is_done(self) -> bool:
        ((rows,),) = self._store.query("SELECT count() FROM interactions", {})
        return int(rows) >= self._month.events and not self._deployment.behind()

    def sums(self) -> Sequence[float]:
        """Return the sums of evidence of all handles."""
        return self._store.query(_SUMS, {})[0]

    def capacity(self) -> dict[str, float]:
        """Return bytes on disk per event by table once merged, and how many handles there are."""
        found = {"handles": float(self._store.query("SELECT uniqExact(handle) FROM identity_map", {})[0][0])}
        for table in ("interactions", "evidence", "identity_map", "identity_links", "minute_counts", "stage_changes"):
            self._store.client.command(f"OPTIMIZE TABLE {table} FINAL")
        rows = self._store.query(
            "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table",
            {},
        )
        return found | {str(table): size / self._month.events for table, size in rows}

    def close(self) -> None:
        """Let go of the connection."""
        self._store.close()
        self._deployment.close()


def _rival(bench: Bench, rival: Rival, python: Path) -> Cost:
    made, group = bench.month(rival.share), f"{rival.name}-{secrets.token_hex(4)}"
    dsn, folder = bench.clickhouse.fresh_database(), bench.folder / group
    folder.mkdir()
    database = dsn.rsplit("/", 1)[1]
    if rival.tables:
        bench.make(*[f"{group}-{table}-changelog" for table in rival.tables], **{"cleanup.policy": "compact,delete"})
    environment = rivals.environment(
        rival, kafka=bench.kafka.servers, dsn=dsn, topic=bench.topic(rival.share), group=group,
        partitions=PARTITIONS, folder=folder,
    )  # fmt: skip
    with closing(bench.clickhouse.client()) as client:
        client.command(f"CREATE DATABASE {database}")
    with closing(bench.clickhouse.client(database)) as client:
        for table in TABLES:
            client.command(table)
        cost = measure(
            lambda: Measured([python, "-m", f"tests.benchmarks.cluster.{rival.module}", *rival.words], environment, folder / "log"),
            lambda: int(client.query("SELECT count() FROM interactions").result_rows[0][0]) >= made.events,
            made.lines, bench.servers,
        )  # fmt: skip
        _check(rival.name, made, client.query(_COUNTS).result_rows[0])
        client.command(f"DROP DATABASE {database}")
    shutil.rmtree(folder)
    return cost


def _check(name: str, made: Month, counts: Sequence[int]) -> None:
    if tuple(counts) != (made.events, made.events):
        raise WrongAnswerError(f"{name}: {counts[0]} rows of {counts[1]} events, not {made.events}")
