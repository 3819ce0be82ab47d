"""From publish to visible, at a steady rate: what an analyst who asks all the time would see.

Every 100 ms the publisher sends an event of a customer that nobody knows. Two askers look for those that they have not
seen: one by handle, in the tables that the view `journeys` joins; the other in `journeys` itself. The time runs from
the moment at which the event was given to the publisher to the moment at which an answer with it was read, and so
includes the publisher's linger (50 ms at most), the time between two questions, and the query's own time.
"""

import secrets
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from journey.handle import HandleKey
from streams.store import ClickHouse
from tests.benchmarks.cluster import report
from tests.benchmarks.cluster.bench import Bench, opened
from tests.benchmarks.cluster.process import Measured, cpu_s, rss_mb
from tests.benchmarks.cluster.stream import BRAND, cookie
from tests.cluster.deployment import JOURNEY, KEY, Deployment
from tests.servers.process import wait_until

__all__ = ["Latency", "run"]

_ROOT = Path(__file__).parents[3]
_BY_KEY = """
SELECT handle FROM identity_map WHERE handle IN {asked:Array(UInt64)} AND handle IN
    (SELECT handle FROM evidence WHERE model = (SELECT model FROM models ORDER BY sequence DESC LIMIT 1)
        AND brand = {brand:String} AND handle IN {asked:Array(UInt64)})
"""
_JOURNEYS = "SELECT customer FROM journeys WHERE brand = {brand:String} AND customer IN {asked:Array(UInt64)}"
_EVERY_S = {
    _BY_KEY: 0.05,
    _JOURNEYS: 0.5,
}  # between the starts of two questions, where the answer comes sooner
_PEOPLE, _DAYS = 60_000, 2  # some 270,000 events of 100,000 handles: a busy minute of a large brand
_LANES = 3
_WARM_S = 10.0
_SETTLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds to be seen by handle and in journeys, and of the queries; `cpu` as a share of one core."""

    rate: float
    workers: int
    by_key: np.ndarray
    journeys: np.ndarray
    by_key_query: np.ndarray
    journeys_query: np.ndarray
    cpu: Mapping[str, float]
    rss_mb: float


@dataclass(slots=True)
class Asker:
    """Asks for marked events until each was seen."""

    store: ClickHouse
    sql: str
    given_s: Mapping[int, float]  # by handle; another thread adds to it
    seen_s: dict[int, float] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        """Ask until told to stop."""
        while not self.stopping.is_set():
            asked = [handle for handle in list(self.given_s) if handle not in self.seen_s]
            began = time.monotonic()
            if asked:
                rows = self.store.query(self.sql, {"brand": BRAND, "asked": asked})
                now = time.monotonic()
                self.took_s.append(now - began)
                self.seen_s.update(dict.fromkeys((int(row[0]) for row in rows), now))
            self.stopping.wait(max(0.002, _EVERY_S[self.sql] - (time.monotonic() - began)))

    def milliseconds(self, after_s: float) -> np.ndarray:
        """Return how long each took that was given after a moment."""
        return np.array([1000 * (self.seen_s[h] - at) for h, at in self.given_s.items() if at >= after_s])


def run(folder: Path, rate: float, seconds: float, workers: Sequence[int]) -> None:
    """Print the latency with each number of workers, on a deployment of its own each time."""
    with opened(folder) as bench:
        for count in workers:
            report.latency(_latency(bench, rate=rate, seconds=seconds, workers=count))


def _latency(bench: Bench, *, rate: float, seconds: float, workers: int) -> Latency:
    deployment, token = bench.deployment(), secrets.token_hex(4)
    environment = deployment.environment | {"PYTHONPATH": str(_ROOT)}
    path = bench.month(_PEOPLE, _DAYS).path
    started: dict[str, Measured] = {}
    try:
        for number in range(workers):
            log = bench.folder / f"worker-{token}-{number}.log"
            started[f"worker {number + 1}"] = Measured([JOURNEY, "worker"], environment, log)
        for worker in started.values():
            wait_until(
                lambda worker=worker: worker.check() or _is_open(worker), 60, "a worker to be ready", 0.1
            )
        words = ["tests.benchmarks.cluster.stream", path, str(rate), str(seconds + _WARM_S), token]
        log = bench.folder / f"stream-{token}.log"
        started["publisher"] = Measured([sys.executable, "-m", *words], environment, log)
        return _watch(bench, deployment, started, token, rate)
    finally:
        for process in started.values():
            process.kill()


def _is_open(worker: Measured) -> bool:
    return worker.log.read_text(errors="replace").count("are open") >= _LANES


def _watch(
    bench: Bench, deployment: Deployment, started: Mapping[str, Measured], token: str, rate: float
) -> Latency:
    given: dict[int, float] = {}
    with closing(deployment.store()) as first, closing(deployment.store()) as second:
        askers = [Asker(first, _BY_KEY, given), Asker(second, _JOURNEYS, given)]
        threads = [threading.Thread(target=asker.ask, daemon=True) for asker in askers]
        for thread in threads:
            thread.start()
        try:
            pids = {name: process.pid for name, process in started.items()}
            pids |= {
                "ClickHouse (the questions included)": bench.servers.clickhouse,
                "Kafka": bench.servers.kafka,
            }
            since_s, cpu = _follow(started["publisher"], token, given, pids)
            wait_until(
                lambda: all(len(asker.seen_s) == len(given) for asker in askers),
                _SETTLE_S,
                "every marked event",
            )
        finally:
            for asker, thread in zip(askers, threads, strict=True):
                asker.stopping.set()
                thread.join()
    workers = [process for name, process in started.items() if name.startswith("worker")]
    by_key, journeys = (asker.milliseconds(since_s) for asker in askers)
    queries = (1000 * np.array(asker.took_s) for asker in askers)
    memory = max(rss_mb(worker.pid) for worker in workers)
    return Latency(rate, len(workers), by_key, journeys, *queries, cpu, memory)


def _follow(
    publisher: Measured, token: str, given: dict[int, float], pids: Mapping[str, int]
) -> tuple[float, dict[str, float]]:
    """Take up marked events as they are told, until the publisher ends.

    Returns the moment after which they count, and the CPU per second from then on, by process.
    """
    key, warm_s = HandleKey(KEY), 0.0
    before: dict[str, float] = {}
    with publisher.log.open() as told:
        while True:
            line = told.readline()
            word, *rest = line.split() or [""]
            if word == "end":
                break
            if word != "probe":  # nothing new, or what Kafka's client has to say
                publisher.check()
                time.sleep(0.005)
                continue
            at = float(rest[1])
            given[key.id("cookie", cookie(token, int(rest[0])))] = at
            warm_s = warm_s or at + _WARM_S
            if not before and at >= warm_s:
                before = {name: cpu_s(pid) for name, pid in pids.items()}
    passed = time.monotonic() - warm_s
    return warm_s, {name: (cpu_s(pid) - before[name]) / passed for name, pid in pids.items()}
