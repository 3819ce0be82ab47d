"""The endpoint as a thread of `journey up`: a socket, uvicorn on it, and an end before the engine's."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import uvicorn

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
    try:
        listener = _listening(settings)
    except SettingsError as error:
        if settings.sql.is_wanted:
            raise
        _log.warning("queries are not answered: %s", error)
        listener = None
    if listener is None:
        yield ""
        return
    with (
        listener,
        closing(Reader(settings.data / "clickhouse")) as reader,
        _running(settings, reader, listener),
    ):
        yield _url(settings, listener)


@contextmanager
def _running(settings: Settings, reader: Reader, listener: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(
            application(reader, database=DATABASE, token=settings.sql.token),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            ssl_certfile=settings.collector.certificate or None,
            ssl_keyfile=settings.collector.certificate_key or None,
        )
    )
    thread = threading.Thread(target=server.run, args=([listener],), name="queries-http")
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(_WAIT_S)
        yield
    finally:
        server.should_exit = True
        thread.join()


def _listening(settings: Settings) -> socket.socket | None:
    host, port = settings.sql.host, settings.sql.port
    if port is None:
        return None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"JOURNEY_SQL_PORT = {port}: cannot listen on {host}: {error.strerror or error}; set another port, or off"
        ) from error


def _url(settings: Settings, listener: socket.socket) -> str:
    host = f"[{settings.sql.host}]" if ":" in settings.sql.host else settings.sql.host
    scheme = "https" if settings.collector.certificate else "http"
    return f"{scheme}://{host}:{listener.getsockname()[1]}"
