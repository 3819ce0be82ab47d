"""Runs journeys on partitions: keeps the newest evidence of a customer's handles, and announces changes of stage."""

import time
from collections.abc import Callable, Collection, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.column import ABSENT, Column, RowIndex
from journey.evidence import NEVER
from journey.identity.graph import Moved
from journey.identity.membership import Membership
from journey.journeys import Pairs, Reason
from journey.model import Model
from journey.stage import STAGE_NAMES
from schemas.topics import EVIDENCE, INTERACTIONS
from streams.engine.journey import Journey
from streams.engine.outcome import BatchOutcome
from streams.fencing.port import PartitionedStore
from streams.log import messages
from streams.log.arrow import timestamps
from streams.log.messages import FORGET, Control, Message, Outgoing
from streams.workers.owner import Owner
from streams.workers.unreadable import erasure_of, tables_of

__all__ = ["JourneyWorker"]

Ints = NDArray[np.int64]
U64 = NDArray[np.uint64]


class Versions:
    """The newest known version of each (brand, handle) pair's evidence; 20 bytes each."""

    def __init__(self) -> None:
        self._index = RowIndex()
        self._version = Column(np.uint64)

    def newer(self, keys: U64, versions: U64) -> NDArray[np.bool_]:
        """Mark (and take up) what is not older than what is known; keys must be distinct."""
        rows = self._index.get(keys)
        new = rows == ABSENT
        rows[new] = np.arange(len(self._version), len(self._version) + new.sum())
        self._index.add(keys[new], rows[new])
        self._version.grow(int(new.sum()), 0)
        newer = np.asarray(versions >= self._version.data[rows])
        self._version.data[rows[newer]] = versions[newer]
        return newer


