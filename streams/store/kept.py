"""Ends what the kept paths are right for: after tables were changed by something else than events, they are computed anew."""

from collections.abc import Callable

import pyarrow as pa

from streams.store.clickhouse import ClickHouse

__all__ = ["EVER", "MARKS", "PATHS", "STEPS", "begin_epoch"]

PATHS, MARKS = "kept_paths", "kept_marks"

EVER = "'2286-01-01 00:00:00'"
"""Up to when lapses to come are part of a path: seconds of eleven digits cannot be sent to another shard."""

STEPS = (
    "arraySort(s -> (s.1, s.4 = 'lapse'),"
    " groupArray((toUnixTimestamp64Micro(at), toUInt8(from_stage), toUInt8(to_stage), toString(reason), types)))"
)
"""The steps of a customer in their order, from rows of stage_steps: when, the stage before and after, reason, types."""


def begin_epoch(
    store: ClickHouse, reason: str, now_us: int, insert: Callable[[str, pa.Table], None] | None = None
) -> None:
    """Let nothing that was kept so far count any more; views compute it until it is kept again.

    Parameters
    ----------
    reason
        What changed tables, in words.
    insert
        What adds rows where others may write too.

    Raises
    ------
    StoreError
        The row was not taken: what was kept may still count.
    """
    (row,) = store.rows("SELECT max(number) AS number, max(epoch) AS epoch FROM " + MARKS)
    number = max(int(row["number"]) + 1, now_us)
    mark = {
        "model": [""],
        "epoch": pa.array([int(row["epoch"]) + 1], pa.uint64()),
        "number": pa.array([number], pa.uint64()),
        "reason": [reason],
    }
    (insert or store.insert)(MARKS, pa.table(mark))
