"""Keeps up to where announcements are numbered, so that no number is given again once announcements are gone."""

from streams.faults import kill_point
from streams.store.clickhouse import ClickHouse

__all__ = ["keep", "skip"]

_SKIPPED = 1_000_000_000  # more writes than any backup is behind
_KEEP = """
INSERT INTO announced_numbers (sequence, at)
SELECT greatest((SELECT max(sequence) FROM announced_numbers), (SELECT max(sequence) FROM stage_changes)) + {more:UInt64}, now64(6, 'UTC')
"""


def keep(store: ClickHouse) -> None:
    """Say, before announcements are deleted, up to where there are any: readers of the feed may stand there."""
    with kill_point("erasure.delete"):
        store.client.command(_KEEP, parameters={"more": 0})


def skip(store: ClickHouse) -> None:
    """Have announcements in a directory that was restored be numbered above all that were made after the backup."""
    with kill_point("restore.finish"):
        store.client.command(_KEEP, parameters={"more": _SKIPPED})
