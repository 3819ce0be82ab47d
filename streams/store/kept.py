"""Ends what the kept paths are right for: after tables were changed by something else than events, they are computed anew."""

from collections.abc import Callable

import pyarrow as pa

from streams.store.clickhouse import ClickHouse

__all__ = ["KEPT", "begin_epoch"]

KEPT: tuple[str, ...] = ("kept_paths", "kept_marks")


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
    (row,) = store.rows("SELECT max(number) AS number, max(epoch) AS epoch FROM kept_marks")
    number = max(int(row["number"]) + 1, now_us)
    mark = {
        "model": [""],
        "epoch": pa.array([int(row["epoch"]) + 1], pa.uint64()),
        "number": pa.array([number], pa.uint64()),
        "reason": [reason],
    }
    (insert or store.insert)("kept_marks", pa.table(mark))
