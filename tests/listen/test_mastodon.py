"""Notifications of Mastodon become events; what the stream loses, or is deleted meanwhile, is found all the same."""

import json
import threading
import time

import pytest

from schemas.event import event_v1
from streams.clock import system_clock
from streams.listen.mastodon import Home, Mastodon, StreamRefusedError
from streams.listen.mastodon_api import AwayError, MastodonApi, TokenError
from streams.listen.mastodon_stream import MastodonStream, home_of
from streams.listen.pauses import Pauses
from tests.fixtures.servers.process import wait_until
from tests.listen.boxes import Box
from tests.listen.mastodon_server import BRAND, TOKEN, MastodonServer, account

HOME = Home("https://mastodon.example", "mastodon.example", BRAND["id"], BRAND["username"])


@pytest.fixture
def box(tmp_path):
    made = Box(tmp_path, "mastodon")
    yield made
    made.state.close()


@pytest.fixture
def server():
    with MastodonServer().running() as made:
        yield made


def ours(server):
    return server.status(BRAND)


def quoted(server):
    quote = {"state": "accepted", "quoted_status": ours(server)}
    status = server.status(account("ann@elsewhere.example"), quote=quote)
    server.notify("quote", "ann@elsewhere.example", status=status)
    return status["id"]


def answer(server):
    return server.mention("ann", in_reply_to_id=ours(server)["id"], in_reply_to_account_id=BRAND["id"])


