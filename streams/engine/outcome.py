"""Counts the outcome of batches: how many events were stored, dropped as duplicates, or refused."""

from dataclasses import dataclass, field

__all__ = ["BatchOutcome"]


@dataclass(slots=True)
class BatchOutcome:
    """The outcome of events: received = stored + duplicates + dead letters; some duplicates are conflicts."""

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    dead_letters: dict[str, int] = field(default_factory=dict)
    stage_changes: int = 0
    conflicts: int = 0

    def add(self, other: "BatchOutcome") -> None:
        """Add another outcome to this one."""
        self.received += other.received
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.conflicts += other.conflicts
        self.stage_changes += other.stage_changes
        for reason, count in other.dead_letters.items():
            self.dead_letters[reason] = self.dead_letters.get(reason, 0) + count
