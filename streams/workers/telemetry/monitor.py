"""Monitors a worker's partition tasks every few seconds: their lag, what they wait for, and whether they stall."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streams.clock import Clock, from_us
from streams.kafka.errors import BrokerError, TopicError
from streams.kafka.groups import OffsetSpan
from streams.log.lag import Place
from streams.telemetry.health import Answer, LaneState, WaitingFor, health, ready
from streams.telemetry.metrics import Sample
from streams.telemetry.stall import Position, StallDetector, Standstill
from streams.workers.partition_task import PartitionTask
from streams.workers.telemetry.meter import Meter

__all__ = ["Broker", "Monitor", "WatchedTask"]

_PATIENCE_S = 5.0  # that ClickHouse or Kafka may take for an answer before they are said to be waited for
_PAUSED_S = 20.0  # a monitor that could not look for so long was stopped itself
_REASONS = {"the store": "store", "Kafka": "kafka", "an assignment": "assignment", "topics": "topics"}
_log = logging.getLogger(__name__)


class Broker(Protocol):
    """A client for offsets, see `streams.kafka.offsets.Offsets`."""

    def spans(self, places: Collection[Place]) -> Mapping[Place, OffsetSpan]:
        """Return the offsets of partitions. Raises BrokerError."""

    def has_record(self, place: Place, offset: int) -> bool:
        """Return whether there is a record at or after an offset. Raises BrokerError."""


@dataclass(slots=True)
class WatchedTask:
    """A partition task, its meter, the topics (without prefix) that it reads, and the positions of their partitions."""

    lane: PartitionTask
    meter: Meter
    topics: tuple[str, ...]
    watch: StallDetector
    readings: dict[Place, Position] | None = None  # None while that is not known
    waiting_s: float | None = None  # since when the lane says that it waits

    def places(self) -> list[Place]:
        """Return the partitions that are assigned."""
        return [(topic, partition) for topic in self.topics for partition in sorted(self.lane.wanted)]

    @property
    def restoring(self) -> bool:
        """Whether it takes partitions and brings in their state."""
        return self.meter.doing in {"make", "take", "restore"}  # not refresh, which every second has


@dataclass(slots=True)
class Monitor:
    """A monitor of partition tasks. `look` is called now and then, from one thread; everything else from any.

    Parameters
    ----------
    lanes
        What to watch.
    broker
        Returns where partitions end.
    stall_s
        How long a partition task with lag may make no progress.
    clock, now
        The time of day, and monotonic seconds.
    degraded
        Returns what does not work as it should while the tasks go on.
    """

    lanes: Sequence[WatchedTask]
    broker: Broker
    stall_s: float
    clock: Clock
    now: Callable[[], float]
    degraded: Callable[[], Sequence[str]] = tuple
    _silent_s: float | None = None  # since when Kafka does not answer
    _looked_s: float | None = None
    _unassigned: Standstill = field(default_factory=Standstill)
    _proven: dict[Place, int] = field(default_factory=dict)  # up to where there is nothing to read
    _stalled: tuple[str, ...] = ()
    _began_us: int = 0  # when `now` was 0

    def __post_init__(self) -> None:
        self._began_us = self.clock() - int(self.now() * 1e6)

    def look(self) -> tuple[str, ...]:
        """Ask where partitions end, and return what has stalled, in words."""
        began_s = self.now()
        spans = self._ask(began_s)
        now_s = self.now()
        if self._was_stopped(began_s, now_s):
            self._forget()
        for watched in self.lanes:
            self._look_at(watched, spans, now_s)
        assigned = all(watched.lane.assigned for watched in self.lanes)
        self._unassigned.look(0, now_s, excused=assigned or spans is None)
        self._looked_s = now_s
        self._stalled = tuple(self._find_stalled(now_s))
        return self._stalled

    def _was_stopped(self, began_s: float, now_s: float) -> bool:
        """Return whether this process did not run for a while, in which nothing could move."""
        limit_s = min(_PAUSED_S, self.stall_s / 2)
        return now_s - began_s > limit_s or (
            self._looked_s is not None and began_s - self._looked_s > limit_s
        )

    def _forget(self) -> None:
        """Restart the count."""
        self._unassigned = Standstill()
        for watched in self.lanes:
            watched.watch = StallDetector(self.stall_s)

    def _ask(self, now_s: float) -> Mapping[Place, OffsetSpan] | None:
        try:
            spans = self.broker.spans([place for watched in self.lanes for place in watched.places()])
        except TopicError as error:  # it answers
            _log.warning("cannot ask Kafka how far behind this worker is: %s", error)
            self._silent_s = None
            return None
        except (BrokerError, OSError) as error:
            if self._silent_s is None:
                self._silent_s = now_s
                _log.warning("cannot ask Kafka how far behind this worker is: %s", error)
            return None
        self._silent_s = None
        return spans

    def _look_at(self, watched: WatchedTask, spans: Mapping[Place, OffsetSpan] | None, now_s: float) -> None:
        progress, lane = watched.lane.progress, watched.lane
        if not progress.waits_for:
            watched.waiting_s = None
        elif watched.waiting_s is None:
            watched.waiting_s = now_s
        if spans is None:
            watched.readings = None
            watched.watch.look({}, now_s, excused=True)
            return
        acknowledged = progress.acked.copy()
        readings = {
            place: Position(
                max(span.first, span.committed, acknowledged.get(place, 0), self._proven.get(place, 0)),
                span.end,
            )
            for place in watched.places()
            if (span := spans.get(place)) is not None
        }
        waiting = self._waiting(watched, now_s)
        excused = (
            watched.restoring or not lane.assigned or (waiting is not None and waiting[0] != "assignment")
        )
        watched.readings = readings
        watched.watch.look(readings, now_s, excused=excused)

    def _find_stalled(self, now_s: float) -> Iterable[str]:
        if self._unassigned.seconds(now_s) >= self.stall_s:
            yield f"no partitions have been assigned for {self._unassigned.seconds(now_s):.0f} s, though Kafka answers"
        for watched in self.lanes:
            stalled = watched.watch.stalled(now_s)
            if any(self._is_real(place, watched) for place in stalled):
                yield from (f"{watched.lane.name}: {told}" for told in stalled.values())

    def _is_real(self, place: Place, watched: WatchedTask) -> bool:
        """Make sure that there is a record to be read, and not the end marks of transactions alone."""
        reading = (watched.readings or {})[place]
        try:
            if self.broker.has_record(place, reading.done):
                return True
        except (BrokerError, OSError) as error:
            _log.warning("cannot read %s[%d] to see whether it has stalled: %s", *place, error)
            return False
        self._proven[place] = reading.end
        return False

    def _waiting(self, watched: WatchedTask, now_s: float) -> tuple[str, float] | None:
        """Return what a task waits for and since when, None for nothing."""
        meter = watched.meter
        for reason, since_s in (("store", meter.asked_s), ("kafka", meter.sending_s)):
            if since_s is not None and now_s - since_s >= _PATIENCE_S:
                return reason, since_s
        if said := watched.lane.progress.waits_for:
            known = {"store": meter.asked_s, "kafka": meter.sending_s}
            reason = _REASONS.get(said, said)
            return reason, known.get(reason) or watched.waiting_s or now_s
        return None

    def _since(self, then_s: float) -> str:
        at = from_us(self._began_us + int(then_s * 1e6))
        return at.isoformat(timespec="seconds").replace("+00:00", "Z")

    def states(self) -> list[LaneState]:
        """Return the states of the tasks."""
        now_s = self.now()
        return [self._state(watched, now_s) for watched in self.lanes]

    def _state(self, watched: WatchedTask, now_s: float) -> LaneState:
        waiting = self._waiting(watched, now_s)
        readings = watched.readings
        return LaneState(
            watched.lane.name,
            tuple(sorted(watched.lane.wanted)),
            watched.lane.assigned,
            watched.lane.ready,
            self._since(watched.meter.doing_since_s) if watched.restoring else "",
            WaitingFor(waiting[0], self._since(waiting[1]), watched.lane.progress.why) if waiting else None,
            None if readings is None else sum(reading.lag for reading in readings.values()),
        )

    def health(self) -> Answer:
        """Answer /health."""
        since_s, silent = self._silent_s, ""
        if since_s is not None and self.now() - since_s >= _PATIENCE_S:
            silent = self._since(since_s)
        return health(self.states(), self._stalled, silent, self.degraded())

    def ready(self) -> Answer:
        """Answer /ready."""
        return ready(self.states())

    def samples(self) -> Iterable[Sample]:
        """Return the metrics that are read from here."""
        now_s = self.now()
        yield "journey_broker_answers", (), float(self._silent_s is None)
        for watched in self.lanes:
            yield from self._samples_of(watched, self._state(watched, now_s), now_s)

    def _samples_of(self, watched: WatchedTask, state: LaneState, now_s: float) -> Iterable[Sample]:
        name = (state.name,)
        yield "journey_partitions", name, len(state.partitions)
        yield "journey_ready", name, float(state.ready)
        yield "journey_handles", name, getattr(watched.meter.processor, "handles", 0)
        yield "journey_standstill_seconds", name, watched.watch.seconds(now_s)
        for reason in _REASONS.values():
            waits = state.waiting is not None and state.waiting.reason == reason
            yield "journey_waiting", (*name, reason), float(waits)
        for (topic, partition), reading in (watched.readings or {}).items():
            yield "journey_lag_records", (topic, str(partition)), reading.lag
            yield "journey_acknowledged_offset", (topic, str(partition)), reading.done
        for (table, partition), offset in watched.meter.offsets.items():
            if partition in watched.lane.wanted:
                yield "journey_table_offset", (table, str(partition)), offset
