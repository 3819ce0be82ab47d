"""The page over a data directory or a server, for whoever serves its routes."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from streams.clock import Clock, system_clock
from streams.connections import Connections, opener
from streams.kafka.errors import BrokerError
from streams.page.guard import Guard
from streams.page.routes import Page
from streams.page.view import View
from streams.page.views import VIEWS
from streams.page.views.health import over_directory, over_server
from streams.ports import StoreError
from streams.settings import CollectorSettings, Settings, is_loopback
from streams.standing import of_log
from streams.store import QueryError
from streams.store_settings import READING

if TYPE_CHECKING:
    from streams.kafka.standing import Standings

__all__ = ["is_ours", "opened_page"]

_PAUSE_S = 60.0
_log = logging.getLogger(__name__)


@contextmanager
def opened_page(settings: Settings, *, clock: Clock = system_clock) -> Iterator[Page | None]:
    """Open the page; None where it would be open to whoever reaches the port: then a token must be set."""
    if not (settings.page_token or is_ours(settings.collector)):
        yield None
        return
    reader = Connections(opener(settings, READING))
    watcher = Connections(opener(settings, READING), threads=1)
    writer = Connections(opener(settings, None), threads=1)
    guard = Guard(settings.page_token, secure=not is_ours(settings.collector))
    standings = _standings(settings)
    page = Page(reader, watcher, _views(settings, standings), guard, clock, writer=writer)
    over = threading.Event()
    warming = threading.Thread(target=_keep_warm, args=(page, over), name="page-warm")
    warming.start()
    try:
        yield page
    finally:
        page.live.end()
        over.set()
        warming.join()
        for connections in (reader, watcher, writer):
            connections.close()
        if standings is not None:
            standings.close()


def _standings(settings: Settings) -> "Standings | None":
    """Return what asks Kafka how far workers are, where it is known and they write to a server."""
    if not (settings.store and settings.kafka.servers):
        return None
    try:
        from streams.kafka.standing import Standings  # noqa: PLC0415 - needs Kafka's client
    except BrokerError as error:
        _log.warning("the page does not tell how far workers are behind: %s", error)
        return None
    return Standings(settings.kafka)


def _views(settings: Settings, standings: "Standings | None") -> Sequence[View]:
    """Return the views, with what tells how far whoever writes here is behind."""
    if settings.store:
        health = over_server(standings.ask if standings else None)
    else:
        health = over_directory(partial(of_log, settings.data / "log.sqlite"))
    return [health if view.name == health.name else view for view in VIEWS]


def _keep_warm(page: Page, over: threading.Event) -> None:
    """Draw views as they open now and then, in a twentieth of the time at most: whoever comes need not wait for them."""
    while not over.is_set():
        began = time.monotonic()
        try:
            page.warm()
        except (QueryError, StoreError) as error:
            _log.warning("views cannot be drawn before they are asked for: %s", error)
        over.wait(max(_PAUSE_S, 20 * (time.monotonic() - began)))


def is_ours(collector: CollectorSettings) -> bool:
    """Whether nobody but this machine reaches the port: behind a proxy everybody may seem to be this machine."""
    return is_loopback(collector.host) and not collector.proxies
