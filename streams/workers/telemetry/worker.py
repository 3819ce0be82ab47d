"""Assembles a worker's telemetry: a meter around each partition task, a monitor of all of them, and the endpoint."""

import time

from schemas.topics import EVIDENCE, IDENTITY_MAP, LINKS
from streams.clock import Clock, system_clock
from streams.edge import REASONS
from streams.edge.reasons import DENIED
from streams.erasure.suppressed_handles import ERASED
from streams.handles.unknown_key import UNKNOWN_KEY
from streams.kafka.deleted_records import LostRecords
from streams.kafka.offsets import Offsets
from streams.log.messages import NOT_A_FRAME
from streams.settings import Settings
from streams.store.port import TABLES
from streams.telemetry import logs
from streams.telemetry.metrics import Metrics
from streams.telemetry.process import Telemetry
from streams.telemetry.stall import StallDetector
from streams.workers.partition_task import PartitionTask
from streams.workers.telemetry.meter import Meter
from streams.workers.telemetry.monitor import Monitor, WatchedTask

__all__ = ["WorkerTelemetry"]

# Counters that alerts watch: the first of a kind is a rise from 0 only if 0 was there to be seen.
_FROM_ZERO = {
    "journey_insert_errors_total": TABLES,
    "journey_unreadable_records_total": (LINKS, IDENTITY_MAP, EVIDENCE),
    "journey_dead_letters_total": (*REASONS, DENIED, NOT_A_FRAME, ERASED, UNKNOWN_KEY),
}


class WorkerTelemetry(Telemetry):
    """The telemetry of a worker, made before its tasks, which are given to `watch`; then `start`.

    Parameters
    ----------
    settings
        Of the worker, and of Kafka, which is asked for the lag of the tasks.
    lost
        Recorder of records that were deleted before they were read.
    """

    def __init__(
        self, settings: Settings, *, lost: LostRecords | None = None, clock: Clock = system_clock
    ) -> None:
        lost = lost or LostRecords()
        self._all, self._clock = settings, clock
        self.metrics = Metrics("worker")
        for metric, labels in _FROM_ZERO.items():
            for label in labels:
                self.metrics.add(metric, 0, label)
        self._lanes: list[WatchedTask] = []
        self._monitor = Monitor(
            self._lanes,
            Offsets(settings.kafka),
            settings.worker.stall_s,
            clock,
            time.monotonic,
            degraded=lost.degraded.sentences,
        )
        self.metrics.read_from(lost.samples)
        self.metrics.read_from(self._monitor.samples)
        super().__init__(
            settings.worker,
            self.metrics,
            health=self._monitor.health,
            ready=self._monitor.ready,
            look=self._monitor.look,
        )

    def meter(self, name: str) -> Meter:
        """Return a meter for the task of that name."""
        return Meter(name, self.metrics, self._clock)

    def watch(self, lane: PartitionTask, meter: Meter, topics: tuple[str, ...]) -> None:
        """Watch a task that reads these topics (without prefix)."""
        self._lanes.append(WatchedTask(lane, meter, topics, StallDetector(self._all.worker.stall_s)))

    def start(self) -> None:
        """Log as the settings say, listen and watch; again does nothing. Raises SettingsError."""
        logs.install(self._all)
        super().start()
