"""What alerts would have been raised: the watcher's own detectors and life of alerts, over stored history."""

from dataclasses import dataclass
from datetime import timedelta

from journey.alerts import MINUTE_US, Alert, AlertPolicy, BrandWatch, Change, Look, Scope, advance
from streams.alerts.signal import DIRECTIONS, Asked, Minutes, Signal
from streams.alerts.watcher import HISTORY

__all__ = ["Backtest", "backtest"]

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Backtest:
    """Changes in order of time, as a watcher would have made them that closed each minute at its end."""

    changes: list[Change]

    @property
    def raised(self) -> list[Alert]:
        """Each alert as it ended, in the order in which they were opened."""
        last: dict[str, Alert] = {}
        for change in self.changes:
            last[change.alert.id] = change.alert
        return list(last.values())


def backtest(
    store: Asked, brand: str, since_us: int, until_us: int, policy: AlertPolicy | None = None
) -> Backtest:
    """Run over a brand's minutes from `since_us` to `until_us`; the eight days before are learned from.

    Events that came late are there already, so that a live watcher may have seen less; identity is as it is now.
    """
    signal = Signal(store)
    first = signal.first_minutes().get(brand)
    if first is None:
        return Backtest([])
    start = max(first, since_us - int(HISTORY / timedelta(microseconds=1))) // MINUTE_US * MINUTE_US
    changes: list[Change] = []
    counts = [
        signal.counts(day, min(day + _DAY_US, until_us), brand) for day in range(start, until_us, _DAY_US)
    ]
    for direction in DIRECTIONS:
        minutes = {
            minute: people for day in counts for minute, people in day.get((brand, direction), {}).items()
        }
        changes += _replay(
            signal, (brand, direction), minutes, range(start, until_us, MINUTE_US), since_us, policy
        )
    return Backtest(sorted(changes, key=lambda change: (change.at_us, change.alert.direction)))


def _replay(  # noqa: PLR0913, PLR0917 - of one caller
    signal: Signal,
    watched: tuple[str, str],
    counts: Minutes,
    minutes: range,
    since_us: int,
    policy: AlertPolicy | None,
) -> list[Change]:
    policy = policy or AlertPolicy()
    watch, alert, changes = BrandWatch(policy), None, []
    for minute in minutes:
        sights = watch.close(minute, counts.get(minute, {}))
        if minute < since_us:
            continue
        now_us = minute + MINUTE_US

        def people(scope: Scope, since: int, until: int = now_us) -> int:
            return signal.people(watched, scope, since, until)

        alert, change = advance(alert, Look(*watched, watch, sights, people, now_us), policy)
        if change is not None:
            changes.append(change)
    return changes
