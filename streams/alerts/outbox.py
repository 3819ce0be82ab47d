"""Writes changes of alerts to the ledger before they are sent, numbers them, and applies acks and silences."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from journey.alerts import SEVERITIES, Alert, Change
from streams.alerts.ledger import AlertMark, Heard, Ledger, StoredChange
from streams.alerts.urls import NO_LINKS, AlertUrls

__all__ = ["Outbox"]

_LATEST_US = timedelta(days=7) // timedelta(microseconds=1)  # marks older than this and over are not read
_AGAIN_US = timedelta(days=1) // timedelta(
    microseconds=1
)  # marks of so long are read again: a clock may have been set
_REMEMBERED = 1_000  # alerts of whom is known what was told last


class Outbox:
    """An outbox of changes, written one after the other. After an error make a new one, which reads the ledger.

    Parameters
    ----------
    told
        Called with each change that is stored.
    links
        Put into reasons.
    """

    def __init__(
        self,
        ledger: Ledger,
        told: Callable[[StoredChange], None] = lambda _: None,
        links: AlertUrls = NO_LINKS,
    ) -> None:
        self._ledger, self._told, self._links = ledger, told, links
        self._sequence = ledger.last_sequence()
        self._heard = ledger.heard()
        self._last = {told.change.alert.id: told for told in ledger.newest()[-_REMEMBERED:]}
        self._silences: list[AlertMark] = []
        self._marked_us = 0

    def marks(self, now_us: int) -> list[AlertMark]:
        """Read the marks that people set; return the acknowledgements of the last day, those returned before too."""
        since_us = min(self._marked_us, now_us) - _AGAIN_US if self._marked_us else now_us - _LATEST_US
        marks = self._ledger.marks(since_us)
        self._silences = [mark for mark in marks if mark.mark == "silence" and mark.until_us > now_us]
        self._marked_us = max((mark.set_us for mark in marks), default=self._marked_us)
        return [mark for mark in marks if mark.mark == "ack"]

    def silenced(self, alert: Alert, now_us: int) -> bool:
        """Return whether a silence keeps an alert from receivers now."""
        return any(silence.silences(alert, now_us) for silence in self._silences)

    def catch_up(self, alerts: Iterable[Alert], now_us: int) -> list[StoredChange]:
        """Send what a silence kept from receivers, once it has ended and their last change is out of date."""
        found = [
            (alert, what)
            for alert in alerts
            if not self.silenced(alert, now_us) and (what := self._untold(alert, now_us)) is not None
        ]
        return [self.tell(Change(what, alert, now_us), self._reason(alert), now_us) for alert, what in found]

    def _untold(self, alert: Alert, now_us: int) -> Any:
        """Return the change that brings receivers up to date about an alert, None where they are."""
        heard = self._heard.get(alert.id)
        if not alert.open:
            last = self._last.get(alert.id)
            is_news = last is not None and now_us - last.change.at_us < _LATEST_US
            return "resolved" if heard is not None and heard.open and is_news else None
        if heard is None or not heard.open:
            return "opened" if heard is None else "reopened"
        return "grew" if _worse(alert, heard) else None

    def _reason(self, alert: Alert) -> Mapping[str, Any]:
        last = self._last.get(alert.id)
        return {**(last.reason if last else {}), "was_silenced": True}

    def tell(self, change: Change, reason: Mapping[str, Any], now_us: int) -> StoredChange:
        """Store a change and give it to receivers.

        Receivers that have not heard of the alert, since it was silenced, are not sent that it is over, and are sent that it
        opened where it only grew.
        """
        alert = change.alert
        heard = self._heard.get(alert.id)
        silenced = self.silenced(alert, now_us) or (not alert.open and not (heard and heard.open))
        if not silenced and heard is None and alert.id in self._last and change.what != "opened":
            change, reason = replace(change, what="opened"), {**reason, "was_silenced": True}
        links = self._links.of(alert, self._sequence + 1)
        told = StoredChange(self._sequence + 1, change, silenced, {**reason, **links})
        self._ledger.add(told)
        self._sequence += 1
        self._last[alert.id] = told
        if not silenced:
            self._heard[alert.id] = Heard(alert.open, alert.severity)
        self._told(told)
        return told


def _worse(alert: Alert, heard: Heard) -> bool:
    return SEVERITIES.index(alert.severity) > SEVERITIES.index(heard.severity)
