"""Keeps the evidence of each handle as rows and as state, and announces changes of customers' stages."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.channel import CHANNELS
from journey.column import first_of_runs
from journey.evidence import NEVER, sum_by_group, weigh
from journey.identity.graph import Moved
from journey.journeys import Changes, Customers, Journeys, Pairs, Reason
from journey.model import Model
from journey.stage import STAGE_NAMES, Stage
from streams.log.arrow import last_offsets, names, times
from streams.log.batch import Batch

__all__ = ["Journey"]

_STAGES = [stage.label for stage in Stage]
_REASONS = {reason: reason.name.lower() for reason in Reason}

Ints = NDArray[np.int64]


class Journey:
    """The journeys of all customers under one model; brands are numbered in order of appearance."""

    def __init__(self, model: Model, graph: Customers) -> None:
        self.model = model
        self.state = Journeys(model, graph)
        self._brands: dict[str, int] = {}

    def restore(self, evidence: pa.Table, handles: Ints) -> None:
        """Take up the sums that the table evidence has; `handles` are the slots of its rows."""
        self.state.add(*self._sums(evidence, handles))

    def replace(self, evidence: pa.Table, handles: Ints) -> None:
        """Take up the sums of handles in the place of those that are known."""
        self.state.put(*self._sums(evidence, handles))

    def _sums(self, evidence: pa.Table, handles: Ints) -> tuple[Pairs, NDArray[np.float64]]:
        sums = np.column_stack([evidence.column(name).to_numpy() for name in STAGE_NAMES])
        pairs = Pairs.untold(self.brand_codes(evidence.column("brand")), handles)
        return pairs, sums.astype(np.float64)

    def restore_announced(self, announced: pa.Table, customers: Ints) -> None:
        """Take up the stages that were announced; `customers` are the slots of its rows."""
        stages = np.array(
            [_STAGES.index(name) for name in announced.column("stage").to_pylist()], dtype=np.int8
        )
        pairs = Pairs.untold(self.brand_codes(announced.column("brand")), customers)
        self.state.restore_announced(pairs, stages)

    @property
    def brands(self) -> list[str]:
        """Brands by code."""
        return list(self._brands)

    def brand_codes(self, column: pa.ChunkedArray) -> Ints:
        """Return the code of each brand; a new one gets the next."""
        encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
        local = [self._brands.setdefault(name, len(self._brands)) for name in encoded.dictionary.to_pylist()]
        return np.asarray(np.array(local or [0], dtype=np.int64)[encoded.indices.to_numpy()])

    def process(self, batch: Batch, slots: Ints) -> tuple[pa.Table, Pairs]:
        """Add the batch's evidence; `slots` are its primary handles.

        Returns rows of the table evidence, and the (brand, handle) pairs that were touched, each with the time
        of its latest event.
        """
        brand = self.brand_codes(batch.events.column("brand"))
        time_us = batch.touches.time_us
        pairs = Pairs(brand, slots, time_us)
        _, first, group = np.unique(pairs.key, return_index=True, return_inverse=True)
        size = len(first)
        sums = sum_by_group(weigh(batch.touches, self.model), group, size)
        touched = Pairs(brand[first], slots[first], _fold(np.maximum, time_us, group, size, NEVER))
        self.state.add(touched, sums)
        columns = {
            "model": names(np.zeros(size, np.int32), [self.model.hash]),
            "brand": names(touched.brand, list(self._brands)),
            "handle": pa.array(self.state.graph.handles.id[touched.slot]),
            **{name: pa.array(sums[:, i], mask=np.isnan(sums[:, i])) for i, name in enumerate(STAGE_NAMES)},
            **self._touches_per_channel(batch, group, size),
            "revenue": self._revenue(batch, group, size),
            "first_seen": times(_fold(np.minimum, time_us, group, size, np.iinfo(np.int64).max)),
            "last_seen": times(touched.at_us),
            "_partition": pa.array(batch.partition[first]),
        }
        rows = pa.table(columns)
        return rows.append_column("_offset", last_offsets(rows.column("_partition"), batch)), touched

    def _touches_per_channel(self, batch: Batch, group: Ints, size: int) -> dict[str, pa.Array]:
        type_codes, types = batch.type_codes
        channel_of = np.array([CHANNELS.index(self.model.channel(name)) for name in types] or [0])
        counts = np.bincount(group * len(CHANNELS) + channel_of[type_codes], minlength=size * len(CHANNELS))
        table = counts.reshape(size, len(CHANNELS)).astype(np.uint64)
        return {f"touches_{name}": pa.array(table[:, i].copy()) for i, name in enumerate(CHANNELS)}

    def _revenue(self, batch: Batch, group: Ints, size: int) -> pa.MapArray:
        """Return a map of currency to revenue for each group, in the table's Decimal(38, 4)."""
        type_codes, types = batch.type_codes
        sign = np.array([self.model.revenue_sign(name) for name in types] or [0])[type_codes]
        amount = batch.events.column("amount").combine_chunks()
        rows = np.flatnonzero((sign != 0) & amount.is_valid().to_numpy(zero_copy_only=False))
        currency = batch.events.column("currency").combine_chunks().take(pa.array(rows)).dictionary_encode()
        code = currency.indices.to_numpy().astype(np.int64)
        key = group[rows] * (len(currency.dictionary) + 1) + code
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(first_of_runs(key[order]))
        money = amount.take(pa.array(rows)).to_numpy().astype(np.int64)
        money = _safe(np.where(sign[rows] < 0, -np.abs(money), money))
        total = np.add.reduceat(money[order], starts) if len(starts) else money[:0]
        per_group = np.bincount(group[rows][order][starts], minlength=size)
        wide = pa.array(total.tolist(), pa.decimal128(38, 0))
        return pa.MapArray.from_arrays(
            pa.array(np.concatenate([[0], np.cumsum(per_group)]).astype(np.int32)),
            currency.dictionary.take(pa.array(code[order][starts])),
            pa.Array.from_buffers(pa.decimal128(38, 4), len(wide), wide.buffers()),
        )

    def touched(self, batch: Batch, slots: Ints) -> Pairs:
        """Return the (brand, handle) pairs of a batch, each with the time of its latest event."""
        brand = self.brand_codes(batch.events.column("brand"))
        return Pairs(brand, slots, batch.touches.time_us).distinct()

    def announce(self, touched: Pairs, moved: Moved, now_us: int, *, everyone: bool = False) -> Changes:
        """Return what changed for customers that were touched, joined, parted, or whose stage lapsed.

        With `everyone`, all customers are looked at: after a restart, or under a new model.
        """
        roots = self.state.graph.roots(touched.slot)
        parts = [Pairs(touched.brand, roots, touched.at_us), self.state.due(now_us)]
        if len(moved.slot):
            parts.append(self.state.customers_of(np.concatenate([moved.old, moved.slot])))
        if everyone:
            parts.append(self.state.everyone())
        return self.state.announce(_concat(parts).distinct(), now_us)

    def change_rows(self, changes: Changes, now_us: int, sequence: int, place: tuple[int, int]) -> pa.Table:
        """Return rows of stage_changes."""
        size = len(changes)
        return pa.table(
            {
                "brand": names(changes.brand, list(self._brands)),
                "customer": pa.array(self.state.graph.handles.id[changes.slot]),
                "from_stage": names(changes.old, _STAGES),
                "to_stage": names(changes.new, _STAGES),
                "at": times(changes.at_us),
                "reason": pa.array([_REASONS[Reason(code)] for code in changes.reason], pa.string()),
                "model": pa.array([self.model.hash] * size, pa.string()),
                "announced_at": times(np.full(size, now_us)),
                "sequence": pa.array(np.full(size, sequence, dtype=np.uint64)),
                "_partition": pa.array(np.full(size, place[0], dtype=np.uint16)),
                "_offset": pa.array(np.full(size, place[1], dtype=np.uint64)),
            }
        )


def _safe(money: Ints) -> NDArray[Any]:
    """Return the amounts as they are where no sum of them leaves 64 bits, else as Python's integers."""
    largest = int(np.abs(money).max(initial=0))
    return money if largest * len(money) < np.iinfo(np.int64).max else money.astype(object)


def _fold(ufunc: np.ufunc, values: Ints, group: Ints, size: int, start: int) -> Ints:
    folded = np.full(size, start)
    ufunc.at(folded, group, values)
    return folded


def _concat(parts: list[Pairs]) -> Pairs:
    return Pairs(
        np.concatenate([part.brand for part in parts]),
        np.concatenate([part.slot for part in parts]),
        np.concatenate([part.at_us for part in parts]),
    )
