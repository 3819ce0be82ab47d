"""Queries the counts about once a second, runs detectors and rules, and writes the changes of alerts; one at a time."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial

from journey.alerts import MINUTE_US, Alert, AlertPolicy, Change, Look, Scope, acknowledged, advance
from streams.alerts.brand_detectors import BrandDetectors
from streams.alerts.clocks import steady_s
from streams.alerts.counts import Minutes, Signal, Watched
from streams.alerts.late_history import LateHistory
from streams.alerts.ledger import AlertMark, Ledger, StoredChange
from streams.alerts.outbox import Outbox
from streams.alerts.reason import bare, reason
from streams.alerts.rule_alerts import Figures
from streams.alerts.rule_queries import RuleQueries
from streams.alerts.unwatched_brands import Unwatched
from streams.alerts.urls import NO_LINKS, AlertUrls
from streams.alerts.warm_up import HISTORY, Feeding
from streams.fencing.port import FencedError
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.port import StoreError

__all__ = ["HISTORY", "Watcher"]

_log = logging.getLogger(__name__)


class Watcher:
    """The detectors of every brand, and their alerts.

    A brand whose detectors, query or reason fail is not watched for a while, alone. After an error that is raised call
    `reread`: the state of alerts is read from the store again.

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
    steady
        Seconds that nobody sets, for pauses.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        store: ClickHouse,
        ledger: Ledger,
        policy: AlertPolicy | None = None,
        *,
        told: Callable[[StoredChange], None] = lambda _: None,
        rules: RuleQueries | None = None,
        rule_failed: Callable[[str], None] = lambda _: None,
        links: AlertUrls = NO_LINKS,
        steady: Callable[[], float] = steady_s,
    ) -> None:
        self.policy = policy or AlertPolicy()
        self._store, self._ledger = store, ledger
        self._of_ledger = partial(Outbox, ledger, told, links)
        self._of_rules = partial(Figures, queries=rules, failed=rule_failed)
        self.signal = Signal(store)
        self.unwatched = Unwatched(steady)
        self._feeding = Feeding(self.signal, self.policy, self._closed_until, self.unwatched.failed)
        self._late = LateHistory(self.signal, self._closed_until, steady)
        self._watched: dict[str, BrandDetectors] = {}
        self._has_begun = False
        self.reread()

    def reread(self) -> None:
        """Read the alerts and deliveries from the store; the detectors stay as they are.

        Raises
        ------
        StoreError, QueryError
            The store does not answer.
        """
        self._alerts: dict[Watched, Alert] = self._ledger.latest()
        self._telling = self._of_ledger()
        self._figures = self._of_rules(self._ledger, self._telling)

    @property
    def alerts(self) -> list[Alert]:
        """The latest alert of each brand and direction, and of each figure of a rule."""
        return [*self._alerts.values(), *self._figures.alerts.values()]

    @property
    def is_feeding(self) -> bool:
        """Whether there are brands to feed."""
        return bool(self._feeding.brands)

    def troubles(self) -> list[tuple[str, str]]:
        """Return what is not watched, or not yet, in words, each with the brand."""
        return [*self._feeding.progress(), *self.unwatched.warnings()]

    def silenced(self, alert: Alert, now_us: int) -> bool:
        """Return whether a silence keeps an alert from receivers now."""
        return self._telling.silenced(alert, now_us)

    def poll(self, now_us: int) -> list[StoredChange]:
        """Feed all there is to feed, and look; as `look`."""
        self.feed(now_us)
        return self.look(now_us)

    def feed(self, now_us: int, enough: Callable[[], bool] = lambda: False) -> bool:
        """Feed detectors with history until there is `enough`; return whether brands are looked at from now on that were not.

        Raises
        ------
        StoreError, QueryError
            The store does not answer; go on with another call.
        """
        if not self._has_begun:
            self._ask(self.signal.first_minutes())
            self._has_begun = True
        elif again := self.unwatched.due():
            first = self.signal.first_minutes()
            self._ask({brand: first.get(brand, now_us) for brand in again})
        fed = self._feeding.feed(now_us, enough)
        for brand in fed:
            self._take(brand)
        return bool(fed)

    def _ask(self, first: Mapping[str, int]) -> None:
        """Have brands fed, those with an open alert before others."""
        urgent = {alert.brand for alert in self._alerts.values() if alert.open}
        for name in sorted(first, key=lambda name: (name not in urgent, name)):
            self._feeding.ask(name, first[name] // MINUTE_US * MINUTE_US)
        self._late.fed(first)

    def _take(self, brand: BrandDetectors) -> None:
        """Look at a brand from now on; what its last detectors saw and nobody has made anything of is not lost."""
        if (before := self._watched.get(brand.name)) is not None:
            for direction, sights in before.sights.items():
                brand.sights[direction] += sights
        self._watched[brand.name] = brand

    def rebuild(self) -> None:
        """Have every brand fed again from the store: the clock went back, and minutes were closed that are to come."""
        self._watched.clear()
        self._feeding.forget()
        self._has_begun = False

    def is_ahead(self, now_us: int) -> bool:
        """Return whether minutes were closed that have not begun."""
        return any(brand.next_us > now_us for brand in self._watched.values())

    def look(self, now_us: int) -> list[StoredChange]:
        """Look at the store as it is now; return what changed, which is stored when this returns.

        Raises
        ------
        StoreError
            A change may or may not be stored; `reread` sees which.
        """
        acks = self._telling.marks(now_us)
        told = self._telling.catch_up(self.alerts, now_us)
        counts = self._counts(now_us)
        if fresh := {of for of, _ in counts} - self._known():
            first = self.signal.first_minutes()
            self._ask({brand: first[brand] for brand in fresh if brand in first})
        told += [self._write(change, now_us) for change in self._acknowledged(acks, now_us)]
        for brand in list(self._watched.values()):
            told += self._looked(brand, counts, now_us)
        told += self._figures.poll(now_us, acks)
        self._ask_late(now_us)
        return told

    def _known(self) -> set[str]:
        return {*self._watched, *self._feeding.brands, *self.unwatched.brands}

    def _ask_late(self, now_us: int) -> None:
        """Have brands fed again whose history has come late; until then they are watched as before."""
        if not self._has_begun:
            return
        late = self._late.found(now_us)
        for brand in late:
            if brand in self._watched:
                _log.info("alerts: history of brand %s came late: it is fed again", brand)
        self._ask({brand: first for brand, first in late.items() if brand not in self.unwatched.brands})

    def _counts(self, now_us: int) -> Mapping[Watched, Minutes]:
        """Return the people of minutes that somebody has still to be fed."""
        open_us = self._closed_until(now_us)
        since_us = min((brand.next_us for brand in self._watched.values()), default=open_us)
        try:
            return self.signal.counts(since_us, now_us + 1)
        except QueryError as error:
            _log.warning("alerts: brands are asked for one by one: %s", error)
        found: dict[Watched, Minutes] = {}
        for name, brand in list(self._watched.items()):
            try:
                found |= self.signal.counts(brand.next_us, now_us + 1, [name])
            except QueryError as error:
                self._fails(name, error)
        return found

    def _looked(
        self, brand: BrandDetectors, counts: Mapping[Watched, Minutes], now_us: int
    ) -> list[StoredChange]:
        """Look at a brand; where that fails it is fed again after a while, and the others go on."""
        told: list[StoredChange] = []
        try:
            brand.close(counts, self._closed_until(now_us))
            for direction, watch in brand.watches.items():
                opened = watch.peek(brand.open(counts, direction, now_us))
                found = brand.sights[direction] + opened
                look = Look(
                    brand.name,
                    direction,
                    watch,
                    found,
                    partial(self._people, (brand.name, direction), now_us + 1),
                    now_us,
                )
                told += self._advance(brand, look)
                brand.sights[direction].clear()
            brand.settle_some()
            self.unwatched.looked(brand.name)
        except (StoreError, FencedError):
            raise
        except Exception as error:  # noqa: BLE001 - of one brand
            self._fails(brand.name, error)
        return told

    def _people(self, watched: Watched, until_us: int, scope: Scope, since_us: int) -> int:
        return self.signal.people(watched, scope, since_us, until_us)

    def _fails(self, brand: str, error: Exception) -> None:
        self._watched.pop(brand, None)
        self.unwatched.failed(brand, error)

    def _advance(self, brand: BrandDetectors, look: Look) -> list[StoredChange]:
        watched = (look.brand, look.direction)
        alert, change = advance(self._alerts.get(watched), look, self.policy)
        told = [] if change is None else [self._write(change, look.now_us, brand)]
        if alert is not None:
            self._alerts[watched] = alert
        return told

    def _acknowledged(self, acks: Iterable[AlertMark], now_us: int) -> list[Change]:
        """Apply the acknowledgements that people set since the last look."""
        changes = []
        for mark in acks:
            for watched, alert in self._alerts.items():
                if mark.alert == alert.id and not alert.acknowledged:
                    change = acknowledged(alert, mark.by, now_us)
                    if change is not None:
                        self._alerts[watched] = change.alert
                        changes.append(change)
        return changes

    def _write(self, change: Change, now_us: int, brand: BrandDetectors | None = None) -> StoredChange:
        alert = change.alert
        found = brand or self._watched.get(alert.brand)
        watch = None if found is None else found.watches[alert.direction]
        hurried = change.what == "opened"
        try:
            why = reason(self._store, self.signal, watch, alert, now_us, hurried=hurried)
        except QueryError as error:  # better told without than not at all
            _log.warning("alert %s: its reason is left out: %s", alert.id, error)
            why = bare(watch, alert, now_us)
        return self._telling.tell(change, why, now_us)

    def _closed_until(self, now_us: int) -> int:
        return (now_us - self.policy.lateness // timedelta(microseconds=1)) // MINUTE_US * MINUTE_US
