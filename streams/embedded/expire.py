"""Expires interactions of a data directory, alone or beside an engine that goes on with batches."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from streams.embedded.embedded import Embedded
from streams.embedded.forget import Between
from streams.engine.shell import Tell
from streams.retention import expire as expiry
from streams.retention.expire import Expired
from streams.store.clickhouse import ClickHouse

__all__ = ["expire", "expire_beside"]


def expire(embedded: Embedded, tell: Tell, *, late_too: bool = True) -> Sequence[Expired]:
    """Expire what is due; nothing is processed meanwhile."""
    embedded.drain()

    def between(work: Callable[[Embedded], Any]) -> Any:
        return work(embedded)

    return expire_beside(embedded.store, between, lambda: None, tell, late_too=late_too)


def expire_beside(
    store: ClickHouse, between: Between, check: Callable[[], None], tell: Tell, *, late_too: bool
) -> Sequence[Expired]:
    """Expire what is due while batches are written; `between` calls a function between two of them.

    `check` is called before each statement that sums up; what it raises ends the work, and nothing has expired.
    """
    embedded: Embedded = between(lambda embedded: embedded)
    clock = embedded.clock
    done = list(expiry.finish(store, store.insert, clock()))
    for wanted in expiry.due(store, clock(), late_too=late_too):
        # Of a batch that is being written, interactions may be there, and what follows from them not yet.
        begun = between(partial(_begun, store=store, wanted=wanted))
        expiry.carry(store, begun, wanted.events, check, tell)
        between(lambda embedded, begun=begun: expiry.switch(store.insert, begun, embedded.clock()))
        tell("deletion", 0, 0)
        done += expiry.finish(store, store.insert, clock())
    return done


def _begun(embedded: Embedded, store: ClickHouse, wanted: expiry.Due) -> expiry.Expiry:
    return expiry.begin(store, wanted, embedded.model.hash, embedded.clock())
