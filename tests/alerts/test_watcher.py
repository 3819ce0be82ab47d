"""From stored interactions to stored alerts, on a real server."""

import time
from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest

from streams.alerts import answers
from streams.alerts.answers import AlertError
from streams.alerts.backtest import backtest
from streams.alerts.delivery.deliverer import Deliverer, Pauses
from streams.alerts.delivery.message import text
from streams.alerts.leading import Leader
from streams.alerts.ledger import Ledger
from streams.alerts.querying import RULE_LIMITS, RuleQueries
from streams.alerts.rules import RuleEntry
from streams.alerts.watching import Watching
from streams.chain import Window, leading
from streams.clock import from_us
from streams.erasure import WHOLLY
from streams.store import ClickHouse
from streams.telemetry.alerts import samples
from streams.telemetry.metrics import Metrics
from streams.workers.ports import FencedError
from tests.alerts.receiver import listening
from tests.alerts.test_delivery import hook
from tests.alerts.world import MINUTE_US, World


@pytest.fixture
def world(clickhouse):
    world = World(clickhouse.fresh_database())
    yield world
    world.store.close()


def test_many_people_raise_one_alert_with_its_reason(world):
    assert world.poll() == []
    world.burst(12, content="movie", place="rex")
    assert world.poll() == ["opened"]
    (found,) = answers.listed(world.ledger)
    assert (found["kind"], found["value"], found["people"]) == ("content", "movie", 12)
    why = answers.shown(world.ledger, found["alert"])["reason"]
    assert {"kind": "place", "value": "rex", "people": 12} in why["carried_by"]
    assert why["new_customers"] == 1
    assert why["stages_before"] == {"none": 12}
    assert len(why["examples"]) == 3
    rows = world.store.query(why["sql"], {})
    assert len(rows) == len({customer for _, customer, *_ in rows}) == 12
    assert world.poll() == []
    assert world.pass_minutes(120) == ["resolved"]
    assert answers.listed(world.ledger) == []


def test_one_person_who_posts_fifty_times_raises_nothing(world):
    world.poll()
    world.touch(*((world.now_us - n * 5_000_000, 77) for n in range(50)), content="spam")
    assert world.poll() == []
    assert world.pass_minutes(30) == []


def test_an_alert_names_the_chain_by_which_most_came(world):
    world.poll()
    world.touch((world.now_us, 900), content="movie", id="first-share", cause="")
    world.burst(9, content="movie", id="", cause="first-share")
    world.burst(3, first=50, content="movie")
    assert world.poll() == ["opened"]
    (told,) = world.ledger.changes()
    chain = told.reason["cascade"]
    assert (chain["type"], chain["content"], chain["people"], chain["of"]) == (
        "social.share",
        "movie",
        10,
        13,
    )
    assert (
        f"Share chain: 10 of 13 people, from a social.share of movie (journey cascades show {chain['root']})"
        in text(told)
    )
    assert "first-share" not in str(told.reason)

    window = Window("acme", from_us(world.now_us), from_us(world.now_us + MINUTE_US))
    with closing(Forgetful(world.dsn)) as store:
        found = leading(store, window)
    assert (found.root_id, found.advocates, found.type) == ("first-share", 10, "")


class Forgetful(ClickHouse):
    """A store from which the start of a chain is erased just before it is looked up."""

    def query(self, sql, parameters, settings=None):
        if "SELECT type, content FROM interactions" in sql:
            self.client.command("ALTER TABLE interactions DELETE WHERE id = 'first-share'", settings=WHOLLY)
        return super().query(sql, parameters, settings)


def test_handles_of_one_customer_count_once_and_apart_when_they_are_parted(world):
    world.poll()
    world.name(dict.fromkeys(range(1, 13), 1))
    world.touch(*((world.now_us, handle) for handle in range(1, 13)), content="movie")
    world.name(dict.fromkeys(range(1, 13), 1))
    assert world.poll() == []
    world.name({handle: handle for handle in range(1, 13)})
    assert world.poll() == ["opened"]


