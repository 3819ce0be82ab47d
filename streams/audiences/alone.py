"""Keeps what else changes tables apart from the writes of audiences: who is erased, and handles that get another key.

Who is erased must not come back by an answer that was asked before. So the handles of an erasure are written down first, where
`members.stamp` sees them; then what is on its way is ended, by a fence on a server; and then rows are deleted.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa

from streams.audiences import members
from streams.audiences.members import HeldError, Insert, Stamp
from streams.fencing.port import FencedError
from streams.fencing.store import ServerStore
from streams.store.clickhouse import ClickHouse

__all__ = ["Exclusive", "Fenced", "end_writes", "unchanged"]

_FENCE = "audiences"  # no topic


def unchanged(store: ClickHouse, stamp: Stamp) -> int:
    """Return the highest number that was given; an answer of this stamp still holds, apart from events. Raises HeldError."""
    now = members.stamp(store)
    if now != stamp:
        raise HeldError("tables were changed meanwhile, by another command or the upkeep")
    number = now[-1]
    assert isinstance(number, int)  # noqa: S101 - as `stamp` has it
    return number


class Exclusive:
    """A data directory that this process has open, and where it does nothing else."""

    def stamp(self, store: ClickHouse) -> Stamp:
        """Return what an answer relies on."""
        return members.stamp(store)

    @contextmanager
    def writing(self, store: ClickHouse, stamp: Stamp) -> Iterator[tuple[Insert, int]]:
        """Yield what inserts, and the highest number."""
        yield store.insert, unchanged(store, stamp)


class Fenced:
    """A server, where an upkeep, commands and erasures may be at work in several processes.

    Whoever writes takes the fence first; what somebody before has on its way adds nothing from then on.
    """

    def stamp(self, store: ClickHouse) -> Stamp:
        """Return what an answer relies on. Raises HeldError."""
        return members.stamp(store)

    @contextmanager
    def writing(self, store: ClickHouse, stamp: Stamp) -> Iterator[tuple[Insert, int]]:
        """Take the fence; yield what inserts under it, and the highest number. Raises HeldError."""
        fenced = ServerStore(store, 1)

        def insert(table: str, rows: pa.Table) -> None:
            fenced.insert_for(_FENCE, table, rows)

        try:
            fenced.take(_FENCE, [0])
            yield insert, unchanged(store, stamp)
        except FencedError as error:
            raise HeldError("another process writes") from error


def end_writes(store: ClickHouse) -> None:
    """Have what is on its way to the audiences of a server add nothing from now on, or be there already.

    For who has written down, before, what a stamp shows. Of two who take the fence at once one loses it: whoever wins has seen
    that, or only ends writes as well.

    Raises
    ------
    StoreError
        The server does not answer.
    """
    with suppress(FencedError):
        ServerStore(store, 1).take(_FENCE, [0])
