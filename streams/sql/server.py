"""Runs the SQL endpoint as a thread of `journey up`: a socket, uvicorn on it, and an end before the engine's."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext

from streams.http.connection_limits import Bounds
from streams.http.cross_site import names_of
from streams.http.listener import address_of, listening, server_of
from streams.settings import Settings, SettingsError, is_loopback
from streams.sql.reader import Reader
from streams.sql.routes import application
from streams.store.clickhouse import DATABASE

__all__ = ["queries_served"]

_BACKLOG = 64
_BOUNDS = Bounds(
    connections=256,
    head_bytes=32_768,
    head_s=10.0,
    body_bytes=2_000_000,  # of which a statement is half at most
    body_s=20.0,
    idle_s=30.0,
    unsent_bytes=256 * 2**20,
)
_WAIT_S = 0.01
_log = logging.getLogger(__name__)


@contextmanager
def queries_served(settings: Settings) -> Iterator[str]:
    """Answer queries from the data directory that this process has open, while the context lasts; gives the address.

    Raises
    ------
    SettingsError
        Nobody can listen there; it names what to change.
    """
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(_listening(settings))
        except SettingsError as error:
            if settings.sql.is_wanted:
                raise
            _log.warning("queries are not answered: %s", error)
            listener = None
        if listener is None:
            yield ""
            return
        reader = stack.enter_context(closing(Reader(settings.data / "clickhouse")))
        stack.enter_context(_running(settings, reader, listener))
        yield address_of(settings.sql.host, listener, secure=bool(settings.collector.certificate))


@contextmanager
def _running(settings: Settings, reader: Reader, listener: socket.socket) -> Iterator[None]:
    is_ours = is_loopback(settings.sql.host) and not settings.collector.proxies
    names = names_of(settings.sql.host, is_loopback=is_ours)
    answering = application(reader, database=DATABASE, token=settings.sql.token, names=names)
    server = server_of(answering, _BOUNDS, settings.collector, loop="asyncio", timeout_graceful_shutdown=1)
    thread = threading.Thread(target=server.run, args=([listener],), name="queries-http")
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(_WAIT_S)
        yield
    finally:
        reader.end()
        server.should_exit = True
        thread.join()


def _listening(settings: Settings) -> AbstractContextManager[socket.socket | None]:
    if settings.sql.port is None:
        return nullcontext()
    return listening(
        settings.sql.host,
        settings.sql.port,
        variable="JOURNEY_SQL_PORT",
        backlog=_BACKLOG,
        advice="; set another port, or off",
    )
