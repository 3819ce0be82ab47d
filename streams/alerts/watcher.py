"""The watcher: asks for counts about once a second, and writes what becomes of alerts. One at a time in the world."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from journey.alerts import (
    MINUTE_US,
    Alert,
    AlertPolicy,
    BrandWatch,
    Change,
    Counts,
    Look,
    Sight,
    acknowledged,
    advance,
)
from streams.alerts.figures import Figures
from streams.alerts.ledger import Ledger, Mark, Told
from streams.alerts.links import NO_LINKS, Links
from streams.alerts.querying import RuleQueries
from streams.alerts.reason import reason
from streams.alerts.signal import DIRECTIONS, Minutes, Signal, Watched
from streams.alerts.telling import Telling
from streams.store import ClickHouse

__all__ = ["HISTORY", "Watcher"]

HISTORY = timedelta(days=8)  # that detectors are fed again at a start: their level remembers a week
_NOBODY: Minutes = {}


class Watcher:
    """Detectors of every brand, and their alerts. After an error make a new one: its state is read from the store.

    Parameters
    ----------
    store
        Asked for counts.
    ledger
        Where changes go.
    policy
        The same for every brand.
    told
        Called with each change once it is stored.
    rules, rule_failed
        Queries of stage alerts, which are not waited for; the other is called with the name of a rule whose query failed.
    links
        What messages lead to.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        store: ClickHouse,
        ledger: Ledger,
        policy: AlertPolicy | None = None,
        *,
        told: Callable[[Told], None] = lambda _: None,
        rules: RuleQueries | None = None,
        rule_failed: Callable[[str], None] = lambda _: None,
        links: Links = NO_LINKS,
    ) -> None:
        self.policy = policy or AlertPolicy()
        self._store, self._ledger = store, ledger
        self._telling = Telling(ledger, told, links)
        self._figures = Figures(ledger, self._telling, rules, failed=rule_failed)
        self.signal = Signal(store)
        self._watches: dict[Watched, BrandWatch] = {}
        self._alerts: dict[Watched, Alert] = {}
        self._next_us = 0  # the first minute that is open
        self._lateness_us = int(self.policy.lateness / timedelta(microseconds=1))

    @property
    def alerts(self) -> list[Alert]:
        """The latest alert of each brand and direction, and of each figure of a rule."""
        return [*self._alerts.values(), *self._figures.alerts.values()]

    def silenced(self, alert: Alert, now_us: int) -> bool:
        """Tell whether a silence keeps an alert from receivers now."""
        return self._telling.silenced(alert, now_us)

    def poll(self, now_us: int) -> list[Told]:
        """Look at the store as it is now; return what changed, which is stored when this returns.

        Raises
        ------
        StoreError
            A change may or may not be stored; a new watcher sees which.
        """
        sights = self._restore(now_us) if not self._next_us else {}
        acks = self._telling.marks(now_us)
        counts = self.signal.counts(self._next_us, now_us + 1)
        for watched in counts.keys() - self._watches.keys():
            self._begin(watched, now_us, sights)
        self._close(counts, now_us, sights)
        changes = self._acknowledged(acks, now_us)
        for watched, watch in self._watches.items():
            found = sights.get(watched, []) + watch.peek(self._open(counts.get(watched, _NOBODY), now_us))
            changes += self._advance(watched, watch, found, now_us)
        told = [self._write(change, now_us) for change in changes]
        return told + self._figures.poll(now_us, acks)

    def _restore(self, now_us: int) -> dict[Watched, list[Sight]]:
        """Feed history to new detectors; return what stood out."""
        self._alerts = self._ledger.latest()
        self._next_us = self._closed_until(now_us)
        start = self._start(now_us)
        first = self.signal.first_minutes()
        counts = self.signal.counts(start, self._next_us)
        return {
            (brand, direction): self._feed((brand, direction), max(start, minute), counts)
            for brand, minute in first.items()
            for direction in DIRECTIONS
        }

    def _begin(self, watched: Watched, now_us: int, sights: dict[Watched, list[Sight]]) -> None:
        """Take up a brand that was not there before."""
        start = max(
            self._start(now_us), self.signal.first_minutes().get(watched[0], now_us // MINUTE_US * MINUTE_US)
        )
        counts = self.signal.counts(start, self._next_us, watched[0])
        for direction in DIRECTIONS:
            sights[watched[0], direction] = self._feed((watched[0], direction), start, counts)

    def _feed(self, watched: Watched, start_us: int, counts: Mapping[Watched, Minutes]) -> list[Sight]:
        watch = self._watches[watched] = BrandWatch(self.policy)
        minutes = counts.get(watched, _NOBODY)
        return [
            sight
            for minute in range(start_us, self._next_us, MINUTE_US)
            for sight in watch.close(minute, minutes.get(minute, {}))
        ]

    def _start(self, now_us: int) -> int:
        return self._closed_until(now_us - int(HISTORY / timedelta(microseconds=1)))

    def _closed_until(self, now_us: int) -> int:
        return (now_us - self._lateness_us) // MINUTE_US * MINUTE_US

    def _close(
        self, counts: Mapping[Watched, Minutes], now_us: int, sights: dict[Watched, list[Sight]]
    ) -> None:
        until = self._closed_until(now_us)
        for watched, watch in self._watches.items():
            minutes = counts.get(watched, _NOBODY)
            for minute in range(self._next_us, until, MINUTE_US):
                sights.setdefault(watched, []).extend(watch.close(minute, minutes.get(minute, {})))
        self._next_us = max(self._next_us, until)

    def _open(self, minutes: Minutes, now_us: int) -> list[tuple[int, Counts]]:
        return [
            (minute, minutes.get(minute, {}))
            for minute in range(self._next_us, now_us // MINUTE_US * MINUTE_US + 1, MINUTE_US)
        ]

    def _advance(self, watched: Watched, watch: BrandWatch, sights: list[Sight], now_us: int) -> list[Change]:
        look = Look(
            *watched,
            watch,
            sights,
            lambda scope, since: self.signal.people(watched, scope, since, now_us + 1),
            now_us,
        )
        alert, change = advance(self._alerts.get(watched), look, self.policy)
        if alert is not None:
            self._alerts[watched] = alert
        return [] if change is None else [change]

    def _acknowledged(self, acks: Iterable[Mark], now_us: int) -> list[Change]:
        """Take up what people said since the last look."""
        changes = []
        for mark in acks:
            for watched, alert in self._alerts.items():
                if mark.alert == alert.id and not alert.acknowledged:
                    change = acknowledged(alert, mark.by, now_us)
                    if change is not None:
                        self._alerts[watched] = change.alert
                        changes.append(change)
        return changes

    def _write(self, change: Change, now_us: int) -> Told:
        alert = change.alert
        watch = self._watches[alert.brand, alert.direction]
        hurried = change.what == "opened"
        why = reason(self._store, self.signal, watch, alert, now_us, hurried=hurried)
        return self._telling.tell(change, why, now_us)
