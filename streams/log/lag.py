"""Measures the lag of a log's readers: by partition in Kafka, and in the log of a data directory."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from streams.clock import from_us
from streams.log.frame import FrameError, decode
from streams.log.local import PARTITION, LogError, waiting

__all__ = ["LOG", "LogSpan", "PartitionLag", "Place", "of_log"]


@dataclass(frozen=True, slots=True)
class LogSpan:
    """The acknowledged and the last offset of a partition of a log; both count from 1.

    `log` names the log; it is empty where the broker gives none.
    """

    acknowledged: int
    end: int
    log: str


Place = tuple[str, int]  # topic (without prefix) and partition

LOG = "log"  # the name of a directory's log among topics

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """The lag of a partition.

    Attributes
    ----------
    unread
        Records that were not read.
    oldest
        When the first of these was sent; None where there is none, or it could not be read in time.
    is_read
        Whether anybody reads its topic now.
    """

    unread: int
    oldest: datetime | None
    is_read: bool


def of_log(path: Path) -> Mapping[Place, PartitionLag] | None:
    """Return the lag of a directory's log that this process has open; None where it cannot be read."""
    try:
        count, frame = waiting(path)
        oldest = from_us(decode(frame).packed_us) if frame else None
    except (LogError, FrameError) as error:
        _log.warning("what waits in the log is not known: %s", error)
        return None
    return {(LOG, PARTITION): PartitionLag(count, oldest, is_read=True)}
