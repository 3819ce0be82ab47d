"""What a watcher has seen and done, for whoever asks how it is: written by its thread, read by any."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from journey.alerts import Alert
from streams.alerts.ledger import Told
from streams.clock import Clock

__all__ = ["OUTCOMES", "STATES", "AlertState", "Lane"]

STATES = ("open", "acknowledged", "silenced")
OUTCOMES = ("delivered", "refused", "expired")


@dataclass(frozen=True, slots=True)
class Lane:
    """How a receiver stands: attempts that failed, changes that wait, and for how long the first of them has."""

    receiver: str
    failed: int
    waiting: int
    waiting_s: float


@dataclass(slots=True)
class AlertState:
    """Counters since the start; `open_now` is by brand, direction (or rule), severity and state of STATES.

    `progress_us` is when the last look ended well, at first the start; `error` is why there has been none since.
    """

    clock: Clock
    rules: Sequence[str] = ()
    lanes: Callable[[], Iterable[Lane]] = lambda: ()
    progress_us: int = 0
    look_s: float = 0.0
    looks: int = 0
    error: str = ""
    open_now: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    changes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    deliveries: Counter[tuple[str, str]] = field(default_factory=Counter)
    rule_errors: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Begin now."""
        self.progress_us = self.clock()

    @property
    def blind_s(self) -> float:
        """For how long there has been no look."""
        return max(0, self.clock() - self.progress_us) / 1e6

    def looked(self, began_us: int, alerts: Iterable[tuple[Alert, bool]]) -> None:
        """Note a look that ended well, and the alerts as they stand, each with whether it is silenced."""
        # Those that are open no more stay, at 0, so that a fall is seen.
        standing = Counter(dict.fromkeys(self.open_now, 0))
        standing.update(
            (alert.brand, alert.direction, alert.severity, _state(alert, silenced=silenced))
            for alert, silenced in alerts
            if alert.open
        )
        self.open_now = standing
        self.progress_us, self.looks, self.error = self.clock(), self.looks + 1, ""
        self.look_s = (self.progress_us - began_us) / 1e6

    def told(self, told: Told) -> None:
        """Count a change."""
        alert = told.change.alert
        self.changes[alert.brand, alert.direction, told.change.what] += 1


def _state(alert: Alert, *, silenced: bool) -> str:
    return "silenced" if silenced else "acknowledged" if alert.acknowledged else "open"
