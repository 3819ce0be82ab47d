"""Figure 2: edge, workers, broker and store are killed or stand still under load; nothing is lost, doubled or made up."""

import pytest

from tests.real_workers.counted import counted
from tests.real_workers.deployment import Deployment
from tests.real_workers.events import stream
from tests.real_workers.ledger import Ledger
from tests.real_workers.schedule import Schedule
from tests.real_workers.tables import assert_audit, assert_equal, expected

WORKERS = 2


def under_faults(seed: int, faults: int, kafka, clickhouse, folder) -> None:
    """Publish while faults strike (each kind once, if `faults` is 0), then compare with what the embedded engine says."""
    lines = stream(seed, customers=40)
    there = Deployment(kafka.servers, clickhouse.database_with_tables(), folder, prefix="", partitions=4)
    try:
        workers, gateways = [there.worker() for _ in range(WORKERS)], [there.gateway()]
        there.wait(lambda: all(worker.said("intake: partitions") for worker in workers), "workers to start")
        schedule = Schedule(seed, there, kafka, clickhouse, workers, gateways)
        ledger = Ledger(there.kafka, lines, folder / "ledger", seconds=faults * 4 or 30)
        if not faults:
            schedule.each()
        for _ in range(faults):
            schedule.strike()
        schedule.over()
        there.wait(lambda: ledger.done, "everything to be acknowledged", 120)
        there.settle(180)
        assert_audit(there, ledger.ids)
        assert_equal(there, expected(lines, folder), often=True)
        print(
            counted(seed, there, schedule.count), f"{schedule.ended} processes ended by themselves", sep="; "
        )
    finally:
        there.close()


@pytest.mark.parametrize("seed", [1])
def test_under_faults_of_every_kind_nothing_acknowledged_is_lost_doubled_or_made_up(
    own_kafka, own_clickhouse, tmp_path, seed
):
    under_faults(seed, 0, own_kafka(), own_clickhouse(), tmp_path)
