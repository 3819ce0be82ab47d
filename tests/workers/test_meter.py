"""What a meter counts of a lane: batches, outcomes, failures, and answers that are owed."""

import asyncio

import pytest

from schemas.topics import EVIDENCE, INTERACTIONS
from streams.engine.outcome import BatchOutcome
from streams.fencing.port import FencedError, StoreError
from streams.log.messages import Message, Outgoing
from streams.log.packed import headers_of, packed_us_of
from streams.telemetry.metrics import Metrics
from streams.workers.partition_task import SendError
from streams.workers.telemetry.meter import Meter
from tests.telemetry.endpoint import exposed

AT_US = 1_790_000_000_000_000
OUT = Outgoing(EVIDENCE, 0, b"")


class Stepping:
    """A processor that gives what it was told to, or raises it."""

    open = frozenset({0})

    def __init__(self, *results) -> None:
        self.results, self.outcome, self.handles = list(results), BatchOutcome(), 7

    def step(self, _batch, _now_us):
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        added, outgoing = result
        self.outcome.add(added)
        return outgoing

    def restore(self) -> None:
        pass


class Framed(Stepping):
    packed_us = (AT_US - 3_000_000, AT_US - 1_000_000)


class World:
    def __init__(self, processor) -> None:
        self.now_s, self.sent = 10.0, []
        self.metrics = Metrics("worker")
        self.meter = Meter("intake", self.metrics, lambda: AT_US, now=lambda: self.now_s)
        self.processor = self.meter.making(lambda: processor)()
        self.send = self.meter.sending(self._send)

    async def _send(self, outgoing, packed_us):
        self.now_s += 2
        if self.sent == [SendError]:
            raise SendError
        self.sent.append((len(outgoing), packed_us))

    def found(self, name: str, *labels: str) -> float:
        return exposed(self.metrics.text().decode())[name, *labels]


def frame(offset: int, packed_us: int = 0) -> Message:
    return Message(INTERACTIONS, 0, offset, b"", packed_us)


def test_each_outcome_is_counted_once_whatever_fails_between():
    first = BatchOutcome(10, 7, 2, {"not_json": 1}, 3)
    world = World(Stepping((first, []), StoreError(), (first, [])))
    world.processor.step([frame(1), frame(2)], AT_US)
    with pytest.raises(StoreError):
        world.processor.step([frame(3)], AT_US)
    world.processor.step([frame(3)], AT_US)
    assert world.found("journey_events_received_total") == 20
    assert world.found("journey_events_stored_total") == 14
    assert world.found("journey_events_duplicate_total") == 4
    assert world.found("journey_dead_letters_total", "not_json") == 2
    assert world.found("journey_stage_changes_total") == 6
    assert world.found("journey_frames_total") == world.found("journey_records_total", "intake") == 3
    assert world.found("journey_store_errors_total", "intake") == 1
    assert world.found("journey_batch_events_sum") == 20


def test_a_batch_lasts_until_what_follows_is_sent():
    world = World(Stepping((BatchOutcome(), [OUT])))
    outgoing = world.processor.step([frame(1)], AT_US)
    assert world.found("journey_batch_records_count", "intake") == 1
    assert ("journey_batch_seconds_count", "intake") not in exposed(world.metrics.text().decode())
    asyncio.run(world.send(outgoing))
    assert world.found("journey_batch_seconds_sum", "intake") == 2


def test_intake_tells_the_age_of_its_frames_and_hands_on_that_of_the_oldest_there_is():
    world = World(Framed((BatchOutcome(), [OUT])))
    outgoing = world.processor.step([frame(1), frame(2), frame(3, AT_US - 9_000_000)], AT_US)
    assert world.found("journey_end_to_end_seconds_sum", "intake") == 4
    asyncio.run(world.send(outgoing))
    assert world.sent == [(1, AT_US - 9_000_000)]


def test_others_tell_the_age_that_their_records_tell():
    world = World(Stepping((BatchOutcome(), [])))
    world.processor.step([frame(1, AT_US - 5_000_000), frame(2)], AT_US)
    assert world.found("journey_end_to_end_seconds_sum", "intake") == 5
    assert world.found("journey_end_to_end_seconds_count", "intake") == 1


def test_failures_are_counted_by_what_failed():
    world = World(Stepping(FencedError(), StoreError()))
    for error in (FencedError, StoreError):
        with pytest.raises(error):
            world.processor.step([frame(1)], AT_US)
    world.sent = [SendError]
    with pytest.raises(SendError):
        asyncio.run(world.send([OUT]))
    names = ("fences_lost", "store_errors", "send_errors")
    assert [world.found(f"journey_{name}_total", "intake") for name in names] == [1, 1, 1]


def test_another_processor_in_the_place_of_one_counts_from_nothing():
    first = BatchOutcome(10, 7, 2, {"not_json": 1}, 3)
    world = World(Stepping((first, [])))
    world.processor.step([frame(1)], AT_US)
    other = world.meter.making(lambda: Stepping((BatchOutcome(1, 1), [])))()
    other.step([frame(2)], AT_US)
    assert world.found("journey_events_received_total") == 11
    assert world.found("journey_events_stored_total") == 8
    assert world.found("journey_stage_changes_total") == 3


def test_an_answer_is_owed_from_the_first_question_until_one_comes():
    world = World(Stepping())
    with pytest.raises(StoreError), world.meter.asking():
        raise StoreError
    world.now_s = 20
    with pytest.raises(StoreError), world.meter.asking():
        raise StoreError
    assert world.meter.asked_s == 10
    with world.meter.asking():
        assert world.meter.asked_s == 10
    assert world.meter.asked_s is None


def test_what_could_not_be_sent_is_owed_until_a_later_batch_is_done():
    world = World(Stepping((BatchOutcome(), [])))
    world.sent = [SendError]
    with pytest.raises(SendError):
        asyncio.run(world.send([OUT]))
    assert world.meter.sending_s == 10
    world.processor.step([frame(1)], AT_US)
    assert world.meter.sending_s is None


@pytest.mark.parametrize(
    "headers", [None, [], {}, [("packed_us", b"-5")], [("packed_us", None)], [("other", b"1")]]
)
def test_a_record_without_a_usable_header_has_no_age(headers):
    assert packed_us_of(headers) == 0


def test_a_header_comes_back_as_it_was_given():
    assert packed_us_of([("trace", b"x"), *headers_of(AT_US)]) == AT_US
    assert packed_us_of(dict(headers_of(AT_US))) == AT_US
    assert headers_of(0) == []
