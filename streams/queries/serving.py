"""The endpoint as a thread of `journey up`: a socket, uvicorn on it, and an end before the engine's."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext

from streams.listening import address_of, listening, server_of
from streams.queries.reader import Reader
from streams.queries.web import application
from streams.settings import Settings, SettingsError
from streams.store import DATABASE

__all__ = ["queries_served"]

_BACKLOG = 64
_WAIT_S = 0.01
_log = logging.getLogger(__name__)


@contextmanager
def queries_served(settings: Settings) -> Iterator[str]:
    """Answer queries meanwhile, from the data directory that this process has open; gives the address, "" if off.

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
    answering = application(reader, database=DATABASE, token=settings.sql.token)
    server = server_of(answering, settings.collector, loop="asyncio", timeout_graceful_shutdown=1)
    thread = threading.Thread(target=server.run, args=([listener],), name="queries-http")
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(_WAIT_S)
        yield
    finally:
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
