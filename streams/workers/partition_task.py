"""Runs one worker's processor as a task: gathers records into batches, processes them in a thread, acknowledges them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streams.clock import Clock
from streams.faults import kill_point
from streams.fencing.port import FencedError, StoreError
from streams.log.messages import Message, Outgoing
from streams.workers.buffer import TICK_S, Received, RecordBuffer

__all__ = ["PartitionTask", "Processor", "Received", "SendError"]

_LONGEST_PAUSE_S = 10.0
_log = logging.getLogger(__name__)

Send = Callable[[Sequence[Outgoing]], Awaitable[None]]


class SendError(RuntimeError):
    """An error of a message that Kafka did not accept, or perhaps did."""


class Processor(Protocol):
    """A processor that a partition task drives: see `streams.workers.intake`, `identity` and `journey`."""

    @property
    def open(self) -> frozenset[int]:
        """Partitions whose state is there."""

    def take(self, partitions: frozenset[int]) -> None:
        """Be the owner of these partitions."""

    def restore(self) -> None:
        """Bring in the state of owned partitions."""

    def refresh(self) -> None:
        """Switch to the active model."""

    def step(self, batch: Sequence[Message], now_us: int) -> list[Outgoing]:
        """Process records."""

    def tick(self, now_us: int) -> list[Outgoing]:
        """Do what time asks for."""

    def reset(self) -> None:
        """Let go of all state."""


@dataclass(slots=True)
class Progress:
    """The progress of a partition task and what it waits for, for health and metrics; times are the event loop's.

    `why` is in words what it waits for somebody to mend.
    """

    batches: int = 0
    records: int = 0
    done_at: float = 0.0
    waits_for: str = ""
    why: str = ""
    acked: dict[tuple[str, int], int] = field(default_factory=dict)  # offset from 1 of the last one
    batch_seconds: float = 0.0
    restore_seconds: float = 0.0


TOPICS = "topics"  # that do not fit together: reason of a StoreError


class PartitionTask:
    """A driver of a processor. Partitions come and go by `assign` and `revoke`; records by `put`; `run` does the work.

    Parameters
    ----------
    name
        For the log.
    make
        Returns the processor, which is only ever called from one thread at a time; called when partitions are
        assigned first. May raise StoreError: then it is called again.
    send
        Sends messages and returns when all are acknowledged. Raises SendError.
    clock
        Time, for announcements.
    batch_s
        Longest time that records are gathered for one batch.
    count
        Returns how many partitions the topics have: asked at every assignment, and a processor that was made for
        another number is recreated. May raise StoreError.
    patience_s
        How long an assignment is kept that was lost to another worker, before its partitions are fenced again. By then
        a worker that Kafka has left out must have heard of it.
    """

    def __init__(  # noqa: PLR0913 — two are policy, by keyword
        self,
        name: str,
        make: Callable[[], Processor],
        send: Send,
        *,
        clock: Clock,
        batch_s: float,
        count: Callable[[], int] = lambda: 0,
        patience_s: float = 20.0,
    ) -> None:
        self.name = name
        self.worker: Processor | None = None
        self._make = make
        self.progress = Progress()
        self._send = send
        self._clock = clock
        self._count, self._counted = count, 0
        self._patience_s = patience_s
        self._wanted: frozenset[int] = frozenset()
        self._epoch = 0  # of the assignment
        self._taken = self._applied = -1  # of which epoch partitions are owned, and the state is there
        self._refreshed = float("-inf")
        self._news = asyncio.Event()  # of the assignment
        self._assigned = asyncio.Event()
        self._waiting = RecordBuffer(batch_s)

    def revoke(self) -> None:
        """Stop at the next chance: a new assignment follows. Unacknowledged records are redelivered after it."""
        self._epoch += 1
        self._assigned.clear()
        self._news.set()
        self._waiting.drop()

    def assign(self, partitions: frozenset[int]) -> None:
        """Go on with these partitions."""
        self._epoch += 1
        self._wanted = partitions
        self._assigned.set()
        self._news.set()

    @property
    def wanted(self) -> frozenset[int]:
        """The partitions of the latest assignment."""
        return self._wanted

    @property
    def assigned(self) -> bool:
        """Whether there is an assignment, perhaps of no partitions."""
        return self._assigned.is_set()

    @property
    def ready(self) -> bool:
        """Whether the state of all assigned partitions is there."""
        return self._assigned.is_set() and self._applied == self._epoch

    async def put(self, received: Received) -> None:
        """Take a record; waits while there are enough. See `RecordBuffer.put`."""
        await self._waiting.put(received)

    async def run(self) -> None:
        """Work until cancelled."""
        pause_s = 0.0
        while True:
            await self._assigned.wait()
            epoch = self._epoch
            try:
                await self._apply(epoch)
                await self._work(epoch)
            except FencedError as error:
                self._let_go("an assignment")
                _log.warning("%s: %s; waiting for an assignment", self.name, error)
                await self._wait_for_news(epoch)
            except (StoreError, SendError) as error:
                self._let_go(*_cause(error))
                pause_s = min(_LONGEST_PAUSE_S, max(0.5, 2 * pause_s))
                _log.warning("%s: %s; again in %.1f s", self.name, error, pause_s)
                await asyncio.sleep(pause_s)
            else:
                self.progress.waits_for, self.progress.why, pause_s = "", "", 0.0

    async def _wait_for_news(self, epoch: int) -> None:
        """Wait for an assignment; after a timeout this one holds, and the worker that fenced this one was wrong."""
        self._news.clear()
        if self._epoch == epoch:
            try:
                await asyncio.wait_for(self._news.wait(), self._patience_s)
            except TimeoutError:
                _log.warning(
                    "%s: no assignment came; taking partitions %s again", self.name, sorted(self._wanted)
                )
                self._taken = -1

    def _let_go(self, waits_for: str, why: str = "") -> None:
        """Drop a state that may be ahead of the store; it is restored before the next batch."""
        if self.worker is not None:
            self.worker.reset()
        self._applied = -1
        self.progress.waits_for, self.progress.why = waits_for, why

    async def _apply(self, epoch: int) -> None:
        if self._applied == epoch:
            return
        loop = asyncio.get_running_loop()
        started = loop.time()
        if self._taken != epoch:
            await self._see_count()
        if self.worker is None:
            self.worker = await asyncio.to_thread(self._make)
        if self._taken != epoch:
            await asyncio.to_thread(self.worker.take, self._wanted)
            self._taken = epoch
        await asyncio.to_thread(self.worker.restore)
        self.progress.restore_seconds = loop.time() - started
        _log.info("%s: partitions %s are open", self.name, sorted(self.worker.open))
        self._applied = epoch

    async def _see_count(self) -> None:
        """Drop a processor for topics that have been given more partitions since."""
        count = await asyncio.to_thread(self._count)
        if self.worker is not None and count != self._counted:
            _log.warning("%s: topics have %d partitions now, not %d", self.name, count, self._counted)
            self.worker = None
        self._counted = count

    async def _work(self, epoch: int) -> None:
        batch = await self._waiting.gather()
        if epoch != self._epoch or not self._wanted:
            await asyncio.sleep(0)
            if not self._wanted:
                await asyncio.sleep(0.1)
            return
        assert self.worker is not None  # noqa: S101 - made by _apply
        loop = asyncio.get_running_loop()
        started = loop.time()
        now_us = self._clock()
        if started - self._refreshed >= TICK_S:
            await asyncio.to_thread(self.worker.refresh)
            self._refreshed = started
        if batch:
            outgoing = await asyncio.to_thread(self.worker.step, [item.message for item in batch], now_us)
        else:
            outgoing = await asyncio.to_thread(self.worker.tick, now_us)
        if outgoing:
            await self._send(outgoing)
        if epoch == self._epoch:
            self._waiting.done(len(batch))
        with kill_point("worker.acknowledge"):
            for item in batch:
                item.ack()
        for item in batch:
            place = (item.message.topic, item.message.partition)
            self.progress.acked[place] = max(self.progress.acked.get(place, 0), item.message.offset)
        self.progress.batches += bool(batch)
        self.progress.records += len(batch)
        self.progress.done_at = loop.time()
        self.progress.batch_seconds = loop.time() - started


def _cause(error: StoreError | SendError) -> tuple[str, str]:
    """Return what is waited for, and why where that is for somebody to mend."""
    if isinstance(error, SendError):
        return "Kafka", ""
    return (TOPICS, str(error)) if error.reason == TOPICS else ("the store", "")
