"""Receivers of the feed get what they want: signed, in order, at least once with one id, from where each of them stands."""

import json
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from streams.alerts.config import parse
from streams.alerts.delivery.deliverer import Pauses
from streams.alerts.feed_delivery import FeedDelivery
from streams.alerts.feed_receivers import FeedReceiver
from streams.alerts.trial import send_test
from streams.clock import system_clock
from streams.embedded.embedded import Embedded
from streams.feed.announcements import Wanted, document, read
from streams.feed.position import BEGINNING
from streams.feed.standing import standing
from streams.settings import KafkaSettings, Settings
from streams.store.connections import opener
from tests.alerts.child import SECRET, line
from tests.alerts.receiver import listening
from tests.feed.child import AT_US, PEOPLE
from tests.fixtures import commands
from tests.fixtures.directories import with_tables
from tests.fixtures.servers.process import free_port, wait_until

QUICK = Pauses(first_s=0.05, longest_s=0.2)
CHILD = Path(__file__).with_name("child.py")


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    data = with_tables(tmp_path_factory.mktemp("feed") / "data")
    with Embedded(Settings(data=data, handle_key=bytes(32)), clock=lambda: AT_US) as embedded:
        share(embedded, range(20))
        yield embedded


@pytest.fixture
def crm(request):
    """A name that no other test has."""
    return request.node.name[:100].translate(str.maketrans("[]=", "---"))


def share(embedded, numbers):
    lines = [line(number, AT_US - number, number, "post") for number in numbers]
    embedded.load([embedded.edge().pack(lines, topic="file", now_us=AT_US)])


@contextmanager
def delivering(engine, *receivers, **options):
    delivery = FeedDelivery(receivers, opener(engine.settings, None), pauses=QUICK, **options)
    delivery.start()
    try:
        yield delivery
    finally:
        delivery.stop()


def to(url, name, **more):
    return FeedReceiver(
        **{"name": name, "url": url, "secret": SECRET, "private": True, "begin": "beginning"} | more
    )


def count(engine):
    return len(announced(engine))


def announced(engine):
    return [document(one) for one in read(engine.store, BEGINNING, Wanted()).announcements]


def booked(engine, name, count):
    def done():
        found = standing(engine.store, name)
        return found is not None and found.delivered + found.refused >= count

    wait_until(done, 20, f"{count} events booked")
    return standing(engine.store, name)


def test_each_event_is_a_signed_cloudevent_in_order(engine, crm):
    with listening() as receiver, delivering(engine, to(receiver.url, crm)):
        requests = receiver.wait(count(engine))
        assert booked(engine, crm, count(engine)).delivered == count(engine)
    assert [one.json for one in requests] == announced(engine)
    for one in requests:
        assert Webhook(SECRET).verify(one.body, one.headers) == one.json
        assert one.headers["content-type"] == "application/cloudevents+json"
    assert len({one.headers["webhook-id"] for one in requests}) == count(engine)


