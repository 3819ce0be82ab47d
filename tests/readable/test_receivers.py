"""Receivers of the feed that are given readable handles get them as they are when an event is sent; others get none."""

import time
from dataclasses import replace

import pytest

from streams.alerts.delivery.deliverer import Pauses
from streams.alerts.feed_delivery import FeedDelivery
from streams.alerts.feed_receivers import FeedReceiver
from streams.alerts.setup import watching_of
from streams.embedded.forget import forget
from streams.handles.readable import ReadableReader
from streams.settings import ReadableKinds, SettingsError
from streams.store.connections import opener
from tests.alerts.child import SECRET
from tests.alerts.receiver import listening
from tests.fixtures.servers.process import wait_until
from tests.readable.world import customer, load, opened, people

QUICK = Pauses(first_s=0.2, longest_s=0.5)


def to(url, name, **more):
    return FeedReceiver(name=name, url=url, secret=SECRET, private=True, begin="beginning", **more)


def delivering(engine, *receivers):
    settings = engine.settings
    return FeedDelivery(
        receivers,
        opener(settings, None),
        pauses=QUICK,
        readable=lambda: ReadableReader.of_settings(settings),
    )


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people(range(6)))
        yield embedded


def announced(engine):
    rows = engine.store.rows("SELECT lower(leftPad(hex(customer), 16, '0')) AS customer FROM stage_changes")
    return [row["customer"] for row in rows]


def test_who_is_given_them_gets_them_and_no_other(engine):
    count = len(announced(engine))
    with listening() as crm, listening() as other:
        delivery = delivering(engine, to(crm.url, "crm", readable=True), to(other.url, "other"))
        delivery.start()
        try:
            told = [one.json["data"] for one in crm.wait(count)]
            assert all("handles" not in one.json["data"] for one in other.wait(count))
        finally:
            delivery.stop()
    assert {value for one in told for values in one["handles"].values() for value in values} >= {
        "u-planted-1",
        "LUM-PLANTED-1",
    }
    assert all(set(one["handles"]) <= {"user", "loyalty"} for one in told)


def test_what_waits_for_a_receiver_is_sent_without_the_values_of_who_was_erased_meanwhile(engine):
    count = len(announced(engine))
    with listening(answers=[503] * 10_000) as crm:
        delivery = delivering(engine, to(crm.url, "late", readable=True))
        delivery.start()
        try:
            wait_until(lambda: len(crm.taken) > 1, 20, "attempts")
            time.sleep(1.1)  # from then on it is looked up again
            for number in range(6):
                forget(engine, customer(number))
            gone = len(crm.taken)
            crm.answers.clear()
            crm.wait(count)
        finally:
            delivery.stop()
    late = [one.json["data"] for one in crm.taken[gone + 1 :]]  # one may have been on its way
    assert late
    assert all(one["handles"] == {} for one in late)


def test_a_file_that_gives_them_where_none_are_kept_is_refused_in_words(engine, tmp_path):
    file = tmp_path / "alerts.toml"
    file.write_text(
        f'[[feed]]\nname = "crm"\nurl = "http://127.0.0.1:1/"\nsecret = "{SECRET}"\nprivate = true\nreadable = true\n'
    )
    engine.settings = replace(engine.settings, alerts=file, readable=ReadableKinds())
    with pytest.raises(
        SettingsError, match=r"readable = true: no handles are kept readable: JOURNEY_READABLE"
    ):
        watching_of(engine)
