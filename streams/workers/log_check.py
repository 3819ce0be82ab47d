"""Checks that the tables belong to a topic: a recreated topic, or older tables, would leave events out."""

from collections.abc import Mapping

from schemas.topics import INTERACTIONS
from streams.fencing.port import StoreError
from streams.log.batch import Watermark
from streams.log.lag import LogSpan

__all__ = ["log_of"]


def log_of(spans: Mapping[int, LogSpan], stored: Watermark, known: Mapping[int, str]) -> str:
    """Return the name of the log that partitions of interactions are of, "" where the broker has none.

    Parameters
    ----------
    stored
        Offset up to which the tables have each partition.
    known
        Name of the log that they had each partition from.

    Raises
    ------
    StoreError
        They do not belong together; it names the chapter of the runbook.
    """
    log = ""
    for partition, span in spans.items():
        last = stored.get(partition, 0)
        if last > span.end or (span.log and known.get(partition) not in {span.log, "", None}):
            raise StoreError(
                f"{INTERACTIONS}[{partition}] ends at {span.end}, and the tables have up to {last} of another: the topic "
                "was recreated; see the runbook, A recreated topic"
            )
        if last < span.acknowledged:
            raise StoreError(
                f"{INTERACTIONS}[{partition}] is acknowledged up to {span.acknowledged}, but the tables have up to "
                f"{last}: they are older; see the runbook, Restoring from a backup"
            )
        log = span.log
    return log
