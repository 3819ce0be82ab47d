"""The page over a data directory or a server, for whoever serves its routes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from streams.clock import Clock, system_clock
from streams.page.asking import Connections
from streams.page.guard import Guard
from streams.page.routes import Page
from streams.page.views import VIEWS
from streams.settings import CollectorSettings, Settings, is_loopback
from streams.store import ClickHouse
from streams.store_settings import READING

__all__ = ["is_ours", "opened_page", "opener"]


@contextmanager
def opened_page(settings: Settings, *, clock: Clock = system_clock) -> Iterator[Page | None]:
    """Open the page; None where it would be open to whoever reaches the port: then a token must be set."""
    if not (settings.page_token or is_ours(settings.collector)):
        yield None
        return
    reader = Connections(opener(settings, READING))
    writer = Connections(opener(settings, None), threads=1)
    guard = Guard(settings.page_token, secure=not is_ours(settings.collector))
    page = Page(reader, VIEWS, guard, clock, writer)
    try:
        yield page
    finally:
        page.live.end()
        reader.close()
        writer.close()


def opener(settings: Settings, limits: dict[str, object] | None) -> Callable[[], ClickHouse]:
    """Return what opens a connection of its own for a thread, with settings of every request."""
    if settings.store:
        return partial(ClickHouse.of, settings, limits)
    dsn = f"chdb://{(settings.data / 'clickhouse').resolve()}"
    return partial(ClickHouse, dsn, limits=limits)


def is_ours(collector: CollectorSettings) -> bool:
    """Whether nobody but this machine reaches the port: behind a proxy everybody may seem to be this machine."""
    return is_loopback(collector.host) and not collector.proxies
