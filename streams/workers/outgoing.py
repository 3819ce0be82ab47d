"""Builds the messages that intake sends: pairs of handles to identity, evidence to the partitions of customers.

Events that lie in the wrong partition, strays, are sent to their own.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.topics import EVIDENCE, INTERACTIONS, LINKS
from streams.kafka.parcels import parcels
from streams.log import messages
from streams.log.frame import Frame
from streams.log.messages import Outgoing

__all__ = ["SentPairs", "evidence_to", "ours", "to_customers"]

_log = logging.getLogger(__name__)

_REMEMBERED_PAIRS = (
    200_000  # pairs of handles that were sent; then the cache is cleared and they are sent again
)


class SentPairs:
    """A cache of the pairs of handles that were sent to identity already."""

    def __init__(self) -> None:
        self._sent: set[tuple[int, int]] = set()

    def new(self, rows: pa.Table) -> list[Outgoing]:
        """Return the pairs that identity may not know yet, and everything that was decided about a pair."""
        keys = ["left_handle", "right_handle", "left_kind", "right_kind"]
        folded = rows.group_by(keys).aggregate(
            [("said", "sum"), ("withdrawn_at", "max"), ("restored_at", "max")]
        )
        folded = folded.rename_columns(
            {"said_sum": "said", "withdrawn_at_max": "withdrawn_at", "restored_at_max": "restored_at"}
        )
        decided = (
            folded.column("withdrawn_at").is_valid().to_numpy()
            | folded.column("restored_at").is_valid().to_numpy()
        )
        new = np.array([not self._remember(pair) for pair in _pairs(folded)], dtype=bool) | decided
        return [
            Outgoing(LINKS, 0, value) for value in messages.pack(folded.filter(pa.array(new)), messages.LINKS)
        ]

    def _remember(self, pair: tuple[int, int]) -> bool:
        if pair in self._sent:
            return True
        if len(self._sent) >= _REMEMBERED_PAIRS:
            self._sent.clear()
        self._sent.add(pair)
        return False


def _pairs(rows: pa.Table) -> Iterator[tuple[int, int]]:
    return zip(rows.column("left_handle").to_pylist(), rows.column("right_handle").to_pylist(), strict=True)


def to_customers(rows: pa.Table, partition: NDArray[np.int64]) -> list[Outgoing]:
    """Return rows of evidence for the partitions of their customers."""
    outgoing: list[Outgoing] = []
    for number in np.unique(partition):
        outgoing += evidence_to(int(number), rows.filter(pa.array(partition == number)))
    return outgoing


def evidence_to(partition: int, rows: pa.Table) -> list[Outgoing]:
    """Return rows of evidence for one partition."""
    return [Outgoing(EVIDENCE, partition, value) for value in messages.pack(rows, messages.EVIDENCE)]


def ours(frame: Frame, partition: int, partitions: int) -> tuple[Frame, list[Outgoing]]:
    """Return what of a frame belongs to its partition, and the rest as frames for where it does belong.

    There is a rest only where somebody packed for another number of partitions.
    """
    belongs = frame.events.column("handle").to_numpy() % np.uint64(partitions) == partition
    if belongs.all():
        return frame, []
    kept, others = (pa.array(mask) for mask in (belongs, ~belongs))
    rest = replace(frame, events=frame.events.filter(others), letters=frame.letters.slice(0, 0))
    _log.warning(
        "%s[%d]: %d events were packed for other partitions; they are sent on",
        INTERACTIONS, partition, len(rest.events),
    )  # fmt: skip
    sent = [Outgoing(INTERACTIONS, each.partition, each.data) for each in parcels(rest, partitions)]
    return replace(frame, events=frame.events.filter(kept)), sent
