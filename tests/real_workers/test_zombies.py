"""Figure 5: workers that stand still at a write, lose their partitions, and go on when others have done their work."""

from random import Random

import pytest

from tests.real_workers.counted import counted
from tests.real_workers.events import stream
from tests.real_workers.proxy import Fate, Proxy
from tests.real_workers.tables import assert_equal, expected

# Every place between two writes of a worker, once: what comes after one write comes before the next.
CHAINS = (
    (
        "insert.identity_links.before",
        "insert.identity_map.before",
        "insert.interactions.before",
        "insert.evidence.before",
        "insert.minute_counts.before",
        "insert.dead_letters.before",
    ),
    (
        "insert.deliveries.before",
        "worker.send.before",
        "worker.send.after",
        "insert.stage_changes.before",
        "insert.stage_changes.after",
        "fence.take.before",
        "fence.take.after",
    ),
)


def stand_still_and_go_on(there, folder, points, seed):
    """Stop a worker at each point, let another take over, and let all go on at the end."""
    lines = stream(seed, customers=30)
    size = -(-len(lines) // (len(points) + 2)) + 1
    for first in range(0, len(lines), size):  # every part has something for each table
        lines.insert(first, b"no event %d" % first)
    parts = [(first, lines[first : first + size]) for first in range(0, len(lines), size)]
    zombies = []
    for point, (first, part) in zip(points, parts, strict=False):
        zombies.append(there.worker(JOURNEY_FAULT=f"{point}:1:STOP"))
        there.publish(part, size=20, after=first)
        there.wait(lambda: zombies[-1].stands_still, f"a worker to come to {point}")
        there.evict()
    there.worker()
    for first, part in parts[len(points) : -1]:
        there.publish(part, size=20, after=first)
    there.settle()
    Random(seed).shuffle(zombies)
    for zombie in zombies:
        zombie.resume()
    there.publish(parts[-1][1], size=20, after=parts[-1][0])
    there.settle()
    assert_equal(there, expected(lines, folder))
    print(counted(seed, there, {"worker stood still at a write and went on": len(zombies)}))


@pytest.mark.parametrize("points", CHAINS, ids=["first half of a batch", "second half"])
def test_workers_that_stood_still_at_each_write_add_nothing_when_they_go_on(deploy, tmp_path, points):
    stand_still_and_go_on(deploy(partitions=3), tmp_path, points, seed=11)


@pytest.mark.parametrize(("table", "fate"), [("interactions", Fate.HALF), ("evidence", Fate.HOLD)])
def test_an_insert_on_its_way_when_its_partition_is_taken_adds_nothing(deploy, tmp_path, table, fate):
    lines = stream(12, customers=15)
    there = deploy(partitions=2)
    hits = iter([True])

    def each(request: str) -> Fate:
        return fate if f"INSERT INTO {table} " in request and next(hits, False) else Fate.PASS

    with Proxy(there.settings.store, each) as way:
        zombie = there.worker(JOURNEY_STORE=way.dsn)
        half = len(lines) // 2
        there.publish(lines[:half], size=30)
        there.wait(way.held.is_set, "an insert to be held up")
        zombie.pause()
        there.evict()
        there.worker()
        there.publish(lines[half:], size=30, after=half)
        there.settle()
        way.release()
        zombie.resume()
        there.settle()
        assert_equal(there, expected(lines, tmp_path))
