"""Computes the expected counts of a series: runs the spike detector over stored counts, in constant memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from journey.spikes import Detector, Policy

__all__ = ["Bucket", "Steps", "expectation"]

_SHOWN_S = (60, 300, 900, 3_600, 10_800, 21_600, 86_400, 604_800)
_LOOKED_AT_S = (60, 900, 3_600, 86_400)
_MOST_SHOWN, _MOST_STEPS = 360, 25_000  # a quarter of a second of the detector


@dataclass(frozen=True, slots=True)
class Bucket:
    """The people of a bucket that starts at `at_s`, and the expected count; None while the detector learns."""

    at_s: int
    people: int
    expected: float | None
    low: float | None
    high: float | None
    alarm: bool


@dataclass(frozen=True, slots=True)
class Steps:
    """The resolution of a period: the detector in steps of `step_s`, shown in buckets of `shown_s`, in seconds.

    >>> Steps.of(shown=timedelta(days=1), learned=timedelta(days=8))
    Steps(step_s=60, shown_s=300)
    >>> Steps.of(shown=timedelta(days=36), learned=timedelta(days=8))
    Steps(step_s=900, shown_s=10800)
    """

    step_s: int
    shown_s: int

    @classmethod
    def of(cls, *, shown: timedelta, learned: timedelta) -> "Steps":
        """Return steps as short as the time of the detector allows, and buckets as short as a drawing does."""
        whole_s = (shown + learned).total_seconds()
        step_s = next((s for s in _LOOKED_AT_S if whole_s / s <= _MOST_STEPS), _LOOKED_AT_S[-1])
        shown_s = next((s for s in _SHOWN_S if shown.total_seconds() / s <= _MOST_SHOWN), _SHOWN_S[-1])
        return cls(step_s, max(step_s, shown_s))


def expectation(  # noqa: PLR0913 - keywords
    heard: Mapping[int, int], steps: Steps, *, first_s: int, since_s: int, until_s: int, policy: Policy
) -> Iterator[Bucket]:
    """Yield the buckets from `since_s` to before `until_s`.

    Parameters
    ----------
    heard
        People by the start of a step, in seconds since 1970; who is not there had nobody.
    first_s
        From when on the detector learns; what is before `since_s` is not shown.
    policy
        Of the detector.
    """
    width = timedelta(seconds=steps.shown_s)
    detector = Detector(timedelta(seconds=steps.step_s), policy)
    start_s = first_s // steps.shown_s * steps.shown_s
    known_s = start_s + policy.warm_up.total_seconds()
    people, expected, alarm = 0, 0.0, False
    for at_s in range(start_s, until_s, steps.step_s):
        reading = detector.feed(at_s * 1_000_000, heard.get(at_s, 0))
        people += heard.get(at_s, 0)
        expected += reading.expected or 0.0
        alarm = alarm or reading.alarm
        bucket_s = at_s // steps.shown_s * steps.shown_s
        if at_s + steps.step_s < min(bucket_s + steps.shown_s, until_s):
            continue
        if bucket_s + steps.shown_s > since_s:
            warm = bucket_s >= known_s
            low, high = detector.usual(expected, width) if warm else (None, None)
            yield Bucket(bucket_s, people, expected if warm else None, low, high, alarm)
        people, expected, alarm = 0, 0.0, False
