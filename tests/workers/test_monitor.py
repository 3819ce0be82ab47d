"""What a monitor makes of lanes, by a clock that the test sets and a broker that it plays."""

import json

import pytest

from streams.fencing.port import FencedError, StoreError
from streams.kafka.errors import BrokerError, UnreachableError
from streams.kafka.groups import OffsetSpan
from streams.telemetry.metrics import Metrics
from streams.telemetry.stall import StallDetector
from streams.workers.partition_task import PartitionTask
from streams.workers.telemetry.meter import Meter
from streams.workers.telemetry.monitor import Monitor, WatchedTask

STALL_S = 60
AT_US = 1_790_000_000_000_000  # 2026-09-21T14:13:20Z
PLACE = ("interactions", 0)


class World:
    """One lane, the broker as it is, and the time."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.spans_by_place = {PLACE: OffsetSpan(0, 0, 0)}
        self.silent: BrokerError | None = None
        self.readable = True
        self.metrics = Metrics("worker")
        self.meter = Meter("intake", self.metrics, self.clock, now=self.now)
        self.lane = PartitionTask("intake", None, None, clock=self.clock, batch_s=0.1)
        watched = WatchedTask(self.lane, self.meter, ("interactions",), StallDetector(STALL_S))
        self.monitor = Monitor([watched], self, STALL_S, self.clock, self.now)

    def now(self) -> float:
        return self.now_s

    def clock(self) -> int:
        return AT_US + int((self.now_s - 1000) * 1e6)

    def spans(self, places):
        if self.silent:
            raise self.silent
        return {place: self.spans_by_place[place] for place in places}

    def has_record(self, place, offset):
        assert offset < self.spans_by_place[place].end
        return self.readable

    def passes(self, seconds: float) -> tuple[str, ...]:
        """Let time pass, with a look every five seconds; return what has stalled at its end."""
        until, stalled = self.now_s + seconds, ()
        while self.now_s < until:
            self.now_s = min(until, self.now_s + 5)
            stalled = self.monitor.look()
        return stalled

    def works(self) -> None:
        """Let the lane have its partition, with its state."""
        self.lane.assign(frozenset({0}))
        self.lane._applied = self.lane._epoch

    def health(self) -> tuple[int, dict]:
        answer = self.monitor.health()
        return answer.code, json.loads(answer.body)

    def ready(self) -> tuple[int, list[str]]:
        answer = self.monitor.ready()
        return answer.code, json.loads(answer.body)["reasons"]


@pytest.fixture
def world() -> World:
    made = World()
    made.works()
    made.monitor.look()
    return made


def test_a_lane_with_nothing_to_do_is_well_for_ever(world):
    assert world.passes(10 * STALL_S) == ()
    code, body = world.health()
    assert (code, body["status"], body["reasons"]) == (200, "ok", [])
    assert body["lanes"]["intake"]["lag_records"] == 0


def test_a_lane_that_is_behind_and_does_nothing_has_stalled(world):
    world.spans_by_place[PLACE] = OffsetSpan(0, 2, 12)
    assert world.passes(STALL_S) == ()
    assert world.health()[0] == 200
    (said,) = world.passes(5)
    assert said == "intake: interactions[0] is behind by 10, and nothing of it was acknowledged for 60 s"
    code, body = world.health()
    assert (code, body["status"], body["reasons"]) == (503, "stalled", [said])


def test_what_the_lane_or_the_group_acknowledges_is_progress(world):
    world.spans_by_place[PLACE] = OffsetSpan(0, 2, 1000)
    for number in range(30):
        if number % 2:
            world.lane.progress.acked[PLACE] = 10 * number
        else:
            world.spans_by_place[PLACE] = OffsetSpan(0, 10 * number, 1000)
        assert world.passes(STALL_S - 10) == ()
    assert world.passes(STALL_S + 5)


def test_records_that_retention_took_before_they_were_read_are_not_behind(world):
    world.spans_by_place[PLACE] = OffsetSpan(90, 2, 90)
    assert world.passes(2 * STALL_S) == ()


def test_end_marks_of_transactions_are_not_behind(world):
    world.spans_by_place[PLACE] = OffsetSpan(0, 11, 12)
    world.readable = False
    assert world.passes(2 * STALL_S) == ()
    assert world.health()[1]["lanes"]["intake"]["lag_records"] == 0
    world.spans_by_place[PLACE], world.readable = OffsetSpan(0, 11, 13), True
    assert world.passes(STALL_S + 10)


def test_a_lane_that_waits_for_the_store_says_since_when_and_has_not_stalled(world):
    world.spans_by_place[PLACE] = OffsetSpan(0, 2, 12)
    with pytest.raises(StoreError), world.meter.asking():  # noqa: PT012 - all of it while the store owes an answer
        world.passes(2)
        assert world.health()[0] == 200  # an insert may take a moment
        assert world.passes(3 * STALL_S) == ()
        code, body = world.health()
        assert code == 503
        assert body["reasons"] == ["intake: waiting for the store since 2026-09-21T14:13:20Z"]
        raise StoreError
    world.lane._let_go("the store")
    assert world.passes(STALL_S) == ()
    assert world.health()[1]["reasons"] == ["intake: waiting for the store since 2026-09-21T14:13:20Z"]
    assert world.ready() == (503, world.health()[1]["reasons"])
    with world.meter.asking():
        pass
    world.lane.progress.waits_for = ""
    assert world.health()[0] == 200
    assert world.passes(STALL_S - 5) == ()
    assert world.passes(10)  # now its time is over


def test_a_lane_that_waits_for_kafka_to_take_what_it_sends_has_not_stalled(world):
    world.spans_by_place[PLACE] = OffsetSpan(0, 2, 12)
    world.meter.sending_s = world.now_s
    assert world.passes(2 * STALL_S) == ()
    assert world.health()[1]["reasons"] == ["intake: waiting for Kafka since 2026-09-21T14:13:20Z"]


def test_a_lane_that_restores_has_not_stalled_and_is_not_ready(world):
    world.spans_by_place[PLACE] = OffsetSpan(0, 2, 12)
    world.lane._applied = -1
    with world.meter.during("restore"):
        assert world.passes(3 * STALL_S) == ()
        assert world.health()[0] == 200
        assert world.ready() == (503, ["intake: restoring since 2026-09-21T14:13:20Z"])


def test_a_lane_in_a_step_without_end_has_stalled(world):
    world.spans_by_place[PLACE] = OffsetSpan(0, 2, 12)
    with world.meter.during("step"):
        assert world.passes(STALL_S + 5)


def test_a_lane_whose_partitions_were_taken_and_that_gets_no_others_has_stalled(world):
    world.spans_by_place[PLACE] = OffsetSpan(0, 2, 12)
    with pytest.raises(FencedError), world.meter.during("step"):
        raise FencedError
    world.lane._let_go("an assignment")
    world.passes(10)
    assert world.health()[1]["reasons"] == ["intake: waiting for an assignment since 2026-09-21T14:13:25Z"]
    assert world.passes(STALL_S)


def test_no_assignment_for_long_is_a_stall_unless_kafka_is_silent(world):
    world.lane.revoke()
    assert world.ready() == (503, ["intake: no partitions have been assigned yet"])
    world.silent = UnreachableError("gone")
    assert world.passes(3 * STALL_S) == ()
    assert world.health()[1]["reasons"] == ["Kafka has not answered since 2026-09-21T14:13:25Z"]
    world.silent = None
    assert world.passes(STALL_S - 5) == ()
    assert world.passes(5) == ("no partitions have been assigned for 60 s, though Kafka answers",)


def test_a_lane_without_partitions_is_ready_and_says_so(world):
    world.lane.assign(frozenset())
    world.lane._applied = world.lane._epoch
    assert world.ready() == (200, ["no partitions are assigned: other workers have them all"])
    assert world.passes(3 * STALL_S) == ()
    assert world.health()[0] == 200


def test_a_process_that_was_stopped_has_all_its_time_again(world):
    world.spans_by_place[PLACE] = OffsetSpan(0, 2, 12)
    world.passes(STALL_S - 5)
    world.now_s += 500
    assert world.monitor.look() == ()
    assert world.passes(STALL_S - 5) == ()
    assert world.passes(10)


def test_the_metrics_of_a_monitor_tell_the_same(world):
    world.spans_by_place[PLACE] = OffsetSpan(0, 2, 12)
    world.meter.wrote("evidence", {0: 7, 5: 9})
    world.metrics.read_from(world.monitor.samples)
    world.passes(30)
    text = world.metrics.text().decode()
    for line in (
        'journey_lag_records{partition="0",topic="interactions"} 10.0',
        'journey_acknowledged_offset{partition="0",topic="interactions"} 2.0',
        'journey_table_offset{partition="0",table="evidence"} 7.0',
        'journey_standstill_seconds{processor="intake"} 25.0',
        'journey_ready{processor="intake"} 1.0',
        'journey_partitions{processor="intake"} 1.0',
        "journey_broker_answers 1.0",
    ):
        assert line in text.splitlines()
    assert 'table_offset{partition="5"' not in text  # it is another worker's
