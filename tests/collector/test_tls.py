"""HTTPS on the collector: events over a certificate that the client checks, nothing over an older protocol or in the clear."""

import json
import socket
import ssl
import time
from http.client import HTTPSConnection, RemoteDisconnected

import pytest

from streams.collector.limits import HEAD_S
from tests.collector.server import ONE, Collector, event
from tests.fixtures.servers.certificates import make_certificates
from tests.fixtures.servers.downloads import Unavailable


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    try:
        return make_certificates(tmp_path_factory.mktemp("certificates"))
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def secured(tmp_path_factory, certificates):
    """A collector with a certificate: `port`, and a write key."""
    collector = Secured(
        tmp_path_factory.mktemp("collector"),
        "collector",
        JOURNEY_COLLECTOR_CERTIFICATE=str(certificates.server),
        JOURNEY_COLLECTOR_CERTIFICATE_KEY=str(certificates.server_key),
    )
    collector.trust = ssl.create_default_context(cafile=certificates.ca)
    key = collector.key("shop")
    try:
        yield collector.start(), key
    finally:
        collector.kill()


class Secured(Collector):
    trust: ssl.SSLContext

    def ask(self, method, path, body, headers):
        return self.over(self.trust, method, path, body, headers)

    def over(self, trust, method, path, body=None, headers=None):
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=60, context=trust)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, path):
        return Status(self.over(self.trust, "GET", path)[0])


class Status:
    def __init__(self, status):
        self.status = status


def test_events_are_taken_over_a_certificate_that_the_client_has_checked(secured):
    collector, key = secured
    headers = {"content-type": ONE, "authorization": f"Bearer {key}"}
    status, body = collector.over(
        collector.trust, "POST", "/v1/events", json.dumps(event("tls")).encode(), headers
    )
    assert (status, json.loads(body)["accepted"]) == (202, 1)
    assert f"https://127.0.0.1:{collector.port}/v1/events" in collector.log.replace("\n", "")


def test_who_does_not_know_the_authority_sends_nothing(secured):
    with pytest.raises(ssl.SSLCertVerificationError):
        secured[0].over(ssl.create_default_context(), "GET", "/health")


def test_nothing_is_answered_in_the_clear_or_over_an_older_protocol(secured):
    port = secured[0].port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP/")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError, RemoteDisconnected)):
        secured[0].over(old, "GET", "/health")


def test_a_handshake_that_never_comes_is_ended_in_the_time_of_a_head(secured):
    collector, _ = secured
    began_s = time.monotonic()
    silent = [socket.create_connection(("127.0.0.1", collector.port), 30) for _ in range(50)]
    silent[0].sendall(b"\x16\x03\x01")
    try:
        assert collector.get("/health").status == 200
        for client in silent:
            assert client.recv(1_024) == b""
        assert HEAD_S - 1 < time.monotonic() - began_s < HEAD_S + 10
    finally:
        for client in silent:
            client.close()
