"""Meters a partition task's processor, store and sends: counts their work and records what each waits for."""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from schemas.topics import INTERACTIONS
from streams.clock import Clock
from streams.engine.outcome import BatchOutcome
from streams.fencing.port import FencedError, StoreError
from streams.log.batch import Watermark
from streams.log.messages import Message, Outgoing
from streams.telemetry.metrics import Metrics
from streams.workers.partition_task import Processor, Send, SendError

__all__ = ["Measured", "Meter"]

_MICROSECONDS = 1e6


class Meter:
    """The current activity of one task, written by its threads and read by others; instants are monotonic seconds.

    Attributes
    ----------
    doing, doing_since_s
        The call that its processor is in: make, take, restore, refresh, step or tick; "" for none.
    asked_s
        Since when ClickHouse owes an answer, or has failed to give one; None when the last one came.
    sending_s
        The same of Kafka and what was sent to it.
    offsets
        Offset up to which each table has each partition.
    oldest_us
        When the oldest frame was packed that the last batch follows from, 0 if unknown.
    """

    def __init__(
        self, name: str, metrics: Metrics, clock: Clock, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.name, self.metrics = name, metrics
        self.doing, self.doing_since_s = "", 0.0
        self.asked_s: float | None = None
        self._questions = 0
        self.sending_s: float | None = None
        self.offsets: dict[tuple[str, int], int] = {}
        self.oldest_us = 0
        self.processor: Processor | None = None
        self._clock, self._now = clock, now
        self._counted = BatchOutcome()
        self._started_s: float | None = None  # of the batch in hand
        for metric in (
            "journey_store_errors_total",
            "journey_send_errors_total",
            "journey_fences_lost_total",
            "journey_records_total",
        ):
            metrics.add(metric, 0, name)

    def making(self, make: Callable[[], Processor]) -> Callable[[], Processor]:
        """Return what makes the processor with this meter around it."""

        def made() -> Processor:
            with self.during("make"), self.asking():
                self.processor = make()
            self._counted = BatchOutcome()  # it counts from nothing
            return Measured(self.processor, self)

        return made

    def sending(self, send: Callable[[Sequence[Outgoing], int], Awaitable[None]]) -> Send:
        """Return what sends, given what does so with the instant (us) at which the oldest frame behind it was packed."""

        async def counted(outgoing: Sequence[Outgoing]) -> None:
            self.sending_s = self._now() if self.sending_s is None else self.sending_s
            try:
                await send(outgoing, self.oldest_us)
            except SendError:
                self.metrics.add("journey_send_errors_total", 1, self.name)
                raise
            self._sent()

        return counted

    @contextmanager
    def during(self, doing: str) -> Iterator[None]:
        """Say what the processor is doing, and count why it failed."""
        self.doing, self.doing_since_s = doing, self._now()
        try:
            yield
        except StoreError:
            self.metrics.add("journey_store_errors_total", 1, self.name)
            raise
        except FencedError:
            self.metrics.add("journey_fences_lost_total", 1, self.name)
            raise
        finally:
            self.doing = ""

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Note that ClickHouse owes an answer, until it gives one; of questions within a question, the outermost."""
        self.asked_s = self._now() if self.asked_s is None else self.asked_s
        self._questions += 1
        try:
            yield
        except FencedError:
            self.asked_s = None
            raise
        else:
            if self._questions == 1:
                self.asked_s = None
        finally:
            self._questions -= 1

    def wrote(self, table: str, marks: Watermark) -> None:
        """Note up to which offsets a table has partitions."""
        known = {
            (table, partition): max(offset, self.offsets.get((table, partition), 0))
            for partition, offset in marks.items()
        }
        self.offsets = self.offsets | known  # others may be reading the old one

    def restored(self) -> None:
        """Note that the state is there."""
        self.asked_s = None
        self.metrics.observe("journey_restore_seconds", self._now() - self.doing_since_s, self.name)

    def stepped(
        self,
        batch: Sequence[Message],
        outgoing: Sequence[Outgoing],
        packed_us: Sequence[int],
        outcome: BatchOutcome,
    ) -> None:
        """Count a batch that every table has. `packed_us`: when the frames were packed that it has or follows from."""
        metrics, now_us = self.metrics, self._clock()
        self._started_s = self.doing_since_s if batch else None
        if batch:
            metrics.observe("journey_batch_records", len(batch), self.name)
            metrics.add("journey_records_total", len(batch), self.name)
        for packed in packed_us:
            metrics.observe("journey_end_to_end_seconds", (now_us - packed) / _MICROSECONDS, self.name)
        if frames := sum(message.topic == INTERACTIONS for message in batch):
            metrics.add("journey_frames_total", frames)
            metrics.observe("journey_batch_events", outcome.received - self._counted.received)
        self._count(outcome)
        if not outgoing:
            self._sent()

    def _count(self, outcome: BatchOutcome) -> None:
        """Count what was added to an outcome since the last time."""
        metrics, before = self.metrics, self._counted
        for metric, amount in (
            ("journey_events_received_total", outcome.received - before.received),
            ("journey_events_stored_total", outcome.stored - before.stored),
            ("journey_events_duplicate_total", outcome.duplicates - before.duplicates),
            ("journey_stage_changes_total", outcome.stage_changes - before.stage_changes),
        ):
            metrics.add(metric, amount)
        for reason, count in outcome.dead_letters.items():
            metrics.add("journey_dead_letters_total", count - before.dead_letters.get(reason, 0), reason)
        self._counted = BatchOutcome()
        self._counted.add(outcome)

    def _sent(self) -> None:
        self.sending_s = None
        if self._started_s is not None:
            self.metrics.observe("journey_batch_seconds", self._now() - self._started_s, self.name)
            self._started_s = None


class Measured:
    """A processor with a meter around it; see `streams.workers.partition_task.Processor`."""

    def __init__(self, processor: Processor, meter: Meter) -> None:
        self._processor, self._meter = processor, meter

    @property
    def open(self) -> frozenset[int]:
        """Partitions whose state is there."""
        return self._processor.open

    def take(self, partitions: frozenset[int]) -> None:
        """Be the owner of these partitions."""
        with self._meter.during("take"):
            self._processor.take(partitions)

    def restore(self) -> None:
        """Bring in the state of owned partitions."""
        with self._meter.during("restore"):
            self._processor.restore()
            self._meter.restored()

    def refresh(self) -> None:
        """Switch to the active model."""
        with self._meter.during("refresh"):
            self._processor.refresh()

    def step(self, batch: Sequence[Message], now_us: int) -> list[Outgoing]:
        """Process records."""
        with self._meter.during("step"):
            outgoing = self._processor.step(batch, now_us)
        self._stepped(batch, outgoing)
        return outgoing

    def tick(self, now_us: int) -> list[Outgoing]:
        """Do what time asks for."""
        with self._meter.during("tick"):
            outgoing = self._processor.tick(now_us)
        self._stepped((), outgoing)
        return outgoing

    def reset(self) -> None:
        """Let go of all state."""
        self._processor.reset()

    def _stepped(self, batch: Sequence[Message], outgoing: Sequence[Outgoing]) -> None:
        behind_us = [message.packed_us for message in batch if message.packed_us]
        frames_us = getattr(self._processor, "packed_us", None) if batch else []  # intake alone has frames
        packed_us = behind_us if frames_us is None else frames_us
        self._meter.oldest_us = min([*behind_us, *packed_us], default=0)
        self._meter.stepped(batch, outgoing, packed_us, getattr(self._processor, "outcome", BatchOutcome()))
