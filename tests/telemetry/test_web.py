"""The endpoint: what it answers, and what it does not let anybody do to it."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from streams.settings import SettingsError
from streams.telemetry import web
from streams.telemetry.health import Answer
from streams.telemetry.web import Endpoint


def fails() -> Answer:
    raise RuntimeError("the secret of the house")


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
        return answer.status, answer.read().decode(), dict(answer.getheaders())
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
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"].strip() == "journey"
    for path in ("/", "/health/", "/metrics", "/../health", "/%68ealth"):
        assert ask(endpoint, path)[0] == 404
    for method in ("POST", "PUT", "DELETE", "TRACE", "OPTIONS", "X" * 100):
        assert ask(endpoint, "/health", method)[0] == 501


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


def test_clients_that_say_nothing_or_trickle_are_cut(endpoint, monkeypatch):
    monkeypatch.setattr(web._Handler, "timeout", 0.3)
    assert raw(endpoint, b"") == b""  # ends, since the server closes
    monkeypatch.setattr(web, "_LONGEST_S", 0.5)
    with socket.create_connection((endpoint.host, endpoint.port), timeout=10) as client:
        stop = threading.Event()

        def trickle() -> None:
            while not stop.wait(0.1):
                try:
                    client.sendall(b"x")
                except OSError:
                    return

        threading.Thread(target=trickle, daemon=True).start()
        try:
            assert client.recv(1024) == b""
        except ConnectionError:
            pass  # as good
        finally:
            stop.set()


def test_more_clients_than_it_has_room_for_are_turned_away_and_it_recovers(endpoint):
    silent = [socket.create_connection((endpoint.host, endpoint.port), timeout=10) for _ in range(web._MOST)]
    try:
        assert silent[0].getpeername()
        with pytest.raises((http.client.HTTPException, ConnectionError)):  # noqa: PT012
            while True:  # the last of the silent ones may not have been accepted yet
                ask(endpoint, "/health")
    finally:
        for client in silent:
            client.close()
    deadline = threading.Event()
    for _ in range(100):
        try:
            assert ask(endpoint, "/health")[0] == 200
            break
        except (http.client.HTTPException, ConnectionError):
            deadline.wait(0.05)
    else:
        pytest.fail("it did not recover")


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
