"""Serves /health, /ready and /metrics of workers, gateways, collectors and watchers, within the bounds of every port."""

import errno
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from streams.http.connection_limits import Bounds
from streams.http.cross_site import CrossSiteFilter, names_of
from streams.http.listener import address_of, server_of
from streams.settings import SettingsError, is_loopback
from streams.telemetry.health import Answer

__all__ = ["BOUNDS", "Endpoint"]

BOUNDS = Bounds(
    connections=64,
    head_bytes=16_384,
    head_s=5.0,
    body_bytes=16_384,  # of which nothing is read
    body_s=5.0,
    idle_s=30.0,
    unsent_bytes=16 * 2**20,
)
_BACKLOG = 64
_WAIT_S = 0.01
_log = logging.getLogger(__name__)

Routes = Mapping[str, Callable[[], Answer]]


class Endpoint:
    """An HTTP endpoint that serves routes (path to answer) until `close`, on a thread of its own.

    Parameters
    ----------
    names
        By which it is asked, besides those of loopback, addresses, and names of private networks.

    Raises
    ------
    SettingsError
        Nobody can listen there; it names what to change.
    """

    def __init__(
        self, host: str, port: int, routes: Routes, *, names: tuple[str, ...] = (), bounds: Bounds = BOUNDS
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise SettingsError(_why(host, port, error)) from error
        self.host, self.port = host, int(self._listener.getsockname()[1])
        known = names_of(host, *names, is_loopback=is_loopback(host), private=True)
        served = CrossSiteFilter(_application(routes), known)
        self._server = server_of(served, bounds, loop="asyncio", timeout_graceful_shutdown=1)
        self._thread = threading.Thread(target=self._serve, name="endpoint", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(_WAIT_S)

    def _serve(self) -> None:
        self._server.run(sockets=[self._listener])

    @property
    def url(self) -> str:
        """Where it listens."""
        return address_of(self.host, self._listener, secure=False)

    def close(self) -> None:
        """Stop listening."""
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


def _application(routes: Routes) -> Callable[..., Any]:
    """Return an ASGI application: routes are few and quick, and are asked on the loop."""

    async def application(scope: Any, _: Any, send: Any) -> None:
        answer = _answered(routes, scope["method"], scope["path"])
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(answer.body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"server", b"journey"),
        ]
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.start", "status": int(answer.code), "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


def _answered(routes: Routes, method: str, path: str) -> Answer:
    ask = routes.get(path)
    if ask is None:
        return _bare(HTTPStatus.NOT_FOUND)
    if method not in {"GET", "HEAD"}:
        return _bare(HTTPStatus.METHOD_NOT_ALLOWED)
    try:
        return ask()
    except Exception:  # noqa: BLE001 - told in the log, and never to the client
        _log.exception("%s could not be answered", path)
        return _bare(HTTPStatus.INTERNAL_SERVER_ERROR)


def _bare(status: HTTPStatus) -> Answer:
    """Return the bare status: nothing of the request, and no trace."""
    return Answer(status, Answer.of(status.phrase.lower(), (), good=False).body)


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"JOURNEY_WEB_PORT = {port}: another process listens on {host}:{port} already, perhaps a worker or gateway;"
            " give each a port of its own, or 0 for any free one"
        )
    if error.errno == errno.EACCES:
        return f"JOURNEY_WEB_PORT = {port}: not allowed to listen there: {error.strerror}"
    return f"JOURNEY_WEB_HOST = {host!r}: cannot listen on port {port} of it: {error}"
