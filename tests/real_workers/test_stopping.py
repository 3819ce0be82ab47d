"""Workers, gateways and watchers of a deployment end within five seconds of SIGTERM, whatever Kafka and ClickHouse do."""

import signal
import time

import pytest

from tests.fixtures.servers.process import wait_until

WITHIN_S = 5.0


def ends(process):
    """Send SIGTERM and return the exit status, which has to come in time."""
    began_s = time.monotonic()
    status = process.stop(20)
    assert time.monotonic() - began_s < WITHIN_S, process.told()
    return status


@pytest.mark.parametrize("command", ["worker", "gateway"])
def test_processes_end_as_they_begin_and_at_work(deployment, command):
    start = {"worker": deployment.worker, "gateway": deployment.gateway}[command]
    for pause_s in (0.5, 2.0, 8.0):
        process = start()
        time.sleep(pause_s)
        assert ends(process) in {0, -signal.SIGTERM, 128 + signal.SIGTERM}


def test_processes_end_while_kafka_stands_still(own_kafka, clickhouse, tmp_path):
    from tests.real_workers.deployment import Deployment  # noqa: PLC0415 - only where a test needs it

    kafka = own_kafka()
    there = Deployment(kafka.servers, clickhouse.database_with_tables(), tmp_path, prefix="")
    try:
        processes = [there.worker(), there.gateway()]
        wait_until(lambda: processes[0].said("serves /health"), 60, "the worker to begin")
        time.sleep(8)
        kafka.pause()
        time.sleep(1)
        assert {ends(process) for process in processes} <= {0, 128 + signal.SIGTERM}
    finally:
        kafka.resume()
        there.close()
