"""Law 5: the distributed shell says what the embedded one says of the same events."""

import pytest

from tests.real_workers.events import stream
from tests.real_workers.tables import assert_equal, expected

SEED = 5


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_over_partitions_give_the_tables_of_the_embedded_engine(deploy, tmp_path, workers):
    lines = stream(SEED + workers)
    there = deploy(partitions=8)
    started = [there.worker() for _ in range(workers)]
    half = len(lines) // 2
    there.publish(lines[:half], size=40)
    there.wait(lambda: all(each.said("intake: partitions [") for each in started), "all to have partitions")
    there.publish(lines[half:], size=100, after=half)
    there.settle()
    assert_equal(there, expected(lines, tmp_path))
