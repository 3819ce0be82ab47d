"""A port of ours: the socket, its address as people type it, and uvicorn on it without a word of its own."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from streams.settings import CollectorSettings, SettingsError

__all__ = ["address_of", "listening", "server_of"]


@contextmanager
def listening(
    host: str, port: int, *, variable: str, backlog: int, advice: str = ""
) -> Iterator[socket.socket]:
    """Listen; 0 is any free port.

    Raises
    ------
    SettingsError
        Nobody can listen there; it names the variable that has the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        raise SettingsError(
            f"{variable} = {port}: cannot listen on {host}: {error.strerror or error}{advice}"
        ) from error
    with listener:
        yield listener


def address_of(host: str, listener: socket.socket, *, secure: bool) -> str:
    """Return the URL of a socket that listens on a host."""
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{name}:{listener.getsockname()[1]}"


def server_of(application: ASGIApp, settings: CollectorSettings, **more: Any) -> uvicorn.Server:
    """Return uvicorn with the collector's certificate, if it has one; `more` are further settings of uvicorn."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ssl_certfile=settings.certificate or None,
            ssl_keyfile=settings.certificate_key or None,
            **more,
        )
    )
