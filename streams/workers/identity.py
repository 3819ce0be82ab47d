"""Runs identity on its one partition: feeds links into the graph of all customers, sends moves to table and owners."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from journey.model import Model
from schemas.topics import IDENTITY_MAP, LINKS
from streams.engine.identity import Identity, distinct_links, kind_codes
from streams.fencing.port import PartitionedStore
from streams.log import messages
from streams.log.messages import FORGET, Control, Message, Outgoing
from streams.store.port import BLOCK_ROWS
from streams.workers.owner import Owner
from streams.workers.unreadable import erasure_of, tables_of

__all__ = ["IdentityWorker"]


class IdentityWorker(Owner):
    """A processor of the topic links, all of it; see `streams.workers.owner` for the parameters.

    Only handles that are in a link are known here: about 100 bytes each, and 40 a link.
    """

    def __init__(
        self,
        store: PartitionedStore,
        model: Model,
        *,
        partitions: int,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(store, LINKS, model, partitions=partitions, wait=wait)
        self.reset()

    def reset(self) -> None:
        """Let go of all state; `restore` rebuilds it."""
        self.open = frozenset()
        self._identity = Identity(self.model.identity)
        self._sequence = 0
        self._unsent: pa.Table | None = None
        self._unsettled = True

    def _restore(self, partitions: frozenset[int]) -> None:
        del partitions  # there is one
        store = self._store
        self._erasing.read()
        self._sequence = store.last_sequence("identity_map")
        self._identity.restore(store.links(), store.linked_handles())
        # The write before this may not have been sent: whoever made it died, or lost the partition, in between.
        self._unsent = store.moves_of(self._sequence) if self._sequence else None

    def step(self, batch: Sequence[Message], now_us: int) -> list[Outgoing]:
        """Process records; when this returns, identity_map has what they change.

        Returns what is to be sent before they are acknowledged. Raises StoreError or FencedError; `reset` then.
        """
        outgoing: list[Outgoing] = []
        plain: list[Message] = []
        for message in batch:
            if (control := erasure_of(message)) is None:
                plain.append(message)
            else:
                outgoing += self._step(plain, now_us) + self._erase(control, message, now_us)
                plain = []
        return outgoing + self._step(plain, now_us)

    def _erase(self, control: Control, message: Message, now_us: int) -> list[Outgoing]:
        """Know the handles no more, and leave them out; the links are gone from the table by then."""
        receipt, partition, offset = control.change, message.partition, message.offset
        outgoing: list[Outgoing] = []
        if control.verb == FORGET:
            if self._erasing.begin(receipt, partition, offset):
                self.reset()
                self.restore()
                while self._unsettled:
                    outgoing += self._step([], now_us)
                self._store.book_erasure(LINKS, control, partition, offset)
        elif self._erasing.end(receipt, partition, offset):
            self._store.book_erasure(LINKS, control, partition, offset)
        return outgoing

    def _without_erased(self, rows: pa.Table, *names: str) -> pa.Table:
        """Return the rows that name no handle that is being forgotten."""
        gone = self._erasing.anywhere()
        for name in names if len(gone) else ():
            rows = rows.filter(pa.array(~np.isin(rows.column(name).to_numpy(), gone)))
        return rows

    def _step(self, batch: Sequence[Message], now_us: int) -> list[Outgoing]:
        rows = tables_of(batch, LINKS, messages.LINKS, self._poison, now_us)
        rows = self._without_erased(rows, "left_handle", "right_handle")
        left, right = (
            self._identity.graph.slots(
                rows.column(f"{side}_handle").to_numpy(), kind_codes(rows.column(f"{side}_kind"))
            )
            for side in ("left", "right")
        )
        moved = self._identity.graph.update(distinct_links(rows, left, right))
        stale = self._identity.unmapped() if self._unsettled else self._identity.changed(moved)
        outgoing = self._announce(self._unsent) if self._unsent is not None else []
        # No more than is one block, and sent, before the next; the rest is still unmapped then.
        rest, stale = len(stale) > BLOCK_ROWS, stale[:BLOCK_ROWS]
        if len(stale):
            self._sequence += 1
            table = self._identity.map_rows(stale, self._sequence, (0, batch[-1].offset if batch else 0))
            self._writer.write({"identity_map": table})
            outgoing += self._announce(table)
        self._unsent, self._unsettled = None, rest
        return outgoing

    def tick(self, now_us: int) -> list[Outgoing]:
        """Send the moves that the last owner may not have sent."""
        return self._step([], now_us) if self._unsettled and self.open else []

    def _announce(self, rows: pa.Table) -> list[Outgoing]:
        """Return the moves, for the partitions that own the handles.

        Many handles travel in one record; compaction must not take one such for a newer word on another.
        """
        rows = self._without_erased(rows, "handle")
        partition = rows.column("handle").to_numpy() % self._count
        outgoing = []
        for number in np.unique(partition):
            here = rows.filter(pa.array(partition == number))
            for start, value in zip(
                range(0, len(here), messages.MAX_ROWS), messages.pack(here, messages.MAP), strict=True
            ):
                key = here.column("handle")[start].as_py().to_bytes(8, "big")
                if len(here) > 1:
                    key = here.column("version")[start].as_py().to_bytes(8, "big") + key
                outgoing.append(Outgoing(IDENTITY_MAP, int(number), value, key))
        return outgoing

    @property
    def handles(self) -> int:
        """How many handles are in the state."""
        return len(self._identity.graph.handles)
