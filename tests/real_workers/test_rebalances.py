"""Figure 5: partitions go from worker to worker while there is more to read than a worker holds at once."""

import time
from random import Random

import pytest
from kafka.errors import KafkaError

from tests.real_workers.counted import counted
from tests.real_workers.events import stream
from tests.real_workers.tables import assert_equal, expected

EVICTIONS = 4


def come_and_go(there, folder, seed: int, *, customers: int = 25) -> None:
    """Publish many small frames, and have workers start and end while they are worked off; then compare."""
    lines = stream(seed, customers=customers)
    total = there.publish(lines, size=1)
    first = there.worker()
    there.wait(lambda: has_begun(there, total), "the first to have done something")
    second = there.worker()
    there.wait(lambda: second.said("intake: partitions ["), "the second to have partitions")
    first.stop()
    there.worker()
    there.settle()
    assert_equal(there, expected(lines, folder))
    print(counted(seed, there, {"worker joined": 2, "worker ended": 1}))


def evicted(there, folder, seed: int) -> None:
    """Have workers lose their partitions again and again while the first records come, and nothing come afterwards."""
    random, lines = Random(seed), stream(seed, customers=6)
    workers = [there.worker(), there.worker()]
    there.wait(lambda: any(one.said("intake: partitions [") for one in workers), "partitions to be given out")
    part = -(-len(lines) // EVICTIONS)
    for first in range(0, len(lines), part):
        there.evict()
        time.sleep(random.uniform(0, 0.8))
        there.publish(lines[first : first + part], size=2, after=first)
        time.sleep(random.uniform(0, 1))
    there.settle()
    assert_equal(there, expected(lines, folder))
    print(counted(seed, there, {"eviction of all workers": EVICTIONS}))


def has_begun(there, total: int) -> bool:
    try:
        return there.lag()["interactions"] < total
    except KafkaError:  # a broker that has just started has no coordinator yet
        return False


@pytest.mark.parametrize("seed", [1])
def test_workers_who_come_and_go_amid_a_backlog_leave_nothing_out_and_do_nothing_twice(
    deploy, tmp_path, seed
):
    come_and_go(deploy(partitions=4, JOURNEY_BATCH_SECONDS="0.01"), tmp_path, seed)


@pytest.mark.parametrize("seed", [1])
def test_workers_evicted_while_their_first_records_come_are_up_to_date_in_the_end(deploy, tmp_path, seed):
    evicted(deploy(partitions=3), tmp_path, seed)
