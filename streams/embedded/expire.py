"""Expires interactions of a data directory, alone or beside an engine that goes on with batches."""

from collections.abc import Callable, Sequence
from typing import Any

from streams.embedded.embedded import Embedded
from streams.embedded.forget import Between
from streams.engine.shell import Tell
from streams.retention.expire import Due, Expired, Expiry, begin, carry, due, finish, switch
from streams.store.clickhouse import ClickHouse

__all__ = ["expire", "expire_beside"]


def expire(embedded: Embedded, tell: Tell, *, late_too: bool = True) -> Sequence[Expired]:
    """Expire what is due; nothing is processed meanwhile."""
    if not embedded.losses.stops:
        embedded.drain()

    def between(work: Callable[[Embedded], Any]) -> Any:
        return work(embedded)

    return expire_beside(embedded.store, between, lambda: None, tell, late_too=late_too)


def expire_beside(
    store: ClickHouse, between: Between, check: Callable[[], None], tell: Tell, *, late_too: bool
) -> Sequence[Expired]:
    """Expire what is due while batches are written; `between` calls a function between two of them.

    `check` is called before each statement that sums up; what it raises ends the work, and nothing more expires.

    Raises
    ------
    LossError
        Tables have lost rows: their sums would be wrong for good.
    """
    embedded: Embedded = between(lambda embedded: embedded)
    embedded.refuse_losses()
    done = list(finish(store, store.insert, embedded.clock()))
    for wanted in due(store, embedded.clock(), late_too=late_too):
        expiry = between(_beginning(store, wanted))
        carry(store, expiry, wanted.events, check, tell)
        between(_switching(store, expiry))
        tell("deletion", 0, 1)
        done += finish(store, store.insert, embedded.clock())
    return done


def _beginning(store: ClickHouse, wanted: Due) -> Callable[[Embedded], Expiry]:
    """Between two batches: of one that is being written, interactions may be there, and what follows from them not yet."""
    return lambda embedded: begin(store, wanted, embedded.model.hash, embedded.clock())


def _switching(store: ClickHouse, expiry: Expiry) -> Callable[[Embedded], None]:
    """Between two batches: a copy of the tables that is made there has all of it, or nothing."""
    return lambda embedded: switch(store.insert, expiry, embedded.clock())