def test_events_come_in_lists_where_the_receiver_takes_them(engine, crm):
    with listening() as receiver, delivering(engine, to(receiver.url, crm, batch=8)):
        requests = receiver.wait(-(-count(engine) // 8))
        booked(engine, crm, count(engine))
    assert [len(one.json) for one in requests] == [8, 8, count(engine) - 16]
    assert [event for one in requests for event in one.json] == announced(engine)
    assert {one.headers["content-type"] for one in requests} == {"application/cloudevents-batch+json"}


def test_a_receiver_that_is_away_is_waited_for_and_holds_up_no_other(engine, crm):
    port = free_port()
    with (
        listening() as there,
        delivering(engine, to(f"http://127.0.0.1:{port}/", f"{crm}-away"), to(there.url, crm)) as delivery,
    ):
        there.wait(count(engine))
        away, _ = delivery.states()
        wait_until(lambda: away.failed > 1, 20, "attempts")
        assert away.waiting_us == AT_US
        with listening(port, answers=[503, 429]) as receiver:
            requests = receiver.wait(count(engine))
            booked(engine, f"{crm}-away", count(engine))
    assert [one.json for one in requests] == announced(engine)
    assert len({one.headers["webhook-id"] for one in receiver.taken[:3]}) == 1, "the same is tried again"


def test_what_a_receiver_refuses_is_counted_and_the_next_goes_out(engine, crm):
    with listening(answers=[204, 400]) as receiver, delivering(engine, to(receiver.url, crm)):
        receiver.wait(count(engine) - 1)
        found = booked(engine, crm, count(engine))
    assert (found.delivered, found.refused) == (count(engine) - 1, 1)
    assert found.detail.startswith("HTTP 400")


def test_a_new_receiver_begins_with_what_comes_and_goes_on_after_a_start(engine, crm):
    with listening() as receiver:
        for _ in range(2):
            with delivering(engine, to(receiver.url, crm, begin="now")):
                wait_until(lambda: standing(engine.store, crm) is not None, 20, "the begin")
                time.sleep(0.1)
        assert receiver.taken == []
        share(engine, range(100, 103))
        with delivering(engine, to(receiver.url, crm, begin="now"), is_told=True) as delivery:
            receiver.wait(3)
            booked(engine, crm, 3)
            share(engine, range(103, 105))
            delivery.wrote()
            receiver.wait(5, 5.0)
            booked(engine, crm, 5)
    assert [one.json for one in receiver.taken] == announced(engine)[-5:]


def test_a_receiver_gets_what_it_wants(engine, crm):
    stage = announced(engine)[0]["data"]["to"]
    meant = [
        one for one in announced(engine) if one["data"]["to"] == stage and one["data"]["channel"] == "social"
    ]
    with (
        listening() as receiver,
        listening() as other,
        delivering(
            engine,
            to(other.url, f"{crm}-none", channels={"store"}),
            to(receiver.url, crm, to={stage}, brands={"acme"}, channels={"social"}, reasons={"evidence"}),
        ),
    ):
        requests = receiver.wait(len(meant))
        wait_until(lambda: standing(engine.store, f"{crm}-none") is not None, 20, "the begin")
        time.sleep(0.2)
    assert [one.json for one in requests] == meant != []
    assert other.taken == []


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("point", ["before", "after"])
def test_killed_at_the_write_of_a_position_it_goes_on_with_the_same_ids(tmp_path, point, batch):
    task = {"data": str(with_tables(tmp_path / "data")), "batch": batch}
    with listening() as receiver:
        for arm, code in (([f"insert.feed_positions.{point}", 2], -signal.SIGKILL), (None, 0)):
            words = [sys.executable, str(CHILD), json.dumps(task | {"url": receiver.url, "arm": arm})]
            done = commands.run(words, capture_output=True, timeout=120)
            assert done.returncode == code, done.stderr
    events = [one.json if batch > 1 else [one.json] for one in receiver.taken]
    came = [(one["source"], one["id"]) for some in events for one in some]
    once = list(dict.fromkeys(came))
    assert len(once) == PEOPLE
    assert len(came) - len(once) <= (0 if point == "after" else PEOPLE)


FEED = f"""
[[feed]]
name = "crm"
url = "$URL"
secret = "{SECRET}"
private = true
to = ["advocacy"]
reasons = ["lapse"]
"""


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (("advocacy", "fans"), "feed 'crm': to.0: Input should be 'none'"),
        (("lapse", "boredom"), "feed 'crm': reasons.0: Input should be 'evidence'"),
        (("private = true", ""), "feed 'crm': url: "),
        ((SECRET, "abc"), "feed 'crm': secret: must be whsec_"),
        (("$URL", "$NOWHERE"), "feed 'crm': url: "),
        (("[[feed]]", "[[feeds]]"), "feeds: unknown; there are tables [[receiver]], [[rule]] and [[feed]]"),
        (("private = true", "private = true\nbatch = 0"), "feed 'crm': batch: Input should be greater"),
        (("\n[[feed]]", FEED + "\n[[feed]]"), "receiver or feed: name: 'crm' is used twice"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, change, mistake):
    (file := tmp_path / "alerts.toml").write_text(FEED.replace(*change))
    _, mistakes = parse(file, {"URL": "http://127.0.0.1:9/"}.get)
    assert any(mistake in one for one in mistakes), mistakes


def test_a_test_reaches_a_receiver_of_the_feed(tmp_path):
    with listening() as receiver:
        (file := tmp_path / "alerts.toml").write_text(FEED)
        found, mistakes = parse(file, {"URL": receiver.url}.get)
        assert mistakes == []
        assert send_test(found, "crm", system_clock) == "feed"
    (one,) = receiver.taken
    assert Webhook(SECRET).verify(one.body, one.headers)["type"] == "journey.test"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Kafka's client
def test_every_change_is_on_the_topic_each_customers_in_one_partition_and_in_order(engine, kafka):
    from streams.alerts.feed_topic import FeedTopic, StagesSend  # noqa: PLC0415 - with Kafka's client
    from streams.kafka.clients import consumer  # noqa: PLC0415
    from streams.kafka.topics import create  # noqa: PLC0415

    settings = KafkaSettings(servers=(kafka.servers,), prefix=kafka.fresh_prefix())
    create(settings, 3)
    send = StagesSend(settings)
    topic = FeedTopic(batch=7, begin="beginning")
    with delivering(engine, more=[(topic, send)]):
        booked(engine, topic.name, count(engine))
    send.close()
    reader = consumer(settings, auto_offset_reset="earliest")
    reader.subscribe([settings.prefix + "stages"])
    found = []
    while len(found) < count(engine):
        for records in reader.poll(5_000).values():
            found += [(record.partition, json.loads(record.value)) for record in records]
    reader.close()
    events = announced(engine)
    for partition in range(3):
        mine = [event for event in events if int(event["subject"], 16) % 3 == partition]
        assert [event for place, event in found if place == partition] == mine != []


def test_an_error_that_nobody_thought_of_ends_no_receiver(engine, crm):
    tries = []

    def send(events):
        tries.append(events[0]["id"])
        if len(tries) < 3:
            raise UnicodeError

    with delivering(engine, more=[(to("http://127.0.0.1:9/", crm), send)]):
        booked(engine, crm, count(engine))
    assert tries[:3] == tries[:1] * 3


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        (f'secret = "whsec_{"A" * 33}"', "secret: must be whsec_"),
        (f'secret = "whsec_{"A" * 43}"', "secret: must be whsec_"),
        (f'secret = "{SECRET}"\nheaders = {{ x = "\u20ac" }}', "headers: 1 of them have characters"),
    ],
)
def test_what_could_never_be_sent_is_a_mistake_of_the_file(tmp_path, line, mistake):
    (file := tmp_path / "alerts.toml").write_text(
        f'[[feed]]\nname = "crm"\nurl = "https://example.com/"\n{line}\n'
    )
    _, mistakes = parse(file, lambda _: "")
    assert len(mistakes) == 1
    assert mistake in mistakes[0]
