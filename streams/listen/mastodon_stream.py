"""Listens to Mastodon: what came meanwhile is asked for, and the stream is read; so is what was deleted meanwhile."""

import logging
import time
from collections.abc import Callable
from threading import Event

from streams.clock import Clock
from streams.listen.mastodon import Home, Mastodon, StreamRefusedError, is_after
from streams.listen.mastodon_api import AwayError, MastodonApi, TokenError
from streams.listen.outbox import Outbox
from streams.listen.pauses import Pauses
from streams.listen.stream import Reading, Runner, read

__all__ = ["MastodonStream", "home_of"]

_NOTHING = "0"  # before every notification
_OVERLAP = (
    "40"  # notifications before the cursor that are read again: one may become visible after a later one
)
_LOOKED_UP = 1_000  # posts that may have been deleted meanwhile
_SOON_S, _EVERY_S = (
    10.0,
    300.0,
)  # a stream may lose something, above all while it begins: notifications are asked for too
_REFUSALS = {400, 401, 403}
_log = logging.getLogger(__name__)


def home_of(api: MastodonApi, pauses: Pauses) -> Home | None:
    """Return whose token it is, once the server answers; None where the process is to stop. Raises TokenError."""
    while True:
        try:
            return api.home()
        except AwayError as error:
            if not pauses.wait(str(error), error.after_s):
                return None


class MastodonStream:
    """A listener to one account's server.

    Parameters
    ----------
    report
        Called now and then.
    until_caught_up
        Whether to end once everything up to the start has been read.
    """

    def __init__(  # noqa: PLR0913 - keywords, each once
        self,
        api: MastodonApi,
        home: Home,
        outbox: Outbox,
        *,
        asked: Event,
        clock: Clock,
        report: Callable[[], None],
        until_caught_up: bool = False,
    ) -> None:
        self._api, self._outbox, self._asked = api, outbox, asked
        self._mastodon = Mastodon(home, outbox, clock)
        self._report, self._until_caught_up = report, until_caught_up
        self._is_owed, self._next_s = True, 0.0  # whether a gap was, in which posts may have been deleted

    def run(self) -> None:
        """Listen until the process is to stop. Raises as `Runner.run`, and TokenError."""
        Runner(self._outbox, self._asked, self._session).run()

    def _session(self) -> bool:
        self._api.home()  # a token that was revoked is told
        reading = Reading(self._take, self._is_done, self._begin)
        return read(self._api.stream(), self._api.headers, self._outbox, self._asked, reading)

    def _begin(self) -> None:
        self._catch_up()
        self._is_owed, self._next_s = True, time.monotonic() + (0 if self._until_caught_up else _SOON_S)

    def _take(self, frame: bytes) -> None:
        try:
            self._mastodon.take(frame)
        except StreamRefusedError as error:
            if error.status in _REFUSALS:
                raise TokenError(f"the server refuses the stream: {error}") from error
            raise AwayError(f"the server ends the stream: {error}") from error

    def _catch_up(self) -> None:
        """Read the notifications that came since the cursor, and a few before it."""
        outbox = self._outbox
        if not outbox.cursor:
            newest = self._api.notifications(limit="1")
            name = newest[-1].get("id") if newest and isinstance(newest[-1], dict) else None
            begins = name if isinstance(name, str) else _NOTHING
            outbox.moved(begins, begins)
            outbox.flush()
            return
        if outbox.cursor != _NOTHING:
            self._took(self._api.notifications(max_id=outbox.cursor, limit=_OVERLAP))
        while not self._asked.is_set():
            before = outbox.cursor
            self._took(self._api.notifications(min_id=before))
            if not is_after(outbox.cursor, before):
                return

    def _took(self, page: list[object]) -> None:
        for notification in page:
            if isinstance(notification, dict) and not is_after(
                str(notification.get("id")), self._outbox.origin
            ):
                continue  # from before the first start
            self._outbox.tally.messages += 1
            self._mastodon.notified(notification)
            if self._outbox.is_due():
                self._outbox.flush()

    def _is_done(self) -> bool:
        self._report()
        if time.monotonic() >= self._next_s:
            self._catch_up()
            if self._is_owed:
                self._look_up()
            self._next_s = time.monotonic() + _EVERY_S
        return self._until_caught_up

    def _look_up(self) -> None:
        """Take back the posts that were deleted while nobody listened."""
        self._outbox.flush()
        for name in self._api.gone(self._outbox.remembered(_LOOKED_UP)):
            self._outbox.remove(name)
        self._outbox.flush()
        self._is_owed = False
