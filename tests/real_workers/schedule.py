"""A schedule of faults from a seed: processes and servers are killed, stand still, end in order, and come back."""

import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from tests.fixtures.servers.server import Server
from tests.real_workers.deployment import Deployment
from tests.real_workers.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Schedule"]

_LONGEST_S = 8.0  # that something stands still: longer than the session of a worker


class Schedule:
    """Strikes at what a deployment is made of.

    `count` says how often each kind has struck, `ended` how many processes were found that had ended by themselves.
    """

    def __init__(
        self,
        seed: int,
        there: Deployment,
        kafka: Server,
        clickhouse: Server,
        workers: list[Process],
        gateways: list[Process],
    ) -> None:
        self.random = Random(seed)
        self.count: Counter[str] = Counter()
        self.ended = 0
        self._there, self._workers, self._gateways = there, workers, gateways
        self.kinds: dict[str, Callable[[], None]] = {
            "worker killed": lambda: self._kill(self._any(workers)),
            "worker stood still": lambda: self._pause(self._any(workers)),
            "worker ended": lambda: self._end(self._any(workers)),
            "gateway killed": lambda: self._kill(self._any(gateways)),
            "gateway stood still": lambda: self._pause(self._any(gateways)),
            "Kafka killed": kafka.restart,
            "Kafka stood still": lambda: self._pause(kafka),
            "ClickHouse killed": clickhouse.restart,
            "ClickHouse stood still": lambda: self._pause(clickhouse),
        }

    def each(self) -> None:
        """Let every kind strike once, in an order of the seed's."""
        for kind in self.random.sample(sorted(self.kinds), len(self.kinds)):
            self.strike(kind)

    def strike(self, kind: str = "") -> None:
        """Let some kind strike, then wait a moment."""
        self._revive()
        kind = kind or self.random.choice(sorted(self.kinds))
        self.count[kind] += 1
        self.kinds[kind]()
        time.sleep(self.random.choice([0.0, 0.5, 2.0, 4.0]))

    def over(self) -> None:
        """Strike no more; what has ended is started again."""
        self._revive()

    def _revive(self) -> None:
        """Start again what has ended by itself, as whatever supervises it would."""
        for process in (*self._workers, *self._gateways):
            if not process.running:
                self.ended += 1
                process.restart()

    def _any(self, processes: list[Process]) -> Process:
        return self.random.choice(processes)

    def _kill(self, process: Process) -> None:
        process.kill()
        time.sleep(self.random.choice([0.0, 1.0]))
        process.restart()

    def _pause(self, what: Process | Server) -> None:
        what.pause()
        time.sleep(self.random.choice([0.2, 1.0, 3.0, _LONGEST_S]))
        what.resume()

    def _end(self, process: Process) -> None:
        process.stop()
        process.restart()
