"""Defines the store protocol of workers: state by partition, and inserts that a fenced worker cannot make."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.errors import UserError
from journey.model import Model
from journey.seen import Ids
from streams.apath.in_force import InForce
from streams.erasure.partitions import ErasureStore
from streams.log.batch import Watermark
from streams.log.messages import Control, Message
from streams.store.port import StoreError

__all__ = ["FencedError", "PartitionedStore", "StoreError", "Tenure"]


# Generation and token of an owner: later owners of a partition have higher ones.
Tenure = tuple[int, int]


class FencedError(UserError, RuntimeError):
    """An error of a partition that another worker owns by now: nothing was written, and the state is out of date."""


class PartitionedStore(ErasureStore, Protocol):
    """A store by partition: ClickHouse, or a simulated one. Columns are as in `schemas/migrations`.

    A handle or customer belongs to the partition that is its id modulo the number of partitions. `topic` says
    whose partitions are meant: each topic is fenced by itself.
    """

    def take(self, topic: str, partitions: Collection[int]) -> None:
        """Become the owner of partitions. When this returns, nobody else can write to them any more."""

    def held(self, topic: str, partitions: Collection[int]) -> set[int]:
        """Return those of these partitions that nobody else owns by now."""

    def tenure(self, topic: str) -> dict[int, Tenure]:
        """Return under what this connection owns each of its partitions."""

    def owners(self, topic: str) -> dict[int, Tenure]:
        """Return who owns each partition now; those that nobody has owned yet are left out."""

    def settle(self, topic: str, partitions: Collection[int]) -> None:
        """After an insert for partitions without an answer: see to it that it is there by now, or never will be.

        Before what is in the tables is read, to go by it. Raises FencedError where one is not owned any more.
        """

    def insert(self, topic: str, table: str, rows: pa.Table) -> None:
        """Add rows as one atomic block, if all partitions in their `_partition` are still owned.

        Raises StoreError, and FencedError where nothing was written since a partition is not.
        """

    def customers_of(self, handles: NDArray[np.uint64]) -> pa.Table:
        """Return handle, customer, version of those of these handles that the map has."""

    def keep_poison(self, owned: str, message: Message, detail: str, at_us: int) -> None:
        """Write a dead letter for an unreadable record of a topic between workers, unless it is there already.

        `owned` is the topic whose partition the caller owns; raises as `insert` does where it does not any more.
        """

    def watermarks(self, tables: Sequence[str], partitions: Collection[int]) -> dict[str, Watermark]:
        """Return, per table and partition, the highest offset that it has."""

    def logs(self, partitions: Collection[int]) -> dict[int, str]:
        """Return the log of each partition's latest delivery, empty where it was not noted."""

    def count_ids(self, partitions: Collection[int]) -> int:
        """Return how many events there are of these partitions' handles."""

    def known_ids(self, partitions: Collection[int]) -> Iterable[tuple[Ids, NDArray[np.uint64]]]:
        """Yield the ids of all events of these partitions' handles with their positions, in slices."""

    def recent(self, partitions: Collection[int], window_us: int, most: int) -> Watermark:
        """Return, per partition, the first offset of the frames that arrived last: `most` events, within `window_us`."""

    def first_positions(self, ids: Ids, near: pa.Table | None) -> NDArray[np.uint64]:
        """Return the first position of each id, UNSEEN for none: see `streams.store.port.Store`."""

    def stored(self, ids: Ids, near: pa.Table) -> pa.Table:
        """Return the events with these ids as they are stored: see `streams.store.restore.STORED`."""

    def readable(self, brands: Collection[str], handles: Sequence[int]) -> set[tuple[str, int, str]]:
        """Return which readable handles the table has: see `streams.store.port.Store`."""

    def handles(self, partitions: Collection[int]) -> pa.Table:
        """Return handle, kind, customer, version of the handles of these partitions."""

    def evidence_of_handles(self, model: str, partitions: Collection[int]) -> pa.Table:
        """Return brand, handle and the five sums (NaN for no evidence) of the handles of these partitions."""

    def evidence_of_customers(self, model: str, partitions: Collection[int]) -> pa.Table:
        """Return brand, handle, customer, map_version, version and the five sums, for customers of these partitions.

        `version` is the highest offset of the handle's own partition.
        """

    def announced(self, partitions: Collection[int]) -> pa.Table:
        """Return brand, customer, stage: the latest announcement of each customer of these that has a stage."""

    def announced_under(self, partitions: Collection[int]) -> str:
        """Return the hash of the model of these partitions' latest announcement, empty without any."""

    def last_sequence(self, table: str, partitions: Collection[int] | None = None) -> int:
        """Return the highest number of a write that a table of SEQUENCED has (of these partitions), or had, 0 without any."""

    def model_in_force(self) -> InForce:
        """Return the active model."""

    def prepared(self, partitions: Collection[int]) -> dict[int, str]:
        """Return, for each partition that was prepared last for a model that is not active, that model's TOML."""

    def recompute(self, model: Model, partition: int, offset: int) -> None:
        """Weigh the history of a partition's handles under a model, as of an offset; again adds nothing.

        Raises StoreError and FencedError as `insert` does.
        """

    def book_change(self, control: Control, model: str, partition: int, offset: int) -> None:
        """Say that a partition has done what a change asks for; `model` is its hash. Again is harmless."""

    def minutes_of(self, receipt: str, partition: int, offset: int) -> pa.Table:
        """Return rows of minute_counts, as of an offset, that take away what an erasure takes of a partition."""

    def book_erasure(self, topic: str, control: Control, partition: int, offset: int) -> None:
        """Say that a topic's partition has done what an erasure asks for. Again is harmless."""

    def links(self) -> pa.Table:
        """Return left_handle, right_handle, kinds, said, withdrawn_at, restored_at, one row a pair."""

    def linked_handles(self) -> pa.Table:
        """Return handle, kind, customer of every handle that is in a link."""

    def moves_of(self, version: int) -> pa.Table:
        """Return handle, kind, customer, previous, version: the rows of that write of identity_map."""
