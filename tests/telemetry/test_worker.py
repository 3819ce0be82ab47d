"""What a worker says of itself, on real servers: figures, readiness, waiting, stalls and logs."""

import json
import re
import sys
import time
from collections import Counter

from schemas.topics import EVIDENCE, INTERACTIONS
from tests.kafka.broker import line
from tests.real_workers.process import Process
from tests.telemetry.endpoint import WITHIN_S, Endpoint, exit_code

SECRET = "s3cret/pass+word"
STALL_S = 6


def events() -> list[bytes]:
    """Return lines of which some come twice, some are refused, some name two handles and some change a stage."""
    good = [
        line(number, type="web.subscribe" if number % 7 == 0 else "web.page_view") for number in range(200)
    ]
    linked = [
        line(
            f"l{number}",
            type="web.sign_up",
            handles={"cookie": f"c-{number}", "email": f"n{number}@example.com"},
        )
        for number in range(20)
    ]
    return [
        *good,
        *linked,
        *good[:30],
        line("w", rating=11),
        line("n", handles={"cookie": "null"}),
        b"no event",
    ]


def counted(there, sql: str) -> dict:
    return {row[0]: row[1] for row in there.store().query(sql, {})}


def test_the_metrics_of_a_worker_are_what_the_tables_say(deploy, clickhouse):
    there = deploy(clickhouse)
    process = there.worker(JOURNEY_LOG="json", JOURNEY_KAFKA_PASSWORD=SECRET)
    endpoint = Endpoint(process)
    code, unready = endpoint.json("/ready")
    assert (code, unready["status"]) == (503, "not ready")
    assert endpoint.wait("/ready", 200)["status"] == "ready"
    there.publish(events(), size=50)
    there.settle()
    _wait_for_no_lag(endpoint)
    found = endpoint.metrics()
    _assert_counts(found, there)
    _assert_places(found, there)
    assert endpoint.json("/health")[1]["lanes"]["intake"]["lag_records"] == 0
    assert endpoint.json("/health")[0] == 200
    assert [endpoint.get(path)[0] for path in ("/", "/metrics/", "/debug", "/health/x")] == [404] * 4
    _assert_second_is_refused(there, endpoint)
    assert process.stop() == 0
    _assert_json(process.log.read_text())


def _wait_for_no_lag(endpoint: Endpoint) -> None:
    """The monitor looks every few seconds; it knows nothing of a partition before its first look."""
    until = time.monotonic() + WITHIN_S
    while not (
        lag := [v for name, v in endpoint.metrics().items() if name[0] == "journey_lag_records"]
    ) or sum(lag):
        assert time.monotonic() < until
        time.sleep(0.2)


def _assert_counts(found, there) -> None:
    (deliveries,) = there.store().query(
        "SELECT sum(received), sum(stored), sum(duplicates), sum(dead_letters), count() FROM deliveries", {}
    )
    names = ("events_received", "events_stored", "events_duplicate")
    assert [found[f"journey_{name}_total",] for name in names] == list(deliveries[:3])
    assert deliveries[1] == 220
    reasons = counted(there, "SELECT reason, count() FROM dead_letters GROUP BY reason")
    letters = {
        name[1]: value for name, value in found.items() if name[0] == "journey_dead_letters_total" and value
    }
    assert letters == reasons
    assert sum(letters.values()) == deliveries[3] == 3
    assert (
        found["journey_frames_total",] == deliveries[4] == found["journey_end_to_end_seconds_count", "intake"]
    )
    ((changes, handles),) = there.store().query(
        "SELECT (SELECT count() FROM stage_changes), (SELECT uniqExact(handle) FROM identity_map)", {}
    )
    assert found["journey_stage_changes_total",] == changes > 0
    assert found["journey_handles", "intake"] == handles
    assert found["journey_batch_events_sum",] == deliveries[0]


def _assert_places(found, there) -> None:
    ends = counted(there, "SELECT _partition, max(_offset) FROM deliveries GROUP BY _partition")
    for partition, end in ends.items():
        assert found["journey_acknowledged_offset", str(partition), INTERACTIONS] == end
        assert found["journey_table_offset", str(partition), "deliveries"] == end
    for processor in ("intake", "identity", "journey"):
        assert found["journey_ready", processor] == 1
        assert found["journey_standstill_seconds", processor] == 0
        for reason in ("store", "kafka", "assignment"):
            assert found["journey_waiting", processor, reason] == 0
    records = {name[1]: value for name, value in found.items() if name[0] == "journey_records_total"}
    offsets = Counter()
    for name, value in found.items():
        if name[0] == "journey_acknowledged_offset":
            offsets[name[2]] += value
    assert records["journey"] == offsets[EVIDENCE] == found["journey_end_to_end_seconds_count", "journey"]
    assert found["journey_restore_seconds_count", "journey"] == 1
    assert found["process_resident_memory_bytes",] > 2**20


def _assert_second_is_refused(there, endpoint: Endpoint) -> None:
    second = there.worker(JOURNEY_WEB_PORT=endpoint.url.rpartition(":")[2])
    assert exit_code(second) == 2
    (said,) = second.log.read_text().splitlines()
    assert "another process listens on" in said
    assert "JOURNEY_WEB_PORT" in said


def _assert_json(log: str) -> None:
    records = [json.loads(said) for said in log.splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(record) for record in records))
    assert SECRET not in log
    assert "example.com" not in log


def test_a_worker_waits_for_a_clickhouse_that_does_not_answer_says_so_and_goes_on(deploy, own_clickhouse):
    server = own_clickhouse()
    there = deploy(server)
    process = there.worker(JOURNEY_STALL_SECONDS=str(STALL_S))
    endpoint = Endpoint(process)
    endpoint.wait("/ready", 200)
    server.pause()
    there.publish([line(number) for number in range(50)])
    said = endpoint.wait_status("waiting")
    until = time.monotonic() + STALL_S + 4  # longer than the stall of a lane that waits for nothing
    while time.monotonic() < until:
        code, said = endpoint.json("/health")
        assert (code, said["status"]) == (503, "waiting")
        time.sleep(0.5)
    assert any("intake: waiting for the store since 2" in reason for reason in said["reasons"])
    assert endpoint.metrics()["journey_waiting", "intake", "store"] == 1
    server.resume()
    endpoint.wait("/health", 200)
    there.settle()
    assert endpoint.metrics()["journey_events_stored_total",] == 50
    assert process.running


def test_a_worker_whose_consumer_falls_silent_says_so_and_exits(deploy, clickhouse, tmp_path):
    there, file = deploy(clickhouse), tmp_path / "silent"
    command = [sys.executable, "-m", "faust", "-q", "-A", "tests.telemetry.silent", "worker", "--without-web"]
    environment = there.environment | {"SILENT_FILE": str(file), "JOURNEY_STALL_SECONDS": str(STALL_S)}
    process = Process([*command, "-l", "info"], environment, tmp_path / "silent.log")
    there.processes.append(process)
    endpoint = Endpoint(process)
    endpoint.wait("/ready", 200)
    there.publish([line(number) for number in range(50)])
    there.settle()
    endpoint.wait("/health", 200)
    file.touch()
    there.publish([line(number) for number in range(50, 100)])
    said = endpoint.wait_status("stalled")
    assert "and nothing of it was acknowledged for" in said["reasons"][0]
    assert exit_code(process) == 1
    # what a read that was under way still brought in may have passed intake
    said = r"CRITICAL streams\.telemetry\.process: stalled, so this process ends: \w+: \w+\["
    assert re.search(said, process.log.read_text())
