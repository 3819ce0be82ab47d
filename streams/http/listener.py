"""Opens a port: the socket, its URL, and uvicorn on it, within bounds and without uvicorn's own logs."""

import asyncio
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import uvicorn

from streams.http.connection_limits import Bounds, Occupancy
from streams.http.uvicorn_protocol import Connection
from streams.settings import CollectorSettings, SettingsError

__all__ = ["address_of", "listening", "server_of"]

_OWN_FILES = 512  # that this process needs besides connections: tables, the log, libraries


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


class _Server(uvicorn.Server):
    """uvicorn, with an end to TLS handshakes that never come."""

    def __init__(self, config: uvicorn.Config, handshake_s: float) -> None:
        super().__init__(config)
        self._handshake_s = handshake_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        loop, config = asyncio.get_running_loop(), self.config
        made: Any = config.http_protocol_class
        made = partial(made, config=config, server_state=self.server_state, app_state=self.lifespan.state)
        limit: dict[str, Any] = {"ssl_handshake_timeout": self._handshake_s} if config.ssl else {}
        self.servers = [
            await loop.create_server(made, sock=each, ssl=config.ssl, backlog=config.backlog, **limit)
            for each in sockets or ()
        ]
        self.started = True


def server_of(
    application: Callable[..., Any], bounds: Bounds, settings: CollectorSettings | None = None, **more: Any
) -> uvicorn.Server:
    """Return uvicorn within bounds.

    Parameters
    ----------
    settings
        Those of the collector, whose certificate it has, if there is one; None for plain HTTP.
    more
        Further settings of uvicorn.
    """
    bounds = replace(bounds, connections=min(bounds.connections, _room()))
    config = uvicorn.Config(
        application,
        http=partial(Connection, occupancy=Occupancy(bounds)),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=(settings.certificate if settings else "") or None,
        ssl_keyfile=(settings.certificate_key if settings else "") or None,
        **more,
    )
    return _Server(config, bounds.head_s)


def _room() -> int:
    """Return for how many connections this process may open files, having asked for as many as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or soft < hard:
        wanted = 2**16 if hard == resource.RLIM_INFINITY else min(hard, 2**16)
        if soft < wanted and soft != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(16, (soft - _OWN_FILES) // 2) if soft != resource.RLIM_INFINITY else 2**16
