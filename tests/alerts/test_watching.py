"""The watcher at work: receivers over starts, rules beside spikes, metrics."""

import time
from functools import partial

from streams.alerts import actions
from streams.alerts.delivery.deliverer import Deliverer, Pauses
from streams.alerts.loop import AlertLoop
from streams.alerts.rule_config import RuleEntry
from streams.alerts.rule_queries import RULE_LIMITS, RuleQueries
from streams.alerts.telemetry import samples
from streams.store.clickhouse import ClickHouse
from streams.telemetry.metrics import Metrics
from tests.alerts.delivering import hook
from tests.alerts.receiver import listening
from tests.alerts.world import MINUTE_US


def test_changes_reach_a_receiver_once_over_starts_and_a_new_receiver_begins_with_what_comes(world):
    def watching(*receivers):
        deliverer = Deliverer(receivers, clock=lambda: world.now_us, pauses=Pauses(0.05, 0.1))
        return AlertLoop(world.store, world.ledger, deliverer, clock=lambda: world.now_us)

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
        watching = AlertLoop(world.store, world.ledger, deliverer, clock=lambda: world.now_us, rules=queries)
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


def test_metrics_tell_how_alerts_stand_and_what_receivers_took(world):
    with listening(answers=[503]) as receiver:
        deliverer = Deliverer([hook(receiver.url)], clock=lambda: world.now_us, pauses=Pauses(0.05, 0.1))
        watching = AlertLoop(world.store, world.ledger, deliverer, clock=lambda: world.now_us)
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
        actions.ack(world.ledger, told.change.alert.id, "ada", world.now_us)
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


def test_a_brand_whose_history_came_at_work_is_looked_at_as_soon_as_it_is_fed(world):
    deliverer = Deliverer([], clock=lambda: world.now_us)
    watching = AlertLoop(world.store, world.ledger, deliverer, clock=lambda: world.now_us, slice_s=0.001)
    while watching.is_feeding or not watching.state.looks:
        watching.step()
        world.now_us += 1_100_000
    day_us = 1_440 * MINUTE_US
    quiet = [(world.now_us - day_us * n // 150, 50_000 + n) for n in range(1, 301)]
    world.touch(*quiet, of="later", content="old")
    world.touch(*((world.now_us, handle) for handle in range(12)), of="later", content="movie")
    began_us, told = world.now_us, watching.step()  # finds the brand, which is to be fed first
    assert not told
    while not told and world.now_us - began_us < 20_000_000:
        world.now_us += 100_000
        told = watching.step(idle=True)  # nothing more is written
    watching.stop()
    assert [one.change.alert.brand for one in told] == ["later"]
    assert world.now_us - began_us < 3_000_000
