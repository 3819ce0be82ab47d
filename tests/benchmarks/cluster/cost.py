"""What a run took: CPU of the process and of the two servers, wall time, memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.cluster.process import Measured, cpu_s
from tests.fixtures.servers.process import memory_mb, wait_until

__all__ = ["Cost", "Run", "Servers", "measure"]

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


@dataclass(frozen=True, slots=True)
class Run:
    """What one program took for its events, and for a single one."""

    name: str
    about: str
    cost: Cost
    idle: Cost

    @property
    def us(self) -> float:
        """CPU microseconds per event, beyond what the program takes to start, do a single one, and end."""
        return (self.cost.cpu_s - self.idle.cpu_s) / self.cost.events * 1e6

    def server_us(self, server: str) -> float:
        """Return CPU microseconds per event of a server meanwhile; merges of ClickHouse as far as they went."""
        spent: float = getattr(self.cost, f"{server}_s")
        return spent / self.cost.events * 1e6


def measure(
    start: Callable[[], Measured],
    done: Callable[[], bool],
    events: int,
    servers: Servers,
    *,
    within_s: float = 900,
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
        wait_until(lambda: process.check() or done(), within_s, f"{process.log} to be done", _LOOK_S)
        seconds, peak_mb = time.monotonic() - began, memory_mb(process.pid, peak=True)
        servers_s = cpu_s(servers.clickhouse) - clickhouse, cpu_s(servers.kafka) - kafka
    except BaseException:
        process.kill()
        raise
    used = process.stop()
    return Cost(events, used, *servers_s, seconds, peak_mb)
