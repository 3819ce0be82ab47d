"""From publish to visible, at a steady rate.

Every 100 ms the publisher sends an event of a customer that nobody knows. Somebody asks all the time whether the table
`evidence`, which is the last that the view `journeys` joins, has those that were not seen yet. As soon as one of ten is
there, `journeys` is asked for that customer. The times run from the moment at which the event was given to the
publisher to the moment at which an answer with it was read: so the publisher's linger (50 ms at most), the time between
two questions, and the question's own are part of them.
"""

import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from journey.identity.handle_key import HandleKey
from tests.benchmarks.cluster import report
from tests.benchmarks.cluster.asker import EVIDENCE, IN_JOURNEYS, Asker
from tests.benchmarks.cluster.bench import Bench, opened
from tests.benchmarks.cluster.ours import is_open
from tests.benchmarks.cluster.process import Measured, cpu_s
from tests.benchmarks.cluster.stream import BRAND, cookie
from tests.fixtures.commands import JOURNEY
from tests.fixtures.servers.process import memory_mb, wait_until
from tests.real_workers.deployment import KEY, Deployment

__all__ = ["Latency", "run"]

_ROOT = Path(__file__).parents[3]
_TENTH = 10  # one of so many is looked for in journeys, a view that sums up everything that is known
_PEOPLE, _DAYS = 60_000, 2  # some 270,000 events of 100,000 handles: a busy minute of a large brand
_WARM_S = 10.0
_SETTLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds to be seen in evidence and in journeys, and of the questions; `cpu` as a share of one core."""

    rate: float
    workers: int
    evidence: np.ndarray
    journeys: np.ndarray
    evidence_question: np.ndarray
    journeys_question: np.ndarray
    cpu: Mapping[str, float]
    rss_mb: float


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
                lambda worker=worker: worker.check() or is_open(worker), 60, "a worker to be ready", 0.1
            )
        words = ["tests.benchmarks.cluster.stream", path, str(rate), str(seconds + _WARM_S), token]
        log = bench.folder / f"stream-{token}.log"
        started["publisher"] = Measured([sys.executable, "-m", *words], environment, log)
        return _watch(bench, deployment, started, token, rate)
    finally:
        for process in started.values():
            process.kill()


def _watch(
    bench: Bench, deployment: Deployment, started: Mapping[str, Measured], token: str, rate: float
) -> Latency:
    given: dict[int, float] = {}
    with closing(deployment.store()) as first, closing(deployment.store()) as second:
        evidence = Asker(first, EVIDENCE, lambda: list(given))
        journeys = Asker(
            second, IN_JOURNEYS, lambda: [h for h in list(given)[::_TENTH] if h in evidence.seen_s]
        )
        try:
            pids = {name: process.pid for name, process in started.items()}
            pids |= {
                "ClickHouse (the questions included)": bench.servers.clickhouse,
                "Kafka": bench.servers.kafka,
            }
            since_s, cpu = _follow(started["publisher"], token, given, pids)
            wait_until(lambda: len(evidence.seen_s) == len(given), _SETTLE_S, "all of them in evidence")
            wait_until(lambda: len(journeys.seen_s) == -(-len(given) // _TENTH), _SETTLE_S, "and in journeys")
        finally:
            journeys.stop()
            evidence.stop()
    workers = [process for name, process in started.items() if name.startswith("worker")]
    seen = (_milliseconds(given, asker.seen_s, since_s) for asker in (evidence, journeys))
    took = (1000 * np.array(asker.took_s) for asker in (evidence, journeys))
    return Latency(rate, len(workers), *seen, *took, cpu, max(memory_mb(worker.pid) for worker in workers))


def _milliseconds(given_s: Mapping[int, float], seen_s: Mapping[int, float], since_s: float) -> np.ndarray:
    """Return how long each took that was given after a moment."""
    return np.array(
        [1000 * (at - given_s[handle]) for handle, at in seen_s.items() if given_s[handle] >= since_s]
    )


def _follow(
    publisher: Measured, token: str, given: dict[int, float], pids: Mapping[str, int]
) -> tuple[float, dict[str, float]]:
    """Take up marked events as they are told, until the publisher ends.

    Returns the moment after which they count, and the CPU per second from then on, by process.
    """
    key, warm_s = HandleKey(KEY, separate=True), 0.0
    before: dict[str, float] = {}
    for number, at in _probes(publisher):
        given[key.id("cookie", cookie(token, number), BRAND)] = at
        warm_s = warm_s or at + _WARM_S
        if not before and at >= warm_s:
            before = {name: cpu_s(pid) for name, pid in pids.items()}
    passed = time.monotonic() - warm_s
    return warm_s, {name: (cpu_s(pid) - before[name]) / passed for name, pid in pids.items()}


def _probes(publisher: Measured) -> Iterator[tuple[int, float]]:
    """Yield the number and the moment of each marked event as it is told, until the publisher ends."""
    line = ""
    with publisher.log.open() as told:
        while True:
            line += told.readline()
            if line.endswith("\n"):
                words, line = line.split(), ""
                if words[0] == "probe":
                    yield int(words[1]), float(words[2])
                elif words[0] == "end":
                    return
            else:
                publisher.check()
                time.sleep(0.005)
