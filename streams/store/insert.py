"""Inserts a block idempotently: exactly once, whatever the outcome of an earlier try."""

import logging
from collections.abc import Callable

import pyarrow as pa

from streams.store.port import BLOCK_ROWS, SEQUENCED, StoreError

__all__ = ["insert_missing"]

_log = logging.getLogger(__name__)


def insert_missing(  # noqa: PLR0913 - keywords
    table: str,
    missing: pa.Table,
    *,
    insert: Callable[[pa.Table], None],
    look_again: Callable[[], pa.Table],
    wait: Callable[[float], None],
    tries: int,
) -> None:
    """Insert what a table lacks; after a failure look first, since the outcome is unknown.

    Parameters
    ----------
    look_again
        Returns what the table lacks still.
    wait
        Called with seconds before another try: 1, 2, 4, …

    Raises
    ------
    StoreError
        After the last try, or after the first one of a numbered table with more rows than one block: some of the blocks
        may be there, and a restore finds out which.
    """
    whole = table not in SEQUENCED or len(missing) <= BLOCK_ROWS
    for attempt in range(tries):
        if not len(missing):
            return
        try:
            insert(missing)
        except StoreError as error:
            if attempt == tries - 1 or not whole:
                raise
            _log.warning("%s; trying again in %d s", error, 2**attempt)
            wait(2**attempt)
            missing = look_again()
        else:
            return
