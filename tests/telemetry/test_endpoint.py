"""The endpoint: what it answers, and what it does not let anybody do to it."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from streams.settings import SettingsError
from streams.telemetry.endpoint import BOUNDS, Endpoint
from streams.telemetry.health import Answer


def fails() -> Answer:
    raise RuntimeError("the secret of the house")


EVERYWHERE = "0.0.0.0"  # noqa: S104 - as in a container
ROUTES = {"/health": lambda: Answer.of("ok", (), good=True), "/fails": fails}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint("127.0.0.1", 0, ROUTES)
    yield made
    made.close()


def ask(endpoint: Endpoint, path: str, method: str = "GET") -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, answer.read().decode(), headers
    finally:
        connection.close()


def raw(endpoint: Endpoint, data: bytes) -> bytes:
    """Send anything and return all that comes back; a server that does not read it all may reset the connection."""
    said = b""
    with (
        socket.create_connection((endpoint.host, endpoint.port), timeout=10) as client,
        contextlib.suppress(ConnectionError),
    ):
        client.sendall(data)
        while got := client.recv(65_536):
            said += got
    return said


def test_it_answers_its_paths_and_no_other(endpoint):
    code, body, headers = ask(endpoint, "/health?verbose=1")
    assert (code, json.loads(body)) == (200, {"status": "ok", "reasons": []})
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["server"] == "journey"
    for path in ("/", "/health/", "/metrics", "/../health", "/%2568ealth"):
        assert ask(endpoint, path)[0] == 404
    for method in ("POST", "PUT", "DELETE", "TRACE", "OPTIONS"):
        assert ask(endpoint, "/health", method)[0] == 405
    assert ask(endpoint, "/health", "X" * 100)[0] == 400


def test_what_goes_wrong_is_not_told_outside(endpoint, caplog):
    code, body, _ = ask(endpoint, "/fails")
    assert (code, json.loads(body)) == (500, {"status": "internal server error", "reasons": []})
    assert "/fails could not be answered" in caplog.text
    assert ask(endpoint, "/health")[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"GET /\x00<script> HTTP/9.9\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\n"
        + b"".join(b"h%d: %s\r\n" % (number, b"x" * 200) for number in range(90))
        + b"\r\n",
        b"<img src=x> HTTP/1.0\r\n\r\n",
    ],
)
def test_a_malformed_request_is_refused_without_an_echo(endpoint, data):
    said = raw(endpoint, data)
    assert b" 200 " not in said
    assert b"script" not in said
    assert b"img" not in said
    assert b"Traceback" not in said
    assert ask(endpoint, "/health")[0] == 200


def test_clients_that_say_nothing_or_trickle_are_cut():
    quick = replace(BOUNDS, head_s=0.5)
    with closing(Endpoint("127.0.0.1", 0, ROUTES, bounds=quick)) as endpoint:
        assert b" 408 " in raw(endpoint, b"")  # ends, since the server closes
        with socket.create_connection((endpoint.host, endpoint.port), timeout=10) as client:
            began = time.monotonic()
            with contextlib.suppress(OSError):
                while time.monotonic() - began < 5:
                    client.sendall(b"x")
                    time.sleep(0.1)
            assert time.monotonic() - began < 4


def test_silent_clients_give_way_to_one_that_asks(endpoint):
    silent = [
        socket.create_connection((endpoint.host, endpoint.port), timeout=10)
        for _ in range(2 * BOUNDS.connections)
    ]
    try:
        assert ask(endpoint, "/health")[0] == 200
        with contextlib.suppress(ConnectionError):
            assert silent[0].recv(1) == b""  # the first has made room
    finally:
        for client in silent:
            client.close()


@pytest.mark.parametrize(
    ("host", "named", "code"),
    [
        ("127.0.0.1", "evil.example", 403),
        ("127.0.0.1", "worker", 403),
        ("127.0.0.1", "10.1.2.3", 403),
        ("127.0.0.1", "localhost:9", 200),
        (EVERYWHERE, "evil.example", 403),
        (EVERYWHERE, EVERYWHERE, 403),
        (EVERYWHERE, "worker", 200),
        (EVERYWHERE, "10.1.2.3:6066", 200),
        (EVERYWHERE, "worker-0.journey.svc.cluster.local", 200),
        (EVERYWHERE, "scraped.example", 200),
    ],
)
def test_it_is_asked_by_names_that_nobody_else_can_own(host, named, code):
    with closing(Endpoint(host, 0, ROUTES, names=("scraped.example",))) as made:
        request = f"GET /health HTTP/1.1\r\nHost: {named}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", made.port), timeout=10) as client:
            client.sendall(request.encode())
            assert client.recv(65_536).startswith(b"HTTP/1.1 %d " % code)


def test_a_port_that_is_taken_is_told(endpoint):
    with pytest.raises(
        SettingsError, match=f"JOURNEY_WEB_PORT = {endpoint.port}: another process listens on 127.0.0.1"
    ):
        Endpoint("127.0.0.1", endpoint.port, ROUTES)


def test_an_address_that_is_none_is_told():
    with pytest.raises(
        SettingsError, match=r"JOURNEY_WEB_HOST = 'no\.such\.host\.invalid': cannot listen on port 0 of it"
    ):
        Endpoint("no.such.host.invalid", 0, ROUTES)


def test_it_listens_on_version_6_of_the_protocol_too():
    try:
        made = Endpoint("::1", 0, ROUTES)
    except SettingsError as error:
        pytest.skip(str(error))
    assert made.url == f"http://[::1]:{made.port}"
    assert ask(made, "/health")[0] == 200
    made.close()
