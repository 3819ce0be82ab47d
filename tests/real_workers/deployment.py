"""A deployment of its own on shared servers: topics and database with fresh names, workers and gateways as processes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove, OffsetSpec
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from journey.identity.handle_key import HandleKey
from schemas.topics import EVENTS_IN, EVIDENCE, IDENTITY_MAP, INTERACTIONS, LINKS
from streams.analysis.verify import verify
from streams.apath import in_force
from streams.clock import system_clock
from streams.edge import Edge
from streams.handles.key import register
from streams.kafka import topics
from streams.kafka.clients import options, producer
from streams.kafka.parcels import parcels
from streams.server.server import Server
from streams.settings import KafkaSettings, Settings, SettingsError
from streams.store import migrations
from streams.store.clickhouse import ClickHouse
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until
from tests.real_workers.process import Process

if TYPE_CHECKING:
    from streams.edge.readable import Sealing

KEY = bytes(range(32))
SESSION_S = 6  # the least that a broker allows by default
_READ = (INTERACTIONS, LINKS, IDENTITY_MAP, EVIDENCE)
_QUIET_S = 1.5  # longer than the tick of a lane that has nothing to do


class Deployment:
    """Topics with `partitions`, a migrated database, and the processes that were started.

    Parameters
    ----------
    kafka
        Bootstrap servers, or settings of Kafka without a prefix.
    dsn
        Of a database that is not there yet.
    folder
        For logs.
    more
        Environment of all processes.
    """

    def __init__(
        self,
        kafka: str | KafkaSettings,
        dsn: str,
        folder: Path,
        *,
        prefix: str,
        partitions: int = 4,
        **more: str,
    ) -> None:
        self.folder, self.partitions = folder, partitions
        made = KafkaSettings(servers=(kafka,)) if isinstance(kafka, str) else kafka
        self.kafka = replace(made, prefix=prefix)
        self.settings = Settings(
            data=folder,
            handle_key=KEY,
            store=dsn,
            store_ca=more.get("JOURNEY_STORE_CA", ""),
            kafka=self.kafka,
        )
        self.environment = os.environ | _environment(self.settings) | more
        self.processes: list[Process] = []
        self.sealing: Sealing | None = None  # of what `publish` sends
        self._admin: KafkaAdminClient | None = None
        topics.create(self.kafka, partitions, 1)
        with closing(self.store()) as store:
            store.make_database()
            migrations.apply(store.client)
            in_force.activate_default(store.client, system_clock())
            register(store, KEY, system_clock())

    def store(self) -> ClickHouse:
        """Open the database, as nobody else does."""
        return ClickHouse.of(self.settings)

    def run(self, *arguments: str) -> str:
        """Run a command of ours and return what it printed."""
        done = commands.run(
            [commands.JOURNEY, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"journey {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments: str):
        return json.loads(self.run(*arguments, "--json"))

    def begun(self, *arguments: str, **more: str) -> Callable[[], Any]:
        """Start a command of ours; what is returned waits for its end and returns the JSON that it printed."""
        command = [commands.JOURNEY, *arguments, "--json"]
        process = commands.Command(command, env=self.environment | more, stdout=subprocess.PIPE)

        def ended() -> Any:
            process.send_signal(signal.SIGCONT)
            out, _ = process.communicate(timeout=100)
            assert process.returncode == 0, f"journey {' '.join(arguments)}: {out!r}"
            return json.loads(out)

        if more.get("JOURNEY_FAULT", "").endswith(":STOP"):
            os.waitpid(process.pid, os.WUNTRACED)
        return ended

    def worker(self, **more: str) -> Process:
        """Start a worker; a number that is given again goes on in the same log."""
        return self._start("worker", more)

    def gateway(self, **more: str) -> Process:
        """Start a gateway."""
        return self._start("gateway", more)

    def _start(self, command: str, more: dict[str, str]) -> Process:
        log = self.folder / f"{command}-{len(self.processes)}.log"
        process = Process([str(commands.JOURNEY), command], self.environment | more, log)
        self.processes.append(process)
        return process

    def publish(
        self, lines: Iterable[bytes], *, size: int = 5_000, after: int = 0, now_us: int | None = None
    ) -> int:
        """Send lines, which come `after` so many others, as frames of at most `size` events; return how many frames."""
        lines, edge = list(lines), Edge(HandleKey(KEY, separate=True), sealing=self.sealing)
        with closing(producer(self.kafka)) as out:
            sent = []
            for first in range(0, len(lines), size):
                some = lines[first : first + size]
                frame = edge.pack(
                    some, topic="test", now_us=now_us or system_clock(), first_offset=after + first + 1
                )
                sent += [
                    self.send(out, INTERACTIONS, parcel.data, parcel.partition)
                    for parcel in parcels(frame, self.partitions)
                ]
            for each in sent:
                each.get(timeout=60)
        return len(sent)

    def send(self, out, topic: str, value: bytes, partition: int, key: bytes | None = None):
        """Hand any bytes to a producer."""
        return out.send(self.kafka.prefix + topic, value=value, partition=partition, key=key)

    def lag(self) -> dict[str, int]:
        """Return how many records of each topic are not acknowledged.

        The ends are read after what is acknowledged: what follows from a record is sent before it is acknowledged, so
        when there is no lag, there is nothing to come.
        """
        workers, gateways = (self.kafka.prefix + name for name in ("journey-workers", "journey-gateway"))
        counts = {topic: 1 if topic == LINKS else self.partitions for topic in (*_READ, EVENTS_IN)}
        places = {
            topic: [TopicPartition(self.kafka.prefix + topic, p) for p in range(count)]
            for topic, count in counts.items()
        }
        with self._asked() as admin:
            committed = admin.list_group_offsets({workers: None, gateways: None})
            ends = admin.list_partition_offsets(
                {place: OffsetSpec.LATEST for group in places.values() for place in group}
            )
        lag = {}
        for topic, group in places.items():
            done = committed[gateways if topic == EVENTS_IN else workers]
            lag[topic] = sum(ends[p].offset - (max(done[p].offset, 0) if p in done else 0) for p in group)
        return lag

    @contextmanager
    def _asked(self) -> Iterator[KafkaAdminClient]:
        """Give a client that is kept until it fails."""
        if self._admin is None:
            self._admin = KafkaAdminClient(**options(self.kafka))
        try:
            yield self._admin
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()

    def behind(self) -> dict[str, int]:
        """Return the lag; where Kafka does not answer, that too is being behind."""
        try:
            return {topic: count for topic, count in self.lag().items() if count}
        except (KafkaError, OSError) as error:
            return {repr(error): 1}

    def settle(self, seconds: float = 120) -> None:
        """Wait until all that was sent is acknowledged, with all that followed from it, and stays so for a moment."""
        until = time.monotonic() + seconds
        quiet_since = None
        while quiet_since is None or time.monotonic() < quiet_since + _QUIET_S:
            behind = self.behind()
            quiet_since = None if behind else quiet_since or time.monotonic()
            assert time.monotonic() < until, f"behind: {behind}; {self.told()}"
            time.sleep(0.4)

    def wait(self, done: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait for something; when it does not happen, show the logs."""
        try:
            wait_until(done, seconds, what, every_s=0.1)
        except TimeoutError as error:
            raise AssertionError(f"{error}; {self.told()}") from None

    def evict(self) -> None:
        """Let Kafka drop all members of the workers' group, as it does with those that keep silent for too long."""
        group = self.kafka.prefix + "journey-workers"
        with self._asked() as admin:
            members = admin.describe_groups([group])[group]["members"]
            admin.remove_group_members(group, [MemberToRemove(member["member_id"]) for member in members])

    def drift(self) -> list:
        """Return what `journey verify` finds."""
        with Server(self.settings) as server:
            return [check for check in verify(server) if check.drift]

    def told(self) -> str:
        """Return what the processes said last, without what Kafka's clients say of themselves."""
        return "\n".join(f"{process.log.name}:\n{process.told()}" for process in self.processes)

    def close(self) -> None:
        self._forget()
        for process in self.processes:
            process.kill()


def _environment(settings: Settings) -> dict[str, str]:
    kafka = settings.kafka
    if settings.handle_key is None:
        raise SettingsError("a deployment has a key")
    return {
        "JOURNEY_KAFKA": ",".join(kafka.servers),
        "JOURNEY_KAFKA_PROTOCOL": kafka.protocol,
        "JOURNEY_KAFKA_MECHANISM": kafka.mechanism,
        "JOURNEY_KAFKA_USER": kafka.user,
        "JOURNEY_KAFKA_PASSWORD": kafka.password,
        "JOURNEY_KAFKA_CA": kafka.ca,
        "JOURNEY_KAFKA_CERTIFICATE": kafka.certificate,
        "JOURNEY_KAFKA_KEY": kafka.key,
        "JOURNEY_TOPIC_PREFIX": kafka.prefix,
        "JOURNEY_STORE": settings.store,
        "JOURNEY_HANDLE_KEY": settings.handle_key.hex(),
        "JOURNEY_WEB_PORT": "0",
        "JOURNEY_SESSION_SECONDS": str(SESSION_S),
        "TZ": "UTC",
    }
