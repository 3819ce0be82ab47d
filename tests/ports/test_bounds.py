"""The bounds of every port: what is too large, too slow, too many or no HTTP has an end, in bytes and in seconds."""

import itertools
import re
import socket
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from streams.collector.limits import BODY_S, CONNECTIONS, HEAD_S
from tests.fixtures.servers.process import wait_until
from tests.ports.world import GET, raw, status

HOST = b"Host: 127.0.0.1\r\n"
POST = b"POST /health HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "endless",
    [
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"a:b\r\n" * 20_000),
        (CHUNKED + b"0\r\nlong: ", b"x" * 100_000),
        (CHUNKED + b"1;", b"x" * 100_000),
        (CHUNKED, b"1;" + b"e" * 16_000 + b"\r\nx\r\n"),
        (CHUNKED, b"0" * 100_000),
        (CHUNKED, b"1\r\nx\r\n" * 20_000),
        (POST + b"Content-Length: 9000000000\r\n\r\n", b"x" * 100_000),
        (b"GET /ping HTTP/1.1\r\n", b"x-%d: y\r\n" * 10_000),
        (b"GET /ping HTTP/1.1\r\n" + HOST + b"a: ", b"x" * 100_000),
        (b"GET /", b"x" * 100_000),
        (b"", b"\r\n" * 50_000),
        (b"", GET * 2_000),
    ],
    ids=["trailers", "trailer", "extension", "extensions", "size", "chunks", "body", "headers", "header", "target", "lines", "pipelined"],
)  # fmt: skip
def test_what_never_ends_is_cut_off_and_takes_no_memory(up, port, endless):
    before = up.memory_mb
    first, then = endless
    sent = 0
    with socket.create_connection(("127.0.0.1", port), 30) as client, suppress(OSError):
        client.sendall(first)
        until = time.monotonic() + 40
        while time.monotonic() < until and sent < 200_000_000:
            client.sendall(then)
            sent += len(then)
        pytest.fail(f"it took {sent:,} bytes")
    assert up.memory_mb - before < 25
    assert up.health_s() < 1


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        (b"GET /ping HTTP/1.1\r\n\r\n", {400}),
        (b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n", {400}),
        (b"GET /ping HTTP/1.1\r\nHost:\r\n\r\n", {400}),
        (b"GET /ping HTTP/1.1\r\nHost: [\r\n\r\n", {400}),
        (b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1, evil.example\r\n\r\n", {400}),
        (b"GET /ping HTTP/1.1\r\nHost: user@127.0.0.1\r\n\r\n", {400}),
        (b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1:99999999\r\n\r\n", {400}),
        (b"GET http://evil.example/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {400}),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", {400}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
        (b"GET /ping HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n", {400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
        (CHUNKED + b"fffffffffffffffffff\r\n", {0, 400, 404, 405}),  # it may have been answered by then
        (CHUNKED + b"-1\r\n", {0, 400, 404, 405}),
        (b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", {404, 405}),
    ],
)
def test_what_is_no_request_to_this_host_is_refused(port, sent, answers):
    assert status(raw(port, sent)) in answers


@pytest.mark.parametrize(
    "path", [b"/metrics", b"/ping", b"/health", b"/", b"/docs", b"/openapi.json", b"/nothing"]
)
@pytest.mark.parametrize(
    "host", [b"evil.example", b"127.0.0.1.evil.example", b"0.0.0.0", b"localhost.", b"10.0.0.1"]
)
def test_a_name_of_somebody_else_is_not_answered(port, path, host):
    assert (
        status(raw(port, b"GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n\r\n" % (path, host, port)))
        == 403
    )


def test_an_upgrade_is_passed_over(port):
    said = raw(
        port, b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nmore"
    )
    assert status(said) in {200, 404}
    assert said.count(b"HTTP/1.1 ") == 1


def test_requests_that_are_sent_ahead_are_answered_in_order_and_no_more_than_a_few(port):
    said = raw(port, GET * 5 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert said.count(b"HTTP/1.1 ") == 6
    assert 0 < raw(port, GET * 50_000).count(b"HTTP/1.1 ") <= 400


def test_a_request_that_goes_wrong_is_told_after_the_answers_before_it(port):
    said = raw(port, GET + b"no such thing\r\n\r\n")
    assert status(said) in {200, 404}
    assert re.findall(rb"HTTP/1\.1 (\d{3})", said)[1:] in ([], [b"400"])


def test_a_client_that_waits_to_be_told_to_go_on_is_told_or_refused(up):
    head = POST.replace(b"/health", b"/v1/events") + b"Expect: 100-continue\r\nContent-Length: 2\r\n"
    assert status(raw(up.ports["events"], head + b"Connection: close\r\n\r\n")) == 401
    keyed = head + b"Content-Type: application/cloudevents-batch+json\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", up.ports["events"]), 30) as client:
        client.sendall(keyed + b"Authorization: Bearer %s\r\n\r\n" % up.key.encode())
        assert client.recv(1_024).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"[]")
        assert client.recv(1_024).startswith(b"HTTP/1.1 202 ")


DRIPS = {
    "silence": (b"", b"", HEAD_S),
    "line": (b"", b"\r\n", HEAD_S),
    "head": (b"GET /ping HTTP/1.1\r\nx: ", b"y", HEAD_S),
    "body": (POST + b"Content-Length: 1000\r\n\r\n", b"y", BODY_S),
    "chunks": (CHUNKED, b"1\r\nx\r\n", BODY_S),
    "extension": (CHUNKED + b"1;", b"x", BODY_S),
    "trailers": (CHUNKED + b"0\r\n", b"a:b\r\n", BODY_S),
    "second head": (GET, b"G", 2 * HEAD_S),
}


def test_who_sends_a_byte_a_second_is_cut_off_in_the_time_that_is_stated(up):
    """All of them at once, at every port: HTTP that drips has the time of its head, or of its body, and no more."""
    took: dict[tuple[str, str], float] = {}

    def drip(name: str, port: str) -> None:
        first, then, _ = DRIPS[name]
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", up.ports[port]), 60) as client, suppress(OSError):
            client.sendall(first)
            client.settimeout(1)
            while time.monotonic() - began < 50:
                with suppress(TimeoutError):
                    if not client.recv(65_536):
                        break
                    continue
                client.sendall(then)
        took[name, port] = time.monotonic() - began

    threads = [threading.Thread(target=drip, args=each) for each in itertools.product(DRIPS, up.ports)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    late = {each: took_s for each, took_s in took.items() if took_s > DRIPS[each[0]][2] + 4}
    assert not late


def test_idle_connections_give_way_to_those_that_ask(up):
    with ExitStack() as stack:
        for _ in range(CONNECTIONS + 500):
            stack.enter_context(socket.create_connection(("127.0.0.1", up.ports["events"]), 30))
        assert up.health_s() < 2
        for name, most in (("sql", 300), ("metrics", 100)):
            for _ in range(most):
                stack.enter_context(socket.create_connection(("127.0.0.1", up.ports[name]), 30)).sendall(
                    b"GET "
                )
            assert status(
                raw(up.ports[name], GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            ) in {200, 404}


def test_who_does_not_take_an_answer_is_cut_off(up):
    """Sixty megabytes each, of which nobody reads a byte."""
    statement = b"SELECT repeat('x', 1000000) FROM numbers(60) FORMAT TSV"
    asked = b"POST / HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (HOST, len(statement), statement)
    before, sockets = up.memory_mb, up.sockets
    with ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", up.ports["sql"]), 60))
            for _ in range(8)
        ]
        for client in opened:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.sendall(asked)
        time.sleep(10)
        wait_until(lambda: up.memory_mb - before < 700, 30, "answers that nobody takes to be let go of")
        wait_until(lambda: up.sockets <= sockets, 60, "those connections to be closed")
    assert up.health_s() < 1
