"""Defines the store protocol of the engine: insert blocks, and query the state that a restart restores."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.errors import UserError
from journey.seen import Ids
from streams.log.batch import Watermark

__all__ = ["ALERT_TABLES", "BLOCK_ROWS", "SEQUENCED", "TABLES", "LossError", "Store", "StoreError"]

# In the order in which a batch is written: the map of handles comes first, since views join it.
TABLES: tuple[str, ...] = (
    "identity_links",
    "identity_map",
    "interactions",
    "evidence",
    "minute_counts",
    "stage_changes",
    "dead_letters",
    "conflicts",
    "readable_handles",
    "deliveries",
)

# Written apart from batches, by whoever watches for alerts or answers them, or keeps audiences.
ALERT_TABLES: tuple[str, ...] = (
    "alerts",
    "alert_marks",
    "alert_deliveries",
    "alert_figures",
    "feed_positions",
    "audience_changes",
    "kept_paths",
    "kept_marks",
)

BLOCK_ROWS = 1_000_000  # up to which an insert is one atomic block

# Tables whose rows are a difference between state and table: not watermarked by offset but numbered by write.
SEQUENCED: dict[str, str] = {"identity_map": "version", "stage_changes": "sequence"}


class StoreError(UserError, RuntimeError):
    """An error of a block that the store did not accept, or perhaps did; read the watermark before a retry."""


class LossError(StoreError):
    """An error of tables that lack rows they had: nothing is processed until a rebuild; the message says how."""


class Store(Protocol):
    """A store of rows: ClickHouse, or a simulated one. Columns are as in `schemas/migrations`."""

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add rows as one atomic block. Raises StoreError."""

    def watermarks(self) -> dict[str, Watermark]:
        """Return, per table of TABLES and partition, the highest offset that it has."""

    def count_ids(self) -> int:
        """Return how many events there are."""

    def known_ids(self) -> Iterable[tuple[Ids, NDArray[np.uint64]]]:
        """Yield the ids of all events with their positions, in slices."""

    def recent(self, window_us: int, most: int) -> Watermark:
        """Return, per partition, the first offset of the frames that arrived last: `most` events, within `window_us`."""

    def first_positions(self, ids: Ids, near: pa.Table | None) -> NDArray[np.uint64]:
        """Return the first position of each id, UNSEEN for none.

        `near` has brand, time and handle of a repeat of each: most repeats are stored there; without it, or elsewhere, they are found too.
        """

    def stored(self, ids: Ids, near: pa.Table) -> pa.Table:
        """Return the events with these ids as they are stored: see `streams.store.restore.STORED`."""

    def readable(self, brands: Collection[str], handles: Sequence[int]) -> set[tuple[str, int, str]]:
        """Return brand, handle and fingerprint of the key, of the rows of readable_handles that these brands' handles have."""

    def evidence(self, model: str) -> pa.Table:
        """Return brand, handle and the five sums (NaN for no evidence), one row each."""

    def links(self) -> pa.Table:
        """Return left_handle, right_handle, kinds, said, withdrawn_at, restored_at, one row a pair."""

    def identity_map(self) -> pa.Table:
        """Return handle, kind, customer: the newest version of each."""

    def announced(self) -> pa.Table:
        """Return brand, customer, stage: the latest announcement of each customer that has a stage."""

    def announced_under(self) -> str:
        """Return the hash of the model of the latest announcement, empty without any."""

    def sequences(self) -> dict[str, int]:
        """Return, for each table of SEQUENCED, the highest number of a write that it has or had, 0 without any."""
