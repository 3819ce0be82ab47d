"""Who enters an audience and who leaves it comes to readers and receivers of the feed: each once, in order, from any position."""

import json
import os
from contextlib import contextmanager

import pytest
from standardwebhooks import Webhook

from streams.alerts.config import parse
from streams.alerts.delivery.deliverer import Pauses
from streams.alerts.feed_delivery import FeedDelivery
from streams.alerts.feed_receivers import FeedReceiver
from streams.clock import from_us
from streams.embedded.forget import forget
from streams.feed.announcements import Wanted, document, now, read, since
from streams.feed.position import BEGINNING, Position
from streams.store.connections import opener
from tests.alerts.child import SECRET
from tests.alerts.receiver import listening
from tests.audiences.world import KEY, audience, event, keeping, load, members, opened
from tests.fixtures import commands
from tests.fixtures.directories import with_tables

ALL = Wanted(audiences=frozenset({"a", "b"}))


@pytest.fixture
def embedded(tmp_path):
    with opened(with_tables(tmp_path / "data")) as found:
        load(found, [event(who, who, days_ago=1 + who) for who in range(6)])
        yield found


def kept(embedded, *audiences):
    with keeping(embedded, *audiences) as upkeep:
        upkeep.refresh(embedded.store)


def found(embedded, position=BEGINNING, wanted=ALL, **more):
    page = read(embedded.store, position, wanted, **more)
    return [document(one) for one in page.announcements]


def said(events):
    return [
        (one["type"].rpartition(".")[2], one["data"]["audience"], one["data"]["customer"]) for one in events
    ]


def of(store):
    return [
        (row["change"], row["audience"], f"{row['customer']:016x}")
        for row in store.rows(
            "SELECT toString(change) AS change, toString(audience) AS audience, customer FROM audience_changes ORDER BY number"
        )
    ]


def test_changes_are_events_in_order_on_pages_of_any_size_from_any_of_them(embedded):
    quiet, all_of_them = audience(not_seen_for_days=3), audience("b")
    kept(embedded, quiet, all_of_them)
    load(embedded, [event("back", 5)])
    kept(embedded, quiet, all_of_them)
    events = found(embedded)
    assert said(events) == of(embedded.store)
    assert len(events) == 4 + 6 + 1
    assert len({(one["source"], one["id"]) for one in events}) == len(events)
    assert [one["sequence"] for one in events] == sorted(one["sequence"] for one in events)
    assert events[-1]["type"] == "journey.audience.left"
    assert events[-1]["data"] == {
        "brand": "acme", "customer": events[-1]["subject"], "audience": "a", "reason": "conditions"
    }  # fmt: skip
    for most in (1, 2, 7):
        position, pages = BEGINNING, []
        while not (page := read(embedded.store, position, ALL, most)).is_whole or page.announcements:
            pages += [document(one) for one in page.announcements]
            position = page.position
        assert pages == events
    for number, one in enumerate(events):
        assert found(embedded, Position.parse(one["cursor"])) == events[number + 1 :]
    assert said(found(embedded, wanted=Wanted(audiences=frozenset({"a"})))) == [
        one for one in of(embedded.store) if one[1] == "a"
    ]
    assert found(embedded, wanted=Wanted(frozenset({"nova"}), audiences=ALL.audiences)) == []


def test_a_reader_may_begin_now_or_at_an_instant_and_stages_are_as_they_were(embedded):
    stages = [document(one) for one in read(embedded.store, BEGINNING, Wanted()).announcements]
    kept(embedded, audience(not_seen_for_days=3))
    position, instant = now(embedded.store), from_us(embedded.clock() + 1)
    load(embedded, [event("back", 5)])
    kept(embedded, audience(not_seen_for_days=3))
    (left,) = found(embedded, position)
    assert left["type"] == "journey.audience.left"
    assert found(embedded, since(embedded.store, instant)) == [left]
    assert len(found(embedded, since(embedded.store, from_us(0)))) == 5
    assert found(embedded, since(embedded.store, from_us(embedded.clock() + 60_000_000))) == []
    again = [document(one) for one in read(embedded.store, BEGINNING, Wanted()).announcements]
    assert again[: len(stages)] == stages
    assert {one["type"] for one in again} <= {"journey.stage.changed"}


def test_who_is_erased_is_in_no_event_and_a_new_key_loses_none(embedded):
    kept(embedded, audience("b"))
    events = found(embedded)
    halfway = Position.parse(events[2]["cursor"])
    gone = min(members(embedded.store, "b"))
    forget(embedded, gone)
    kept(embedded, audience("b"))
    assert f"{gone:016x}" not in json.dumps(found(embedded))
    assert len(found(embedded)) == 5
    position = Position(halfway.places, "another key")
    assert found(embedded, position) == [
        one for one in found(embedded) if one["sequence"] > events[2]["sequence"]
    ]


@contextmanager
def delivering(embedded, url, **more):
    receiver = FeedReceiver(
        **{"name": "crm", "url": url, "secret": SECRET, "private": True, "begin": "beginning"} | more
    )
    delivery = FeedDelivery([receiver], opener(embedded.settings, None), pauses=Pauses(0.05, 0.2))
    delivery.start()
    try:
        yield
    finally:
        delivery.stop()


def test_a_receiver_gets_who_enters_and_leaves_what_it_names(embedded):
    kept(embedded, audience(not_seen_for_days=3), audience("b"))
    with listening() as receiver, delivering(embedded, receiver.url, audiences=["a"]):
        receiver.wait(4)
        load(embedded, [event("back", 5)])
        kept(embedded, audience(not_seen_for_days=3))
        requests = receiver.wait(5)
    assert [one.json for one in requests] == found(embedded, wanted=Wanted(audiences=frozenset({"a"})))
    for one in requests:
        assert Webhook(SECRET).verify(one.body, one.headers) == one.json
    assert {one.headers["webhook-id"][:9] for one in requests} == {"audience-"}


def test_what_is_of_stages_is_not_asked_of_audiences(tmp_path):
    (file := tmp_path / "alerts.toml").write_text(
        f'[[feed]]\nname = "crm"\nurl = "http://127.0.0.1:9/"\nsecret = "{SECRET}"\nprivate = true\naudiences = ["a"]\nto = ["advocacy"]\n'
    )
    _, mistakes = parse(file, {}.get)
    assert any("are of changes of stage" in one for one in mistakes), mistakes


def test_the_command_prints_them(tmp_path):
    data = with_tables(tmp_path / "data")
    with opened(data) as embedded:
        load(embedded, [event(who, who, days_ago=1 + who) for who in range(3)])
        kept(embedded, audience())
        events = found(embedded)
    environment = os.environ | {"JOURNEY_HANDLE_KEY": KEY.hex()}

    def asked(*words):
        return commands.run(
            [commands.JOURNEY, "feed", "--data", data, *words], env=environment, capture_output=True
        )

    assert [json.loads(one) for one in asked("--audience", "a", "--json").stdout.splitlines()] == events
    assert asked("--audience", "a").stdout.decode().count("entered  a  conditions") == 3
    refused = asked("--audience", "a", "--to", "advocacy")
    assert refused.returncode == 2
    assert b"are of changes of stage" in refused.stderr
