"""Watcher, ledger and receivers together, step by step: whoever owns the store's thread calls `step`."""

from collections.abc import Callable

from journey.alerts import AlertPolicy
from streams.alerts.delivery.deliverer import Deliverer
from streams.alerts.ledger import Delivered, Ledger, Told
from streams.alerts.links import NO_LINKS, Links
from streams.alerts.querying import RuleQueries
from streams.alerts.state import AlertState
from streams.alerts.watcher import Watcher
from streams.clock import Clock
from streams.store import ClickHouse

__all__ = ["Watching"]

_PAUSE_US = 1_000_000
_IDLE_US = 9_000_000


class Watching:
    """Looks at the store at most once a second, and gives receivers what they have not had.

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
        links: Links = NO_LINKS,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._ledger, self._deliverer = store, ledger, deliverer
        self._clock, self._policy, self._rules, self._check = clock, policy, rules, check
        self._links = links
        self._watcher: Watcher | None = None
        self._offered = -1
        self._unbooked: list[Delivered] = []
        self._fresh: list[Told] = []
        self._next_us = 0
        names = [one.rule.name for one in rules.rules] if rules else []
        self.state = AlertState(clock, names, deliverer.lanes)

    def step(self, *, idle: bool = False) -> list[Told] | None:
        """Do what is due, and return what changed, None where nothing was due.

        `idle` says that nothing was written since the last look, so that one in ten seconds will do, unless a rule has an answer.

        It raises StoreError or QueryError; the next step begins with what the store has.
        """
        now_us = self._clock()
        answered = self._rules is not None and self._rules.answered
        if now_us < self._next_us + (_IDLE_US if idle and not answered else 0):
            return None
        self._next_us = now_us + _PAUSE_US
        try:
            return self._look(now_us)
        except BaseException as error:
            self.state.error = str(error) or type(error).__name__
            raise

    def _look(self, now_us: int) -> list[Told]:
        self._check()
        if self._offered < 0:
            self._take_up(now_us)
        self._book()
        try:
            if self._watcher is None:
                self._catch_up()
                self._watcher = Watcher(
                    self._store,
                    self._ledger,
                    self._policy,
                    told=self._give,
                    rules=self._rules,
                    rule_failed=self._rule_failed,
                    links=self._links,
                )
            self._watcher.poll(now_us)
        except BaseException:
            self._watcher = None
            raise
        watcher = self._watcher
        self.state.looked(now_us, ((alert, watcher.silenced(alert, now_us)) for alert in watcher.alerts))
        fresh, self._fresh = self._fresh, []
        return fresh

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

    def _give(self, told: Told) -> None:
        """Offer a change as soon as it is stored."""
        self._deliverer.offer(told)
        self.state.told(told)
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
        self._deliverer.stop()
        if self._rules is not None:
            self._rules.close()
        self._book()
