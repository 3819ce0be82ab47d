"""Requests that are wrong in every way that bytes can be, the same for the same seed, and a client that sends many."""

import asyncio
import functools
import gzip
import json
import random
import re
import zlib
from collections import Counter
from contextlib import suppress

import zstandard

from tests.edge.test_malformed_input import Mutations
from tests.ports.world import Ports

__all__ = ["Requests", "press"]

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_AHEAD = 12  # requests of one connection
_PATIENCE_S = 0.4
_DIGITS = ("9" * 5_000, "-1", "0", "1e400", "²", "٣", "1_000", "18446744073709551616", "NaN", "")
_PATHS = {
    "events": ("/", "/v1/events", "/v1/track", "/v1/batch", "/v1/m", "/v1/webhooks/zendesk", "/v1/webhooks/shopify", "/v1/webhooks/x",
               "/v1/projects/k/settings", "/v1/alerts", "/v1/alerts/a/ack", "/v1/alerts/silences", "/v1/alerts/a/{}.png", "/health",
               "/ready", "/docs", "/openapi.json", "/events/x", "/static/{}", "/view/flow", "/view/{}", "/view/flow/moves.csv",
               "/view/journey?customer={}", "/view/word_of_mouth?root={}&at={}", "/view/channels?window={}", "/view/flow?since={}",
               "/view/flow?fragment=1&brand={}", "/view/spikes/acknowledge", "/%2e%2e/%00", "//", "/v1/activities"),
    "sql": ("/", "/?query=SELECT%201&client_protocol_version={}", "/ping", "/replicas_status", "/?param_a={}&query=SELECT%20%7Ba:UInt8%7D",
            "/?database={}", "/?decompress={}", "/?compress=1", "/?default_format={}", "/?enable_http_compression=1&query=SELECT%201",
            "/?query={}", "/{}"),
    "metrics": ("/metrics", "/health", "/ready", "/", "/{}", "/metrics?{}", "/%6detrics"),
}  # fmt: skip
_METHODS = (
    "GET",
    "GET",
    "GET",
    "POST",
    "POST",
    "POST",
    "PUT",
    "HEAD",
    "OPTIONS",
    "DELETE",
    "PATCH",
    "TRACE",
    "PROPFIND",
)
_BROKEN = (
    b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\xff", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", b"GET http://[::1 HTTP/1.1\r\nHost: [\r\n\r\n", b"\x00" * 40, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", b"POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", b"get / http/1.1\r\nhost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\na\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n: b\r\n\r\n", b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: +1\r\n\r\n",
)  # fmt: skip
_SQL = (
    "SELECT 1", "SELECT", "DROP TABLE x", "SELECT * FROM journeys LIMIT {}", "SELECT {}", "SELECT '", "\\", "SELECT 1 FORMAT {}",
    "SELECT * FROM file('/etc/passwd')", "WITH", "SELECT toUInt8({})", "\x00", "SELECT 1;;SELECT 2", "EXPLAIN SELECT {}", "SHOW TABLES", "((((" * 50,
)  # fmt: skip


