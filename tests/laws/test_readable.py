"""Readable handles under crashes, refused inserts, takeovers and misplaced frames: each that an event names is kept, and opens."""

import pytest

from journey.identity.handle import KINDS, normalise
from journey.identity.handle_key import handle_id
from streams.edge.readable import ReadableKey, Sealing
from streams.settings import ReadableKinds
from tests.laws.compare import check
from tests.laws.history import history
from tests.laws.oracle import named
from tests.laws.workers import Cluster
from tests.laws.world import World

KEY = ReadableKey(bytes(range(32)))
NAMED = ("user", "cookie")
KEPT = Sealing(ReadableKinds(NAMED, (("maison", ("email", "user")),)), KEY)


def assert_kept(world) -> int:
    """Compare with what the events name; return how many rows there are too many."""
    kinds = ReadableKinds(NAMED, (("maison", ("email", "user")),))
    wanted = {
        (item.event["data"]["brand"], handle)
        for item in world.logged
        if item.event
        for code, handle in named(item.event, world.key)
        if KINDS[code] in kinds.of(item.event["data"]["brand"])
    }
    rows = world.store.rows["readable_handles"]
    for row in rows:
        brand, kind = row["brand"], row["kind"]
        value = KEY.open(brand, kind, row["handle"], row["sealed"], row["fingerprint"])
        assert handle_id(world.key, kind, normalise(kind, value), brand) == row["handle"]
    assert {(row["brand"], row["handle"]) for row in rows} == wanted
    return len(rows) - len(wanted)


@pytest.mark.parametrize("seed", range(8))
def test_one_process_that_dies_anywhere_writes_each_once(seed):
    world = World(history(seed), seed, sealing=KEPT).run()
    check(world)
    assert assert_kept(world) == 0
    world.restart()
    world.finish()
    assert assert_kept(world) == 0


@pytest.mark.parametrize("seed", range(6))
def test_workers_that_die_or_take_over_write_each(seed):
    cluster = Cluster(history(seed), seed, sealing=KEPT).run()
    check(cluster)
    assert_kept(cluster)


@pytest.mark.parametrize("seed", range(3))
def test_workers_that_get_what_is_others_write_each(seed):
    cluster = Cluster(history(seed), seed, calm=True, packed_right=False, sealing=KEPT).run()
    check(cluster)
    assert_kept(cluster)
