"""Events reach a collector whatever it answers, or it is said why they never will."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from streams.listen.addresses import AddressError, checked
from streams.listen.identity import AccountError, did_of
from streams.listen.pauses import Pauses
from streams.listen.sender import CollectorError, NotSentError, Sender

PATIENT = {"accepted": {"status": "accepted"}, "twice": {"status": "duplicate"}}


class _Handler(BaseHTTPRequestHandler):
    def _answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        server = self.server
        server.asked.append((self.path, self.headers, body))
        answer = server.answers.pop(0) if server.answers else None
        status, said, headers = answer or (202, _items(body), {})
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = _answer  # noqa: N815 - the library's names

    def log_message(self, *args):
        pass


def _items(body, *statuses):
    return json.dumps({"items": list(statuses) or [{"status": "accepted"}] * len(json.loads(body))}).encode()


@pytest.fixture
def server():
    with answering() as made:
        yield made


@contextmanager
def answering(*answers):
    made = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    made.answers, made.asked = list(answers), []
    made.url = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


@pytest.fixture
def sender(server):
    made = Sender(server.url, "key", asked := threading.Event(), Pauses(asked, 0.001))
    yield made
    made.close()


PROBLEM = json.dumps({"detail": "the write key is unknown"}).encode()
MAY_PASS = [
    (503, b"{}", {"retry-after": "0"}),
    (429, b"{}", {}),
    (500, b"oops", {}),
    (408, b"", {}),
    (0, b"", {}),
    (200, b"<html>sign in to the network</html>", {}),
    (202, b'{"items": []}', {}),
    (202, b"[]", {}),
    (302, b"", {"location": "http://example.com"}),
]


@pytest.mark.parametrize("answer", MAY_PASS)
def test_what_may_pass_is_tried_again_with_the_same_body(server, sender, answer):
    server.answers = [answer] * 3
    assert sender.send([b'{"id":"1"}', b'{"id":"2"}']) == []
    assert {body for _, _, body in server.asked} == {b'[{"id":"1"},{"id":"2"}]'}
    path, headers, _ = server.asked[-1]
    assert (path, headers["authorization"], headers["content-type"]) == (
        "/v1/events", "Bearer key", "application/cloudevents-batch+json",
    )  # fmt: skip
    assert (len(server.asked), sender.retries, sender.trouble) == (4, 3, "")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415])
def test_what_does_not_pass_ends_it_with_what_the_collector_says(server, sender, status):
    server.answers = [(status, PROBLEM, {})]
    with pytest.raises(CollectorError, match=f"answered {status}: the write key is unknown"):
        sender.send([b"{}", b"{}"])


@pytest.mark.parametrize("status", [202, 403, 422])
def test_events_that_are_refused_are_told_by_their_places(server, sender, status):
    wrong = {"status": "rejected", "reason": "not_granted", "detail": "no"}
    server.answers = [(status, _items(b"", {"status": "accepted"}, wrong, {"status": "duplicate"}), {})]
    (refusal,) = sender.send([b"{}", b"{}", b"{}"])
    assert (refusal.place, refusal.reason, refusal.detail) == (1, "not_granted", "no")


def test_a_body_is_never_larger_than_the_collector_takes(server, sender):
    assert sender.send([b'"' + b"x" * 300_000 + b'"'] * 5) == []
    assert [len(json.loads(body)) for _, _, body in server.asked] == [2, 2, 1]
    server.answers = [None, (413, b"{}", {})]
    refusals = sender.send([b'"' + b"x" * 600_000 + b'"'] * 2)
    assert [(one.place, one.reason) for one in refusals] == [(1, "too_large")]


def test_it_ends_while_it_waits_where_the_process_is_to_stop(server):
    asked = threading.Event()
    server.answers = [(503, b"{}", {"retry-after": "40"})]
    threading.Timer(0.1, asked.set).start()
    sender, since_s = Sender(server.url, "key", asked), time.monotonic()
    with pytest.raises(NotSentError):
        sender.send([b"{}"])
    assert time.monotonic() - since_s < 10
    sender.close()


def test_pauses_grow_to_a_minute_with_jitter_and_begin_again_once_it_works():
    waited = []

    class Never(threading.Event):
        def wait(self, timeout):
            waited.append(timeout)

    pauses = Pauses(Never(), 1.0, chance=max)
    assert all(pauses.wait("why") for _ in range(9))
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    pauses.well()
    pauses.wait("why", 30)
    pauses.wait("why", 3_600)
    assert waited[-2:] == [30, 60]


@pytest.mark.parametrize(
    ("address", "scheme"),
    [("https://example.com/x/", "https"), ("http://127.0.0.1:8080", "https"), ("ws://localhost:1", "wss"), ("wss://x.example", "wss"),
     ("http://[::1]:8080", "https")],
)  # fmt: skip
def test_addresses_behind_tls_or_of_this_machine_are_taken(address, scheme):
    assert checked(address, scheme, "--server") == address.rstrip("/")


@pytest.mark.parametrize(
    ("address", "scheme"),
    [("http://example.com", "https"), ("ws://example.com", "wss"), ("https://user@example.com", "https"), ("example.com", "wss"),
     ("ftp://example.com", "https"), ("https://", "https"), ("https://x:99999", "https"), ("wss://x?cursor=1", "wss"), ("https://[", "https"),
     ("https://127.0.0.1", "wss")],
)  # fmt: skip
def test_other_addresses_are_refused(address, scheme):
    with pytest.raises(AddressError, match="--server"):
        checked(address, scheme, "--server")


def test_a_handle_is_resolved_and_a_did_is_taken_as_it_is(server):
    pauses = Pauses(threading.Event(), 0.001)
    assert did_of("did:plc:abc", "http://nowhere", pauses) == "did:plc:abc"
    server.answers = [(503, b"", {}), (200, b"[]", {}), (200, b'{"did": "did:plc:abc"}', {})]
    assert did_of("@Lumiere.example", server.url, pauses) == "did:plc:abc"
    assert server.asked[-1][0] == "/xrpc/com.atproto.identity.resolveHandle?handle=lumiere.example"


@pytest.mark.parametrize("name", ["", "lumiere", "did:", "a b.example", "x..example", "nobody.example"])
def test_what_is_nobodys_handle_is_told(server, name):
    server.answers = [(400, b'{"error":"InvalidRequest"}', {})]
    with pytest.raises(AccountError, match="--account"):
        did_of(name, server.url, Pauses(threading.Event()))
