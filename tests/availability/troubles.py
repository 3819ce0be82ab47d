"""What one sender, query or brand can do to a running engine, each as something that goes on until it is told to end."""

import contextlib
import gzip
import json
import re
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

import zstandard

from tests.availability.watch import Watch, quiet
from tests.collector.server import BATCH, ONE, event

__all__ = ["TROUBLES", "Trouble"]

Trouble = Callable[[Watch], contextlib.AbstractContextManager[None]]
_NESTED = json.dumps(
    {"batch": [{"type": "track", "event": "x", "properties": {"title": "[" * 70}}] * 60}
).encode()
_BOMBS = {
    "deflate": zlib.compress(b"") * 63_987,
    "gzip": gzip.compress(b"") * 25_000,
    "zstd": zstandard.ZstdCompressor().compress(b"") * 50_000,
}


@contextmanager
def _threads(work: Callable[[threading.Event], None], number: int = 1) -> Iterator[None]:
    """Run something again and again in threads meanwhile; what breaks off is begun again."""
    over = threading.Event()

    def repeated() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError, HTTPException):
                work(over)
            over.wait(0.05)

    threads = [threading.Thread(target=repeated, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


@contextmanager
def _asked(watch: Watch, *questions: str, receive_bytes: int = 0) -> Iterator[None]:
    """Ask queries over SQL, given with their settings, and read no answer."""
    with contextlib.ExitStack() as stack:
        for question in questions:
            connected = stack.enter_context(socket.create_connection(("127.0.0.1", watch.sql_port)))
            if receive_bytes:
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            connected.sendall(f"GET /?{question} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        yield


def queries_without_end(watch: Watch) -> contextlib.AbstractContextManager[None]:
    """Ask what ClickHouse cannot interrupt, three times, and do not wait for the answers."""
    sqls = (
        "SELECT repeat('a',1000000) LIKE repeat('%a',50000)",
        "SELECT materialize(repeat('a',1000000)) LIKE repeat('%a',50000)",
        "SELECT match(repeat('a',500000), repeat('(a|b)*',200))",
    )
    return _asked(watch, *(f"max_execution_time=3&query={quote(sql)}" for sql in sqls))


@contextmanager
def compressed_nothing(watch: Watch) -> Iterator[None]:
    """Send bodies of many empty members, without a key, six at once."""
    encodings = list(_BOMBS) * 2

    def send(_: threading.Event) -> None:
        encoding = encodings[threading.get_ident() % len(encodings)]
        watch.collector.send(_BOMBS[encoding], kind=ONE, content_encoding=encoding)

    with _threads(send, 6):
        yield


@contextmanager
def endless_heads(watch: Watch) -> Iterator[None]:
    """Send trailers, headers and bodies that do not end, as fast as they are taken and a byte at a time."""
    chunked = b"POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    ping = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n"

    def flood(port: int, head: bytes) -> Callable[[threading.Event], None]:
        def sent(over: threading.Event) -> None:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connected:
                connected.sendall(head)
                for _ in range(200):
                    if over.is_set():
                        return
                    connected.sendall(b"a:b\r\n" * 20_000)

        return sent

    def drip(port: int, head: bytes) -> Callable[[threading.Event], None]:
        def sent(over: threading.Event) -> None:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connected:
                connected.sendall(head)
                while not over.wait(0.2):
                    connected.sendall(b"a")

        return sent

    with contextlib.ExitStack() as stack:
        for port, head in ((watch.collector.port, chunked), (watch.sql_port, ping)):
            stack.enter_context(_threads(flood(port, head)))
            stack.enter_context(_threads(drip(port, head), 20))
        yield


@contextmanager
def an_old_event(watch: Watch) -> Iterator[None]:
    """Accept events of the earliest and the latest times that there may be, each of a brand of its own."""
    ahead = (datetime.now(UTC) + timedelta(hours=23)).isoformat()
    for number, at in enumerate(
        ("1969-12-31T23:59:59Z", "1900-01-01T00:00:00Z", "1904-02-29T12:00:00Z", ahead)
    ):
        for kind in ("web.page_view", "social.share", "web.review"):
            one = event(f"old-{number}-{kind}", type=kind, time=at, data={"brand": f"old-{number}"})
            assert watch.collector.send(one, watch.key).status == 202
    yield


@contextmanager
def odd_batches(watch: Watch) -> Iterator[None]:
    """Send batches with one item that is hard to read."""
    good = json.dumps(event("good", data={"brand": "odd"}))
    bad = (
        '{"id": "\\ud83d"}',
        '{"id": NaN}',
        "[" * 70 + "]" * 70,
        '{"a": 1e999}',
        "1" * 5_000,
        '"' + "\\u0000" * 99 + '"',
    )

    def send(_: threading.Event) -> None:
        for one in bad:
            watch.collector.send(f"[{good},{one}]".encode(), watch.key, kind=BATCH)
        watch.collector.send(_NESTED, watch.key, kind="application/json", path="/v1/batch")

    with _threads(send, 2):
        yield


@contextmanager
def odd_brands(watch: Watch) -> Iterator[None]:
    """Have brands of odd names appear, and look at each on the page."""
    names = (
        "Maison\u00a0Luce",
        "fam\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "identity",
        "none",
        "*",
        "<b>",
        "a'b`c\"d",
    )

    def send(_: threading.Event) -> None:
        for number, name in enumerate(names):
            one = event(f"brand-{number}", type="social.share", data={"brand": name, "content": "x" * 256})
            watch.collector.send(one, watch.key)
            watch.collector.get(f"/view/flow?brand={quote(name)}")

    with _threads(send):
        yield


@contextmanager
def many_brands(watch: Watch) -> Iterator[None]:
    """Load the last days of two hundred brands while somebody watches for spikes."""
    for number in range(200):
        lines = quiet(f"many-{number}", people=20)
        assert watch.collector.send(lines, watch.key, kind=BATCH).status == 202
    yield


def slow_readers(watch: Watch) -> contextlib.AbstractContextManager[None]:
    """Ask for large answers and do not read them."""
    sql = quote("SELECT repeat('x', 1000) FROM numbers(60000)")
    return _asked(watch, *[f"query={sql}"] * 8, receive_bytes=4_096)


@contextmanager
def a_page_of_another_site(watch: Watch) -> Iterator[None]:
    """Ask as a browser does for a page of another site."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}

    def send(_: threading.Event) -> None:
        for port, path in (
            (watch.sql_port, f"/?query={quote('SELECT 1')}"),
            (watch.collector.port, "/view/flow"),
        ):
            connection = HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            if answer.status < 400:
                watch.faults.append(f"{path} was answered to a page of another site: {answer.status}")

    with _threads(send, 2):
        yield


TROUBLES: dict[str, tuple[Trouble, re.Pattern[str] | None]] = {
    "nothing": (lambda _: contextlib.nullcontext(), None),
    "queries that do not end": (queries_without_end, re.compile("quer")),
    "bodies of many empty members": (compressed_nothing, None),
    "heads and trailers without end": (endless_heads, None),
    "events of the earliest and latest times": (an_old_event, None),
    "batches with one odd item": (odd_batches, None),
    "brands of odd names": (odd_brands, None),
    "two hundred brands at once": (many_brands, None),
    "answers that nobody reads": (slow_readers, None),
    "a page of another site": (a_page_of_another_site, None),
}
