"""Turns of commands on a server whose clock was set while somebody had one."""

import time
from contextlib import closing

import pytest

from streams.fencing.fence import Fence
from streams.fencing.lease import ERASING, in_turn
from streams.store.clickhouse import ClickHouse

_SAYS = (
    "INSERT INTO fences (topic, partition, generation, token, worker, taken_at)"
    f" VALUES ('{ERASING}', 0, 1, 'aa', 'elsewhere:1', now64(6) + INTERVAL {{hours}} HOUR)"
)


@pytest.fixture
def store(clickhouse):
    with closing(ClickHouse(clickhouse.database_with_tables())) as store:
        yield store


@pytest.mark.parametrize("hours", [6, -6])
def test_a_turn_passes_on_whatever_the_clock_says_of_its_owner(store, hours):
    store.client.command(_SAYS.format(hours=hours))
    began_s = time.monotonic()
    assert in_turn(store, ERASING, lambda _: "done") == "done"
    assert time.monotonic() - began_s < 15


def test_a_turn_is_left_to_an_owner_that_says_so_still(store):
    seen = []

    def waiting(owner):
        """Speak for the owner, as it does each second, for longer than a silence lasts."""
        seen.append((owner, time.monotonic()))
        if seen[-1][1] - seen[0][1] < 7:
            store.client.command(_SAYS.format(hours=6))

    store.client.command(_SAYS.format(hours=6))
    assert in_turn(store, ERASING, lambda _: "done", waiting) == "done"
    assert seen[-1][1] - seen[0][1] > 10
    assert {owner for owner, _ in seen} == {"elsewhere:1"}


def test_a_partition_that_was_given_up_is_owned_by_nobody_until_the_next_one_takes_it(store):
    first, second = (Fence(store, time.sleep) for _ in range(2))
    first.take("interactions", [0])
    first.leave("interactions", 0)
    assert first.owners("interactions") == {0: (2, 0)}, "as a worker that starts after a rebuild asks"
    second.take("interactions", [0])
    assert second.owners("interactions") == second.tenure("interactions")
    assert second.owners("interactions")[0] > (2, 0)
