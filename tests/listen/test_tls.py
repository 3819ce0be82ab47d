"""Certificates are verified: of the network's server, and of the collector; an authority of one's own is given as SSL_CERT_FILE."""

import ssl
import threading
from contextlib import contextmanager

import pytest

from streams.listen.pauses import Pauses
from streams.listen.sender import NotSentError, Sender
from streams.listen.stream import Reading, read
from tests.fixtures.servers.certificates import make_certificates
from tests.listen.boxes import Box
from tests.listen.jetstream import JetstreamServer, Network, person
from tests.listen.test_sender import answering


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def box(tmp_path):
    made = Box(tmp_path, "bluesky")
    yield made
    made.state.close()


def context(certificates):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates.server, certificates.server_key)
    return made


@contextmanager
def stream(certificates):
    network = Network()
    network.like(person(1))
    server = JetstreamServer(network.messages, ssl=context(certificates))
    with server.running():
        yield f"{server.url.replace('ws:', 'wss:')}/subscribe?cursor=1"


def test_a_stream_of_an_unknown_authority_is_not_read(certificates, box):
    with stream(certificates) as url, pytest.raises(ssl.SSLCertVerificationError):
        read(url, {}, box.outbox, threading.Event(), Reading([].append, lambda: True))


def test_a_stream_of_an_authority_of_ones_own_is_read(certificates, box, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    frames = []
    with stream(certificates) as url:
        assert read(url, {}, box.outbox, threading.Event(), Reading(frames.append, lambda: bool(frames)))
    assert b"person" in frames[0]


@pytest.mark.parametrize("is_known", [False, True])
def test_events_are_sent_to_a_known_collector_alone(certificates, monkeypatch, is_known):
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    with answering() as server:
        server.socket = context(certificates).wrap_socket(server.socket, server_side=True)
        asked = threading.Event()
        sender = Sender(server.url.replace("http:", "https:"), "key", asked, Pauses(asked, 0.001))
        threading.Timer(0.5, asked.set).start()
        if is_known:
            assert sender.send([b"{}"]) == []
        else:
            with pytest.raises(NotSentError):
                sender.send([b"{}"])
            assert sender.trouble == "SSLError"
            assert server.asked == []
        sender.close()
