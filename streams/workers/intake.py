"""Runs intake on partitions: writes frames to the tables, each event once, and sends links and evidence on.

An intake worker owns the handles of its partitions: their events, all of their evidence, and their customers.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa

from journey.journeys import Pairs
from journey.model import Model
from journey.stage import STAGE_NAMES
from schemas.apath import parse_model
from schemas.topics import IDENTITY_MAP, INTERACTIONS
from streams.dead_letters.records import letters_of
from streams.engine.identity import link_rows
from streams.engine.intake import Intake, minute_counts, rows_of
from streams.engine.journey import Journey
from streams.engine.outcome import BatchOutcome
from streams.erasure.suppressed_handles import without
from streams.fencing.port import PartitionedStore
from streams.handles.unknown_key import known
from streams.log import messages
from streams.log.arrow import names, times_or_null
from streams.log.batch import Record, Rows
from streams.log.lag import LogSpan
from streams.log.messages import FORGET, FORGOTTEN, PREPARE, Control, Message, Outgoing
from streams.workers.directory import Directory
from streams.workers.evidence import Weighing
from streams.workers.log_check import log_of
from streams.workers.outgoing import SentPairs, evidence_to, ours, to_customers
from streams.workers.owner import Owner
from streams.workers.unreadable import control_of, delivery_of, frame_of, tables_of

__all__ = ["IntakeWorker", "LogEnds"]

LogEnds = Callable[[Collection[int]], Mapping[int, LogSpan]]

_MOST_EVENTS = 240_000  # that are taken together: rows of theirs are one block in any table
_WATERMARKED = (
    "interactions",
    "identity_links",
    "evidence",
    "minute_counts",
    "dead_letters",
    "conflicts",
    "readable_handles",
    "deliveries",
)


class IntakeWorker(Owner):
    """A processor of the topics interactions and identity.map, by partition.

    Parameters
    ----------
    window_us
        How long after its arrival an id is remembered with its position; of older ones, the store is asked.
    log
        Returns how far partitions of interactions are acknowledged, and how far they go.
    handle_key
        Fingerprint of the active key; "" where none was ever recorded.
    """

    def __init__(  # noqa: PLR0913 — keywords, each once
        self,
        store: PartitionedStore,
        model: Model,
        *,
        partitions: int,
        window_us: int,
        log: LogEnds,
        handle_key: str = "",
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(store, INTERACTIONS, model, partitions=partitions, wait=wait)
        self._window_us = window_us
        self._log = log
        self._handle_key = handle_key
        self.outcome = BatchOutcome()
        self.packed_us: list[int] = []  # of the frames of the last step
        self.reset()

    def reset(self) -> None:
        """Let go of all state; `restore` rebuilds it."""
        self.open = frozenset()
        self.intake = Intake(self._window_us, self._store)
        self._owned = Directory(self.model.identity, self._count)
        self._weighing = Weighing(self.model, self._owned, self._store, self._writer)
        self._done: dict[int, int] = {}  # offset of the last frame of each partition that is dealt with
        self._log_id = ""
        self._knows_forgotten = False  # whether the state has handles that were erased from the tables
        self._sent = SentPairs()
        self._writer.watermarks = {}

    def _restore(self, partitions: frozenset[int]) -> None:
        store = self._store
        for table, marks in store.watermarks(_WATERMARKED, partitions).items():
            self._writer.watermarks[table] = {**self._writer.of(table), **marks}
        logs = store.logs(partitions)
        self._log_id = log_of(self._log(partitions), self._writer.of("deliveries"), logs) or self._log_id
        self._erasing.read()
        seen = self.intake.seen
        recent = store.recent(partitions, seen.window_us, seen.most // 2)
        self.intake.restore(store.count_ids(partitions), store.known_ids(partitions), recent)
        self._owned.restore(store.handles(partitions))
        self._weighing.restore(partitions)
        for partition, text in store.prepared(partitions).items():
            self._weighing.prepare(parse_model(text), partition)
        self._done |= dict.fromkeys(partitions, 0)

    def _switch(self) -> None:
        """Go over to the model that was prepared; where it was not, everything is restored under it."""
        if not self._weighing.switch(self.model, self.open):
            self.reset()

    def step(self, batch: Sequence[Message], now_us: int) -> list[Outgoing]:
        """Process records of open partitions; when this returns, every table has them.

        Returns what is to be sent before they are acknowledged. Raises StoreError or FencedError; `reset` then.
        """
        moves = self._applied(tables_of(batch, IDENTITY_MAP, messages.MAP, self._poison, now_us))
        outgoing: list[Outgoing] = []
        records: list[Record] = []
        events = 0
        self.packed_us = []
        for message in batch:
            if message.topic != INTERACTIONS or message.offset <= self._done[message.partition]:
                continue
            control = control_of(message)
            if control is None:
                frame = known(frame_of(message, now_us), self._handle_key)
                frame, elsewhere = ours(frame, message.partition, self._count)
                if len(gone := self._erasing.at(message.partition, message.offset)):
                    frame = without(frame, gone)
                frame = self._erasing.tombstones.applied(frame)
                outgoing += elsewhere
                if (events := events + len(frame.events)) > _MOST_EVENTS:
                    outgoing += self._take(records)
                    records, events = [], len(frame.events)
                records.append(Record(message.partition, message.offset, frame))
                self.packed_us.append(frame.packed_us)
                continue
            outgoing += self._take(records)  # a change of the model holds from its place in the log on
            records, events = [], 0
            self._change(control, message, now_us)
        outgoing += self._take(records)
        self._let_go_of_forgotten()
        return outgoing + self._send_moved(moves)

    def _change(self, control: Control, message: Message, now_us: int) -> None:
        if control.verb in {FORGET, FORGOTTEN}:
            self._erase(control, message, now_us)
            return
        partition, name = message.partition, ""
        if control.verb == PREPARE:
            model = parse_model(control.model)
            name = model.hash
            if model.hash != self.model.hash:
                self._store.recompute(model, partition, message.offset)
                self._weighing.prepare(model, partition)
        else:
            self._weighing.abandon(partition)
        self._store.book_change(control, name, partition, message.offset)
        self._writer.write({"deliveries": self._booked(delivery_of(message, now_us))})
        self._done[partition] = message.offset

    def _erase(self, control: Control, message: Message, now_us: int) -> None:
        """Leave handles out from here on, and take their minutes away; or take them again as those of somebody new."""
        receipt, partition, offset = control.change, message.partition, message.offset
        if control.verb == FORGET:
            if self._erasing.begin(receipt, partition, offset):
                self._writer.write({"minute_counts": self._store.minutes_of(receipt, partition, offset)})
                self._store.book_erasure(INTERACTIONS, control, partition, offset)
        elif self._erasing.end(receipt, partition, offset):
            self._store.book_erasure(INTERACTIONS, control, partition, offset)
            self._knows_forgotten = True
        self._writer.write({"deliveries": self._booked(delivery_of(message, now_us))})
        self._done[partition] = offset

    def _let_go_of_forgotten(self) -> None:
        if self._knows_forgotten:
            self.reset()
            self.restore()

    def tick(self, now_us: int) -> list[Outgoing]:
        """Nothing here waits for time."""
        del now_us
        return []

    def _take(self, records: Sequence[Record]) -> list[Outgoing]:
        if not records:
            return []
        self._let_go_of_forgotten()
        taken = self.intake.process(records)
        batch = taken.batch
        known = len(self._owned)
        slots = self._owned.observe(batch)
        touches = batch.touches_only()
        touch_slots = slots if touches is batch else self._owned.observe(touches)
        weighed = self._weighing.weigh(touches, touch_slots)
        links = link_rows(batch)
        rows: Rows = rows_of(records, taken) | {
            "deliveries": self._booked(taken.deliveries),
            "identity_map": self._owned.lone_rows(known, records[-1].offset),
            "identity_links": link_rows(batch.after(self._writer.of("identity_links"))),
            "evidence": pa.concat_tables([rows for _, rows, _ in weighed]),
            "minute_counts": minute_counts(touches.after(self._writer.of("minute_counts"))),
        }
        if (readable := self.intake.readable.rows(records)) is not None:
            rows["readable_handles"] = readable
        self._writer.write(rows)
        self.outcome.add(
            BatchOutcome(
                taken.received,
                len(batch),
                taken.duplicates,
                dict(taken.dead_letters),
                conflicts=taken.conflicting,
            )
        )
        self._done |= {record.partition: record.offset for record in records}
        outgoing = letters_of(records) + self._sent.new(links)
        for journey, _, touched in weighed:
            outgoing += self._send_touched(journey, touched)
        return outgoing

    def _booked(self, deliveries: pa.Table) -> pa.Table:
        """Return rows of deliveries with the log that their offsets are in."""
        return deliveries.append_column("log", pa.array([self._log_id] * len(deliveries), pa.string()))

    def _applied(self, moves: pa.Table) -> pa.Table:
        """Apply identity's assignments of handles of ours, and return them."""
        ids = moves.column("handle").to_numpy()
        left_out = np.zeros(len(ids), dtype=bool)
        for partition in self.open:
            left_out |= self._owned.among(ids, [partition]) & np.isin(ids, self._erasing.now(partition))
        if left_out.any():
            moves = moves.filter(pa.array(~left_out))
        self._owned.apply_moves(moves)
        return moves

    def _send_touched(self, journey: Journey, touched: Pairs) -> list[Outgoing]:
        rows = self._evidence_of(journey, touched)
        return to_customers(rows, self._owned.partitions(rows.column("customer").to_numpy()))

    def _send_moved(self, moves: pa.Table) -> list[Outgoing]:
        """Return all evidence of handles that moved, for the customers that they left and those they came to."""
        if not len(moves):
            return []
        slots = self._owned.find(moves.column("handle").to_numpy())
        moved, which = np.unique(slots, return_inverse=True)
        to = np.zeros((len(moved), self._count), dtype=bool)
        for customer in (
            moves.column("previous").to_numpy(), moves.column("customer").to_numpy(), self._owned.customers(slots),
        ):  # fmt: skip
            to[which, self._owned.partitions(customer)] = True
        outgoing = []
        for journey in self._weighing.journeys:
            pairs = journey.state.of_handles(moved)
            rows, goes = self._evidence_of(journey, pairs), to[np.searchsorted(moved, pairs.slot)]
            for partition in range(self._count):
                outgoing += evidence_to(partition, rows.filter(pa.array(goes[:, partition])))
        return outgoing

    def _evidence_of(self, journey: Journey, pairs: Pairs) -> pa.Table:
        """Return rows of the topic evidence: all evidence of these handles, as far as the tables have it."""
        ids = self._owned.ids(pairs.slot)
        partition = self._owned.partitions(ids)
        offsets = np.zeros(self._count, np.uint64)
        offsets[list(self._done)] = list(self._done.values())
        for owned, offset in self._writer.of("evidence").items():  # a replay knows what came after it
            if owned in self._done:
                offsets[owned] = max(offsets[owned], offset)
        sums = journey.state.own(pairs)
        tenure = np.zeros((self._count, 2), np.uint64)
        for owned, mine in self._store.tenure(INTERACTIONS).items():
            tenure[owned] = mine
        return pa.table(
            {
                "model": pa.array([journey.model.hash] * len(ids), pa.string()),
                "brand": names(pairs.brand, journey.brands),
                "handle": ids,
                "customer": self._owned.customers(pairs.slot),
                "map_version": self._owned.versions(pairs.slot),
                "version": offsets[partition],
                "generation": tenure[partition, 0],
                "token": tenure[partition, 1],
                **{name: sums[:, i].copy() for i, name in enumerate(STAGE_NAMES)},
                "at": times_or_null(pairs.at_us),
            }
        )

    @property
    def handles(self) -> int:
        """How many handles are in the state."""
        return len(self._owned)
