"""Faust's transport, but for two things that happen when partitions are given out while records come.

Where a partition has no committed offset, going back to what is committed is going to its beginning. Faust goes back since
records may have been fetched meanwhile and put away; aiokafka leaves such a partition where it is, and its first records
would never be read.

What was not committed is not known as committed. Faust takes a commit for done that fell into the time in which nobody has
any partition; when its records come again, their acknowledgement would be nothing new, and the partition would be behind
until the next record.
"""

from collections.abc import Mapping
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

__all__ = ["App", "back_to_committed"]


async def back_to_committed(consumer: AIOKafkaConsumer) -> Mapping[TP, int]:
    """Read on from what is committed, or from the beginning; return what is committed, None for nothing.

    Raises
    ------
    IllegalStateError
        Partitions were taken away meanwhile, or nobody said where they begin.
    """
    committed = cast("dict[TP, int]", await consumer.seek_to_committed())
    never = [place for place, offset in committed.items() if not offset]
    if never and not await consumer.seek_to_beginning(*never):
        raise IllegalStateError(f"cannot go back to the beginning of {never}")
    return committed


class _Thread(driver.AIOKafkaConsumerThread):
    async def seek_to_committed(self) -> Mapping[TP, int]:
        return cast("Mapping[TP, int]", await self.call_thread(back_to_committed, self._ensure_consumer()))

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        ours = offsets.keys() <= self.assignment()  # Faust leaves out the others, and says nothing
        return await super()._commit(offsets) and ours


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002 - Faust's
        done = await super()._commit_offsets(offsets, start_new_transaction)
        if not done:
            for place in offsets:
                self._committed_offset.pop(place, None)
        return done


class _Transport(driver.Transport):
    Consumer = _Consumer


class App(faust.App):
    """Faust's app over this transport."""

    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self)
