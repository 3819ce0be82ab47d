"""A server that speaks Jetstream's protocol over a log of messages, and breaks off, repeats and goes back as it is told; messages in its shape."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

BRAND = "did:plc:lumiere2222222222222222"
POST = f"at://{BRAND}/app.bsky.feed.post/3mmoodizfwc2j"
START = datetime(2026, 10, 17, 12, 0, tzinfo=UTC)
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_CID = "bafyreiaxf7tgbfydx3465sckitq6v564thxe2wwydbi7cwxbxvgssje"


def tid(at_us: int) -> str:
    """Return a timestamp id, as repositories name commits and records."""
    number, letters = at_us << 10, ""
    for _ in range(13):
        number, digit = divmod(number, 32)
        letters = _ALPHABET[digit] + letters
    return letters


def person(number: int) -> str:
    return f"did:plc:person{_ALPHABET[number % 32] * 18}"


class Network:
    """Makes messages one after the other, a second apart, in the shape of /subscribe."""

    def __init__(self, start: datetime = START) -> None:
        self.at = start
        self.messages: list[tuple[int, bytes]] = []

    def say(self, did: str, kind: str, about: dict[str, Any]) -> dict[str, Any]:
        message = {"did": did, "time_us": self.us, "kind": kind, kind: about}
        self.messages.append((self.us, json.dumps(message, separators=(",", ":")).encode()))
        return message

    @property
    def us(self) -> int:
        return int(self.at.timestamp()) * 1_000_000 + self.at.microsecond

    def create(
        self, did: str, collection: str, record: dict[str, Any], *, rkey: str = "", **more: Any
    ) -> str:
        """Say that a record was made, half a second before; return its key."""
        self.at += timedelta(seconds=1)
        rkey = rkey or tid(self.us - 100_000)
        said = {"createdAt": f"{self.at - timedelta(milliseconds=500):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"}
        commit = {
            "rev": tid(self.us - 50_000),
            "operation": "create",
            "collection": collection,
            "rkey": rkey,
        }
        record = {"$type": collection} | said | record
        self.say(did, "commit", commit | {"record": record, "cid": f"{_CID}{rkey[-5:]}"} | more)
        return rkey

    def delete(self, did: str, collection: str, rkey: str) -> None:
        self.at += timedelta(seconds=1)
        commit = {
            "rev": tid(self.us - 50_000),
            "operation": "delete",
            "collection": collection,
            "rkey": rkey,
        }
        self.say(did, "commit", commit)

    def like(self, did: str, subject: str = POST, **more: Any) -> str:
        return self.create(did, "app.bsky.feed.like", {"subject": {"cid": _CID, "uri": subject}} | more)

    def repost(self, did: str, subject: str = POST) -> str:
        return self.create(did, "app.bsky.feed.repost", {"subject": {"cid": _CID, "uri": subject}})

    def follow(self, did: str, subject: str = BRAND) -> str:
        return self.create(did, "app.bsky.graph.follow", {"subject": subject})

    def post(self, did: str, **record: Any) -> str:
        return self.create(
            did, "app.bsky.feed.post", {"langs": ["en"], "text": "planted-text planted-name"} | record
        )

    def reply(self, did: str, root: str = POST, parent: str = "", **more: Any) -> str:
        ends = {"root": {"cid": _CID, "uri": root}, "parent": {"cid": _CID, "uri": parent or root}}
        return self.post(did, reply=ends, **more)

    def quote(self, did: str, of: str = POST, *, media: bool = False) -> str:
        inner = {"$type": "app.bsky.embed.record", "record": {"cid": _CID, "uri": of}}
        outer = {"$type": "app.bsky.embed.recordWithMedia", "record": inner, "media": {}}
        return self.post(did, embed=outer if media else inner)


def mention(did: str = BRAND) -> list[dict[str, Any]]:
    """Return facets of a post that mentions an account, after a link."""
    link = {"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com"}
    said = {"$type": "app.bsky.richtext.facet#mention", "did": did}
    span = {"byteStart": 0, "byteEnd": 8}
    return [{"features": [link], "index": span}, {"features": [said], "index": span}]


class JetstreamServer:
    """The server. Settings are for connections that are made after they are set.

    Attributes
    ----------
    cut
        Returns after how many messages the next connection is broken off, None for never.
    rewind_us
        From how much before the cursor it sends: what a server sends again.
    asked
        The queries of connections, in order.
    before
        What is done with the next connections instead of that.
    """

    def __init__(
        self, messages: list[tuple[int, bytes]], *, compression: str | None = "deflate", **more: Any
    ) -> None:
        self.messages = messages
        self.cut: Callable[[], int | None] = lambda: None
        self.rewind_us = 0
        self.asked: list[dict[str, list[str]]] = []
        self.sent = 0
        self.before: list[Callable[[ServerConnection], None]] = []
        self._server = serve(self._handle, "127.0.0.1", 0, compression=compression, **more)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    @contextmanager
    def running(self) -> Iterator["JetstreamServer"]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()

    def _handle(self, connection: ServerConnection) -> None:
        query = parse_qs(urlsplit(connection.request.path).query)
        self.asked.append(query)
        left, place = self.cut(), 0
        if self.before:
            with suppress(ConnectionClosed, OSError):
                self.before.pop(0)(connection)
            return
        after_us = int(query["cursor"][0]) - self.rewind_us
        with suppress(ConnectionClosed, OSError):
            while True:
                for at_us, message in self.messages[place:]:
                    place += 1
                    if at_us < after_us:
                        continue
                    if left == 0:
                        connection.socket.shutdown(socket.SHUT_RDWR)
                        return
                    connection.send(message, text=True)
                    self.sent += 1
                    left = None if left is None else left - 1
                if left == 0:
                    connection.socket.shutdown(socket.SHUT_RDWR)
                    return
                with suppress(TimeoutError):
                    connection.recv(0.02)
