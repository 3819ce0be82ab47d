"""Limits: what is too large, too deep, too many or too slow is refused before it costs anything."""

import gzip
import json
import socket
import time
import zlib

import pytest
import zstandard

from streams.collector.limits import HEAD_BYTES, MAX_BODY_BYTES, MAX_ITEMS
from tests.collector.server import BATCH, LINES, Collector, event, lines_of
from tests.fixtures.servers.process import memory_mb


def test_a_body_may_be_as_large_as_is_said_and_no_larger(shared, key):
    filled = lines_of(event("full"))
    assert shared.send(filled + b"\n" * (MAX_BODY_BYTES - len(filled)), key, kind=LINES).status == 202
    assert shared.send(filled + b"\n" * (MAX_BODY_BYTES - len(filled) + 1), key, kind=LINES).status == 413


def test_a_body_without_a_length_is_cut_off_at_the_limit(shared, key):
    with socket.create_connection(("127.0.0.1", shared.port), 10) as connection:
        connection.sendall(
            f"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: {LINES}\r\n"
            "transfer-encoding: chunked\r\n\r\n".encode()
        )
        chunk = b"%x\r\n%s\r\n" % (65_536, b" " * 65_536)
        answer = b""
        try:
            for _ in range(1_000):
                connection.sendall(chunk)
        except OSError:
            pass
        try:
            answer = connection.recv(65_536)
        except ConnectionResetError:
            return  # it has hung up with our bytes unread
        assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_bombs_are_not_unpacked(shared, key, encoding, compress):
    bomb = compress(b" " * 200_000_000)
    assert len(bomb) < MAX_BODY_BYTES
    before = memory_mb(shared.pid)
    for _ in range(5):
        assert shared.send(bomb, key, kind=LINES, content_encoding=encoding).status == 413
    assert memory_mb(shared.pid) - before < 20


def test_a_bomb_of_many_small_parts_is_not_unpacked(shared, key):
    part = gzip.compress(b" " * 10_000)
    assert shared.send(part * 1_000, key, kind=LINES, content_encoding="gzip").status == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_what_is_compressed_otherwise_or_cut_short_is_malformed(shared, key, encoding):
    assert shared.send(b"no such thing", key, kind=LINES, content_encoding=encoding).status == 400
    compress = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.ZstdCompressor().compress}[
        encoding
    ]
    whole = compress(lines_of(*[event(str(n)) for n in range(50)]))
    assert shared.send(whole, key, kind=LINES, content_encoding=encoding).status == 202
    assert shared.send(whole[: len(whole) // 2], key, kind=LINES, content_encoding=encoding).status == 400


@pytest.mark.parametrize(("name", "value"), [("content_encoding", "br"), ("content_encoding", "gzip, gzip"), ("kind", "image/png"), ("kind", "application/xml"), ("kind", "application/json; charset=utf-16")])  # fmt: skip
def test_other_types_and_encodings_are_415(shared, key, name, value):
    assert shared.send(event(), key, **{name: value}).status == 415


def test_so_many_items_and_no_more(shared, key):
    assert shared.send(b"[%s]" % b",".join([b"1"] * MAX_ITEMS), key, kind=BATCH).status == 422
    assert shared.send(b"[%s]" % b",".join([b"1"] * (MAX_ITEMS + 1)), key, kind=BATCH).status == 413
    assert shared.send(b"1\n" * (MAX_ITEMS + 1), key, kind=LINES).status == 413


@pytest.mark.parametrize(
    ("data", "reason", "pointer"),
    [
        ({"properties": {"a": "x" * 33_000}}, "too_large", ""),
        ({"properties": {"a": "x" * 9_000}}, "too_large", "/data/properties"),
        ({"handles": {"cookie": [f"c{n}" for n in range(9)]}}, "too_many_handles", "/data/handles/cookie"),
        ({"content": "x" * 257}, "too_large", "/data/content"),
    ],
)
def test_an_event_over_its_limits_is_rejected_alone(shared, key, data, reason, pointer):
    answer = shared.send([event("ok"), event("over", data=data)], key, kind=BATCH)
    assert answer.status == 202
    assert (answer.json["items"][1]["reason"], answer.json["items"][1]["pointer"]) == (reason, f"/1{pointer}")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 80_000, "[" * 50_000 + "]" * 50_000])
def test_nesting_breaks_nothing(shared, key, text):
    for kind in (BATCH, LINES, "application/json"):
        assert shared.send(text.encode(), key, kind=kind).status in {400, 422}
    deep = '{"id":"deep","data":' + '{"a":' * 5_000 + "1" + "}" * 5_001
    assert shared.send(lines_of(deep.encode(), event("shallow")), key, kind=LINES).status == 202


def test_a_batch_that_is_no_array_is_malformed_as_a_whole(shared, key):
    for body in (b"{}", b"", b"[1,", b"[1]x", b"\xff", json.dumps("x").encode()):
        answer = shared.send(body, key, kind=BATCH)
        assert (answer.status, answer.json["type"]) == (400, "urn:journey:problem:malformed")


def test_an_empty_batch_is_nothing_wrong(shared, key):
    for kind in (BATCH, LINES):
        assert shared.send(b"[]" if kind == BATCH else b"\n\n", key, kind=kind).json["items"] == []


def test_heads_have_an_end(shared):
    for head in (
        b"GET /" + b"a" * (HEAD_BYTES + 1),
        b"GET / HTTP/1.1\r\nx: " + b"a" * 10 * HEAD_BYTES,
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * HEAD_BYTES,
    ):
        with socket.create_connection(("127.0.0.1", shared.port), 10) as connection:
            try:
                connection.sendall(head)
                answer = connection.recv(65_536)
            except (ConnectionResetError, BrokenPipeError):
                continue
            assert answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


def test_what_is_no_http_is_refused_without_a_trace(shared):
    for noise in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", shared.port), 10) as connection:
            connection.sendall(noise)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 400")
    assert "Traceback" not in shared.log


def test_slow_clients_are_cut_off_and_keep_nobody_waiting(shared, key):
    opened = [socket.create_connection(("127.0.0.1", shared.port), 60) for _ in range(200)]
    started_s = time.monotonic()
    for number, connection in enumerate(opened):
        if number % 3 == 0:
            connection.sendall(b"POST /v1/events HTTP/1.1\r\nhost: x\r\nx-slow: ")
        elif number % 3 == 1:
            connection.sendall(
                f"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 100\r\n\r\nslow".encode()
            )
    assert shared.send(event("fast"), key).status == 202
    assert time.monotonic() - started_s < 5
    for number, connection in enumerate(opened):
        connection.settimeout(40)
        answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 408"), (number, answer)
        connection.close()
    assert 8 < time.monotonic() - started_s < 40
    assert shared.send(event("after"), key).status == 202


def test_slow_bodies_of_one_address_do_not_take_all_the_room(tmp_path):
    collector = Collector(
        tmp_path, "collector", JOURNEY_COLLECTOR_ADDRESS_RATE="1000", JOURNEY_COLLECTOR_PROXIES="127.0.0.1"
    )
    slow = b"POST /v1/track HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\ncontent-length: 100\r\n\r\n{"
    opened = []
    try:
        key = collector.key("shop")
        collector.start()
        for _ in range(300):
            opened.append(socket.create_connection(("127.0.0.1", collector.port), 10))
            opened[-1].sendall(slow)
        assert collector.send(event("other"), key, x_forwarded_for="192.0.2.2").status == 202
        assert collector.send(event("same"), key, x_forwarded_for="192.0.2.1").status == 429
    finally:
        for connection in opened:
            connection.close()
        collector.kill()
