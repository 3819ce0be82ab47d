"""A way to the server that breaks: requests go through, and the answer to one that holds a given text is cut off."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Front:
    """Passes connections on; `seen` counts the requests whose answer was cut off."""

    def __init__(self, dsn: str, marked: bytes) -> None:
        parts = urlsplit(dsn)
        self._target = (parts.hostname, parts.port)
        self._marked = marked
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.dsn = dsn.replace(f":{parts.port}/", f":{port}/")
        self.seen = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server, suppress(OSError):
            cut = threading.Event()
            back = threading.Thread(target=self._answer, args=(server, client, cut), daemon=True)
            back.start()
            while data := client.recv(2**16):
                if self._marked in data:
                    cut.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
            back.join()

    def _answer(self, server: socket.socket, client: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(2**16):  # the server has done what it was asked, and says so
                if cut.is_set():
                    self.seen += 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)

    def close(self) -> None:
        self._listener.close()


@contextmanager
def breaking(dsn: str, marked: bytes) -> Iterator[Front]:
    """Give a way to the server on which answers to requests with this text are lost."""
    front = Front(dsn, marked)
    try:
        yield front
    finally:
        front.close()
