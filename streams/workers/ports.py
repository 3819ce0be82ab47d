"""What workers ask of the store: everything by partition, and inserts that a fenced worker cannot make."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.model import Model
from journey.seen import Ids
from streams.batch import Watermark
from streams.models import InForce
from streams.ports import StoreError
from streams.workers.erasing import ErasureStore
from streams.workers.messages import Control, Message

__all__ = ["FencedError", "LogSpan", "PartitionedStore", "StoreError", "Tenure"]


@dataclass(frozen=True, slots=True)
class LogSpan:
    """How far a partition of a log is acknowledged, and its last offset; both count from 1.

    `log` names the log; it is empty where the broker does not tell.
    """

    acknowledged: int
    end: int
    log: str


# Generation and token of an owner: later owners of a partition have higher ones.
Tenure = tuple[int, int]


class FencedError(RuntimeError):
    """Another worker has taken a partition: nothing was written, and what is known of it is out of date."""


class PartitionedStore(ErasureStore, Protocol):
    """ClickHouse, or what stands for it in a simulation. Columns are as in `schemas/migrations`.

    A handle or customer belongs to the partition that is its id modulo the number of partitions. `topic` says
    whose partitions are meant: each topic is fenced by itself.
    """

    def take(self, topic: str, partitions: Collection[int]) -> None:
        """Become the owner of partitions. When this returns, nobody else can write to them any more."""

    def held(self, topic: str, partitions: Collection[int]) -> set[int]:
        """Return those of these partitions that nobody else has taken since."""

    def tenure(self, topic: str) -> dict[int, Tenure]:
        """Return under what this connection owns each of its partitions."""

    def owners(self, topic: str) -> dict[int, Tenure]:
        """Return who owns each partition now; those that nobody has taken yet are left out."""

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

    def newest_us(self, partitions: Collection[int]) -> int | None:
        """Return the latest event time of handles of these partitions, None without any."""

    def ids_since(self, time_us: int, partitions: Collection[int]) -> tuple[Ids, NDArray[np.uint64]]:
        """Return ids and positions of the events of these partitions' handles at or after an instant."""

    def first_positions(self, ids: Ids, slack_us: int) -> NDArray[np.uint64]:
        """Return where each id stands, UNSEEN for none; its event's time is within `slack_us` of the one given."""

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
        """Return the highest number of a write that a table of SEQUENCED has (of these partitions), 0 without any."""

    def model_in_force(self) -> InForce:
        """Return the model in force."""

    def prepared(self, partitions: Collection[int]) -> dict[int, str]:
        """Return, for each partition that was prepared last for a model not in force, that model's TOML."""

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
        """Return handle, kind, customer of every handle that stands in a link."""

    def moves_of(self, version: int) -> pa.Table:
        """Return handle, kind, customer, previous, version: what that write of identity_map said."""
