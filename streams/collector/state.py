"""How a collector is doing, for its health and metrics: plain numbers, each written by one thread."""

from dataclasses import dataclass, field

__all__ = ["CollectorState"]


@dataclass(slots=True)
class CollectorState:
    """Counts since the start, and where the collector stands; times are microseconds since 1970.

    Attributes
    ----------
    accepted, duplicates, rejected
        Items that the log has: events, repeats among them that were noticed, refused ones by reason.
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
    frames: int = 0
    answers: dict[int, int] = field(default_factory=dict)
    waiting_bytes: int = 0
    lag: int = 0
    is_open: bool = False
    error: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether events can be taken."""
        return self.is_open and not self.error

    def took(self, accepted: int, duplicates: int, rejected: dict[str, int]) -> None:
        """Count what a frame holds that the log has taken."""
        self.accepted += accepted
        self.duplicates += duplicates
        self.frames += 1
        if rejected:  # another thread may be reading the old one
            counts = {reason: count + self.rejected.get(reason, 0) for reason, count in rejected.items()}
            self.rejected = self.rejected | counts

    def answered(self, status: int) -> None:
        """Count an answer."""
        if status in self.answers:
            self.answers[status] += 1
        else:
            self.answers = self.answers | {status: 1}
