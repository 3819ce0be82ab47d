"""Buffers records of a partition task, gathers them into batches of bounded size, and applies backpressure when full."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from streams.log.messages import Message

__all__ = ["TICK_S", "Received", "RecordBuffer"]

TICK_S = 1.0
_MOST_RECORDS = 2_000  # of a batch, since they may be small,
_MOST_BYTES = 16_000_000  # and altogether, since they may be large: some 48 full frames


@dataclass(frozen=True, slots=True)
class Received:
    """A record, and the function that acknowledges it."""

    message: Message
    ack: Callable[[], Any]


class RecordBuffer:
    """A queue of records in their order of arrival; those of a batch stay until they are `done`.

    Parameters
    ----------
    batch_s
        How long the first record of a batch waits for others, at most. Time that passes while the batch before it
        is worked on counts, so that under load batches follow each other at once.
    """

    def __init__(self, batch_s: float) -> None:
        self._batch_s = batch_s
        self._records: deque[Received] = deque()
        self._bytes = 0
        self._drops = 0
        self._since_s = (
            0.0  # that the first of those that are in no batch has waited, of the event loop's time
        )
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()

    def _holds(self, batches: int) -> bool:
        """Whether there is enough for so many batches."""
        return len(self._records) >= batches * _MOST_RECORDS or self._bytes >= batches * _MOST_BYTES

    async def put(self, received: Received) -> None:
        """Take a record; waits while there is enough for two batches.

        One for which there is room only after the others were dropped is dropped too: it is redelivered.
        """
        drops = self._drops
        while self._holds(2):
            self._room.clear()
            await self._room.wait()
            if self._drops != drops:
                return
        if not self._records:
            self._since_s = asyncio.get_running_loop().time()
        self._records.append(received)
        self._bytes += len(received.message.value)
        self._arrived.set()
        if self._holds(1):
            self._full.set()

    async def gather(self) -> list[Received]:
        """Return the records of the next batch; none after a tick."""
        loop = asyncio.get_running_loop()
        if not self._records:
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), TICK_S)
        left_s = self._since_s + self._batch_s - loop.time()
        if self._records and left_s > 0 and not self._holds(1):
            self._full.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), left_s)
        self._since_s = loop.time()
        return self._batch()

    def _batch(self) -> list[Received]:
        batch: list[Received] = []
        size = 0
        for received in islice(self._records, _MOST_RECORDS):
            size += len(received.message.value)
            if batch and size > _MOST_BYTES:
                break
            batch.append(received)
        return batch

    def done(self, count: int) -> None:
        """Let go of the first records."""
        for _ in range(count):
            self._bytes -= len(self._records.popleft().message.value)
        self._room.set()

    def drop(self) -> None:
        """Let go of all records, and of those that wait for room."""
        self._drops += 1
        self._records.clear()
        self._bytes = 0
        self._room.set()
        self._full.set()
        self._arrived.set()
