"""The page over a data directory or a server, for whoever serves its routes."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from streams.clock import Clock, system_clock
from streams.page.asking import Connections
from streams.page.guard import Guard
from streams.page.routes import Page
from streams.page.views import VIEWS
from streams.ports import StoreError
from streams.settings import CollectorSettings, Settings, is_loopback
from streams.store import ClickHouse, QueryError
from streams.store_settings import READING

__all__ = ["is_ours", "opened_page", "opener"]

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
    page = Page(reader, watcher, VIEWS, guard, clock, writer=writer)
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


def _keep_warm(page: Page, over: threading.Event) -> None:
    """Draw views as they open now and then, in a twentieth of the time at most: whoever comes need not wait for them."""
    while not over.is_set():
        began = time.monotonic()
        try:
            page.warm()
        except (QueryError, StoreError) as error:
            _log.warning("views cannot be drawn before they are asked for: %s", error)
        over.wait(max(_PAUSE_S, 20 * (time.monotonic() - began)))


def opener(settings: Settings, limits: dict[str, object] | None) -> Callable[[], ClickHouse]:
    """Return what opens a connection of its own for a thread, with settings of every request."""
    if settings.store:
        return partial(ClickHouse.of, settings, limits)
    dsn = f"chdb://{(settings.data / 'clickhouse').resolve()}"
    return partial(ClickHouse, dsn, limits=limits)


def is_ours(collector: CollectorSettings) -> bool:
    """Whether nobody but this machine reaches the port: behind a proxy everybody may seem to be this machine."""
    return is_loopback(collector.host) and not collector.proxies
