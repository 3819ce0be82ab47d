"""Records on their way into batches: bounded, in order, and soon."""

import asyncio

import pytest

from streams.log.messages import Message
from streams.workers import buffer
from streams.workers.buffer import Received, RecordBuffer


def received(offset: int, size: int = 1) -> Received:
    return Received(Message("interactions", 0, offset, bytes(size)), lambda: None)


def offsets(batch) -> list[int]:
    return [one.message.offset for one in batch]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(buffer, "TICK_S", 0.05)
    monkeypatch.setattr(buffer, "_MOST_RECORDS", 3)
    monkeypatch.setattr(buffer, "_MOST_BYTES", 100)


def run(scenario, batch_s: float = 0.05) -> None:
    async def timed() -> None:
        await asyncio.wait_for(scenario(RecordBuffer(batch_s)), 10)

    asyncio.run(timed())


def test_without_records_a_tick_brings_none():
    async def scenario(queue):
        assert await queue.gather() == []

    run(scenario)


def test_records_come_in_order_and_again_until_they_are_done():
    async def scenario(queue):
        for offset in (1, 2):
            await queue.put(received(offset))
        assert offsets(await queue.gather()) == [1, 2]
        assert offsets(await queue.gather()) == [1, 2]
        queue.done(1)
        assert offsets(await queue.gather()) == [2]

    run(scenario)


def test_what_comes_while_the_first_waits_travels_with_it():
    async def scenario(queue):
        await queue.put(received(1))
        gathering = asyncio.create_task(queue.gather())
        await asyncio.sleep(0)
        await queue.put(received(2))
        assert offsets(await gathering) == [1, 2]

    run(scenario)


@pytest.mark.parametrize(("sizes", "first"), [([1] * 5, 3), ([40] * 5, 2), ([150, 1], 1)])
def test_a_batch_is_bounded_by_number_and_by_bytes_and_never_empty(sizes, first):
    async def scenario(queue):
        for offset, size in enumerate(sizes):
            await queue.put(received(offset, size))
        assert offsets(await queue.gather()) == list(range(first))
        queue.done(first)
        assert offsets(await queue.gather())[0] == first

    run(scenario)


def test_a_full_batch_does_not_wait():
    async def scenario(queue):
        gathering = asyncio.create_task(queue.gather())
        for offset in range(3):
            await queue.put(received(offset))
        assert offsets(await gathering) == [0, 1, 2]

    run(scenario, batch_s=1_000)


def test_records_that_waited_while_a_batch_was_worked_on_do_not_wait_again():
    async def scenario(queue):
        for offset in range(4):
            await queue.put(received(offset))
        assert offsets(await queue.gather()) == [0, 1, 2]
        await asyncio.sleep(0.2)  # the batch is worked on, for longer than records are gathered
        queue.done(3)
        began = asyncio.get_running_loop().time()
        assert offsets(await queue.gather()) == [3]
        assert asyncio.get_running_loop().time() < began + 0.1

    run(scenario, batch_s=0.15)


def test_who_brings_more_than_two_batches_waits_until_one_is_done():
    async def scenario(queue):
        for offset in range(6):
            await queue.put(received(offset))
        putting = asyncio.create_task(queue.put(received(6)))
        await asyncio.sleep(0)
        assert not putting.done()
        queue.done(len(await queue.gather()))
        await putting
        assert offsets(await queue.gather()) == [3, 4, 5]

    run(scenario)


def test_dropping_lets_go_of_those_that_wait_for_room_too():
    async def scenario(queue):
        for offset in range(6):
            await queue.put(received(offset))
        putting = asyncio.create_task(queue.put(received(6)))
        await asyncio.sleep(0)
        queue.drop()
        await putting
        assert await queue.gather() == []
        await queue.put(received(7))
        assert offsets(await queue.gather()) == [7]

    run(scenario)
