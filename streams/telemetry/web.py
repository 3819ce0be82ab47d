"""The endpoint of workers and gateways: GET a few paths, from bounded numbers of clients, for bounded times."""

import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from streams.settings import SettingsError
from streams.telemetry.health import Answer

__all__ = ["Endpoint"]

_SILENCE_S = 5.0  # of a client
_LONGEST_S = 15.0  # that a client has for all
_MOST = 16  # clients at once
_LARGEST = 16_384  # bytes of a request
_log = logging.getLogger(__name__)

Routes = Mapping[str, Callable[[], Answer]]


class _Request:
    """The bytes of one request, of which there may be so many."""

    def __init__(self, source: Any) -> None:
        self._source, self._left = source, _LARGEST

    def readline(self, size: int) -> bytes:
        """Return the next line. Raises HTTPException, which is answered, when there are too many bytes."""
        line: bytes = self._source.readline(min(size, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise HTTPException("too large")
        return line

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request and closes the connection."""

    server: "_Server"
    timeout = _SILENCE_S
    server_version = "journey"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.rfile: Any = _Request(self.rfile)
        self._limit = threading.Timer(_LONGEST_S, self._cut)
        self._limit.daemon = True
        self._limit.start()

    def _cut(self) -> None:
        with contextlib.suppress(OSError):  # it may be closed already
            self.connection.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        self._limit.cancel()
        super().finish()

    def do_GET(self) -> None:
        """Answer what the path asks for."""
        answer = self.server.routes.get(self.path.partition("?")[0])
        if answer is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            self._answer(answer())
        except OSError:
            pass  # the client has gone
        except Exception:  # noqa: BLE001 - told in the log, and never to the client
            _log.exception("%s could not be answered", self.path.partition("?")[0])
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with the bare status: nothing of the request, and no trace."""
        del message, explain
        status = HTTPStatus(code)
        self._answer(Answer(status, Answer.of(status.phrase.lower(), (), good=False).body))

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.code)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(answer.body)

    def log_message(self, *_: Any) -> None:
        """Keep requests out of the log: they come every few seconds."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = _MOST

    def __init__(self, address: tuple[str, int], routes: Routes) -> None:
        self.routes = routes
        self._room = threading.BoundedSemaphore(_MOST)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say little of clients that break off."""
        del request, client_address
        _log.debug("a request broke off", exc_info=True)


class Endpoint:
    """Serves routes (path to answer) until `close`.

    Raises
    ------
    SettingsError
        Nobody can listen there; it names what to change.
    """

    def __init__(self, host: str, port: int, routes: Routes) -> None:
        try:
            self._server = _Server((host, port), routes)
        except OSError as error:
            raise SettingsError(_why(host, port, error)) from error
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"JOURNEY_WEB_PORT = {port}: another process listens on {host}:{port} already, perhaps a worker or gateway;"
            " give each a port of its own, or 0 for any free one"
        )
    if error.errno == errno.EACCES:
        return f"JOURNEY_WEB_PORT = {port}: not allowed to listen there: {error.strerror}"
    return f"JOURNEY_WEB_HOST = {host!r}: cannot listen on port {port} of it: {error}"
