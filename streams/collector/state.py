"""Holds a collector's counters for health and metrics: plain numbers, each written by one thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CollectorState"]


@dataclass(slots=True)
class CollectorState:
    """The counters since the start, and the collector's state; times are microseconds since 1970.

    Attributes
    ----------
    accepted, duplicates, rejected
        Items that the log has: events, repeats among them that were noticed, refused ones by reason.
    passed_over
        What was no event of a customer, and no fault, by reason; as `amount`, amounts that could not be read.
    frames
        Frames that the log has.
    answers
        Answers by status.
    waiting_bytes, lag
        Events that wait for the log; frames in it that nobody has processed.
    progress_us
        When the log last took something, or there was nothing to take.
    error
        Why the log does not take anything, "" while it does.
    """

    progress_us: int
    accepted: int = 0
    duplicates: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    passed_over: dict[str, int] = field(default_factory=dict)
    frames: int = 0
    answers: dict[int, int] = field(default_factory=dict)
    waiting_bytes: int = 0
    lag: int = 0
    is_open: bool = False
    error: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether events are accepted."""
        return self.is_open and not self.error

    def took(self, accepted: int, duplicates: int, rejected: dict[str, int]) -> None:
        """Count the events of a frame that the log has."""
        self.accepted += accepted
        self.duplicates += duplicates
        self.frames += 1
        if rejected:  # another thread may be reading the old one
            counts = {reason: count + self.rejected.get(reason, 0) for reason, count in rejected.items()}
            self.rejected = self.rejected | counts

    def passed(self, reasons: Mapping[str, int]) -> None:
        """Count what a request brought that was passed over."""
        if reasons:
            counts = {reason: count + self.passed_over.get(reason, 0) for reason, count in reasons.items()}
            self.passed_over = self.passed_over | counts

    def answered(self, status: int) -> None:
        """Count an answer."""
        if status in self.answers:
            self.answers[status] += 1
        else:
            self.answers = self.answers | {status: 1}
