"""What a run took: CPU of the process and of the two servers, wall time, memory."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmarks.cluster.process import Measured, cpu_s, rss_mb
from tests.servers.process import wait_until

__all__ = ["Cost", "Servers", "measure", "median", "net_us"]

_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Servers:
    """Process ids of the servers."""

    kafka: int
    clickhouse: int


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of a run over `events` records; `cpu_s` from the start of the process to its end."""

    events: int
    cpu_s: float
    clickhouse_s: float
    kafka_s: float
    seconds: float
    peak_mb: float
    end_mb: float


def measure(
    start: Callable[[], Measured], done: Callable[[], bool], events: int, servers: Servers, *, within_s: float = 900
) -> Cost:
    """Start a process, wait until all of its work is done, and end it.

    Raises
    ------
    RuntimeError
        It ended by itself; the message has the end of its log.
    TimeoutError
        It was not done in time.
    """
    clickhouse, kafka, began = cpu_s(servers.clickhouse), cpu_s(servers.kafka), time.monotonic()
    process = start()
    try:
        wait_until(lambda: process.check() or done(), within_s, f"{process.log.stem} to be done", _LOOK_S)
        seconds, memory = time.monotonic() - began, (rss_mb(process.pid, peak=True), rss_mb(process.pid))
        servers_s = cpu_s(servers.clickhouse) - clickhouse, cpu_s(servers.kafka) - kafka
    except BaseException:
        process.kill()
        raise
    used = process.stop()
    return Cost(events, used, *servers_s, seconds, *memory)


def net_us(cost: Cost, idle: Cost) -> float:
    """Return CPU microseconds per event beyond what a run with a single event takes."""
    return (cost.cpu_s - idle.cpu_s) / cost.events * 1e6


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)
