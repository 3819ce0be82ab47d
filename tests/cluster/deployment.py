"""A deployment of its own on shared servers: topics and database with fresh names, workers as processes."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import CoordinatorNotAvailableError, NotCoordinatorError

from schemas.topics import EVIDENCE, IDENTITY_MAP, INTERACTIONS, LINKS
from streams.clock import system_clock
from streams.edge import Edge
from streams.kafka.clients import producer
from streams.kafka.packing import parcels, passes
from streams.settings import KafkaSettings
from streams.store import ClickHouse

KEY = bytes(range(32))
JOURNEY = Path(sys.executable).with_name("journey")


class Deployment:
    """Topics with `partitions`, a migrated database, and the workers that were started."""

    def __init__(self, kafka, clickhouse, folder: Path, *, partitions: int = 8) -> None:
        self.folder = folder
        self.partitions = partitions
        self.prefix = f"t{secrets.token_hex(4)}."
        self.kafka = KafkaSettings(servers=(kafka.servers,), prefix=self.prefix)
        self.dsn = clickhouse.fresh_database()
        self.workers: list[Worker] = []
        self.environment = os.environ | {
            "JOURNEY_KAFKA": kafka.servers,
            "JOURNEY_TOPIC_PREFIX": self.prefix,
            "JOURNEY_STORE": self.dsn,
            "JOURNEY_HANDLE_KEY": KEY.hex(),
            "JOURNEY_WEB_PORT": "0",
            "TZ": "UTC",
        }
        self.run("topics", "create", "--partitions", str(partitions))
        self.run("migrate")

    def run(self, *arguments: str) -> str:
        """Run a command of ours and return what it printed."""
        done = subprocess.run(
            [JOURNEY, *arguments],
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

    def worker(self, **environment: str) -> "Worker":
        """Start a worker process."""
        worker = Worker(self, len(self.workers), environment)
        self.workers.append(worker)
        return worker

    def publish(self, lines) -> int:
        """Send lines as frames, each acknowledged; return how many frames."""
        frames = 0
        edge = Edge(KEY)
        with closing(producer(self.kafka)) as out:
            sent = []
            for frame in passes(lines, edge, topic="test", clock=system_clock, partitions=self.partitions):
                for parcel in parcels(frame, self.partitions):
                    sent.append(
                        out.send(
                            f"{self.prefix}{INTERACTIONS}", value=parcel.data, partition=parcel.partition
                        )
                    )
                    frames += 1
            out.flush()
            for each in sent:
                each.get(timeout=60)
        return frames

    def lag(self) -> dict[str, int]:
        """Return how many records of each topic are not acknowledged."""
        group = f"{self.prefix}journey-workers"
        places = [
            TopicPartition(f"{self.prefix}{topic}", partition)
            for topic in (INTERACTIONS, LINKS, IDENTITY_MAP, EVIDENCE)
            for partition in range(1 if topic == LINKS else self.partitions)
        ]
        with closing(KafkaAdminClient(bootstrap_servers=self.kafka.servers)) as admin:
            try:
                committed = admin.list_group_offsets({group: None})[group]
            except (CoordinatorNotAvailableError, NotCoordinatorError):
                return {"the group": 1}  # the broker is not that far yet
        with closing(KafkaConsumer(bootstrap_servers=self.kafka.servers)) as consumer:
            ends = consumer.end_offsets(places)
        lag: dict[str, int] = {}
        for place in places:
            done = committed.get(place)
            behind = ends[place] - (max(done.offset, 0) if done else 0)
            topic = place.topic.removeprefix(self.prefix)
            lag[topic] = lag.get(topic, 0) + behind
        return lag

    def settle(self, seconds: float = 120) -> None:
        """Wait until everything that was sent has been acknowledged, and everything that followed from it."""
        until = time.monotonic() + seconds
        quiet = 0
        while quiet < 2:  # what was sent between two looks shows in the second
            lag = self.lag()
            quiet = quiet + 1 if not any(lag.values()) else 0
            assert time.monotonic() < until, f"behind: {lag}; {self.told()}"
            time.sleep(0.3)

    def told(self) -> str:
        return "\n".join(f"worker {w.number}: {w.log.read_text()[-3000:]}" for w in self.workers)

    def store(self) -> ClickHouse:
        return ClickHouse(self.dsn)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()


class Worker:
    """One `journey worker`."""

    def __init__(self, deployment: Deployment, number: int, environment: dict[str, str]) -> None:
        self.number = number
        self.log = deployment.folder / f"worker-{number}.log"
        self._file = self.log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "faust", "-A", "streams.app", "worker", "--without-web", "-l", "info"],
            env=deployment.environment | environment,
            stdout=self._file,
            stderr=self._file,
            start_new_session=True,
        )

    def signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait(10)
        self._file.close()

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.terminate()
        code = self.process.wait(30)
        self._file.close()
        return code