class JourneyWorker(Owner):
    """A processor of the topic evidence, by partition; see `streams.workers.owner` for the parameters."""

    def __init__(
        self,
        store: PartitionedStore,
        model: Model,
        *,
        partitions: int,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(store, EVIDENCE, model, partitions=partitions, wait=wait)
        self.outcome = BatchOutcome()
        self.reset()

    def reset(self) -> None:
        """Let go of all state; `restore` rebuilds it."""
        self.open = frozenset()
        self._graph = Membership()
        self._journey = Journey(self.model, self._graph)
        self._versions = Versions()
        self._offsets: dict[int, int] = {}
        self._owners = np.zeros((self._count, 2), np.uint64)  # of interactions, when state was restored
        self._sequence = 0
        self._unsettled = False
        self._remodelled = False

    def _restore(self, partitions: frozenset[int]) -> None:
        store = self._store
        # Above every number that is in the table: a customer's announcements are ordered by it, whoever made them.
        self._sequence = max(self._sequence, store.last_sequence("stage_changes"))
        for partition, owner in store.owners(INTERACTIONS).items():
            self._owners[partition] = owner
        self._erasing.read()
        announced = self._without_erased(store.announced(partitions), "customer")
        customers = self._graph.customer_slots(announced.column("customer").to_numpy())
        self._journey.restore_announced(announced, customers)
        self._take_up(store.evidence_of_customers(self.model.hash, partitions), partitions)
        under = store.announced_under(partitions)
        self._remodelled |= under not in {"", self.model.hash}
        self._unsettled = True
        self._offsets |= dict.fromkeys(partitions, 0)

    def _take_up(self, rows: pa.Table, partitions: Collection[int]) -> tuple[Pairs, Moved]:
        """Take up evidence and customers of handles, where it is news; return what was touched and who moved."""
        rows = rows.take(pa.array(_newest_last(rows)))
        moved = self._assign(rows, partitions)
        left = self._journey.state.of_handles(moved.slot[moved.new == moved.slot])
        self._journey.state.put(left, np.full((len(left.slot), len(STAGE_NAMES)), np.nan))
        slots = self._graph.handle_slots(rows.column("handle").to_numpy())
        here = self._graph.roots(slots) != slots
        rows, slots = rows.filter(pa.array(here)), slots[here]
        at = timestamps(rows.column("at")) if "at" in rows.column_names else np.full(len(rows), NEVER)
        pairs = Pairs(self._journey.brand_codes(rows.column("brand")), slots, at)
        last = _last_of_each(pairs.key)
        kept = pairs.take(last)
        sums = np.column_stack([rows.column(name).to_numpy()[last] for name in STAGE_NAMES]).astype(
            np.float64
        )
        newer = self._versions.newer(kept.key, rows.column("version").to_numpy()[last])
        self._journey.state.put(kept.take(np.flatnonzero(newer)), sums[newer])
        return pairs.distinct(), moved

    def _corrected(self, rows: pa.Table) -> pa.Table:
        """Return evidence with the customers of today, where it may have been sent by somebody who knew older ones.

        The owner of a handle when this state was restored, or later, sends every move that the state has not seen.
        A former owner may have stood still since, and send what was true then; of handles that have left, a state that
        was restored does not know. So the map is asked about those that are not known here; one that it does not have was
        erased since, for a handle is in the map before anything is sent of it.
        """
        handles = rows.column("handle").to_numpy()
        owners = self._owners[(handles % self._count).astype(np.int64)]
        generation, token = rows.column("generation").to_numpy(), rows.column("token").to_numpy()
        former = (generation < owners[:, 0]) | ((generation == owners[:, 0]) & (token < owners[:, 1]))
        unknown = former & ~self._graph.knows(handles)
        if not unknown.any():
            return rows
        found = self._store.customers_of(np.unique(handles[unknown])).sort_by("handle")
        ids = found.column("handle").to_numpy()
        place = np.minimum(np.searchsorted(ids, handles), max(len(ids) - 1, 0))
        customers, versions = rows.column("customer").to_numpy(), rows.column("map_version").to_numpy()
        if not len(ids):
            return rows.filter(pa.array(~unknown))
        newest = found.column("version").to_numpy()[place]
        mapped = ids[place] == handles
        moved = former & mapped & (newest > versions)
        customers = np.where(moved, found.column("customer").to_numpy()[place], customers)
        versions = np.where(moved, newest, versions)
        for name, values in (("customer", customers), ("map_version", versions)):
            rows = rows.set_column(rows.schema.get_field_index(name), name, pa.array(values, pa.uint64()))
        return rows.filter(pa.array(~unknown | mapped))

    def _assign(self, rows: pa.Table, partitions: Collection[int]) -> Moved:
        handles = rows.column("handle").to_numpy()
        customers = rows.column("customer").to_numpy()
        versions = rows.column("map_version").to_numpy()
        order = np.argsort(versions, kind="stable")
        last = order[_last_of_each(handles[order])]
        slots = self._graph.handle_slots(handles[last])
        ours = np.isin(customers[last] % self._count, np.array(sorted(partitions), dtype=np.uint64))
        roots = slots.copy()  # of a handle that has gone to a customer elsewhere
        roots[ours] = self._graph.customer_slots(customers[last][ours])
        return self._graph.assign(slots, roots, versions[last])

    def step(self, batch: Sequence[Message], now_us: int) -> list[Outgoing]:
        """Process records of open partitions; when this returns, stage_changes has what they change.

        Nothing is to be sent. Raises StoreError or FencedError; `reset` then.
        """
        plain: list[Message] = []
        for message in batch:
            if (control := erasure_of(message)) is None:
                plain.append(message)
            else:
                self._step(plain, now_us)
                plain = []
                self._erase(control, message)
        self._step(plain, now_us)
        return []

    def _erase(self, control: Control, message: Message) -> None:
        """Know the handles no more, and announce nothing of them; the tables have only announcements of them by then."""
        receipt, partition, offset = control.change, message.partition, message.offset
        known = self._erasing.anywhere()
        if control.verb == FORGET:
            if self._erasing.begin(receipt, partition, offset):
                if len(self._erasing.anywhere()) > len(known):
                    self.reset()
                    self.restore()
                self._store.book_erasure(EVIDENCE, control, partition, offset)
        elif self._erasing.end(receipt, partition, offset):
            self._store.book_erasure(EVIDENCE, control, partition, offset)

    def _without_erased(self, rows: pa.Table, *names: str) -> pa.Table:
        """Return the rows that name nobody who is being forgotten."""
        gone = self._erasing.anywhere()
        for name in names if len(gone) else ():
            rows = rows.filter(pa.array(~np.isin(rows.column(name).to_numpy(), gone)))
        return rows

    def _step(self, batch: Sequence[Message], now_us: int) -> None:
        rows = tables_of(batch, EVIDENCE, messages.EVIDENCE, self._poison, now_us)
        rows = self._without_erased(rows, "handle", "customer")
        rows = rows.filter(pa.compute.equal(rows.column("model"), self.model.hash))
        for message in batch:
            self._offsets[message.partition] = max(self._offsets.get(message.partition, 0), message.offset)
        touched, moved = self._take_up(self._corrected(rows), self.open)
        self._announce(touched, moved, now_us)

    def tick(self, now_us: int) -> list[Outgoing]:
        """Announce what time alone has changed, and after `restore` all that lags behind."""
        self._announce(Pairs.none(), Moved.nobody(), now_us)
        return []

    def _announce(self, touched: Pairs, moved: Moved, now_us: int) -> None:
        gone = self._graph.roots(touched.slot) == touched.slot
        changes = self._journey.announce(
            touched.take(np.flatnonzero(~gone)), moved, now_us, everyone=self._unsettled
        )
        if self._unsettled and self._remodelled:
            changes.reason[changes.reason != Reason.EVIDENCE] = Reason.MODEL
        if len(changes):
            self._sequence += 1
            rows = self._journey.change_rows(changes, now_us, self._sequence, (0, 0))
            self._writer.write({"stage_changes": self._placed(rows)})
        self.outcome.stage_changes += len(changes)
        self._unsettled = self._remodelled = False

    def _placed(self, rows: pa.Table) -> pa.Table:
        """Say which partition each announcement is of, and how far that had come."""
        partition = rows.column("customer").to_numpy() % self._count
        offsets = np.zeros(self._count, np.uint64)
        offsets[list(self._offsets)] = list(self._offsets.values())
        rows = rows.drop_columns(["_partition", "_offset"])
        rows = rows.append_column("_partition", pa.array(partition.astype(np.uint16)))
        return rows.append_column("_offset", pa.array(offsets[partition.astype(np.int64)]))

    @property
    def handles(self) -> int:
        """How many slots are in the state, of handles and of customers."""
        return len(self._graph.handles)


def _newest_last(rows: pa.Table) -> Ints:
    """Return the order of rows by the version of their evidence."""
    return np.asarray(np.argsort(rows.column("version").to_numpy(), kind="stable"))


def _last_of_each(keys: NDArray[np.uint64]) -> Ints:
    """Return, for each distinct key, the last row that has it."""
    _, first = np.unique(keys[::-1], return_index=True)
    return np.asarray(len(keys) - 1 - first)