def test_praise_and_attacks_are_alerts_of_their_own(world):
    world.poll()
    world.burst(12, kind="web.review", rating=5.0, content="praise")
    world.burst(12, first=100, kind="web.review", rating=1.0, content="attack")
    assert world.poll() == ["opened", "opened"]
    assert {(one["direction"], one["value"]) for one in answers.listed(world.ledger)} == {
        ("for", "praise"),
        ("against", "attack"),
    }


def test_events_that_come_late_count_where_they_belong(world):
    world.poll()
    world.now_us += 8 * MINUTE_US
    world.poll()
    world.touch(*((world.now_us - 7 * MINUTE_US, n) for n in range(1, 13)), content="movie")
    assert world.poll() == ["opened"]


def test_a_watcher_that_starts_again_raises_nothing_twice_and_goes_on(world):
    world.poll()
    world.burst(12, content="movie")
    assert world.poll() == ["opened"]
    world.watcher = world.fresh()
    assert world.poll() == []
    world.now_us += 12 * MINUTE_US
    world.watcher = world.fresh()
    assert world.poll() == []
    world.burst(30, first=100, content="movie")
    assert world.poll() == ["grew"]
    world.watcher = world.fresh()
    assert world.pass_minutes(120) == ["resolved"]
    world.watcher = world.fresh()
    assert world.poll() == []
    assert [told.sequence for told in world.ledger.changes()] == [1, 2, 3]


def test_what_happened_while_nobody_watched_is_raised_by_the_next(world):
    world.burst(12, content="movie")
    world.now_us += 20 * MINUTE_US
    assert world.poll() == ["opened"]


def test_an_alert_is_taken_on_and_a_silence_keeps_changes_from_receivers(world):
    world.poll()
    answers.silence(world.ledger, "ada", world.now_us, span=timedelta(hours=1), brand="acme")
    world.burst(12, content="movie")
    assert world.poll() == ["opened"]
    assert answers.listed(world.ledger)[0]["silenced"]
    alert = answers.listed(world.ledger)[0]["alert"]
    answers.ack(world.ledger, alert[:6], "ada", world.now_us)
    assert world.poll() == ["acknowledged"]
    assert world.poll() == []
    assert answers.listed(world.ledger)[0]["acknowledged_by"] == "ada"
    with pytest.raises(AlertError, match="no alerts have an id"):
        answers.ack(world.ledger, "zz", "ada", world.now_us)


def test_the_second_watcher_takes_the_lead_and_the_first_writes_nothing_more(world):
    first = Leader(world.store)
    one = Watching(
        world.store,
        Ledger(world.store, first.insert),
        Deliverer([]),
        clock=lambda: world.now_us,
        check=first.check,
    )
    assert one.step() == []
    second = Leader(world.store)
    world.burst(12, content="movie")
    with pytest.raises(FencedError):
        one._watcher.poll(world.now_us)
    assert world.ledger.changes() == []
    world.now_us += MINUTE_US
    with pytest.raises(FencedError):
        one.step()
    other = Watching(
        world.store,
        Ledger(world.store, second.insert),
        Deliverer([]),
        clock=lambda: world.now_us,
        check=second.check,
    )
    assert [told.change.what for told in other.step()] == ["opened"]


def test_changes_reach_a_receiver_once_over_starts_and_a_new_receiver_begins_with_what_comes(world):
    def watching(*receivers):
        deliverer = Deliverer(receivers, clock=lambda: world.now_us, pauses=Pauses(0.05, 0.1))
        return Watching(world.store, world.ledger, deliverer, clock=lambda: world.now_us)

    with listening() as receiver, listening() as late:
        first = watching(hook(receiver.url))
        first.step()
        world.burst(12, content="movie")
        world.now_us += 2_000_000
        assert len(first.step()) == 1
        receiver.wait(1)
        first.stop()
        second = watching(hook(receiver.url), hook(late.url, name="late"))
        second.step()
        world.burst(30, first=100, content="movie")
        world.now_us += MINUTE_US
        assert len(second.step()) == 1
        receiver.wait(2)
        late.wait(1)
        second.stop()
    assert [one.json["data"]["sequence"] for one in receiver.taken] == [1, 2]
    assert [one.json["data"]["sequence"] for one in late.taken] == [2]
    rows = world.store.query(
        "SELECT receiver, sequence, outcome FROM alert_deliveries FINAL WHERE outcome != 'begun' ORDER BY ALL",
        {},
    )
    assert [tuple(row) for row in rows] == [
        ("hook", 1, "delivered"),
        ("hook", 2, "delivered"),
        ("late", 2, "delivered"),
    ]


