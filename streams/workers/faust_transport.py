"""Fixes Faust's transport: offsets during a rebalance, uncommitted offsets, and records deleted before they were read.

Where a partition has no committed offset, seeking to the committed offset means seeking to its beginning. Faust seeks
since records may have been fetched during the rebalance and dropped; aiokafka leaves such a partition at its offset,
and its first records would never be read.

An offset that was not committed is not recorded as committed. Faust counts a commit as done that fell into the time
in which no worker has any partition; when its records are redelivered, their acknowledgement would be nothing new,
and the partition would lag until the next record.

Where a partition begins above the committed offset, Kafka deleted records that no worker had read, and aiokafka
silently goes on at its beginning: the app's `lost` is called.

While a partition that was just assigned has no position yet, Faust's livelock detector ends the worker: it is left out.
"""

import logging
from collections.abc import Mapping
from signal import Signals
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.worker import Worker as FaustWorker

from streams.kafka.deleted_records import LostRecords
from streams.process.shutdown import stopping

__all__ = ["App", "FaustProcess", "back_to_committed"]

_log = logging.getLogger(__name__)


async def back_to_committed(consumer: AIOKafkaConsumer) -> Mapping[TP, int]:
    """Read on from what is committed, or from the beginning; return what is committed, None for nothing.

    Raises
    ------
    IllegalStateError
        Partitions were revoked meanwhile, or their beginning is unknown.
    """
    committed = cast("dict[TP, int]", await consumer.seek_to_committed())
    never = [place for place, offset in committed.items() if not offset]
    if never and not await consumer.seek_to_beginning(*never):
        raise IllegalStateError(f"cannot go back to the beginning of {never}")
    return committed


class _Thread(driver.AIOKafkaConsumerThread):
    async def seek_to_committed(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        committed = cast("Mapping[TP, int]", await self.call_thread(back_to_committed, consumer))
        try:
            first = await self.earliest_offsets(*committed)
        except KafkaError as error:
            _log.warning("cannot see whether records were lost: %s", error)
            return committed
        lost = cast("App", self.app).lost
        for place, offset in committed.items():
            lost.begins(place.topic, place.partition, offset or 0, first[place])
        return committed

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

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Look at nothing: `streams.workers.telemetry.monitor` finds stalls.

        Faust's own look reads a position that is not known while partitions are given out, and would end the worker.
        """


class _Transport(driver.Transport):
    Consumer = _Consumer


class App(faust.App):
    """Faust's app over this transport; `lost` is called for records that were deleted before they were read."""

    lost = LostRecords()

    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self)


class FaustProcess(FaustWorker):
    """The process of Faust, with an end in time: records that were not acknowledged are redelivered."""

    def _schedule_shutdown(self, signal: Signals) -> None:
        stopping.noted(signal)
        super()._schedule_shutdown(signal)
