"""Holds the settings of alerts: rate of false alarms, least number of people, calm, cooldown, severities."""

from dataclasses import dataclass
from datetime import timedelta

from journey.spikes import Policy

__all__ = ["AlertPolicy"]

_DIRECTIONS = 2


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """Settings of alerts, the same for every brand. `alarms_per_month` is the one to turn."""

    alarms_per_month: float = 5.0
    """At most so many false alerts a brand in thirty quiet days, over both directions and all scopes together."""

    most_scopes: int = 100
    """Scopes of a brand and direction that are watched at a time; those heard last win."""

    least_people: int = 5
    """An event of fewer distinct customers is none, however quiet the brand."""

    lateness: timedelta = timedelta(minutes=10)
    """A minute is closed so long after its end; until then its count may change in both directions."""

    calm: timedelta = timedelta(minutes=30)
    """An alert is resolved after so long without an alarming minute."""

    cooldown: timedelta = timedelta(hours=1)
    """So long after its last alarming minute, a resolved alert is reopened instead of a new one opened."""

    news: timedelta = timedelta(hours=1)
    """What began longer ago, when the watcher was away, is not raised any more."""

    explains: float = 0.8
    """A scope explains an event when so much of the people above the expected are of it."""

    grows: float = 2.0
    """People have to become so many times as many, before an alert is said to have grown."""

    many: tuple[int, int] = (20, 100)
    """People above the expected from which an alert is a warning, and critical."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ("alarms_per_month", "most_scopes", "least_people", "grows", "explains"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}: must be above 0")

    @property
    def of_brand(self) -> Policy:
        """The detector's policy for a whole brand: a quarter of the false alarms, since half go to scopes."""
        return Policy(alarms_per_month=self.alarms_per_month / _DIRECTIONS / 2)

    @property
    def of_scope(self) -> Policy:
        """The detector's policy for one scope: all scopes together have as many false alarms as the brand."""
        return Policy(alarms_per_month=self.alarms_per_month / _DIRECTIONS / 2 / self.most_scopes)

    def severity(self, people: float, expected: float) -> str:
        """Return notice, warning or critical."""
        warning, critical = self.many
        above = people - expected
        return "critical" if above >= critical else "warning" if above >= warning else "notice"
