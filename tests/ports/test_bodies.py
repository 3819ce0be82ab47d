"""Bodies that cost much: they are refused before work is done, or worked on beside the event loop."""

import asyncio
import base64
import gzip
import hashlib
import hmac
import threading
import time
import zlib
from contextlib import suppress

import pytest

from streams.log.packed import packed_us_of
from tests.collector.server import LINES, event, lines_of
from tests.ports.world import Ports, raw, status

SECRET = "signing-secret-of-zendesk"
MEMBERS = zlib.compress(b"") * 63_987
NESTED = b"[" + b",".join([b'{"a":[' * 30 + b"1" + b"]}" * 30] * 2_000) + b"]"


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    ports = Ports(tmp_path_factory.mktemp("bodies"), JOURNEY_WEBHOOK_ZENDESK_SECRET=SECRET)
    yield ports
    ports.end()


def posted(path: str, body: bytes, *headers: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(path: str, body: bytes, size: int, *headers: str) -> bytes:
    """As `posted`, in chunks of so many bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", *headers]
    chunks = (body[start : start + size] for start in range(0, len(body), size))
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return "\r\n".join([*lines, "", ""]).encode() + framed + b"0\r\n\r\n"


async def at_once(port: int, sent: bytes, count: int) -> list[int]:
    """Send the same so many times at once; return the statuses."""

    async def one() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent)
            return status(await reader.read(100))
        except OSError:
            return 0
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    return await asyncio.gather(*(one() for _ in range(count)))


def pressed(up: Ports, port: str, sent: bytes, count: int) -> tuple[list[int], float]:
    """Send the same so many times at once; return the statuses, and the longest that /health took meanwhile."""
    codes: list[int] = []
    pressing = threading.Thread(
        target=lambda: codes.extend(asyncio.run(at_once(up.ports[port], sent, count)))
    )
    pressing.start()
    took_s = [up.health_s()]
    while pressing.is_alive():
        took_s.append(up.health_s())
        time.sleep(0.02)
    pressing.join()
    return codes, max(took_s)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(MEMBERS, "deflate"), (gzip.compress(b"") * 25_000, "gzip"), (gzip.compress(b"[" * 400_000), "gzip"), (NESTED, "identity")],
    ids=["members", "files", "brackets", "nested"],
)  # fmt: skip
def test_many_at_once_without_a_key_hold_up_nobody(up, body, encoding):
    """The worst that half a megabyte of a stranger's can ask for, a hundred times at once."""
    sent = posted("/v1/track", body, f"Content-Encoding: {encoding}")
    codes, took_s = pressed(up, "events", sent, 100)
    assert took_s < 1
    assert set(codes) <= {400, 401, 413, 503}, codes
    assert up.memory_mb < 900


@pytest.mark.parametrize("port", ["events", "sql", "metrics"])
@pytest.mark.parametrize("size", [1, 6, 48])
def test_small_chunks_of_many_at_once_hold_up_nobody(up, port, size):
    """A chunk costs work whatever it holds: of a byte each they are refused, and of those that pass there are few."""
    codes, took_s = pressed(up, port, chunked("/v1/batch", b"x" * 200_000, size, "Connection: close"), 60)
    assert took_s < 1
    assert all(code == 0 or 400 <= code < 500 for code in codes), codes
    assert size > 1 or set(codes) <= {0, 431, 413}  # the port of metrics takes no such body at all


@pytest.mark.parametrize(("events", "size"), [(1, 1), (20, 1), (1_500, 100), (1_500, 300), (1_500, 8_000)])
def test_who_sends_as_it_comes_is_taken(up, events, size):
    """Thousands of chunks of a byte, or half a megabyte of such as clients send; and another request after it."""
    body = lines_of(*(event(f"{size}-{number}") for number in range(events)))
    headers = (f"Content-Type: {LINES}", f"Authorization: Bearer {up.key}")
    first = chunked("/v1/events", body, size, *headers)
    said = raw(up.ports["events"], first + chunked("/v1/events", body, size, *headers, "Connection: close"))
    assert said.count(b"HTTP/1.1 202 ") == 2
    assert said.count(b'"status":"rejected"') == 0


@pytest.mark.parametrize(
    "path", ["/v1/events", "/v1/webhooks/zendesk", "/v1/activities", "/v1/projects/nobody/settings"]
)
def test_who_has_no_key_is_told_before_a_body_is_read(up, path):
    """Where a key cannot be in the body: the body never comes."""
    sent = posted(path, b"x" * 500_000)[:300]
    began_s = time.monotonic()
    assert status(raw(up.ports["events"], sent, timeout_s=5)) in {401, 404}
    assert time.monotonic() - began_s < 10


def test_statements_are_unpacked_with_the_same_bounds(up):
    def asked(body: bytes, encoding: str) -> bytes:
        return raw(
            up.ports["sql"],
            posted("/", body, f"Content-Encoding: {encoding}").replace(b"Host: x", b"Host: localhost"),
        )

    assert asked(gzip.compress(b"SELECT ") + gzip.compress(b"42"), "gzip").endswith(b"42\n")
    for body, encoding in (
        (MEMBERS, "deflate"),
        (gzip.compress(b" " * 2_000_000), "gzip"),
        (b"x", "gzip"),
        (b"x", "br"),
    ):
        assert status(asked(body, encoding)) == 400


@pytest.mark.parametrize(
    "time_said",
    [
        "1" * 5_000,
        "1" * 20,
        "²",
        "٣",
        "-1",
        "",
        "1e400",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_a_time_that_is_signed_and_none_is_refused(up, time_said):
    body, said = b"{}", time_said.encode("utf-8")
    # Headers are Latin-1 to whoever reads them, and this is what is signed.
    signed = hmac.new(SECRET.encode(), said.decode("latin-1").encode() + body, hashlib.sha256).digest()
    head = posted(f"/v1/webhooks/zendesk?writeKey={up.key}", body)[: -len(body) - 2]
    sent = head + b"x-zendesk-webhook-signature: " + base64.b64encode(signed)
    sent += b"\r\nx-zendesk-webhook-signature-timestamp: " + said + b"\r\n\r\n" + body
    assert status(raw(up.ports["events"], sent)) == 401


@pytest.mark.parametrize("number", ["9" * 5_000, "%C2%B2", "%D9%A3", "18446744073709551616", "-1", "x"])
def test_numbers_in_addresses_break_nothing(up, number):
    head = "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    for name, path in (
        ("events", f"/v1/alerts/a/{number}.png"),
        ("events", "/v1/alerts/a/0.png"),
        ("events", f"/view/word_of_mouth?root={number}&at={number}"),
        ("events", f"/view/channels?window={number}"),
        ("sql", f"/?query=SELECT%201&client_protocol_version={number}"),
    ):
        assert status(raw(up.ports[name], head.format(path).encode())) < 500, path


def test_a_header_of_a_record_with_endless_digits_tells_no_instant():
    assert packed_us_of([("packed_us", b"9" * 5_000)]) == 0
    assert packed_us_of([("packed_us", b"42")]) == 42
