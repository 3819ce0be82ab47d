"""From publish to visible, at a steady rate: what an analyst who asks all the time would see.

Every 100 ms the publisher sends an event of a customer that nobody knows. Two askers look for those that they have not
seen: one by handle, in the tables that the view `journeys` joins; the other in `journeys` itself. The time runs from
the moment at which the event was given to the publisher to the moment at which an answer with it was read, and so
includes 50 ms of linger at most, and the query's own time.
"""

import secrets
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from journey.handle import HandleKey
from streams.store import ClickHouse
from tests.benchmarks.cluster.events import Month
from tests.benchmarks.cluster.process import Measured, cpu_s, rss_mb
from tests.benchmarks.cluster.stream import BRAND, cookie
from tests.cluster.deployment import JOURNEY, KEY, Deployment
from tests.servers.process import wait_until

__all__ = ["Latency", "latency"]

_BY_KEY = """
SELECT handle FROM identity_map WHERE handle IN {asked:Array(UInt64)} AND handle IN
    (SELECT handle FROM evidence WHERE model = (SELECT model FROM models ORDER BY sequence DESC LIMIT 1)
        AND brand = {brand:String} AND handle IN {asked:Array(UInt64)})
"""
_JOURNEYS = "SELECT customer FROM journeys WHERE brand = {brand:String} AND customer IN {asked:Array(UInt64)}"
_SETTLE_S = 60.0


@dataclass(slots=True)
class Asker:
    """Asks for marked events until each was seen; `every_s` between the starts of two queries, if they are quick."""

    store: ClickHouse
    sql: str
    every_s: float
    given_s: dict[int, float]  # by handle, written by others
    seen_s: dict[int, float] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)
    until: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask until told to stop."""
        while not self.until.is_set():
            asked = [handle for handle in list(self.given_s) if handle not in self.seen_s]
            began = time.monotonic()
            if asked:
                rows = self.store.query(self.sql, {"brand": BRAND, "asked": asked})
                now = time.monotonic()
                self.took_s.append(now - began)
                self.seen_s.update(dict.fromkeys((int(row[0]) for row in rows), now))
            time.sleep(max(0.002, self.every_s - (time.monotonic() - began)))

    def milliseconds(self, after_s: float) -> np.ndarray:
        """Return how long each took that was given after a moment."""
        return np.array([1000 * (self.seen_s[h] - at) for h, at in self.given_s.items() if at >= after_s])


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds to be seen by key and in journeys, and of the queries; CPU by process, as a share of one core."""

    rate: float
    workers: int
    by_key: np.ndarray
    journeys: np.ndarray
    by_key_query: np.ndarray
    journeys_query: np.ndarray
    cpu: dict[str, float]
    rss_mb: float


def latency(
    deployment: Deployment, month: Month, pids: dict[str, int], *, rate: float, seconds: float, workers: int, warm_s: float = 10.0
) -> Latency:
    """Publish and look; what was given in the first `warm_s` does not count."""
    environment, run = deployment.environment, secrets.token_hex(4)
    started = [Measured([JOURNEY, "worker"], environment, deployment.folder / f"worker-{n}.log") for n in range(workers)]
    try:
        for worker in started:
            wait_until(lambda worker=worker: worker.check() or _is_open(worker), 60, "a worker to be ready", 0.1)
        words = [str(month.path), str(rate), str(seconds + warm_s), run]
        log = deployment.folder / f"stream-{run}.log"
        publisher = Measured([sys.executable, "-m", "tests.benchmarks.cluster.stream", *words], environment | {"PYTHONPATH": str(Path.cwd())}, log)
        started.append(publisher)
        pids = pids | {f"worker {n}": worker.pid for n, worker in enumerate(started[:workers])} | {"publisher": publisher.pid}
        return _watch(deployment, publisher, run, pids, rate=rate, seconds=seconds, workers=workers, warm_s=warm_s)
    finally:
        for process in started:
            process.kill()


def _is_open(worker: Measured) -> bool:
    return worker.log.read_text(errors="replace").count("are open") >= 3  # its lanes


def _watch(
    deployment: Deployment, publisher: Measured, run: str, pids: dict[str, int], *, rate: float, seconds: float, workers: int, warm_s: float
) -> Latency:
    given: dict[int, float] = {}
    with closing(deployment.store()) as first, closing(deployment.store()) as second:
        askers = [Asker(first, _BY_KEY, 0.02, given), Asker(second, _JOURNEYS, 0.25, given)]
        threads = [threading.Thread(target=asker.run, daemon=True) for asker in askers]
        for thread in threads:
            thread.start()
        try:
            begun_s, cpu = _follow(publisher, run, given, pids, warm_s)
            wait_until(lambda: all(len(asker.seen_s) == len(given) for asker in askers), _SETTLE_S, "every marked event", 0.1)
        finally:
            for asker in askers:
                asker.until.set()
            for thread in threads:
                thread.join()
        memory = max(rss_mb(pid) for name, pid in pids.items() if name.startswith("worker"))
    by_key, journeys = (asker.milliseconds(begun_s) for asker in askers)
    queries = (1000 * np.array(asker.took_s) for asker in askers)
    return Latency(rate, workers, by_key, journeys, *queries, cpu, memory)


def _follow(
    publisher: Measured, run: str, given: dict[int, float], pids: dict[str, int], warm_s: float
) -> tuple[float, dict[str, float]]:
    """Take up marked events as they are told, until the publisher is done; return CPU after the warm-up, per second."""
    key, began, before = HandleKey(KEY), 0.0, {}
    with publisher.log.open() as told:
        while True:
            line = told.readline()
            if not line.endswith("\n"):
                publisher.check()
                time.sleep(0.005)
                continue
            word, *rest = line.split() or [""]
            if word == "end":
                break
            if word != "probe":  # what Kafka's client has to say
                publisher.check()
                continue
            at = float(rest[1])
            given[key.id("cookie", cookie(run, int(rest[0])))] = at
            if not began:
                began = at
            if not before and at >= began + warm_s:
                before = {name: cpu_s(pid) for name, pid in pids.items()}
                since = at
        passed = time.monotonic() - since
        return began + warm_s, {name: (cpu_s(pid) - before[name]) / passed for name, pid in pids.items()}
