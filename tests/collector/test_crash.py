"""A collector that is killed under load: whatever it acknowledged is stored once, after the next start."""

import random
import time

import pytest

from tests.collector.load import Load


def kill_under_load(collector, kills, seed, strike=lambda: None, let_be_s=0.6):
    """Kill and start it again under load, each time within `let_be_s` and after a `strike`; return the loads."""
    key = collector.key("shop")
    moments, loads = random.Random(seed), []
    for number in range(kills):
        collector.start()
        load = Load(collector, key, name=f"{seed}-{number}")
        loads.append(load)
        deadline_s = time.monotonic() + 20
        while len(load.acknowledged) < 100 and time.monotonic() < deadline_s:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, let_be_s))
        strike()
        collector.kill()
        load.stop()
    return loads


def assert_stored_once(collector, loads):
    rows = collector.rows(
        "SELECT count() AS n, uniqExact(event) AS u, groupArray(id) AS ids FROM interactions"
    )[0]
    acknowledged = {name for load in loads for name in load.acknowledged}
    assert len(acknowledged) >= 100 * len(loads)
    assert rows["n"] == rows["u"]
    assert acknowledged <= set(rows["ids"]), "acknowledged and not stored"
    assert set(rows["ids"]) <= {name for load in loads for name in load.sent}, "made up"
    assert "all figures recompute" in collector.run("verify")


def test_whatever_was_acknowledged_before_a_kill_is_stored_once(collect):
    collector = collect()
    assert_stored_once(collector, kill_under_load(collector, kills=3, seed=1))


@pytest.mark.parametrize("point", ["log.append.before", "log.append.after"])
def test_killed_at_the_write_that_makes_events_safe(collect, point):
    collector = collect(JOURNEY_FAULT=f"{point}:3")
    key = collector.key("shop", "--brand", "*", "--rate", "0")
    collector.start()
    load = Load(collector, key, name="at", clients=1)
    deadline_s = time.monotonic() + 20
    while collector.process.running and time.monotonic() < deadline_s:
        time.sleep(0.01)
    load.stop()
    assert not collector.process.running
    collector._environment.pop("JOURNEY_FAULT")
    stored = {row["id"] for row in collector.rows("SELECT id FROM interactions")}
    assert len(load.acknowledged) == 14, "two batches; the third was not answered"
    assert set(load.acknowledged) <= stored
    assert len(stored) == (21 if point.endswith("after") else 14)
