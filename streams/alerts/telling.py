"""What every kind of alert has in common: numbers of changes, what people marked, the outbox."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from journey.alerts import Alert, Change
from streams.alerts.ledger import Ledger, Mark, Told
from streams.alerts.links import NO_LINKS, Links

__all__ = ["Telling"]

_LATEST_US = timedelta(days=7) // timedelta(microseconds=1)  # marks older than this and over are not read


class Telling:
    """Writes changes one after the other. After an error make a new one: it reads where it stands from the ledger.

    Parameters
    ----------
    told
        Called with each change that is stored.
    links
        Put into reasons.
    """

    def __init__(
        self, ledger: Ledger, told: Callable[[Told], None] = lambda _: None, links: Links = NO_LINKS
    ) -> None:
        self._ledger, self._told, self._links = ledger, told, links
        self._sequence = ledger.last_sequence()
        self._silences: list[Mark] = []
        self._marked_us = 0

    def marks(self, now_us: int) -> list[Mark]:
        """Take up what people said since this was asked last; return the acknowledgements."""
        marks = self._ledger.marks(self._marked_us or now_us - _LATEST_US)
        known = dict.fromkeys((*self._silences, *marks))  # those that last are read again each time
        self._silences = [mark for mark in known if mark.mark == "silence" and mark.until_us > now_us]
        self._marked_us = max((mark.set_us for mark in marks), default=self._marked_us)
        return [mark for mark in marks if mark.mark == "ack"]

    def silenced(self, alert: Alert, now_us: int) -> bool:
        """Tell whether an alert is kept from receivers now."""
        return any(silence.silences(alert, now_us) for silence in self._silences)

    def tell(self, change: Change, reason: Mapping[str, Any], now_us: int) -> Told:
        """Store a change and give it to receivers."""
        links = self._links.of(change.alert, self._sequence + 1)
        told = Told(self._sequence + 1, change, self.silenced(change.alert, now_us), {**reason, **links})
        self._ledger.add(told)
        self._sequence += 1
        self._told(told)
        return told
