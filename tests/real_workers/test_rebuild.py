"""`journey rebuild` on a deployment: not while workers are at work; after it, they go on with every figure exact."""

from contextlib import closing

from streams.recovery.derived_tables import FOLLOWING
from tests.faults.runs import history
from tests.fixtures import commands
from tests.real_workers.tables import assert_equal, expected


def test_workers_go_on_exactly_after_tables_that_were_lost_are_made_anew(deploy):
    there = deploy(partitions=3)
    lines = history(60).splitlines()
    first, second = lines[:240], lines[240:]
    worker = there.worker()
    there.publish(first, size=20)
    there.settle()
    refused = commands.run(
        [commands.JOURNEY, "rebuild"],
        env=there.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (refused.returncode, "stop every worker" in refused.stderr) == (2, True), refused
    assert worker.stop() == 0
    there.publish(second[:60], size=20, after=240)  # waits in Kafka meanwhile
    with closing(there.store()) as store:
        for table in FOLLOWING:
            store.client.command(f"ALTER TABLE {table} DROP PARTITION ID 'all'")
    done = there.json("rebuild")
    assert [one["table"] for one in done["tables"]] == list(FOLLOWING)
    there.worker()
    there.publish(second[60:], size=20, after=300)
    there.settle()
    assert_equal(there, expected(lines, there.folder))
