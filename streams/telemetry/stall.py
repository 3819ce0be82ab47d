"""Detects stalls: since when a number, such as an offset, has not moved although it should; the time is given, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.log.lag import Place

__all__ = ["PATIENCE", "Position", "StallDetector", "Standstill"]


# While a lane goes on with other partitions, one of them may have to wait: that many times as long.
PATIENCE = 5


@dataclass(slots=True)
class Standstill:
    """A watch on a number: any change of it counts as progress. `since_s` is None before the first look."""

    mark: int = 0
    since_s: float | None = None
    excused: bool = True

    def look(self, mark: int, now_s: float, *, excused: bool) -> None:
        """Record the number; `excused` says that it need not move now."""
        if self.since_s is None or excused or mark != self.mark:
            self.mark, self.since_s = mark, now_s
        self.excused = excused

    def seconds(self, now_s: float) -> float:
        """Return for how long the number has not moved."""
        return 0.0 if self.excused or self.since_s is None else max(0.0, now_s - self.since_s)


@dataclass(frozen=True, slots=True)
class Position:
    """The position of a partition: the offset up to which it is done, and that of its end."""

    done: int
    end: int

    @property
    def lag(self) -> int:
        """Records that are not done."""
        return max(0, self.end - self.done)


@dataclass(slots=True)
class StallDetector:
    """A detector of partitions of a task that have records and no progress.

    A partition task has stalled when it is behind and nothing of it has moved for `stall_s`; one of its partitions, when that
    has not for PATIENCE times as long although others have.
    """

    stall_s: float
    _whole: Standstill = field(default_factory=Standstill)
    _places: dict[Place, tuple[Standstill, Position]] = field(default_factory=dict)

    def look(self, readings: Mapping[Place, Position], now_s: float, *, excused: bool) -> None:
        """Record the positions of the task's partitions; those that are not given any more are forgotten."""
        lag = sum(reading.lag for reading in readings.values())
        done = sum(reading.done for reading in readings.values())
        self._whole.look(done, now_s, excused=excused or not lag)
        places = {}
        for place, reading in readings.items():
            still = self._places[place][0] if place in self._places else Standstill()
            still.look(reading.done, now_s, excused=excused or not reading.lag)
            places[place] = still, reading
        self._places = places

    def seconds(self, now_s: float) -> float:
        """Return for how long the task has been behind without any progress."""
        return self._whole.seconds(now_s)

    def stalled(self, now_s: float) -> dict[Place, str]:
        """Return the partitions that have stalled, each with what to say of it."""
        limit = self.stall_s * (1 if self.seconds(now_s) >= self.stall_s else PATIENCE)
        return {
            place: f"{place[0]}[{place[1]}] is behind by {reading.lag:,}, and nothing of it was acknowledged for"
            f" {still.seconds(now_s):.0f} s"
            for place, (still, reading) in self._places.items()
            if reading.lag and still.seconds(now_s) >= limit
        }
