"""Holds the watcher's counters and state, written by the watcher's thread and read by any for health and metrics."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from journey.alerts import Alert
from streams.alerts.clocks import steady_s
from streams.alerts.ledger import StoredChange
from streams.clock import Clock

__all__ = ["OUTCOMES", "STATES", "AlertState", "FeedState", "ReceiverState"]

STATES = ("open", "acknowledged", "silenced")
OUTCOMES = ("delivered", "refused", "expired")


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """The state of a receiver: attempts that failed, changes that wait, and for how long the first of them has."""

    receiver: str
    failed: int
    waiting: int
    waiting_s: float


@dataclass(slots=True)
class FeedState:
    """What a receiver of the feed has done since the start; `waiting_us` is when what waits was announced, 0 for nothing."""

    receiver: str
    delivered: int = 0
    refused: int = 0
    failed: int = 0
    waiting_us: int = 0


@dataclass(slots=True)
class AlertState:
    """The counters since the start; `open_now` is by brand, direction (or rule), severity and state of STATES.

    `progress_us` is when the last look ended well, at first the start, and `progress_s` the same by `steady`, seconds that
    nobody sets; `error` is why there has been none since. `is_fed` says that all detectors have had their history since the start.
    """

    clock: Clock
    rules: Sequence[str] = ()
    lanes: Callable[[], Iterable[ReceiverState]] = lambda: ()
    feeds: Callable[[], Iterable[FeedState]] = lambda: ()
    progress_us: int = 0
    look_s: float = 0.0
    looks: int = 0
    error: str = ""
    open_now: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    changes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    deliveries: Counter[tuple[str, str]] = field(default_factory=Counter)
    rule_errors: Counter[str] = field(default_factory=Counter)
    steady: Callable[[], float] = steady_s
    progress_s: float = 0.0
    is_fed: bool = False

    def __post_init__(self) -> None:
        """Begin now."""
        self.progress_us, self.progress_s = self.clock(), self.steady()

    @property
    def blind_s(self) -> float:
        """For how long there has been no look."""
        return max(0.0, self.steady() - self.progress_s)

    def looked(self, began_us: int, alerts: Iterable[tuple[Alert, bool]]) -> None:
        """Note a look that ended well, and the current alerts, each with whether it is silenced."""
        # Those that are open no more stay, at 0, so that a fall is seen.
        standing = Counter(dict.fromkeys(self.open_now, 0))
        standing.update(
            (alert.brand, alert.direction, alert.severity, _state(alert, silenced=silenced))
            for alert, silenced in alerts
            if alert.open
        )
        self.open_now = standing
        self.progress_us, self.looks, self.error = self.clock(), self.looks + 1, ""
        self.progress_s = self.steady()
        self.look_s = max(0, self.progress_us - began_us) / 1e6

    def count(self, told: StoredChange) -> None:
        """Count a change."""
        alert = told.change.alert
        self.changes[alert.brand, alert.direction, told.change.what] += 1


def _state(alert: Alert, *, silenced: bool) -> str:
    return "silenced" if silenced else "acknowledged" if alert.acknowledged else "open"
