"""Telemetry of a worker: a meter around each lane, a monitor of all of them, and the endpoint that tells."""

import time

from schemas.topics import EVIDENCE, IDENTITY_MAP, LINKS
from streams.clock import Clock, system_clock
from streams.edge import REASONS
from streams.edge.reasons import DENIED
from streams.erased import ERASED
from streams.foreign import UNKNOWN_KEY
from streams.ports import TABLES
from streams.settings import Settings
from streams.telemetry import logs
from streams.telemetry.meter import Meter
from streams.telemetry.metrics import Metrics
from streams.telemetry.monitor import Monitor, Watched
from streams.telemetry.offsets import Offsets
from streams.telemetry.process import Telemetry
from streams.telemetry.standstill import LaneWatch
from streams.workers.lane import Lane
from streams.workers.poison import NOT_A_FRAME

__all__ = ["WorkerTelemetry"]

# Counters that alerts watch: the first of a kind is a rise from 0 only if 0 was there to be seen.
_FROM_ZERO = {
    "journey_insert_errors_total": TABLES,
    "journey_unreadable_records_total": (LINKS, IDENTITY_MAP, EVIDENCE),
    "journey_dead_letters_total": (*REASONS, DENIED, NOT_A_FRAME, ERASED, UNKNOWN_KEY),
}


class WorkerTelemetry(Telemetry):
    """Made before the lanes, which are given to `watch`; then `start`.

    Parameters
    ----------
    settings
        Of the worker, and of Kafka, which is asked how far behind the lanes are.
    """

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        self._all, self._clock = settings, clock
        self.metrics = Metrics("worker")
        for metric, labels in _FROM_ZERO.items():
            for label in labels:
                self.metrics.add(metric, 0, label)
        self._lanes: list[Watched] = []
        self._monitor = Monitor(
            self._lanes, Offsets(settings.kafka), settings.worker.stall_s, clock, time.monotonic
        )
        self.metrics.read_from(self._monitor.samples)
        super().__init__(
            settings.worker,
            self.metrics,
            health=self._monitor.health,
            ready=self._monitor.ready,
            look=self._monitor.look,
        )

    def meter(self, name: str) -> Meter:
        """Return a meter for the lane of that name."""
        return Meter(name, self.metrics, self._clock)

    def watch(self, lane: Lane, meter: Meter, topics: tuple[str, ...]) -> None:
        """Watch a lane that reads these topics (without prefix)."""
        self._lanes.append(Watched(lane, meter, topics, LaneWatch(self._all.worker.stall_s)))

    def start(self) -> None:
        """Log as the settings say, listen and watch; again does nothing. Raises SettingsError."""
        logs.install(self._all)
        super().start()
