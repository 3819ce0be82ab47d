"""Interactions expire on a server while workers write: figures stay, repeats are known, and Kafka keeps no older records."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

from streams.clock import system_clock
from streams.inputs.simulate import simulate
from streams.kafka.clients import TopicPartition, consumer
from streams.kafka.read_records import delete_read
from tests.fixtures import commands

CUSTOMERS = """
    SELECT brand, customer, stage, touches, touches_store, touches_web, revenue, first_seen, last_seen
    FROM standing_under(model = (SELECT model FROM model_in_force), at = {at:DateTime64(6, 'UTC')}) ORDER BY brand, customer
"""


def lines() -> list[bytes]:
    now = datetime.fromtimestamp(system_clock() / 1e6, UTC)
    start = now.replace(hour=0, minute=0) - timedelta(days=130)
    return [json.dumps(each).encode() for each in simulate(customers=15, days=129, seed=4, start=start)]


def first_offsets(deployment, topic: str) -> dict[int, tuple[int, int]]:
    with closing(consumer(deployment.kafka)) as source:
        places = [TopicPartition(deployment.kafka.prefix + topic, p) for p in range(deployment.partitions)]
        first, ends = source.beginning_offsets(places), source.end_offsets(places)
        return {place.partition: (first[place], ends[place]) for place in places}


def test_beside_workers_that_write_every_figure_stays_and_a_repeat_is_known(deploy):
    there = deploy(partitions=3)
    history = lines()
    worker = there.worker()
    there.publish(history[:-300], size=200)
    there.settle()
    at = datetime.fromtimestamp(system_clock() / 1e6, UTC)
    with closing(there.store()) as store:
        before = store.rows(CUSTOMERS, {"at": at})
        count = int(store.rows("SELECT count() AS n FROM interactions")[0]["n"])
    assert there.json("retention", "set", "--brand", "lumiere", "--months", "2")["months"] == 2
    there.publish(history[-300:-150], size=10, after=len(history) - 300)  # while it goes on
    (done,) = there.json("retention", "run")["brands"]
    assert 0 < done["events"] < count
    there.settle()
    assert there.drift() == []
    there.publish(history, size=200)  # all of it again, the rest of it for the first time
    there.settle()
    with closing(there.store()) as store:
        (row,) = store.rows(
            "SELECT (SELECT count() FROM interactions) AS there, (SELECT count() FROM expired_events) AS expired, (SELECT uniqExact(event) FROM (SELECT event FROM interactions UNION ALL SELECT event FROM expired_events)) AS distinct"
        )
        assert row["there"] + row["expired"] == row["distinct"]
        assert row["expired"] == done["events"]
        assert len(before) > 10
    assert there.drift() == []
    text = there.run("model", "show", "--bundled").replace("threshold = 0.5", "threshold = 0.9")
    file = there.folder.parent / "changed.toml"
    file.write_text(text)
    there.run("model", "apply", str(file))
    assert there.drift() == []
    assert worker.stop() == 0
    again = there.worker()  # restores what it knows from the tables
    there.publish(history[:200], size=50)
    there.settle()
    with closing(there.store()) as store:
        assert store.rows("SELECT count() AS n FROM interactions")[0]["n"] == row["there"]
    assert there.drift() == []
    refused = commands.run(
        [commands.JOURNEY, "stages", "--brand", "lumiere", "--at", f"{at - timedelta(days=120):%Y-%m-%d}"],
        env=there.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (refused.returncode, "have expired" in refused.stderr) == (2, True), refused
    assert again.stop() == 0
    # Records are as old as they came, so that none is older than the horizon yet: an instant ahead stands for it.
    offsets = first_offsets(there, "interactions")
    assert delete_read(there.kafka, system_clock() - 86_400_000_000) == 0
    assert delete_read(there.kafka, system_clock() + 86_400_000_000) > 0
    assert all(first == end for first, end in first_offsets(there, "interactions").values())
    assert any(end > first for first, end in offsets.values())
