"""What a gateway says of itself: on a real broker, and by its state."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from streams.kafka.clients import producer
from streams.kafka.gateway_telemetry import GatewayTelemetry
from streams.settings import KafkaSettings, Settings, WorkerSettings
from tests.fixtures.servers.process import wait_until
from tests.kafka.broker import line
from tests.telemetry.endpoint import WITHIN_S, Endpoint, exit_code

STALL_S = 60
AT_US = 1_790_000_000_000_000


def test_a_gateway_tells_what_it_took(deploy, clickhouse):
    there = deploy(clickhouse)
    process = there.gateway(JOURNEY_LOG="json")
    endpoint = Endpoint(process)
    assert endpoint.wait("/ready", 200) == {"status": "ready", "reasons": []}
    good = [line(number, handles={"email": "ann.lee@example.com"}) for number in range(100)]
    bad = [b"ann.lee@example.com", line("w", rating="ann.lee@example.com"), b'{"id": "ann.lee@example.com"}']
    with closing(producer(there.kafka)) as out:
        for number, value in enumerate(good + bad):
            there.send(out, "events.in", value, number % 2)
        out.flush()
    wait_until(lambda: endpoint.metrics()["journey_gateway_events_total",] == 100, WITHIN_S, "the events")
    there.wait(lambda: _refused(endpoint) == 3, "the refused")
    found = endpoint.metrics()
    assert {name[2] for name in found if name[0] == "journey_acknowledged_offset"} == {"events.in"}
    assert sum(value for name, value in found.items() if name[0] == "journey_acknowledged_offset") == 103
    assert sum(value for name, value in found.items() if name[0] == "journey_lag_records") == 0
    assert found["journey_gateway_seconds_count",] >= 1
    assert found["journey_gateway_sessions_total",] == 1
    assert endpoint.json("/health") == (200, {"status": "ok", "reasons": [], "lag_records": 0})
    second = there.gateway(JOURNEY_LOG="json", JOURNEY_WEB_PORT=endpoint.url.rpartition(":")[2])
    assert exit_code(second) == 2
    assert "another process listens" in json.loads(second.log.read_text())["message"]
    assert process.stop() == 0
    log = process.log.read_text()
    assert all(json.loads(said)["message"] for said in log.splitlines())
    assert "ann.lee" not in log


def _refused(endpoint: Endpoint) -> float:
    return sum(
        value for name, value in endpoint.metrics().items() if name[0] == "journey_gateway_refused_total"
    )


class World:
    """A gateway's state, and the time."""

    def __init__(self) -> None:
        self.now_s = 0.0
        settings = Settings(
            data=Path(),
            kafka=KafkaSettings(("127.0.0.1:1",)),
            worker=WorkerSettings(web_port=0, stall_s=STALL_S),
        )
        self.telemetry = GatewayTelemetry(settings, clock=self.clock, now=lambda: self.now_s)
        self.state = self.telemetry._state

    def clock(self) -> int:
        return AT_US + int(self.now_s * 1e6)

    def passes(self, seconds: float) -> tuple[str, ...]:
        until, stalled = self.now_s + seconds, ()
        while self.now_s < until:
            self.now_s += 5
            stalled = self.telemetry.look()
        return stalled

    def health(self) -> tuple[int, dict]:
        answer = self.telemetry.health()
        return answer.code, json.loads(answer.body)


@pytest.fixture
def world() -> World:
    made = World()
    made.state.sessions = 1
    made.telemetry.look()
    return made


def test_a_gateway_that_finds_nothing_to_read_is_well(world):
    for _ in range(100):
        assert world.passes(5) == ()
        world.state.stands({0: 0}, world.clock())
    assert world.health()[0] == 200


def test_a_gateway_that_neither_goes_on_nor_fails_has_stalled(world):
    assert world.passes(STALL_S - 5) == ()
    (said,) = world.passes(5)
    assert world.health() == (503, {"status": "stalled", "reasons": [said], "lag_records": 0})


def test_a_gateway_that_waits_for_kafka_says_so_and_has_not_stalled(world):
    world.state.failed("cannot reach Kafka")
    assert world.passes(3 * STALL_S) == ()
    code, body = world.health()
    assert (code, body["status"]) == (503, "waiting")
    assert body["reasons"] == ["waiting for Kafka since 2026-09-21T14:13:20Z: cannot reach Kafka"]
    assert world.telemetry.ready().code == 503
    world.state.stands({}, world.clock())
    assert world.health()[0] == world.telemetry.ready().code == 200
    assert world.passes(STALL_S - 5) == ()
    assert world.passes(10)