def test_a_spike_is_told_while_a_slow_rule_is_asked(world):
    sql = "SELECT sum(sleepEachRow(0.1)) AS figure FROM numbers(100) SETTINGS max_block_size = 1"
    slow = RuleEntry(name="slow", sql=sql, above=1_000).declared()
    queries = RuleQueries(
        [slow], partial(ClickHouse, world.dsn, limits=RULE_LIMITS | {"max_execution_time": 6})
    )
    with listening() as receiver:
        deliverer = Deliverer([hook(receiver.url)], clock=lambda: world.now_us)
        watching = Watching(world.store, world.ledger, deliverer, clock=lambda: world.now_us, rules=queries)
        watching.step()
        began = time.monotonic()
        world.burst(12, content="movie")
        world.now_us += 2_000_000
        assert [told.change.what for told in watching.step()] == ["opened"]
        receiver.wait(1)
        assert time.monotonic() - began < 4
        assert queries.asking
        while queries.asking:
            time.sleep(0.05)
        world.now_us += 2_000_000
        watching.step(idle=True)  # an answer is taken at once
        watching.stop()
    assert watching.state.rule_errors == {"slow": 1}, "it had its time"


def test_no_handle_stands_in_what_is_sent(world):
    world.poll()
    world.burst(12, first=123_456_789_000, content="movie")
    (told,) = world.watcher.poll(world.now_us)
    assert "123456789" not in str(told)


def test_a_backtest_over_history_lists_what_a_watcher_would_have_raised(world):
    began = world.now_us
    world.burst(12, content="movie")
    world.now_us += 180 * MINUTE_US
    found = backtest(world.store, "acme", began - 60 * MINUTE_US, world.now_us)
    assert [change.what for change in found.changes] == ["opened", "resolved"]
    (alert,) = found.raised
    assert (alert.direction, alert.scope, alert.people) == ("for", ("content", "movie"), 12)
    assert backtest(world.store, "acme", began + 90 * MINUTE_US, world.now_us).changes == []
    assert backtest(world.store, "nobody", began, world.now_us).changes == []


def test_metrics_tell_how_alerts_stand_and_what_receivers_took(world):
    with listening(answers=[503]) as receiver:
        deliverer = Deliverer([hook(receiver.url)], clock=lambda: world.now_us, pauses=Pauses(0.05, 0.1))
        watching = Watching(world.store, world.ledger, deliverer, clock=lambda: world.now_us)
        metrics = Metrics("watcher")
        metrics.read_from(lambda: samples(watching.state))

        def shown():
            lines = metrics.text().decode().splitlines()
            return {
                line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"
            }

        watching.step()
        assert shown()['journey_alert_deliveries_total{outcome="delivered",receiver="hook"}'] == 0
        world.burst(12, content="movie")
        world.now_us += 2_000_000
        (told,) = watching.step()
        of = 'journey_alerts{brand="acme",direction="for",severity="notice",state="%s"}'
        assert shown()[of % "open"] == 1
        receiver.wait(1)
        answers.ack(world.ledger, told.change.alert.id, "ada", world.now_us)
        world.now_us += 2_000_000
        watching.step()
        receiver.wait(2)
        deliverer.stop()
        world.now_us += 2_000_000
        watching.step()
    now = shown()
    assert (now[of % "open"], now[of % "acknowledged"]) == (0, 1)
    assert now['journey_alert_changes_total{brand="acme",change="opened",direction="for"}'] == 1
    assert now['journey_alert_deliveries_total{outcome="delivered",receiver="hook"}'] == 2
    assert now['journey_alert_retries_total{receiver="hook"}'] == 1
    assert now['journey_alert_waiting{receiver="hook"}'] == 0
    assert now["journey_alert_looks_total"] == 4
    world.now_us += 90_000_000
    assert shown()["journey_alert_blind_seconds"] == 90
