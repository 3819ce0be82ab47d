"""Collects events until a batch is whole, sends it, and then moves the cursor: what a kill leaves is sent again, as the same events."""

import logging
import time
from collections import Counter
from dataclasses import dataclass, field

from schemas.reversals import REVERSED
from streams.collector.adapters.written import mood_of
from streams.listen.acts import Act, Original, line_of, reversal_of
from streams.listen.sender import Sender
from streams.listen.state import State
from streams.mood.moods import NO_MOODS, Moods

__all__ = ["Outbox", "Tally"]

_MOST, _BATCH_S, _IDLE_S = (
    500,
    0.5,
    5.0,
)  # events of a batch; how long one may wait; a cursor that moved alone
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What a listener counts; read by the thread that answers for metrics.

    Attributes
    ----------
    refused
        By reason: the collector has them as dead letters.
    passed
        By reason: what is no event of a customer, and no fault.
    repeats
        Messages of what the collector has already.
    at_us
        When the network had the message that was read last; 0 before the first.
    trouble
        Why the network is not read; "" while it is.
    """

    messages: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    connections: int = 0
    at_us: int = 0
    trouble: str = "not connected yet"


class Outbox:
    """The events that a listener has made and the collector does not have yet.

    Parameters
    ----------
    source
        That of all events.
    brand
        That of all events, "" for the one of the write key.
    moods
        Reads what people wrote; no text is sent, or remembered.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        sender: Sender,
        state: State,
        tally: Tally,
        *,
        source: str,
        brand: str,
        moods: Moods = NO_MOODS,
    ) -> None:
        self._sender, self._state, self.tally = sender, state, tally
        self._source, self._brand, self._moods = source, brand, moods
        self.cursor, self.origin = state.cursor, state.origin
        self._lines: list[bytes] = []
        self._types: list[str] = []
        self._names: list[str] = []  # of the records, "" for what is not remembered
        self._made: dict[str, Original] = {}
        self._removed: dict[str, str] = {}
        self._since_s = time.monotonic()

    def add(self, act: Act) -> None:
        """Add the event of an act, unless it is there already."""
        if act.key:
            self._settle(act.key)
            known = self._state.original(act.key)
            if known and (not known.is_removed or act.version <= known.version):
                self.tally.repeats += 1
                return
        mood = mood_of(self._moods, self._brand, act.language, act.text, {})
        try:
            line = line_of(act, self._source, self._brand, mood)
        except ValueError:
            self.passed("unreadable")
            return
        is_kept = bool(act.key) and act.type in REVERSED
        self._append(line, act.type, act.key if is_kept else "")
        if is_kept:
            self._made[act.key] = Original.of(act, mood)

    def remove(
        self, key: str, who: str = "", version: str = "", *, unknown: str = "unknown_original"
    ) -> None:
        """Take back what is remembered under a record's name.

        Parameters
        ----------
        who
            Who did it, where the removal says it.
        unknown
            The reason by which it is counted where nothing is remembered.
        """
        self._settle(key)
        known = self._state.original(key)
        if known is None:
            self.passed(unknown)
        elif known.is_removed or (version and version <= known.version):
            self.tally.repeats += 1
        else:
            line = reversal_of(known, known.who or who, self._source, self._brand)
            self._append(line, REVERSED[known.type], "")
            self._removed[key] = version

    def remembered(self, most: int) -> list[str]:
        """Return the names of the newest records that may be taken back, where those are kept."""
        return self._state.names(most)

    def passed(self, reason: str) -> None:
        """Count what is no event."""
        self.tally.passed[reason] += 1

    def moved(self, cursor: str, origin: str | None = None) -> None:
        """Note how far the network was read: everything before it was added; and of which server, or from where on."""
        self.cursor, self.origin = cursor, self.origin if origin is None else origin

    def is_due(self) -> bool:
        """Return whether it is time to send, or to note the cursor."""
        if len(self._lines) >= _MOST:
            return True
        waited_s = time.monotonic() - self._since_s
        if self._lines:
            return waited_s >= _BATCH_S
        return waited_s >= _IDLE_S and self.cursor != self._state.cursor

    def flush(self) -> None:
        """Send what there is, and then note the cursor. Raises NotSentError, CollectorError, StateError."""
        refused = self._sender.send(self._lines) if self._lines else []
        for one in refused:
            self.tally.refused[one.reason] += 1
            self._made.pop(self._names[one.place], None)
            _log.error(
                "the collector refused an event (%s, %s): %s", self._types[one.place], one.reason, one.detail
            )
        self._state.commit(self.cursor, self.origin, self._made, self._removed)
        places = {one.place for one in refused}
        self.tally.sent.update(kind for place, kind in enumerate(self._types) if place not in places)
        self.drop()

    def drop(self) -> None:
        """Forget what was not sent: it is read again, from the cursor on."""
        self._lines, self._types, self._names, self._made, self._removed = [], [], [], {}, {}
        self.cursor, self.origin = self._state.cursor, self._state.origin
        self._since_s = time.monotonic()

    def _settle(self, key: str) -> None:
        """Send first what the record's own event waits in: only then it is known whether the collector has it."""
        if key in self._made or key in self._removed:
            self.flush()

    def _append(self, line: bytes, kind: str, name: str) -> None:
        if not self._lines:
            self._since_s = time.monotonic()
        self._lines.append(line)
        self._types.append(kind)
        self._names.append(name)
