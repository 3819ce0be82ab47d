"""Listens to Jetstream, from where the collector has everything: servers in turn, and a little of what is known already."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from urllib.parse import urlencode

from streams.clock import Clock, from_us
from streams.listen.bluesky import COLLECTIONS, Bluesky
from streams.listen.outbox import Outbox
from streams.listen.stream import LARGEST, Reading, Runner, read

__all__ = ["SERVERS", "Jetstream"]

SERVERS = tuple(
    f"wss://jetstream{number}.{place}.bsky.network" for place in ("us-east", "us-west") for number in (1, 2)
)
_SECOND_US = 1_000_000
# Two events may have one time; and clocks of two servers, and what they see first, differ.
_SAME_US, _OTHER_US = 5 * _SECOND_US, 120 * _SECOND_US
_AHEAD_US = 600 * _SECOND_US  # beyond it a message's time is none, and no cursor
_GAP_US = 3_600 * _SECOND_US
_QUIET_US = 3 * _SECOND_US  # without a message: there is nothing more
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Progress:
    """How far one session has come; in microseconds since 1970."""

    asked_us: int
    last_us: int = 0
    heard_us: int = 0


class Jetstream:
    """A listener to Jetstream.

    Parameters
    ----------
    servers
        Their addresses; the next one is tried when one fails.
    report
        Called now and then.
    since_us
        Where to begin, where nothing was read before; in microseconds since 1970.
    until_caught_up
        Whether to end once everything up to the start has been read.
    """

    def __init__(  # noqa: PLR0913 - keywords, each once
        self,
        servers: Sequence[str],
        accounts: Sequence[str],
        outbox: Outbox,
        *,
        asked: Event,
        clock: Clock,
        report: Callable[[], None],
        since_us: int,
        until_caught_up: bool = False,
    ) -> None:
        self._servers, self._outbox, self._asked, self._clock = tuple(servers), outbox, asked, clock
        self._bluesky = Bluesky(accounts, outbox)
        self._report, self._since_us = report, since_us
        self._until_us = clock() if until_caught_up else 0
        self._turn = 0

    def run(self) -> None:
        """Listen until the process is to stop. Raises as `Runner.run`."""
        if not self._outbox.cursor:  # what comes before the first message is read, too, is not lost by a kill
            self._outbox.moved(str(self._since_us), self._servers[0])
            self._outbox.flush()
        Runner(self._outbox, self._asked, self._session).run()

    def _session(self) -> bool:
        server = self._servers[self._turn % len(self._servers)]
        self._turn += 1  # unless this one serves well
        cursor_us = int(self._outbox.cursor) - (_SAME_US if server == self._outbox.origin else _OTHER_US)
        query = [("wantedCollections", each) for each in COLLECTIONS]
        query += [("cursor", str(max(cursor_us, 1))), ("maxMessageSizeBytes", str(LARGEST // 2))]
        progress = _Progress(cursor_us, heard_us=self._clock())
        _log.info("%s is read from %s on", server, from_us(max(cursor_us, 0)).isoformat(timespec="seconds"))
        reading = Reading(lambda frame: self._take(frame, server, progress), lambda: self._is_done(progress))
        return read(f"{server}/subscribe?{urlencode(query)}", {}, self._outbox, self._asked, reading)

    def _take(self, frame: bytes, server: str, progress: _Progress) -> None:
        now_us = self._clock()
        progress.heard_us = now_us
        at_us = self._bluesky.take(frame, now_us + _AHEAD_US)
        if not at_us:
            return
        if not progress.last_us:
            self._turn -= 1
            self._note_gap(at_us, progress.asked_us)
        progress.last_us = self._outbox.tally.at_us = at_us
        self._outbox.moved(str(max(at_us, int(self._outbox.cursor))), server)

    def _note_gap(self, first_us: int, asked_us: int) -> None:
        if first_us - asked_us > _GAP_US:
            self._outbox.passed("gap")
            _log.error(
                "the server begins at %s, and was asked from %s on: what it no longer has is lost",
                from_us(first_us).isoformat(timespec="seconds"),
                from_us(asked_us).isoformat(timespec="seconds"),
            )

    def _is_done(self, progress: _Progress) -> bool:
        self._report()
        if not self._until_us:
            return False
        return progress.last_us >= self._until_us or self._clock() - progress.heard_us > _QUIET_US
