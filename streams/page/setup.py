"""Opens the page over a data directory or a server, and keeps its views warm."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from streams.audiences.config import Audience, parse
from streams.clock import Clock, system_clock
from streams.handles.match import Hasher
from streams.handles.readable import ReadableReader
from streams.handles.readable_key_file import has_key
from streams.http.guard import guard_of
from streams.kafka.errors import BrokerError
from streams.log.lag import of_log
from streams.page.activation import Activate, Activation
from streams.page.new_key import OpenKeys
from streams.page.routes import Page
from streams.page.search import Finder
from streams.page.view import View
from streams.page.views import ANSWERS, VIEWS
from streams.page.views.audiences import audiences
from streams.page.views.connect import connect
from streams.page.views.health import over_directory, over_server
from streams.page.views.model import model
from streams.settings import Settings
from streams.store.clickhouse import QueryError
from streams.store.connections import ConnectionPool, OverloadedError, StuckError, opener
from streams.store.port import StoreError
from streams.store.query_settings import READING

if TYPE_CHECKING:
    from streams.kafka.lag import LagReader

__all__ = ["opened_page"]

_PAUSE_S = 60.0
_log = logging.getLogger(__name__)


@contextmanager
def opened_page(  # noqa: PLR0913 - keywords
    settings: Settings,
    find: Finder,
    *,
    hasher: Hasher | None = None,
    activate: Activate | None = None,
    keys: OpenKeys | None = None,
    clock: Clock = system_clock,
) -> Iterator[Page | None]:
    """Open the page, whose search field asks `find`, whose lists are hashed by `hasher`, whose models are activated by `activate`, which makes write keys in `keys`; None where everybody who reaches the port could see it: then a token must be set."""
    if (guard := guard_of(settings)) is None:
        yield None
        return
    reader = ConnectionPool(opener(settings, READING))
    watcher = ConnectionPool(opener(settings, READING), threads=1)
    writer = ConnectionPool(opener(settings, None), threads=1)
    standings = _standings(settings)
    page = Page(
        reader,
        watcher,
        _views(settings, standings, Activation(activate), makes_keys=keys is not None),
        guard,
        clock,
        find,
        writer=writer,
        hasher=hasher,
        keys=keys,
        readable=ReadableReader.of_settings(settings) if settings.readable and has_key(settings) else None,
        zones={brand: ZoneInfo(zone) for brand, zone in settings.zones.items()},
    )
    over = threading.Event()
    warming = threading.Thread(target=_keep_warm, args=(page, over), name="page-warm")
    warming.start()
    try:
        yield page
    finally:
        page.end()
        over.set()
        warming.join()
        for connections in (reader, watcher, writer):
            connections.close()
        if standings is not None:
            standings.close()


def _standings(settings: Settings) -> "LagReader | None":
    """Return what asks Kafka how far workers are, where it is known and they write to a server."""
    if not (settings.store and settings.kafka.servers):
        return None
    try:
        from streams.kafka.lag import LagReader  # noqa: PLC0415 - needs Kafka's client
    except BrokerError as error:
        _log.warning("the page does not tell how far workers are behind: %s", error)
        return None
    return LagReader(settings.kafka)


def _views(
    settings: Settings, standings: "LagReader | None", activation: Activation, *, makes_keys: bool
) -> Sequence[View]:
    """Return the views, with the lag of the writers of these tables."""
    if settings.store:
        health = over_server(standings.ask if standings else None)
    else:
        health = over_directory(partial(of_log, settings.data / "log.sqlite"))
    kept = audiences(_audiences(settings))
    made = {each.name: each for each in (health, kept, model(activation), connect(makes_keys=makes_keys))}
    return [*(made.get(view.name, view) for view in VIEWS), *ANSWERS]


def _audiences(settings: Settings) -> Sequence[Audience]:
    """Return the audiences of the file, where this process is given one; whoever keeps them does not start with a mistake."""
    if settings.audiences is None:
        return ()
    found, mistakes = parse(settings.audiences)
    for mistake in mistakes:
        _log.warning("the page does not show all audiences: %s", mistake)
    return found


def _keep_warm(page: Page, over: threading.Event) -> None:
    """Draw views as they open now and then, in a twentieth of the time at most, so that viewers need not wait."""
    while not over.is_set():
        began = time.monotonic()
        try:
            page.warm()
        except (QueryError, StoreError, StuckError) as error:
            _log.warning("views cannot be drawn before they are asked for: %s", error)
        except OverloadedError:  # others are asked for meanwhile, or it is over
            pass
        over.wait(max(_PAUSE_S, 20 * (time.monotonic() - began)))
