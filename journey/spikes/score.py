"""Makes of evidence a score and an alarm: one an event, none in the first days, and none for a habit."""

from math import log10

from journey.spikes.event import Event
from journey.spikes.habit import Habit
from journey.spikes.policy import Policy

__all__ = ["HELD", "THRESHOLD", "Score"]

THRESHOLD = 0.5  # of a score: there as many alarms are to be expected in a quiet month as the policy allows
HELD = 0.49  # the most that a bucket scores without an alarm, since its event has had one
_MONTH_DAYS = 30
_DAY_S = 86_400


class Score:
    """The scores of one series; its state is that of `event` and `habit`."""

    __slots__ = ("_allowed", "_habit_rarer", "_warm_rows", "_warm_s", "event", "habit")

    def __init__(self, policy: Policy, width_s: float) -> None:
        self.event, self.habit = Event(policy), Habit(policy)
        looks = _MONTH_DAYS * min(policy.looks_per_day, _DAY_S / width_s)
        self._allowed = log10(looks / policy.alarms_per_month)
        self._habit_rarer = policy.habit_rarer
        self._warm_rows, self._warm_s = _DAY_S / width_s, policy.warm_up.total_seconds()

    def take(self, at_s: float, evidence: float, rows: int, age_s: float) -> tuple[float, bool]:
        """Return the score of a bucket, and whether it begins an event.

        `rows` is how many buckets were seen, with this one; `age_s` is how long ago the first of them was.
        """
        score = self._alone(at_s, evidence, rows, age_s)
        alarm = score >= THRESHOLD and self.event.take(at_s)
        return (score if alarm else min(score, HELD)), alarm

    def _alone(self, at_s: float, evidence: float, rows: int, age_s: float) -> float:
        """Return the score of a bucket, whatever was before it but for what the series makes a habit of."""
        if evidence <= 0 or rows <= self._warm_rows or age_s < self._warm_s:
            return 0.0
        score = 1 / (1 + 10 ** (self._allowed - evidence))
        if score >= THRESHOLD:
            habit = self.habit.usual(at_s)
            self.habit.learn(at_s, evidence)
            if evidence < habit * self._habit_rarer:
                return min(score, HELD)
        return score
