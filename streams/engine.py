"""The engine: batches of frames through the processors into the store, each exactly once (design: watermarks).

Repeats are harmless: every row carries partition and offset, a batch is one atomic insert per table, and what a
table has already (its watermark) is not written to it again. State is rebuilt from the store. Rows of
identity_map and stage_changes need no watermark: they are the difference between the state and what the table
says, which is read at restore.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.identity import Moved
from journey.journeys import Pairs, Reason
from journey.model import Model
from journey.seen import Ids
from streams.batch import Batch, Record, Rows, Watermark
from streams.columns import after
from streams.inserting import insert_missing
from streams.ports import SEQUENCED, TABLES, Store
from streams.processors.identity import Identity
from streams.processors.intake import Intake, Taken, minute_counts, rows_of
from streams.processors.journey import Journey

__all__ = ["MAX_BATCH_FRAMES", "Engine", "Outcome"]

MAX_BATCH_FRAMES = 48  # at most 240,000 events: one block, and few enough parts to merge
_TRIES = 6


@dataclass(slots=True)
class Outcome:
    """What became of events: received = stored + duplicates + dead letters."""

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    dead_letters: dict[str, int] = field(default_factory=dict)
    stage_changes: int = 0

    def add(self, other: "Outcome") -> None:
        """Add another outcome to this one."""
        self.received += other.received
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.stage_changes += other.stage_changes
        for reason, count in other.dead_letters.items():
            self.dead_letters[reason] = self.dead_letters.get(reason, 0) + count


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where in the log (partition, last offset) and when a batch or tick is processed."""

    place: tuple[int, int]
    now_us: int


class Engine:
    """Processors over a store, under one model. `restore` first; then `step` in log order.

    Parameters
    ----------
    store
        Where rows go and state comes from.
    model
        The A-Path model in force.
    window_us
        Event time for which ids are remembered; a repeat of an older event is looked up in the store.
    wait
        Called with seconds before an insert is tried again.
    """

    def __init__(
        self, store: Store, model: Model, *, window_us: int, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._store = store
        self._wait = wait
        self.intake = Intake(window_us, self._lookup)
        self.identity = Identity(model.identity)
        self.journey = Journey(model, self.identity.graph)
        self._watermarks: dict[str, Watermark] = {}
        self._sequence = 0
        self._unsettled = True  # after a restore, every customer and handle is compared with the tables once
        self._remodelled = False  # whether the latest announcements were made under another model

    def _lookup(self, ids: Ids) -> NDArray[np.uint64]:
        return self._store.first_positions(ids, self.intake.seen.slack_us)

    def restore(self) -> None:
        """Rebuild the state from the store."""
        store = self._store
        self._watermarks = store.watermarks()
        self._sequence = max(store.sequences().values())
        newest = store.newest_us()
        if newest is not None:
            self.intake.restore(*store.ids_since(newest - self.intake.seen.window_us))
        self.identity.restore(store.links(), store.identity_map())
        model = self.journey.model.hash
        self._remodelled = store.announced_under() not in {"", model}
        find = self.identity.graph.handles.find
        evidence, announced = store.evidence(model), store.announced()
        self.journey.restore(evidence, find(evidence.column("handle").to_numpy()))
        self.journey.restore_announced(announced, find(announced.column("customer").to_numpy()))

    def step(self, records: Sequence[Record], now_us: int) -> Outcome:
        """Process frames (at most MAX_BATCH_FRAMES, in log order) and write what they add.

        When this returns, every table has the batch. Raises StoreError when the store does not take it after
        several tries; nothing is lost then, but the state is ahead of the store: restore a new engine.
        """
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
        outcome = _outcome(taken)
        outcome.stage_changes = self._finish(rows, touched, moved, _Turn(place, now_us))
        return outcome

    def tick(self, now_us: int, place: tuple[int, int]) -> Outcome:
        """Announce what time alone has changed: stages that lapsed, and after a restore whatever lags behind."""
        changed = self._finish({}, Pairs.none(), Moved.nobody(), _Turn(place, now_us))
        return Outcome(stage_changes=changed)

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


def _outcome(taken: Taken) -> Outcome:
    return Outcome(taken.received, len(taken.batch), taken.duplicates, dict(taken.dead_letters))
