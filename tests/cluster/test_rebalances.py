"""Figure 5: partitions go from worker to worker while there is more to read than a worker holds at once."""

import pytest

from tests.cluster.events import stream
from tests.cluster.tables import assert_equal, expected


@pytest.mark.parametrize("seed", [1])
def test_workers_who_come_and_go_amid_a_backlog_leave_nothing_out_and_do_nothing_twice(
    deploy, tmp_path, seed
):
    lines = stream(seed, customers=25)
    there = deploy(partitions=4, JOURNEY_BATCH_SECONDS="0.01")
    total = there.publish(lines, size=1)
    first = there.worker()
    there.wait(lambda: there.lag()["interactions"] < total, "the first to have done something")
    second = there.worker()
    there.wait(lambda: second.said("intake: partitions ["), "the second to have partitions")
    first.stop()
    there.worker()
    there.settle()
    assert_equal(there, expected(lines, tmp_path))
