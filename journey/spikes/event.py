"""One alarm an event: which buckets begin one, and which belong to the one that is under way."""

from array import array
from collections.abc import Iterator, Sequence

from journey.spikes.policy import Policy

__all__ = ["Event"]

_RARER = 1.0  # decades
_LONG_AGO_S = -1e15  # a number that JSON has too


class Event:
    """When surprise was last alarming, and how much at most since the event began."""

    __slots__ = ("_lull_s", "_numbers", "_quiet_s")

    def __init__(self, policy: Policy) -> None:
        self._quiet_s, self._lull_s = policy.quiet.total_seconds(), policy.lull.total_seconds()
        self._numbers = array("d", [_LONG_AGO_S, 0.0])

    def under_way(self, at_s: float) -> bool:
        """Tell whether an event is not over yet."""
        return at_s - self._numbers[0] <= self._quiet_s

    def take(self, at_s: float, evidence: float) -> bool:
        """Take an alarming bucket; return whether it begins an event."""
        last, peak = self._numbers
        lull = at_s - last > self._lull_s
        begins = not self.under_way(at_s) or (lull and evidence > peak + _RARER)
        self._numbers[0], self._numbers[1] = at_s, evidence if begins else max(peak, evidence)
        return begins

    def numbers(self) -> Iterator[float]:
        """Yield the state."""
        return iter(self._numbers)

    def restore(self, numbers: Sequence[float]) -> Sequence[float]:
        """Take the state back from `numbers`; return those that are left."""
        self._numbers[:] = array("d", numbers[:2])
        return numbers[2:]
