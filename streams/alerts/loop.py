"""Runs watcher, ledger and receivers together, step by step: the thread that owns the store calls `step`."""

import time
from collections.abc import Callable

from journey.alerts import AlertPolicy
from streams.alerts.clocks import JudgedClock
from streams.alerts.delivery.deliverer import Deliverer
from streams.alerts.feed_delivery import FeedDelivery
from streams.alerts.ledger import Delivered, Ledger, StoredChange
from streams.alerts.rule_queries import RuleQueries
from streams.alerts.state import AlertState
from streams.alerts.urls import NO_LINKS, AlertUrls
from streams.alerts.watcher import Watcher
from streams.clock import Clock, duration
from streams.process.degraded import Degraded
from streams.store.clickhouse import ClickHouse

__all__ = ["AlertLoop"]

_PAUSE_US = 1_000_000
_IDLE_US = 9_000_000
_BACK_US = (
    60_000_000  # by so much less than a minute the clock may go back: a minute is closed ten after its end
)


class AlertLoop:
    """The loop that looks at the store at most once a second, and sends receivers the changes that they lack.

    Parameters
    ----------
    store, ledger
        Of this thread: nothing here is called by another.
    deliverer
        Receivers; their threads touch no store.
    rules
        Queries of stage alerts, on a thread and connection of their own.
    check
        Called before each look; raises where this is not to watch any more.
    steady
        Seconds that nobody sets, by which a clock that jumps ahead is noticed; None believes the clock.
    slice_s
        For how long detectors are fed in one step; None feeds them to the end.
    degraded
        Registry for what is not watched.
    feed
        Receivers of changes of stage, on threads and connections of their own.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        store: ClickHouse,
        ledger: Ledger,
        deliverer: Deliverer,
        *,
        clock: Clock,
        policy: AlertPolicy | None = None,
        rules: RuleQueries | None = None,
        links: AlertUrls = NO_LINKS,
        check: Callable[[], None] = lambda: None,
        steady: Callable[[], float] | None = None,
        slice_s: float | None = None,
        degraded: Degraded | None = None,
        feed: FeedDelivery | None = None,
    ) -> None:
        self._store, self._ledger, self._deliverer = store, ledger, deliverer
        self._judged, self._policy, self._rules, self._check = (
            JudgedClock(clock, steady),
            policy,
            rules,
            check,
        )
        self._links, self._slice_s, self._degraded = links, slice_s, degraded or Degraded()
        self._steady = steady or (lambda: clock() / 1e6)
        self._watcher: Watcher | None = None
        self._is_stale = False
        self._has_fed = False  # a brand since the last look, which is due at once
        self._offered = -1
        self._unbooked: list[Delivered] = []
        self._fresh: list[StoredChange] = []
        self._next_us = 0
        names = [one.rule.name for one in rules.rules] if rules else []
        self._feed_delivery = feed
        self.state = AlertState(
            clock, names, deliverer.lanes, feed.states if feed else lambda: (), steady=self._steady
        )
        if feed is not None:
            feed.start()

    @property
    def is_feeding(self) -> bool:
        """Whether detectors are to be fed: `step` is to be called again at once."""
        return self._watcher is not None and self._watcher.is_feeding

    def wrote(self) -> None:
        """Say that the tables have more, for receivers of changes of stage; from any thread, returns at once."""
        if self._feed_delivery is not None:
            self._feed_delivery.wrote()

    def step(self, *, idle: bool = False) -> list[StoredChange] | None:
        """Do what is due, and return what changed, None where nothing was due.

        `idle` says that nothing was written since the last look, so that one in ten seconds will do, unless a rule has an answer
        or a brand was fed.

        It raises StoreError or QueryError; the next step begins with what the store has.
        """
        now_us, back_us = self._judged.read()
        answered = self._rules is not None and self._rules.answered
        pause_us = _PAUSE_US + (_IDLE_US if idle and not (answered or self._has_fed) else 0)
        if back_us:
            self._went_back(now_us, back_us)
        try:
            if self._next_us - _PAUSE_US <= now_us < self._next_us - _PAUSE_US + pause_us and not back_us:
                if not self.is_feeding:
                    return None
                self._feed(now_us)
                return None
            self._next_us = now_us + _PAUSE_US
            return self._look(now_us)
        except BaseException as error:
            self._is_stale = True
            self.state.error = str(error) or type(error).__name__
            raise
        finally:
            self._say()

    def _went_back(self, now_us: int, back_us: int) -> None:
        """Feed detectors again where minutes were closed that are still to come."""
        if self._watcher is not None and (back_us >= _BACK_US or self._watcher.is_ahead(now_us)):
            self._degraded.set(
                ("alerts", "clock"),
                f"alerts: the clock went back by {duration(back_us / 1e6)}: detectors are fed again from the store",
            )
            self._watcher.rebuild()

    def _say(self) -> None:
        """Say what is not watched."""
        if self._watcher is None:
            return
        self._degraded.replace("alerts of brand", self._watcher.troubles())
        self.state.is_fed = self.state.is_fed or (self.state.looks > 0 and not self._watcher.is_feeding)
        if self._judged.ahead_us:
            ahead = duration(self._judged.ahead_us / 1e6)
            self._degraded.set(("alerts", "clock"), f"alerts: the clock is {ahead} ahead of a moment ago")
        elif not self._watcher.is_feeding:
            self._degraded.clear(("alerts", "clock"))

    def _feed(self, now_us: int) -> None:
        """Feed detectors for a while."""
        assert self._watcher is not None  # noqa: S101 - it has something to feed
        if self._slice_s is None:
            self._has_fed |= self._watcher.feed(now_us)
            return
        until_s = time.monotonic() + self._slice_s
        self._has_fed |= self._watcher.feed(now_us, lambda: time.monotonic() >= until_s)

    def _look(self, now_us: int) -> list[StoredChange]:
        self._check()
        if self._offered < 0:
            self._take_up(now_us)
        self._book()
        watcher = self._ready()
        self._feed(now_us)
        self._has_fed = False
        watcher.look(now_us)
        self.state.looked(now_us, ((alert, watcher.silenced(alert, now_us)) for alert in watcher.alerts))
        fresh, self._fresh = self._fresh, []
        return fresh

    def _ready(self) -> Watcher:
        """Return the watcher, with the alerts and deliveries that the store has."""
        if self._watcher is None or self._is_stale:
            self._catch_up()
        if self._watcher is None:
            self._watcher = Watcher(
                self._store,
                self._ledger,
                self._policy,
                told=self._give,
                rules=self._rules,
                rule_failed=self._rule_failed,
                links=self._links,
                steady=self._steady,
            )
        elif self._is_stale:
            self._watcher.reread()
        self._is_stale = False
        return self._watcher

    def _rule_failed(self, rule: str) -> None:
        self.state.rule_errors[rule] += 1

    def _take_up(self, now_us: int) -> None:
        """Give each receiver what it has not had; one that is new begins with what comes."""
        reached, last = self._ledger.reached(), self._ledger.last_sequence()
        begun = [
            Delivered(name, last, "begun", 0, "", now_us)
            for name in self._deliverer.names
            if name not in reached
        ]
        if begun:
            self._ledger.delivered(begun)
        since = {name: reached.get(name, last) for name in self._deliverer.names}
        after = min(since.values(), default=last)
        while page := self._ledger.changes(after):
            for told in page:
                for name, sequence in since.items():
                    if told.sequence > sequence:
                        self._deliverer.offer(told, only=name)
            after = page[-1].sequence
        self._offered = max(last, after)

    def _catch_up(self) -> None:
        """Offer what is stored although its insert was not answered."""
        for told in self._ledger.changes(self._offered):
            self._give(told)

    def _give(self, told: StoredChange) -> None:
        """Offer a change as soon as it is stored."""
        self._deliverer.offer(told)
        self.state.count(told)
        self._offered = told.sequence
        self._fresh.append(told)

    def _book(self) -> None:
        """Write what became of deliveries; what is not booked may be made again after a start."""
        done = self._deliverer.done()
        self.state.deliveries.update((one.receiver, one.outcome) for one in done)
        self._unbooked += done
        if self._unbooked:
            self._ledger.delivered(self._unbooked)
            self._unbooked = []

    def stop(self) -> None:
        """End the threads of receivers and rules, and book what receivers did."""
        if self._feed_delivery is not None:
            self._feed_delivery.stop()
        self._deliverer.stop()
        if self._rules is not None:
            self._rules.close()
        self._book()
