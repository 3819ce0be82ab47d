"""Runs batches of frames through the processors into the store, each event exactly once by watermarks.

Repeats are harmless: every row carries partition and offset, a batch is one atomic insert per table, and what a
table has already (its watermark) is not written to it again. State is rebuilt from the store. Rows of
identity_map and stage_changes need no watermark: they are the difference between the state and what the table
says, which is read at restore.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.column import ABSENT
from journey.identity.graph import Moved
from journey.journeys import Pairs, Reason
from journey.model import Model
from journey.seen import Ids
from streams.engine.identity import Identity
from streams.engine.intake import Intake, Taken, minute_counts, rows_of
from streams.engine.journey import Journey
from streams.engine.outcome import BatchOutcome
from streams.log.arrow import after
from streams.log.batch import Batch, Record, Rows, Watermark
from streams.store.insert import insert_missing
from streams.store.later import Later
from streams.store.port import SEQUENCED, TABLES, LossError, Store

__all__ = ["MAX_BATCH_FRAMES", "Engine"]

MAX_BATCH_FRAMES = 48  # at most 240,000 events: one block, and few enough parts to merge
_TRIES = 6


@dataclass(frozen=True, slots=True)
class _Turn:
    """The position in the log (partition, last offset) and the time at which a batch or tick is processed."""

    place: tuple[int, int]
    now_us: int


class Engine:
    """The processors over a store, under one model. `restore` first; then `step` in log order.

    Parameters
    ----------
    store
        Where rows go and state comes from.
    model
        The active A-Path model.
    window_us
        How long after its arrival an id is remembered with its position; of older ones, the store is asked.
    wait
        Called with seconds before an insert is tried again.

    Attributes
    ----------
    knows_ids
        Whether intake has the ids that were seen.
    """

    def __init__(
        self, store: Store, model: Model, *, window_us: int, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._store = store
        self._wait = wait
        self.intake = Intake(window_us, store)
        self.identity = Identity(model.identity)
        self.journey = Journey(model, self.identity.graph)
        self.knows_ids = False  # they are restored with the first batch: who only looks needs none
        self._watermarks: dict[str, Watermark] = {}
        self._sequence, self._sequences = 0, dict[str, int]()
        self._unsettled = True  # after a restore, every customer and handle is compared with the tables once
        self._remodelled = False  # whether the latest announcements were made under another model

    def restore(self) -> None:
        """Rebuild the state from the store.

        Raises
        ------
        LossError
            The map lacks a handle that has evidence, or that was announced as a customer.
        """
        store = self._store
        self._watermarks = store.watermarks()
        self._sequences = store.sequences()
        self._sequence = max(self._sequences.values())
        self.identity.restore(store.links(), store.identity_map())
        model = self.journey.model.hash
        self._remodelled = store.announced_under() not in {"", model}
        evidence, announced = store.evidence(model), store.announced()
        self.journey.restore(evidence, self._found(evidence.column("handle")))
        self.journey.restore_announced(announced, self._found(announced.column("customer")))

    @property
    def restored_to(self) -> tuple[int, dict[str, int]]:
        """The offset of the log, and the number of a write of each numbered table, that the tables had at `restore`."""
        offsets = (offset for mark in self._watermarks.values() for offset in mark.values())
        return max(offsets, default=0), self._sequences

    def succeed(self, store: Store, later: Later, before: "Engine | None") -> None:
        """Take the place of an engine: this one was restored from a copy of its tables, and takes up what they have since.

        Which ids were seen does not depend on a model, and is taken over.
        """
        self._store = store
        self.identity.restore(later.links, later.mapped)
        evidence, announced = later.evidence, later.announced
        self.journey.replace(evidence, self._found(evidence.column("handle")))
        self.journey.restore_announced(announced, self._found(announced.column("customer")))
        self._sequence = later.sequence
        if before is None:
            self.intake = Intake(self.intake.seen.window_us, store)
        else:
            self.intake, self.knows_ids = before.intake, before.knows_ids

    def _found(self, handles: pa.ChunkedArray) -> NDArray[np.int64]:
        slots = self.identity.graph.handles.find(handles.to_numpy())
        if lost := int((slots == ABSENT).sum()):
            raise LossError(
                f"identity_map lacks {lost:,} handles that other tables have: run journey rebuild identity_map"
            )
        return slots

    def _restore_ids(self) -> None:
        seen = self.intake.seen
        recent = self._store.recent(seen.window_us, seen.most // 2)
        self.intake.restore(self._store.count_ids(), self._store.known_ids(), recent)
        self.knows_ids = True

    def forget(self, handles: NDArray[np.uint64], ids: Ids) -> None:
        """Announce nothing more of handles that are being erased, and let go of the ids of their events."""
        slots = self.identity.graph.handles.find(handles)
        self.journey.state.hush(slots[slots != ABSENT])
        self.intake.seen.forget(ids)
        self.intake.readable.forget(handles)

    def step(self, records: Sequence[Record], now_us: int) -> BatchOutcome:
        """Process frames (at most MAX_BATCH_FRAMES, in log order) and write what they add.

        When this returns, every table has the batch. Raises StoreError when the store does not take it after
        several tries; nothing is lost then, but the state is ahead of the store: restore a new engine.
        """
        if not self.knows_ids:
            self._restore_ids()
        taken = self.intake.process(records)
        batch = taken.batch
        slots = self.identity.observe(batch)
        link_rows, moved = self.identity.process(batch.after(self._of("identity_links")))
        touches = batch.touches_only()
        touch_slots = slots if touches is batch else self.identity.observe(touches)
        evidence_rows, touched = self._evidence(touches, touch_slots)
        place = (records[-1].partition, records[-1].offset)
        rows = rows_of(records, taken) | {
            "identity_links": link_rows,
            "evidence": evidence_rows,
            "minute_counts": minute_counts(touches.after(self._of("minute_counts"))),
        }
        if (readable := self.intake.readable.rows(records)) is not None:
            rows["readable_handles"] = readable
        outcome = _outcome(taken)
        outcome.stage_changes = self._finish(rows, touched, moved, _Turn(place, now_us))
        return outcome

    def tick(self, now_us: int, place: tuple[int, int]) -> BatchOutcome:
        """Announce what time alone has changed: stages that lapsed, and after a restore all that lags behind."""
        changed = self._finish({}, Pairs.none(), Moved.nobody(), _Turn(place, now_us))
        return BatchOutcome(stage_changes=changed)

    def _of(self, table: str) -> Watermark:
        return self._watermarks.get(table, {})

    def _evidence(self, batch: Batch, slots: NDArray[np.int64]) -> tuple[pa.Table, Pairs]:
        fresh = batch.after(self._of("evidence"))
        if fresh is batch:
            return self.journey.process(batch, slots)
        rows, _ = self.journey.process(fresh, self.identity.observe(fresh))
        return rows, self.journey.touched(batch, slots)

    def _finish(self, rows: Rows, touched: Pairs, moved: Moved, turn: _Turn) -> int:
        """Write a batch's rows, with what they change in identity and stages; return how many stages changed."""
        self._sequence += 1
        stale = self.identity.unmapped() if self._unsettled else self.identity.changed(moved)
        rows["identity_map"] = self.identity.map_rows(stale, self._sequence, turn.place)
        changes = self.journey.announce(touched, moved, turn.now_us, everyone=self._unsettled)
        if self._unsettled and self._remodelled:
            changes.reason[changes.reason != Reason.EVIDENCE] = Reason.MODEL
        rows["stage_changes"] = self.journey.change_rows(changes, turn.now_us, self._sequence, turn.place)
        for table in TABLES:
            self._write(table, rows.get(table))
        self._unsettled = False
        return len(changes)

    def _write(self, table: str, rows: pa.Table | None) -> None:
        if rows is None:
            return
        missing = rows if table in SEQUENCED else after(rows, self._of(table))
        insert_missing(
            table,
            missing,
            insert=partial(self._store.insert, table),
            look_again=partial(self._look_again, table, rows),
            wait=self._wait,
            tries=_TRIES,
        )

    def _look_again(self, table: str, rows: pa.Table) -> pa.Table:
        if table in SEQUENCED:
            return rows.slice(0, 0) if self._store.sequences()[table] == self._sequence else rows
        return after(rows, self._store.watermarks()[table])


def _outcome(taken: Taken) -> BatchOutcome:
    return BatchOutcome(
        taken.received,
        len(taken.batch),
        taken.duplicates,
        dict(taken.dead_letters),
        conflicts=taken.conflicting,
    )
