"""How far those who read a log are: by partition in Kafka, and in the log of a data directory."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from streams.clock import from_us
from streams.frames import FrameError, decode
from streams.log import PARTITION, LogError, waiting
from streams.telemetry.standstill import Place

__all__ = ["LOG", "Standing", "of_log"]

LOG = "log"  # the name of a directory's log among topics

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a partition stands.

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


def of_log(path: Path) -> Mapping[Place, Standing] | None:
    """Return how the log of a directory stands that this process has open; None where it cannot be read."""
    try:
        count, frame = waiting(path)
        oldest = from_us(decode(frame).packed_us) if frame else None
    except (LogError, FrameError) as error:
        _log.warning("what waits in the log is not known: %s", error)
        return None
    return {(LOG, PARTITION): Standing(count, oldest, is_read=True)}
