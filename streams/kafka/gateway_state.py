"""Holds a gateway's counters for health and metrics: plain numbers, written by one thread."""

from dataclasses import dataclass, field

from streams.kafka.deleted_records import LostRecords
from streams.log.frame import Frame

__all__ = ["GatewayState"]


@dataclass(slots=True)
class GatewayState:
    """The counters since the start, and the gateway's state; times are microseconds since 1970.

    Attributes
    ----------
    events, dead_letters, frames
        Acknowledged by Kafka: events, refused ones by reason, frames that they are in. Repeats count again.
    lag
        Records not read, by partition of events.in that is assigned to this gateway.
    committed
        Offsets up to which everything is in interactions, by partition.
    sessions
        How often clients were made; more than one means that something failed.
    progress_us
        When it last finished what it had read, or found nothing to read.
    error
        What ended the last session; "" while one is going on.
    lost
        Recorder of records of events.in that were deleted before they were read.
    """

    started_us: int
    progress_us: int
    events: int = 0
    dead_letters: dict[str, int] = field(default_factory=dict)
    frames: int = 0
    lag: dict[int, int] = field(default_factory=dict)
    committed: dict[int, int] = field(default_factory=dict)
    sessions: int = 0
    error: str = ""
    lost: LostRecords = field(default_factory=LostRecords)

    @property
    def ready(self) -> bool:
        """Whether it has clients that work."""
        return self.sessions > 0 and not self.error

    def took(self, frame: Frame, frames: int) -> None:
        """Count what was acknowledged, in that many frames of one partition each."""
        reasons = frame.letters.column("reason").value_counts().to_pylist()
        counts = {
            found["values"]: found["counts"] + self.dead_letters.get(found["values"], 0) for found in reasons
        }
        self.events += len(frame.events)
        self.frames += frames
        self.dead_letters = self.dead_letters | counts  # another thread may be reading the old one

    def stands(self, lag: dict[int, int], now_us: int) -> None:
        """Note the lag, and that everything read until now is done."""
        self.lag, self.progress_us, self.error = lag, now_us, ""

    def failed(self, error: str) -> None:
        """Note why a session ended."""
        self.lag, self.committed, self.error = {}, {}, error
