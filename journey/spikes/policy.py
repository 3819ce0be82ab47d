"""Holds the settings of a spike detector: one knob for users, and constants with their reasons."""

from dataclasses import dataclass
from datetime import timedelta

__all__ = ["Policy"]

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings of a detector, the same for every series. `alarms_per_month` is the one to turn.

    The others were set for what they mean and then left; the benchmark moves each of them by 30 % and shows
    that little depends on any.
    """

    alarms_per_month: float = 5.0
    """At most so many alarms in thirty quiet days, on average; about one a week."""

    scales: tuple[timedelta, ...] = (timedelta(minutes=15), timedelta(hours=1))
    """Spans over which counts are compared with what was expected, besides the bucket itself."""

    level_memory: timedelta = timedelta(days=7)
    """Age at which a count weighs 1/e in the level: a week, so that all days of it weigh alike."""

    shift_ratio: float = 4.0
    """A day so many times above or below what was expected is a new level, which is learned 8 times as fast."""

    rhythm_visits: int = 16
    """Visits of an hour of the day, or of the week, that its factor remembers."""

    day_shrinkage: float = 3.0
    """Visits after which half of what was seen at an hour of the day is believed."""

    week_shrinkage: float = 6.0
    """Visits after which half of what was seen at an hour of the week, beyond its hour of the day, is believed."""

    dispersion: float = 8.0
    """Negative-binomial size: above about so many, noise is taken as proportional to the count, below as its root.
    It shapes the scale on which surprise is measured; how much noise there is, is learned."""

    winsor: float = 3.0
    """Standard deviations above the expected at which a count is cut before it is learned from."""

    tail: float = 0.005
    """Share of the time that surprise is above the quantile from which its tail is fitted."""

    tail_memory: timedelta = timedelta(days=10)
    """Age at which a surprise weighs 1/e in quantile and tail."""

    tail_prior: float = 20.0
    """Exceedances whose weight the prior scale of the tail has."""

    excess_cap: float = 6.0
    """An exceedance counts up to so many mean exceedances, so that one great burst does not deafen."""

    looks_per_day: float = 40.0
    """Looks at a series in a day that may each be a false alarm. The spans, which overlap, see something new every half hour
    or so; simulated quiet series hold `alarms_per_month` with this number (deploy/docs/guide/spikes.md)."""

    warm_up: timedelta = 2 * _DAY
    """Time before the first alarm, of which half must have been observed: what came on one day alone may be its rhythm."""

    rest: timedelta = timedelta(hours=6)
    """An event is over after so long without surprise: bursts in the mornings of two days are two."""

    habit_memory: timedelta = timedelta(days=14)
    """Age at which a burst weighs 1/e in the habits of its hour: two weeks, so that working days of both weigh."""

    habit_times: float = 2.0
    """Bursts at about one hour of the day, faded, from which on they are the habit of that hour."""

    habit_rarer: float = 1.5
    """So many times the decades of the habit of its hour a burst must have."""

    def __post_init__(self) -> None:
        """Refuse what no detector can work with."""
        if not self.alarms_per_month > 0:
            raise ValueError(f"alarms_per_month is {self.alarms_per_month}: must be above 0")
        if not 0 < self.tail < 1:
            raise ValueError(f"tail is {self.tail}: must be between 0 and 1")
        if self.dispersion <= 1:
            raise ValueError(f"dispersion is {self.dispersion}: must be above 1")
