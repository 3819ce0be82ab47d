"""Measures how far recent counts exceed the expected ones over one span of time, in standard deviations."""

from array import array
from collections.abc import Iterator, Sequence
from math import asinh, sinh, sqrt

__all__ = ["ANSCOMBE", "Surprise", "usual"]

ANSCOMBE = 0.375
_ROUNDING = 1e-6


def usual(expected: float, surprise: float, dispersion: float) -> tuple[float, float]:
    """Return the counts that are `surprise` below and above the expected one, on the scale of Surprise; 0 at least.

    >>> [round(count, 1) for count in usual(9.0, 2.0, 8.0)]
    [2.1, 20.8]
    """
    size = dispersion - 2 * ANSCOMBE
    middle, away = asinh(sqrt((expected + ANSCOMBE) / size)), surprise / (2 * sqrt(dispersion))
    low, high = max(0.0, middle - away), middle + away
    return max(0.0, size * sinh(low) ** 2 - ANSCOMBE), size * sinh(high) ** 2 - ANSCOMBE


class Surprise:
    """The difference of recent counts and their expectation, both fading over `span_s`, on a scale of even noise.

    The scale is Anscombe's for negative-binomial counts, 2√r · asinh √((x + ⅜) / (r − ¾)) (Anscombe 1948): a standard
    deviation of a Poisson count is 1 where counts are small, and a ratio counts alike where they are large.
    """

    __slots__ = ("_fade", "_numbers", "_size", "_unit")

    def __init__(self, span_s: float, width_s: float, dispersion: float) -> None:
        self._fade = 1 - width_s / span_s
        self._unit, self._size = 2 * sqrt(dispersion), dispersion - 0.75
        self._numbers = array("d", [0.0, 0.0])

    def add(self, count: float, expected: float) -> float:
        """Take a bucket; return the surprise with it, in standard deviations of a Poisson count."""
        numbers = self._numbers
        numbers[0] = numbers[0] * self._fade + count
        numbers[1] = numbers[1] * self._fade + expected
        return self._unit * (
            asinh(sqrt((numbers[0] + ANSCOMBE) / self._size))
            - asinh(sqrt((numbers[1] + ANSCOMBE) / self._size))
        )

    def skip(self, buckets: int) -> None:
        """Let buckets pass of which nothing is known."""
        fade = self._fade**buckets
        self._numbers[0] *= fade
        self._numbers[1] *= fade

    def at_most(self, surprise: float) -> bool:
        """Return whether no bucket without a count can exceed this surprise, whatever count is expected."""
        none = asinh(sqrt(ANSCOMBE / self._size))
        most = self._size * sinh(none + surprise / self._unit) ** 2 - ANSCOMBE
        return self._numbers[0] * self._fade < most - _ROUNDING

    def add_zeros(self, expected: Sequence[float]) -> None:
        """Add buckets without a count, as `add` does for each, without returning their surprise."""
        fade, (counts, means) = self._fade, self._numbers
        for mean in expected:
            counts *= fade
            means = means * fade + mean
        self._numbers[0], self._numbers[1] = counts, means

    def numbers(self) -> Iterator[float]:
        """Yield the state."""
        return iter(self._numbers)

    def restore(self, numbers: Sequence[float]) -> Sequence[float]:
        """Take the state back from `numbers`; return those that are left."""
        self._numbers[:] = array("d", numbers[:2])
        return numbers[2:]