class Requests:
    """Requests for one port."""

    def __init__(self, seed: int, port: str, key: str) -> None:
        self._random, self._mutations = random.Random(seed), Mutations(seed)
        self._port, self._key = port, key

    def connection(self) -> tuple[bytes, int]:
        """Return what one connection sends, and of how many requests that is; the last one ends it."""
        ahead = self._random.randrange(1, _AHEAD)
        sent = [self._request(close=number == ahead - 1) for number in range(ahead)]
        if self._random.random() < 0.15:
            sent[-1] = self._damaged(sent[-1])
        return b"".join(sent), ahead

    def _damaged(self, whole: bytes) -> bytes:
        if self._random.random() < 0.5:
            return self._random.choice(_BROKEN)
        at = self._random.randrange(len(whole))
        return whole[:at] + self._random.randbytes(self._random.randrange(4)) + whole[at + 1 :]

    def _word(self) -> str:
        pick = self._random.random()
        if pick < 0.5:
            return self._random.choice(_DIGITS)
        return self._random.choice(
            (
                "%ff",
                "%00",
                "%F0%9F%98%80",
                "a" * 300,
                "'",
                "..",
                "%0d%0a",
                "{}",
                "lumiere",
                "2026-11-01",
                "%E2%80%AE",
            )
        )

    def _request(self, *, close: bool) -> bytes:
        pick = self._random
        path = pick.choice(_PATHS[self._port])
        while "{}" in path:
            path = path.replace("{}", self._word().encode("utf-8").decode("latin-1"), 1)
        path = re.sub(r"[^\x21-\x7e]", lambda found: f"%{ord(found[0]):02x}", path)
        body, headers = self._body()
        host = (
            "127.0.0.1"
            if pick.random() < 0.9
            else pick.choice(("evil.example", "localhost:1", "10.0.0.1", "[::1]:80"))
        )
        lines = [f"{pick.choice(_METHODS)} {path} HTTP/1.1", f"Host: {host}", *headers]
        if pick.random() < 0.5:
            lines.append(
                pick.choice(
                    (
                        f"Authorization: Bearer {self._key}",
                        "Authorization: Basic !",
                        f"X-Write-Key: {self._key}",
                        "Authorization: Basic \xff",
                    )
                )
            )
        lines += [self._header() for _ in range(pick.randrange(4))]
        if close:
            lines.append("Connection: close")
        if pick.random() < 0.2:
            pieces = [body[at : at + 700] for at in range(0, len(body), 700)]
            body = (
                b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
                + b"0\r\n"
                + pick.choice((b"", b"a: b\r\n"))
                + b"\r\n"
            )
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def _header(self) -> str:
        time = (
            self._random.choice((*_DIGITS[:4], "2026-11-01T00:00:00Z", "0001-01-01T00:00:00+14:00"))
            .encode()
            .decode("latin-1")
        )
        return self._random.choice(
            (
                f"X-Zendesk-Webhook-Signature-Timestamp: {time}", "X-Zendesk-Webhook-Signature: AAAA", f"webhook-timestamp: {time}", "webhook-signature: v1,AA",
                "Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Cookie: journey-page=\xe9",
                "Content-Encoding: br", f"ce-id: {time}", "ce-type: %ff", "Accept-Encoding: zstd, gzip;q=0", f"X-Forwarded-For: {time},,1.1.1.1",
                "Referer: http://[", "Range: bytes=0-", f"X-ClickHouse-Format: {time}", "X-ClickHouse-Key: \xff", "X-ClickHouse-Database: \xe9", "If-None-Match: *",
                "X-Forwarded-Proto: \xff", "Upgrade-Insecure-Requests: 1", "Content-Type: text/plain; charset=\xff",
            )
        )  # fmt: skip

    def _body(self) -> tuple[bytes, list[str]]:
        pick = self._random
        if pick.random() < 0.3:
            return b"", []
        if self._port == "sql":
            text = pick.choice(_SQL)
            body = text.replace("{}", pick.choice(_DIGITS)).encode()
        else:
            body = b"\n".join(self._mutations.line() for _ in range(pick.choice((1, 1, 3))))
            if pick.random() < 0.3:
                body = json.dumps(
                    {
                        "batch": [pick.choice(_DIGITS)] * 3,
                        "writeKey": self._key,
                        "minutes": 10**30,
                        "timestamp": 1e400,
                    }
                ).encode()
        kind = pick.choice(
            (
                "application/json",
                "application/cloudevents-batch+json",
                "application/x-ndjson",
                "application/x-www-form-urlencoded",
                "text/plain",
            )
        )
        encoding = pick.choice(("", "", "", "gzip", "deflate", "zstd"))
        if encoding:
            pack = {
                "gzip": functools.partial(gzip.compress, mtime=0),
                "deflate": zlib.compress,
                "zstd": zstandard.compress,
            }[encoding]
            body = pack(body) * pick.choice((1, 1, 2, 70))
            if pick.random() < 0.3:
                body = body[: pick.randrange(len(body) + 1)] + pick.randbytes(2)
            return body, [f"Content-Type: {kind}", f"Content-Encoding: {encoding}"]
        return body, [f"Content-Type: {kind}"]


def press(ports: Ports, port: str, count: int, seed: int, *, clients: int = 8) -> Counter[int]:
    """Send so many requests to a port; return the statuses of the answers, 0 for connections that ended without one.

    Raises
    ------
    AssertionError
        An answer is 5xx, though nothing but the request was wrong; it names the seed.
    """
    found: Counter[int] = Counter()
    left = [count]

    async def client(number: int) -> None:
        requests = Requests(seed * 1_000 + number, port, ports.key)
        while left[0] > 0:
            sent, requests_sent = requests.connection()
            left[0] -= requests_sent
            codes = [int(code) for code in _STATUS.findall(await _said(ports.ports[port], sent))]
            found.update(codes or [0])
            assert not [code for code in codes if code >= 500], (port, seed, number, codes, sent)

    async def all_of_them() -> None:
        await asyncio.gather(*(client(number) for number in range(clients)))

    asyncio.run(all_of_them())
    return found


async def _said(port: int, sent: bytes) -> bytes:
    said = b""
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            with suppress(OSError):
                writer.write(sent)
                await writer.drain()
            while got := await asyncio.wait_for(reader.read(65_536), 30 if not said else _PATIENCE_S * 10):
                said += got
        except TimeoutError:
            pass  # it waits for more, as it should
        finally:
            writer.close()
    return said