CASES = {
    "favourite": (lambda s: s.notify("favourite", "ann", status=ours(s)), "social.like", True, {}),
    "boost": (lambda s: s.notify("reblog", "ann", status=ours(s)), "social.share", True, {}),
    "follow": (lambda s: s.notify("follow", "ann"), "social.follow", False, {}),
    "quote": (quoted, "social.share", True, {"quote": True}),
    "reply": (answer, "social.comment", True, {}),
    "mention": (lambda s: s.mention("ann"), "social.user_content", False, {"mention": True}),
    "mention in a reply to another": (
        lambda s: s.mention("ann", in_reply_to_id="108914", in_reply_to_account_id="9"), "social.comment", False, {"mention": True},
    ),
    "direct message": (lambda s: s.mention("ann", visibility="direct"), "support.message", False, {"channel": "mastodon"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_notification_is_an_event(box, server, name):
    act, kind, has_content, properties = CASES[name]
    act(server)
    frame = {"stream": ["user"], "event": "notification", "payload": json.dumps(server.notifications[-1])}
    mastodon = Mastodon(HOME, box.outbox, system_clock)
    mastodon.take(json.dumps(frame).encode())
    mastodon.take(json.dumps(frame).encode())
    (event,) = box.sent
    data = event["data"]
    assert (event["type"], event["source"], event["time"]) == (kind, "mastodon", "2026-10-17T12:00:01Z")
    assert data["handles"]["social"] in {"ann@mastodon.example", "ann@elsewhere.example"}
    assert data.get("properties", {}) == properties
    post = next((name for name, one in server.statuses.items() if one["account"] is BRAND), "")
    assert data.get("content") == (f"https://mastodon.example/@lumiere/{post}" if has_content else None)
    assert "planted" not in json.dumps(event)
    assert not any(name in event["id"] for name in server.statuses)
    event_v1.validate_python(event | {"data": data | {"brand": "lumiere"}})
    assert box.outbox.cursor == server.notifications[-1]["id"]


BACK = {"quote": "social.unshare", "reply": "social.uncomment", "mention": "social.withdrawn_content"}


@pytest.mark.parametrize("name", BACK)
def test_a_post_that_is_deleted_is_taken_back_exactly_by_another_process_too(tmp_path, server, name):
    status = CASES[name][0](server)
    first = Box(tmp_path, "mastodon")
    Mastodon(HOME, first.outbox, system_clock).notified(server.notifications[-1])
    (event,) = first.sent
    first.state.close()
    second = Box(tmp_path, "mastodon")
    mastodon = Mastodon(HOME, second.outbox, system_clock)
    for _ in range(2):
        mastodon.take(json.dumps({"event": "delete", "payload": status}).encode())
    mastodon.notified(server.notifications[-1])
    (back,) = second.sent
    assert (back["type"], back["id"], back["time"]) == (BACK[name], f"{event['id']}:undo", event["time"])
    assert back["data"] == {key: value for key, value in event["data"].items() if key != "properties"} | {
        "cause": event["id"]
    }
    assert second.tally.repeats == 2
    assert second.state.names(10) == []
    second.state.close()
    assert not any(
        word in path.read_bytes()
        for path in (tmp_path / "state").iterdir()
        for word in (b"ann", status.encode())
    )


def test_what_is_no_act_of_a_customer_is_passed_over_and_counted(box, server):
    server.notify("favourite", "lumiere", status=ours(server), account=BRAND)
    server.notify("follow_request", "ann")
    server.notify("update", "ann", status=ours(server))
    server.notify("poll", "ann", status=ours(server))
    server.notify("admin.sign_up", "ann")
    server.notify("favourite", "ann")
    server.notify("moderation_warning", "ann", account=None)
    mastodon = Mastodon(HOME, box.outbox, system_clock)
    for notification in server.notifications:
        mastodon.notified(notification)
    for event in ("update", "status.update", "filters_changed", "conversation", "notifications_merged"):
        mastodon.take(json.dumps({"event": event, "payload": "{}"}).encode())
    mastodon.take(json.dumps({"event": "delete", "payload": "1"}).encode())
    for frame in (
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"event":"notification","payload":"x"}',
        b'{"event":"notification","payload":{"id":[]}}',
    ):
        mastodon.take(frame)
    assert box.sent == []
    assert box.tally.passed == {
        "own": 1, "pending": 1, "edit": 2, "no_event": 8, "unknown_original": 1, "unreadable": 6,
    }  # fmt: skip


@pytest.mark.parametrize(("status", "error"), [(401, StreamRefusedError), (500, StreamRefusedError)])
def test_a_stream_that_is_refused_says_why(box, status, error):
    with pytest.raises(error, match="scopes"):
        Mastodon(HOME, box.outbox, system_clock).take(
            json.dumps({"error": "no scopes", "status": status}).encode()
        )


class Listening:
    """A listener in a thread of its own; the outbox is the caller's."""

    def __init__(self, folder, server):
        self.asked, self.error = threading.Event(), None
        self.sender, self.tally = None, None
        self._folder, self._server = folder, server
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self.asked.set()
        self._thread.join()

    def _run(self):
        box = Box(self._folder, "mastodon")
        self.box, self.sender, self.tally = box, box.sender, box.tally
        self._ready.set()
        api = MastodonApi(self._server.url, TOKEN)
        try:
            home = home_of(api, Pauses(self.asked, 0.01))
            MastodonStream(
                api, home, box.outbox, asked=self.asked, clock=system_clock, report=lambda: None
            ).run()
        except TokenError as error:
            self.error = error
        finally:
            api.close()
            box.state.close()

    def is_connected(self):
        wait_until(lambda: self.tally.connections and self._server.streams, 10, "the stream", every_s=0.01)

    def has(self, count):
        wait_until(lambda: len(self.sender.events) >= count, 10, f"{count} events", every_s=0.01)
        time.sleep(0.05)
        return sorted(one["type"] for one in self.sender.events)


def test_it_begins_now_goes_on_where_it_ended_and_finds_what_was_deleted_meanwhile(
    tmp_path, server, monkeypatch
):
    monkeypatch.setattr("streams.listen.mastodon_stream._SOON_S", 0.1)
    server.mention("before")
    with Listening(tmp_path, server) as first:
        first.is_connected()
        kept, gone = server.mention("ann"), server.mention("bob")
        assert first.has(2) == ["social.user_content"] * 2
    server.delete(gone)
    for number in range(200):
        server.notify("favourite", f"p{number}", status=server.statuses[kept])
    with Listening(tmp_path, server) as second:
        second.is_connected()
        server.notify("follow", "eve")
        kinds = second.has(202)
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "social.like": 200, "social.follow": 1, "social.withdrawn_content": 1,
    }  # fmt: skip
    assert len({one["id"] for one in second.sender.events}) == 202
    assert sum("min_id" in path for path in server.asked) >= 4
    with Listening(tmp_path, server) as third:
        third.is_connected()
        server.notify("follow", "fay")
        third.has(1)
    assert {one["id"] for one in third.sender.events} - {one["id"] for one in second.sender.events}


def test_what_the_stream_loses_is_asked_for(tmp_path, server, monkeypatch):
    monkeypatch.setattr("streams.listen.mastodon_stream._SOON_S", 0.1)
    monkeypatch.setattr("streams.listen.mastodon_stream._EVERY_S", 0.2)
    with Listening(tmp_path, server) as listening:
        listening.is_connected()
        server.is_deaf = True
        server.notify("follow", "ann")
        assert listening.has(1) == ["social.follow"]


TROUBLES = [
    (500, b"oops", {}),
    (429, {"error": "slow down"}, {"retry-after": "0"}),
    (200, b"<html>", {}),
    (200, {}, {}),
    (302, b"", {"location": "/"}),
]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_server_in_trouble_is_asked_again(tmp_path, server, trouble):
    server.troubles, server.before = [trouble] * 2, ["{", json.dumps({"error": "later", "status": 500})]
    with Listening(tmp_path, server) as listening:
        wait_until(lambda: server.streams == 1 and not listening.tally.trouble, 20, "the stream")
        server.notify("follow", "ann")
        listening.has(1)


def test_a_token_that_is_revoked_ends_it(tmp_path, server):
    with Listening(tmp_path, server) as listening:
        listening.is_connected()
        server.token, server.cut = "another", 0
        server.push("update", {})
        wait_until(lambda: listening.error, 10, "the end")
    assert "JOURNEY_MASTODON_TOKEN" in str(listening.error)


@pytest.mark.parametrize("has_batches", [True, False])
def test_posts_that_are_gone_are_found_by_servers_of_any_version(server, has_batches):
    server.has_batches = has_batches
    names = [server.status(BRAND)["id"] for _ in range(25)]
    server.delete(names[3])
    server.delete(names[22])
    api = MastodonApi(server.url, TOKEN)
    assert api.gone(names) == [names[3], names[22]]
    server.troubles = [(200, b"[" + b" " * 20_000_000 + b"]", {})]
    with pytest.raises(AwayError):
        api.notifications()
    api.close()
