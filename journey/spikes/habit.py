"""Remembers at which hours of the day a series has its bursts: what comes several times a week at one hour is its habit."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from math import exp

from journey.spikes.policy import Policy

__all__ = ["Habit"]

_HOUR_S, _HOURS = 3600, 24
_LONG_AGO_S = -1e15  # a number that JSON has too


class Habit:
    """How often bursts began at each hour of the day, and how rare they were at their height; both fade.

    A burst that goes on, or comes again before the series has been at rest, is one. State, of fixed size.
    """

    __slots__ = ("_memory_s", "_numbers", "_peaks", "_rest_s", "_times", "_weights")

    def __init__(self, policy: Policy) -> None:
        self._memory_s, self._rest_s = policy.habit_memory.total_seconds(), policy.rest.total_seconds()
        self._times = policy.habit_times
        self._weights, self._peaks = array("d", [0.0] * _HOURS), array("d", [0.0] * _HOURS)
        self._numbers = array(
            "d", [_LONG_AGO_S, 0.0, 0.0, 0.0]
        )  # last hot, faded until, this one's hour, its peak

    def usual(self, at_s: float) -> float:
        """Return the evidence to which bursts rise at this hour, mean over those remembered; 0 where there is no habit."""
        self._fade(at_s)
        hour = int(at_s // _HOUR_S) % _HOURS
        hours = [(hour + away) % _HOURS for away in (-1, 0, 1)]
        weight, peaks = sum(self._weights[each] for each in hours), sum(self._peaks[each] for each in hours)
        if self._is_under_way(at_s) and int(self._numbers[2]) in hours:
            weight, peaks = weight - 1, peaks - self._numbers[3]  # this one is no precedent of itself
        return peaks / weight if weight >= self._times else 0.0

    def learn(self, at_s: float, evidence: float) -> None:
        """Take a bucket with a burst in it, after `usual` was asked for it."""
        numbers = self._numbers
        if not self._is_under_way(at_s):
            numbers[2], numbers[3] = int(at_s // _HOUR_S) % _HOURS, 0.0
            self._weights[int(numbers[2])] += 1
        if evidence > numbers[3]:
            self._peaks[int(numbers[2])] += evidence - numbers[3]
            numbers[3] = evidence
        numbers[0] = at_s

    def _is_under_way(self, at_s: float) -> bool:
        return at_s - self._numbers[0] <= self._rest_s

    def _fade(self, at_s: float) -> None:
        before = self._numbers[1]
        if before and at_s - before < _HOUR_S:
            return
        fade = exp((before - at_s) / self._memory_s) if before else 0.0
        for column in (self._weights, self._peaks):
            for hour in range(_HOURS):
                column[hour] *= fade
        self._numbers[1] = at_s

    def numbers(self) -> Iterator[float]:
        """Yield the state."""
        return chain(self._weights, self._peaks, self._numbers)

    def restore(self, numbers: Sequence[float]) -> Sequence[float]:
        """Take the state back from `numbers`; return those that are left."""
        for column in (self._weights, self._peaks, self._numbers):
            column[:] = array("d", numbers[: len(column)])
            numbers = numbers[len(column) :]
        return numbers
