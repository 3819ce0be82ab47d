"""Groups alarming buckets into events: decides which bucket begins one, and which belongs to the current one."""

from array import array
from collections.abc import Iterator, Sequence

from journey.spikes.policy import Policy

__all__ = ["Event"]

_LONG_AGO_S = -1e15  # a number that JSON has too


class Event:
    """The time of the last alarming bucket: an event is over once its series has been at rest."""

    __slots__ = ("_numbers", "_rest_s")

    def __init__(self, policy: Policy) -> None:
        self._rest_s = policy.rest.total_seconds()
        self._numbers = array("d", [_LONG_AGO_S])

    def under_way(self, at_s: float) -> bool:
        """Return whether an event is not over yet."""
        return at_s - self._numbers[0] <= self._rest_s

    def take(self, at_s: float) -> bool:
        """Take an alarming bucket; return whether it begins an event."""
        begins = not self.under_way(at_s)
        self._numbers[0] = at_s
        return begins

    def numbers(self) -> Iterator[float]:
        """Yield the state."""
        return iter(self._numbers)

    def restore(self, numbers: Sequence[float]) -> Sequence[float]:
        """Take the state back from `numbers`; return those that are left."""
        self._numbers[:] = array("d", numbers[:1])
        return numbers[1:]
