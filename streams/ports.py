"""What the engine asks of a store: insert blocks, and answer what a restart needs to know."""

from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.seen import Ids
from streams.batch import Watermark

__all__ = ["ALERT_TABLES", "BLOCK_ROWS", "SEQUENCED", "TABLES", "Store", "StoreError"]

# In the order in which a batch is written: the map of handles comes first, since views join it.
TABLES: tuple[str, ...] = (
    "identity_links",
    "identity_map",
    "interactions",
    "evidence",
    "minute_counts",
    "stage_changes",
    "dead_letters",
    "deliveries",
)

# Written apart from batches, by whoever watches for alerts or answers them.
ALERT_TABLES: tuple[str, ...] = ("alerts", "alert_marks", "alert_deliveries", "alert_figures")

BLOCK_ROWS = 1_000_000  # up to which an insert is one atomic block

# Tables whose rows are a difference between state and table: not watermarked by offset but numbered by write.
SEQUENCED: dict[str, str] = {"identity_map": "version", "stage_changes": "sequence"}


class StoreError(RuntimeError):
    """The store did not take a block, or did not say whether it did; read the watermark before trying again."""


class Store(Protocol):
    """ClickHouse, or what stands for it in a simulation. Columns are as in `schemas/migrations`."""

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add rows as one atomic block. Raises StoreError."""

    def watermarks(self) -> dict[str, Watermark]:
        """Return, per table of TABLES and partition, the highest offset that it has."""

    def newest_us(self) -> int | None:
        """Return the latest event time, None without any."""

    def ids_since(self, time_us: int) -> tuple[Ids, NDArray[np.uint64]]:
        """Return ids and positions of the events at or after an instant."""

    def first_positions(self, ids: Ids, slack_us: int) -> NDArray[np.uint64]:
        """Return where each id stands, UNSEEN for none; its event's time is within `slack_us` of the one given."""

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
        """Return, for each table of SEQUENCED, the highest number of a write that it has, 0 without any."""
