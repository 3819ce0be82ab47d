"""Messages of Jetstream become events: what is the brand's, by which type, when, and what takes it back."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.event import event_v1
from streams.listen.bluesky import Bluesky
from tests.listen.boxes import Box
from tests.listen.jetstream import _CID, BRAND, POST, Network, mention, person, tid

ANN, OTHER = person(1), "at://did:plc:somebodyelse222222222222/app.bsky.feed.post/3mmoodizfwc2j"
SECOND = "did:plc:lumiere3333333333333333"
LATEST_US = 1 << 60


@pytest.fixture
def network():
    return Network()


def take(box, network, *accounts):
    """Have everything that the network said read, and return the events."""
    bluesky = Bluesky(accounts or (BRAND,), box.outbox)
    for _, message in network.messages:
        bluesky.take(message, LATEST_US)
    network.messages.clear()
    return box.sent


CASES = {
    "like": (lambda n: n.like(ANN), "social.like", POST, {}),
    "like of a feed of the brand": (
        lambda n: n.like(ANN, f"at://{BRAND}/app.bsky.feed.generator/films"),
        "social.like", f"at://{BRAND}/app.bsky.feed.generator/films", {},
    ),
    "repost": (lambda n: n.repost(ANN), "social.share", POST, {}),
    "follow": (lambda n: n.follow(ANN), "social.follow", None, {}),
    "reply": (lambda n: n.reply(ANN), "social.comment", POST, {}),
    "reply deep in the brand's thread": (lambda n: n.reply(ANN, POST, OTHER), "social.comment", POST, {}),
    "reply to the brand in another's thread": (lambda n: n.reply(ANN, OTHER, POST), "social.comment", POST, {}),
    "reply that mentions": (lambda n: n.reply(ANN, facets=mention()), "social.comment", POST, {"mention": True}),
    "quote": (lambda n: n.quote(ANN), "social.share", POST, {"quote": True}),
    "quote with a picture": (lambda n: n.quote(ANN, media=True), "social.share", POST, {"quote": True}),
    "mention": (lambda n: n.post(ANN, facets=mention()), "social.user_content", None, {"mention": True}),
    "mention in a reply to another": (
        lambda n: n.reply(ANN, OTHER, facets=mention()), "social.comment", None, {"mention": True},
    ),
}  # fmt: skip
BACK = {
    "social.like": "social.unlike", "social.share": "social.unshare", "social.follow": "social.unfollow",
    "social.comment": "social.uncomment", "social.user_content": "social.withdrawn_content",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_act_is_an_event_and_its_deletion_takes_it_back_exactly(box, network, name):
    act, kind, content, properties = CASES[name]
    key = act(network)
    message = json.loads(network.messages[0][1])
    (event,) = take(box, network)
    data = event["data"]
    assert (event["type"], event["source"], event["time"]) == (kind, "bluesky", "2026-10-17T12:00:00.500000Z")
    assert data["handles"] == {"social": f"bluesky:{ANN}"}
    assert (data.get("content"), data.get("properties", {})) == (content, properties)
    assert "planted" not in json.dumps(event)
    assert ANN not in event["id"]
    event_v1.validate_python(event | {"data": data | {"brand": "lumiere"}})
    network.delete(ANN, message["commit"]["collection"], key)
    back = take(box, network)[-1]
    assert back["type"] == BACK[kind]
    assert back["data"]["cause"] == event["id"]
    assert back["id"] == f"{event['id']}:undo"
    same = ("time", "source")
    assert [back[name] for name in same] == [event[name] for name in same]
    assert back["data"]["handles"] == data["handles"]
    assert back["data"].get("content") == content
    network.delete(ANN, message["commit"]["collection"], key)
    take(box, network)
    assert len(box.sent) == 2
    assert box.tally.repeats == 1


def test_what_is_not_of_the_brand_is_passed_over_and_counted(box, network):
    network.like(ANN, OTHER)
    network.follow(ANN, "did:plc:somebodyelse222222222222")
    network.post(ANN, facets=mention(SECOND))
    network.post(ANN, text=f"{BRAND} in the text alone")
    network.like(BRAND, POST)
    network.delete(ANN, "app.bsky.feed.like", "3mmoojp7etg2g")
    network.create(ANN, "app.bsky.feed.post", {"facets": mention()}, operation="update")
    network.create(ANN, "app.bsky.graph.block", {"subject": BRAND})
    network.say(ANN, "account", {"active": False, "did": ANN, "status": "takendown", "seq": 1})
    network.say(ANN, "identity", {"did": ANN, "handle": "ann.example", "seq": 2})
    assert take(box, network) == []
    assert box.tally.passed == {
        "other_account": 5, "own": 1, "edit": 1, "no_event": 1, "account": 1, "identity": 1,
    }  # fmt: skip


def test_one_post_about_two_accounts_is_one_event(box, network):
    network.post(ANN, facets=mention(SECOND) + mention())
    assert len(take(box, network, BRAND, SECOND)) == 1


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2026-10-17T11:00:00+02:00", "2026-10-17T09:00:00Z"),
        ("2031-01-01T00:00:00Z", "2026-10-17T12:00:00.950000Z"),
        ("1800-01-01T00:00:00Z", "2026-10-17T12:00:00.950000Z"),
        ("yesterday", "2026-10-17T12:00:00.950000Z"),
        (None, "2026-10-17T12:00:00.950000Z"),
        (17, "1970-01-01T00:00:17Z"),
    ],
)
def test_the_time_is_that_of_the_record_but_not_after_its_commit(box, network, said, at):
    network.like(ANN, createdAt=said)
    assert take(box, network)[0]["time"] == at


@pytest.mark.parametrize("rev", ["", "not a tid", "zzzzzzzzzzzzz"])
def test_a_commit_without_a_usable_revision_has_the_time_of_the_server(box, network, rev):
    network.create(
        ANN, "app.bsky.feed.like", {"subject": {"uri": POST}, "createdAt": "2040-01-01T00:00:00Z"}, rev=rev
    )
    assert take(box, network)[0]["time"].startswith(("2026-10-17T12:00:01Z", "2026-10-17T12:10:01Z"))


def test_a_like_through_a_repost_names_it_as_its_cause(box, network):
    rkey = network.repost(ANN)
    repost = json.loads(network.messages[0][1])["commit"]
    via = {"uri": f"at://{ANN}/app.bsky.feed.repost/{rkey}", "cid": repost["cid"]}
    network.like(person(2), via=via)
    shared, liked = take(box, network)
    assert liked["data"]["cause"] == shared["id"]


def test_a_record_that_is_made_again_under_its_old_name_counts_again_and_what_is_read_again_does_not(
    box, network
):
    collection = "app.bsky.graph.follow"
    network.create(ANN, collection, {"subject": BRAND}, rkey="brand", cid=f"{_CID}1")
    network.delete(ANN, collection, "brand")
    network.create(ANN, collection, {"subject": BRAND}, rkey="brand", cid=f"{_CID}2")
    again = list(network.messages)
    expected = ["social.follow", "social.unfollow", "social.follow"]
    assert [one["type"] for one in take(box, network)] == expected
    network.messages += again
    assert [one["type"] for one in take(box, network)] == expected
    assert len({one["id"] for one in box.sent}) == 3
    assert box.tally.repeats == 3


def test_a_server_that_repeats_a_record_under_a_later_revision_adds_nothing(box, network):
    rkey = network.like(ANN)
    network.messages *= 2
    message = json.loads(network.messages[1][1])
    message["commit"]["rev"] = tid(network.us + 60_000_000)
    network.messages[1] = (network.us, json.dumps(message).encode())
    assert [one["type"] for one in take(box, network)] == ["social.like"]
    network.at += timedelta(minutes=2)
    network.delete(ANN, "app.bsky.feed.like", rkey)
    assert [one["type"] for one in take(box, network)] == ["social.like", "social.unlike"]


def test_what_the_collector_refused_is_said_and_not_taken_back(box, network, caplog):
    box.sender.refuses = lambda event: event["type"] == "social.like"
    rkey = network.like(ANN)
    network.delete(ANN, "app.bsky.feed.like", rkey)
    assert take(box, network) == []
    assert "refused an event (social.like, not_granted)" in caplog.text
    assert (box.tally.refused, box.tally.passed) == ({"not_granted": 1}, {"other_account": 1})


def test_beyond_the_bound_the_oldest_are_forgotten_and_counted(tmp_path, network):
    box = Box(tmp_path, "bluesky", most=3)
    keys = [network.like(person(number)) for number in range(5)]
    take(box, network)
    for number, rkey in enumerate(keys):
        network.delete(person(number), "app.bsky.feed.like", rkey)
    taken = [one["data"]["handles"]["social"] for one in take(box, network) if one["type"] == "social.unlike"]
    assert taken == [f"bluesky:{person(number)}" for number in (2, 3, 4)]
    assert (box.state.forgotten, box.state.remembered) == (2, 0)
    assert box.tally.passed == {"other_account": 2}
    box.state.close()


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"{", b"[]", b"null", b"\xff", b'{"time_us":"1"}', b'{"time_us":-1}', b'{"time_us":1e400}', b"[" * 100_000,
        b'{"time_us":2305843009213693953,"did":"x","kind":"commit"}', b'{"time_us":99999999999999999999}',
    ],
)  # fmt: skip
def test_what_is_no_message_is_counted_and_moves_nothing(box, frame):
    assert Bluesky((BRAND,), box.outbox).take(frame, LATEST_US) == 0
    assert box.tally.passed == {"unreadable": 1}


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([BRAND, POST, {"$type": "x"}]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "subject",
                    "uri",
                    "reply",
                    "parent",
                    "root",
                    "embed",
                    "record",
                    "facets",
                    "features",
                    "$type",
                    "did",
                    "via",
                    "cid",
                    "createdAt",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(record=_values, collection=st.sampled_from(["post", "like", "repost"]))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_record_breaks_it(box, record, collection):
    network = Network()
    network.create(ANN, f"app.bsky.feed.{collection}", {})
    message = json.loads(network.messages[0][1])
    message["commit"]["record"] = {"brand": BRAND, "inside": record} | (
        record if isinstance(record, dict) else {}
    )
    assert Bluesky((BRAND,), box.outbox).take(json.dumps(message).encode("utf-8", "replace"), LATEST_US) in {
        0,
        network.us,
    }
